"""What this user allowed: a key of the environment to a host that is not its provider's, files beyond a recipe's own folder, the
command of a cluster.

Recipes are what people share, and a recipe names addresses, variables, files and a command. So what one of them would send,
read or run is asked for once, by name, and remembered in the data folder. Keys that were typed, or given in a program, are not
asked for: who gave them named the address too.
"""

import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.api_keys import Keys, variable_for
from app.file_locks import exclusively, exists, expanded, is_private, write_private
from app.inputs.inputs import Inputs
from app.recipe import Recipe
from tasks.cluster.settings import AUTO, LOCAL, Cluster
from tasks.errors import SettingsError
from tasks.models.network.proxy import on_this_machine
from tasks.models.presets import PRESETS
from tasks.models.spec import ModelSpec, ascii_host

FILE = "permissions.json"


class NotAllowed(SettingsError):
    """A key or a file that this user has not allowed yet."""


@dataclass(frozen=True)
class Need:
    """One thing that a recipe would do: send the variable `what` to the host `where`, read or write the path `what`, or run the
    command `what` on the cluster `where`.
    """

    kind: str
    what: str
    where: str = ""

    @property
    def sentence(self) -> str:
        """As people read it: "sends OPENAI_API_KEY to models.example.org"."""
        if self.kind == "runs":
            return f"runs the command {self.what!r} on {self.where}"
        return f"sends {self.what} to {self.where}" if self.kind == "key" else f"{self.kind} {self.what}"

    @property
    def option(self) -> str:
        """What allows it on the command line."""
        if self.kind == "runs":
            return f"--allow-command {shlex.quote(self.what)}"
        quoted = f"'{self.what}'" if re.search(r"\s", self.what) else self.what
        return f"--allow-key {self.what}={self.where}" if self.kind == "key" else f"--allow-path {quoted}"


@dataclass(frozen=True)
class _Kept:
    """All that was allowed: variables, each with its host; paths; commands of clusters."""

    keys: frozenset[tuple[str, str]] = frozenset()
    paths: frozenset[str] = frozenset()
    commands: frozenset[str] = frozenset()


class Permissions:
    """What was allowed on one data folder; as it stands in the file now, which another process may have changed."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.path = data / FILE

    def allow(self, needs: Iterable[Need]) -> None:
        needs = list(needs)
        if not needs:
            return
        with exclusively(self.path.with_suffix(".lock")):
            kept = self._kept()
            allowed = _Kept(
                kept.keys | {(need.what, need.where) for need in needs if need.kind == "key"},
                kept.paths | {need.what for need in needs if need.kind not in ("key", "runs")},
                kept.commands | {need.what for need in needs if need.kind == "runs"},
            )
            if allowed == kept:
                return
            values: dict[str, Any] = {"keys": sorted(map(list, allowed.keys)), "paths": sorted(allowed.paths)}
            if allowed.commands:
                values["commands"] = sorted(allowed.commands)
            write_private(self.path, json.dumps(values, ensure_ascii=False, indent=1))

    def needed_key(self, spec: ModelSpec, keys: Keys) -> Need | None:
        """What is to be asked before the model gets its key from the environment; None where there is nothing to ask."""
        variable, host = spec.key_variable, host_of(spec.address)
        if not variable or keys.holds(spec) or not keys.of(spec) or _belongs(variable, spec.address):
            return None
        return None if (variable, host) in self._kept().keys else Need("key", variable, host)

    def key(self, spec: ModelSpec, keys: Keys) -> str | None:
        """The key of a model. Raises NotAllowed for one of the environment that would go where nobody allowed it."""
        if (need := self.needed_key(spec, keys)) is not None:
            raise NotAllowed(
                f"This {need.sentence}, which is not its provider. Allow it on the page Models, or on the command line with "
                f"{need.option}.",
                terminal=f"If that is meant, add: {need.option}",
            )
        return keys.of(spec)

    def needed_path(self, path: str, folder: Path | None, kind: str = "reads") -> Need | None:
        """What is to be asked before a recipe from `folder` uses a path; uploads are free, and what stands beside the recipe.

        The data folder is nobody's own: of it only an upload is free, by a name that is made from its content.
        """
        whole, data = _resolved(path), _resolved(str(self.data))
        uploads = data / "inputs"
        if whole.is_relative_to(uploads) and len(whole.relative_to(uploads).parts) > 1:
            return None
        apart = not whole.is_relative_to(data) and not data.is_relative_to(whole)
        if apart and folder is not None and _inside(whole, folder.resolve()):
            in_home = whole.parent == folder.resolve() and folder.resolve() == Path.home().resolve()
            if in_home or not _everything(folder):
                return None
        return None if str(whole) in self._kept().paths else Need(kind, str(whole))

    def needs(self, recipe: Recipe, keys: Keys, folder: Path | None = None, *, of_paths: bool = True) -> list[Need]:
        """All that a recipe which stood in `folder` would do and that is to be asked for, in a fixed order."""
        needs = [self.needed_key(each, keys) for spec in models_of(recipe) for each in spec.each]
        needs.append(self.needed_command(recipe.cluster))
        if of_paths:
            needs += [self.needed_path(path, folder) for path in read_by(recipe.inputs, models_of(recipe))]
            if recipe.export.path:
                needs.append(self.needed_path(recipe.export.path, folder, "writes"))
        return list(dict.fromkeys(filter(None, needs)))

    def needed_command(self, cluster: Cluster | None) -> Need | None:
        """What is to be asked before a cluster's nodes run the command of a recipe."""
        if cluster is None or cluster.command in self._kept().commands:
            return None
        where = {LOCAL: "this machine", AUTO: "the cluster of this machine"}
        return Need("runs", cluster.command, where.get(cluster.address, cluster.address))

    def check_command(self, cluster: Cluster) -> None:
        """Raises NotAllowed for a command that nobody allowed."""
        if need := self.needed_command(cluster):
            raise NotAllowed(
                f"This recipe {need.sentence}, which was never allowed here. Allow it on the command line with {need.option}.",
                terminal=f"If that is meant, add: {need.option}",
            )

    def check(self, recipe: Recipe, keys: Keys, folder: Path | None = None, *, of_paths: bool = True) -> None:
        """Raises NotAllowed where something is to be asked for first."""
        if needs := self.needs(recipe, keys, folder, of_paths=of_paths):
            raise NotAllowed(
                f"This recipe {' and '.join(need.sentence for need in needs)}, which was never allowed here.",
                terminal=f"If that is meant, add: {' '.join(need.option for need in needs)}",
            )

    def allow_inputs(self, inputs: Inputs, specs: Iterable[ModelSpec] = ()) -> None:
        """What these read may be read from now on."""
        self.allow(Need("reads", str(_resolved(path))) for path in read_by(inputs, specs))

    def _kept(self) -> _Kept:
        """A file that can't be read, or that somebody else can have written, allows nothing."""
        try:
            if not is_private(self.path.lstat()):
                return _Kept()
            kept: Any = json.loads(self.path.read_text(encoding="utf-8"))
            keys = frozenset((str(name), str(host)) for name, host in kept["keys"])
            commands = kept.get("commands")
            paths = frozenset(map(str, kept["paths"]))
            return _Kept(keys, paths, frozenset(map(str, commands if isinstance(commands, list) else ())))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return _Kept()


def models_of(recipe: Recipe) -> list[ModelSpec]:
    """The models that a recipe names, whether it will ask them or not."""
    return [recipe.generator, *recipe.responders, recipe.labeller, *([recipe.embedder] if recipe.embedder else [])]


def read_by(inputs: Inputs, specs: Iterable[ModelSpec]) -> list[str]:
    """The files and folders of this machine that are named to be read: an input, a dataset on disk, a tokenizer's folder."""
    named = [inputs.dataset, *(name for spec in specs for name in (spec.template, spec.model))]
    return [*([inputs.path] if inputs.path else []), *(name for name in named if name and exists(name))]


def from_options(keys: Iterable[str], paths: Iterable[str | Path], commands: Iterable[str] = ()) -> list[Need]:
    """What --allow-key NAME=HOST, --allow-path and --allow-command say. Raises SettingsError."""
    needs = []
    for pair in keys:
        name, _, host = pair.partition("=")
        if not name or not host:
            raise SettingsError(f"--allow-key takes NAME=HOST, as OPENAI_API_KEY=models.example.org (given: {pair!r}).")
        needs.append(Need("key", name.strip(), host_of(host if "://" in host else f"https://{host.strip()}")))
    needs += [Need("runs", command) for command in commands]
    return [*needs, *(Need("reads", str(_resolved(str(path)))) for path in paths)]


def host_of(address: str) -> str:
    """The host of an address as permissions name it: in ASCII, with a port that is not the usual one.

    What goes elsewhere unencrypted is another permission, and begins with http://.
    """
    parts = urlsplit(address)
    default_port = {"http": 80, "https": 443}.get(parts.scheme)
    port = f":{parts.port}" if parts.port and parts.port != default_port else ""
    plain = "http://" if parts.scheme == "http" and not on_this_machine(address) else ""
    return f"{plain}{ascii_host(address)}{port}"


def _belongs(variable: str, address: str) -> bool:
    """True for a provider's key and that provider's own address, or a key that is named after a host elsewhere.

    Encrypted only. On one machine each port may be somebody else's server, and the name of a key knows no ports.
    """
    if urlsplit(address).scheme != "https":
        return False
    providers = [ascii_host(preset.url) for preset in PRESETS.values() if preset.key_env == variable and preset.url]
    host = ascii_host(address)
    if host in providers:
        return True
    return variable == variable_for(address) and host_of(address) == host and not on_this_machine(address)


def _resolved(path: str) -> Path:
    try:
        return expanded(path).resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL
        return Path(path).absolute()


def _inside(path: Path, folder: Path) -> bool:
    """True for what stands in a folder and is not hidden there."""
    return path.is_relative_to(folder) and not any(part.startswith(".") for part in path.relative_to(folder).parts)


def _everything(folder: Path) -> bool:
    """True for a folder in which a person's whole life stands: a recipe there is no permission for all of it.

    In a home folder what stands right beside it is free.
    """
    whole = folder.resolve()
    return whole == Path(whole.anchor) or whole == Path.home().resolve() or Path.home().resolve().is_relative_to(whole)
