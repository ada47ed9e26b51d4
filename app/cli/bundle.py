"""What a bug report needs of this installation, in a zip file: numbers and fixed words alone.

Nothing of a row, a prompt or a recipe's settings, no key, no address, and no name of a person, a run, a dataset or a folder is in
it. Runs are called run-1, run-2, ..., the oldest first.
"""

import io
import json
import os
import platform
import re
import sqlite3
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, fields
from importlib import metadata
from pathlib import Path
from typing import Any

from app.cli.doctor import examine
from app.config import Settings, usual_data
from app.file_locks import create_private, expanded
from app.inputs.inputs import Inputs
from app.recipe import Recipe
from app.store.runs import Run
from app.store.store import Store
from feedback.argilla.dataset_settings import Review
from feedback.checks import check_kinds
from feedback.exports.selection import Export
from feedback.labeller.ultrafeedback import UltraFeedback
from feedback.reviewed_row import MergeRule
from feedback.rubrics import Rubric
from tasks import TASKS
from tasks.answering import Answers
from tasks.cluster.settings import Cluster
from tasks.engine.budget import Budget
from tasks.errors import ClaywrightError, SettingsError
from tasks.models.presets import PRESETS
from tasks.models.spec import CLUSTER, ModelSpec

MOST_LINES = 500
"""Lines of the log, the newest."""
VARIABLES = (
    "ARGILLA_API_KEY", "ARGILLA_API_URL", "ARGILLA_WORKSPACE", "CLAYWRIGHT_DATA", "CLAYWRIGHT_HOST",
    "CLAYWRIGHT_METRICS_TOKEN", "CLAYWRIGHT_OIDC_ADMINS", "CLAYWRIGHT_OIDC_CLIENT_ID", "CLAYWRIGHT_OIDC_CLIENT_SECRET",
    "CLAYWRIGHT_OIDC_GROUPS", "CLAYWRIGHT_OIDC_GROUPS_CLAIM", "CLAYWRIGHT_OIDC_ISSUER", "CLAYWRIGHT_OIDC_SCOPE",
    "CLAYWRIGHT_OIDC_TITLE", "CLAYWRIGHT_OWNER", "CLAYWRIGHT_PRIVATE_ENDPOINTS",
    "CLAYWRIGHT_SHARED_KEYS", "CLAYWRIGHT_TLS_CERT", "CLAYWRIGHT_TLS_KEY",
    "CLAYWRIGHT_TRUSTED_PROXIES", "CLAYWRIGHT_URL", "CLAYWRIGHT_USER_HEADER", "CLAYWRIGHT_WEBHOOK",
)  # fmt: skip
"""Of which it is told whether they are set, and no more."""
REASONS = (
    (r"interrupted", "interrupted"),
    (r"stopped by you", "stopped"),
    (r"only \d+ of \d+ rows: too many draws were dropped", "too many draws were dropped"),
    (r"(?:shards that are not merged|the shards gave)\b.*", "shards"),
    (r"The budget of .* is used up: .*", "budget"),
    (r"No tokens are left\. .*|The runs of .* may hold .* rows together\. .*", "a limit of the run's owner"),
)
"""(what a run's reason looks like, what is told of it)."""
STATUS = re.compile(r"\(([45]\d\d): ")
OF_A_LINE = {
    "time": r"[\dT:.+-]{1,40}",
    "level": r"[a-z]{1,10}",
    "logger": r"[\w.]{1,60}",
    "event": r"[a-z' -]{1,60}",
    "what": r"[a-z]{1,20}",
    "state": r"[a-z]{1,20}",
    "by": r"[a-z ]{1,40}",
    "method": r"[A-Z]{1,10}",
    "route": r"[\w./-]{1,60}",
    "location": r"[\w./-]{1,200}:\d{1,6}",
    "version": r"[\w.]{1,40}",
}
"""What is told of a line of the log, and how that looks; its numbers too."""
TYPE, FRAME = r"\w{1,80}", r"[\w./<>-]{1,200}:\d{1,6} [\w<>]{1,100}"


def write_bundle(settings: Settings, path: Path) -> dict[str, Any]:
    """Writes the zip file; returns what is in it, {name of a file: its content}.

    Raises SettingsError where there is a file already, or where it can't be written.
    """
    path = expanded(path)
    content = contents(settings)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in content.items():
            archive.writestr(name, json.dumps(values, indent=1, ensure_ascii=True))
    try:
        with create_private(path) as file:
            file.write(packed.getvalue())
    except FileExistsError:
        raise SettingsError(f"{path} is there already. Name another file; nothing was written.") from None
    except OSError as error:
        raise SettingsError(f"{path} can't be written: {error.strerror}. Name another file.") from error
    return content


def contents(settings: Settings) -> dict[str, Any]:
    """{name of a file: its content}."""
    content: dict[str, Any] = {
        "versions.json": _versions(),
        "findings.json": [{"ok": finding.ok, "finding": finding.public} for finding in examine(settings)],
        "settings.json": _settings(settings),
    }
    names: dict[str, str] = {}
    try:
        with Store(settings.data) as store:
            runs = store.runs.all()[::-1]
            names = {run.id: f"run-{number}" for number, run in enumerate(runs, 1)}
            content["store.json"] = {
                "schema": store.totals.schema(),
                "bytes": store.totals.size(),
                "lines": store.totals.lines(),
            }
            content["runs.json"] = [_run(store, run, names[run.id]) for run in runs]
    except ClaywrightError as error:
        content["store.json"] = {"trouble": type(error).__name__}
    content["log.json"] = _log(settings.log, names)
    return content


def _versions() -> dict[str, Any]:
    required = (re.match(r"[\w.-]+", line) for line in metadata.requires("claywright") or () if "extra ==" not in line)
    return {
        "claywright": metadata.version("claywright"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": [platform.system(), platform.release(), platform.machine()],
        "packages": {name[0]: _version(name[0]) for name in required if name},
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _settings(settings: Settings) -> dict[str, Any]:
    return {
        "usual data folder": settings.data == usual_data(),
        "Argilla": "another server" if settings.argilla_url else "embedded",
        "set": [name for name in VARIABLES if os.environ.get(name)],
    }


def _run(store: Store, run: Run, name: str) -> dict[str, Any]:
    return {
        "run": name,
        "state": run.state,
        "reason": reason_class(run.reason),
        "is shard": bool(run.shard),
        "counts": asdict(store.runs.counts(run.id)),
        "recipe": outline(run.recipe),
    }


def reason_class(reason: str) -> str:
    """What kind of reason it is why a run stands as it does, in fixed words; "" for none.

    >>> reason_class("api.example.org refused the key (401: no such key sk-1).")
    'an endpoint answered 401'
    """
    if not reason:
        return ""
    for pattern, words in REASONS:
        if re.fullmatch(pattern, reason, re.DOTALL):
            return words
    status = STATUS.search(reason)
    return f"an endpoint answered {status[1]}" if status else "an error"


def outline(recipe: str) -> dict[str, Any]:
    """The keys that a recipe sets, with its kinds of task and checks and the presets of its models: names of ours alone."""
    values = json.loads(recipe)
    known = _known_keys()
    keys: list[str] = []
    presets: list[str] = []
    for key, part in values.items() if isinstance(values, dict) else ():
        if key not in known:
            continue
        tables = [table for table in (part if isinstance(part, list) else [part]) if isinstance(table, Mapping)]
        keys += (
            [key] if not tables else sorted({f"{key}.{name}" for table in tables for name in table if name in known})
        )
        presets += [f"{key}: {table['preset']}" for table in tables if table.get("preset") in (*PRESETS, CLUSTER)]
    task, checks = values.get("task", {}), values.get("checks", [])
    return {
        "keys": keys,
        "presets": presets,
        "task": task["kind"] if task.get("kind") in TASKS else "",
        "checks": sorted({check["kind"] for check in checks if check.get("kind") in check_kinds()}),
    }


def _known_keys() -> set[str]:
    """All names that settings of a recipe have."""
    tables: list[Any] = [
        Recipe, ModelSpec, Cluster, Inputs, Answers, UltraFeedback, Budget, Review, MergeRule, Export, Rubric,
        *TASKS.values(), *check_kinds().values(),
    ]  # fmt: skip
    return {"kind"} | {field.name for table in tables for field in fields(table)}


def _log(path: Path, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The last lines of the log, of which nothing is told but what OF_A_LINE says; a run by its number."""
    lines: list[str] = []
    for file in (path, path.with_name(f"{path.name}.1")):  # which may have taken its place a moment ago
        if len(lines) < MOST_LINES and file.is_file():
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines() + lines
    return [public for line in lines[-MOST_LINES:] if (public := _line(line, names))]


def _line(line: str, names: Mapping[str, str]) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except ValueError:
        return {}
    if not isinstance(values, dict):
        return {}
    public: dict[str, Any] = {
        key: value for key, value in values.items() if key in OF_A_LINE and _fits(OF_A_LINE[key], value)
    }
    public |= {
        key: value
        for key in ("seconds", "status", "left_out", "team")
        if isinstance(value := values.get(key), int | float)
    }
    if run := values.get("run"):
        public["run"] = names.get(str(run), "a run that is gone")
    if isinstance(errors := values.get("error"), list):
        public["error"] = [
            {
                "type": error["type"],
                "frames": [frame for frame in error.get("frames", ()) if _fits(FRAME, frame)],
            }
            for error in errors
            if isinstance(error, dict) and _fits(TYPE, error.get("type"))
        ]
    return public


def _fits(pattern: str, value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None
