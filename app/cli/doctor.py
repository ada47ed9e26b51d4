"""Looks at everything that a run needs and says what to do about what is missing."""

import ctypes
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from app import services
from app.config import Settings
from app.recipe import load
from app.review import argilla
from app.store.store import Store
from feedback.argilla.client import Server
from tasks.cluster.replicas import Node, differing, nodes_of
from tasks.cluster.server import SAME_EVERYWHERE
from tasks.cluster.settings import Cluster, counted
from tasks.errors import ClaywrightError, SettingsError
from tasks.models.presets import PRESETS

ROOM = 2 * 10**9
"""Bytes that the two local services and a first run take, with some to spare."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is as a run needs it, and a sentence or a few words about it.

    `public` says it for a bug report: without an address, a folder, or anything that somebody else said.
    """

    what: str
    ok: bool
    words: str
    public: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """One finding after the other; nothing is installed or started for it."""
    python = sys.version.split()[0]
    yield Finding("Python", sys.version_info >= (3, 11), python, f"Python: {python}")
    yield _store(settings)
    free = shutil.disk_usage(settings.data).free
    room = f"{free / 1e9:.1f} GB free"
    yield Finding("disk", free > ROOM, room + ("" if free > ROOM else ": make room, 2 GB are needed"), f"disk: {room}")
    yield _libgomp()
    for service in (services.MODEL, services.ARGILLA):
        yield _service(service, settings)
    if settings.argilla_url or services.local(settings).find(services.ARGILLA):
        yield _argilla(settings)
    keys = [name for name, preset in PRESETS.items() if preset.key_env and os.environ.get(preset.key_env)]
    held = f"found for {', '.join(keys)}" if keys else "none in the environment (the built-in model needs none)"
    yield Finding("keys", True, held, f"keys: {held}")


def examine_cluster(named: str) -> Iterator[Finding]:
    """The cluster of a recipe file, or at an address: one finding for each node, and one for all of them."""
    try:
        settings = _cluster_of(named)
        nodes = nodes_of(settings)
    except ClaywrightError as error:
        yield Finding("cluster", False, str(error))
        return
    for node in nodes:
        trouble = node.trouble or differing(node.versions)
        resources = [counted(node.cpus, "CPU"), counted(node.gpus, "GPU")]
        versions = [f"{name.capitalize()} {node.versions[name]}" for name in SAME_EVERYWHERE if node.versions.get(name)]
        summary = ", ".join([*resources, *versions])
        yield Finding(f"node {node.name}", not trouble, f"{summary}: {trouble}" if trouble else summary)
    yield _room(settings, nodes)


def _cluster_of(named: str) -> Cluster:
    """Raises SettingsError for an address that is none, or a recipe without a cluster."""
    if not named.endswith((".toml", ".json")):
        return Cluster(address=named)
    if (settings := load(Path(named)).cluster) is None:
        raise SettingsError(
            f"{named} starts nothing on a cluster, so there are no nodes to look at. For a cluster's nodes, give its address."
        )
    return settings


def _room(settings: Cluster, nodes: list[Node]) -> Finding:
    room = sum(settings.room_on({"CPU": node.cpus, "GPU": node.gpus}) for node in nodes)
    need = f"a replica needs {settings.share_in_words}"
    if room >= settings.replicas:
        return Finding("room", True, f"for {room} replicas, where nothing else runs: {need}")
    return Finding(
        "room", False, f"for {room} of {settings.replicas}: {need}. Lower replicas or gpus_per_replica, or add nodes"
    )


def _store(settings: Settings) -> Finding:
    try:
        with Store(settings.data) as store:
            store.db.check()
            open_to_others = ""
            if sys.platform != "win32" and settings.data.stat().st_mode & 0o077:
                open_to_others = f"; others can look into the folder, not into its files: chmod 700 {settings.data}"
            number = len(store.runs.all())
            public = f"data folder: {number} runs{', open to others' if open_to_others else ''}"
            return Finding("data folder", True, f"{settings.data}, {number} runs{open_to_others}", public)
    except ClaywrightError as error:
        return Finding("data folder", False, str(error), f"data folder: {type(error).__name__}")


def _libgomp() -> Finding:
    if sys.platform != "linux":
        return Finding("libgomp1", True, "not needed here", "libgomp1: not needed here")
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        return Finding("libgomp1", False, "the built-in model needs it: apt-get install libgomp1", "libgomp1: missing")
    return Finding("libgomp1", True, "there", "libgomp1: there")


def _service(service: services.Service, settings: Settings) -> Finding:
    running = services.local(settings).find(service)
    if running:
        where = f"runs at {running.url} (process {running.pid})"
        return Finding(service.title, True, where, f"{service.title}: runs")
    installed = any(settings.services.glob(f"{service.name}-*/ready"))
    state = "installed, starts when needed" if installed else "is installed when first needed"
    return Finding(service.title, True, state, f"{service.title}: {state}")


def _argilla(settings: Settings) -> Finding:
    """The Argilla that rows go to: the one that is named, or the embedded one where it runs."""
    what = f"Argilla at {settings.argilla_url}" if settings.argilla_url else "embedded Argilla"
    public = "another Argilla" if settings.argilla_url else "embedded Argilla"
    if settings.argilla_url and not settings.argilla_key:
        return Finding(what, False, "ARGILLA_API_KEY is not set", f"{public}: ARGILLA_API_KEY is not set")
    running = None if settings.argilla_url else services.local(settings).find(services.ARGILLA)
    try:
        if running is not None:
            where = argilla.embedded(running, settings)
        else:
            where = argilla.Argilla(settings.argilla_url, settings.argilla_key or "", settings.argilla_workspace)
        with Server(where.url, where.key) as server:
            access = server.access()
    except (ClaywrightError, OSError, ValueError) as error:
        return Finding(what, False, str(error), f"{public}: {type(error).__name__}")
    facts = [
        f"version {access.version} (asked with argilla {metadata.version('argilla')})",
        f"{access.username} ({access.role})",
        f"workspaces: {', '.join(access.workspaces) or 'none'}",
    ]
    able = access.may_make_datasets
    if able:
        facts.append("may make datasets")
    elif access.role == "admin":
        facts.append("this admin is in no workspace: an owner has to add it to one")
    else:
        facts.append("this user may not make datasets: use an owner's or admin's key")
    if where.workspace and where.workspace not in access.workspaces:
        able = able and access.role == "owner"
        facts.append(
            f"the workspace '{where.workspace}' (ARGILLA_WORKSPACE) is "
            + ("made with the first push" if able else "not among them: only an owner can make it")
        )
    facts.append("webhooks can be set" if access.webhooks else "webhooks can't be set with this key (an owner's can)")
    return Finding(what, able, ", ".join(facts), f"{public}: {'' if able else 'not '}usable with this key")
