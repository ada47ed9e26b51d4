"""Builds the wheel: puts app, tasks and feedback under `claywright` and makes their imports say so.

In a checkout the three are imported by their own names (`from tasks.base import Task`). A wheel that did the same would
claim the names `app`, `tasks` and `feedback` on every machine it is installed on, so here each such import gets its full
name: nothing touches `sys.path`, a user's own `tasks/` keeps working, and type checkers follow the imports.
"""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGES = ("app", "tasks", "feedback")
OWN_IMPORT = re.compile(rf"^(\s*from )({'|'.join(PACKAGES)})(?=[.\s])", re.MULTILINE)
BARE_IMPORT = re.compile(rf"^\s*import ({'|'.join(PACKAGES)})\b", re.MULTILINE)
NOT_SHIPPED = {"build_hook.py", "launch.py", "py.typed", "README.md"}
CODE_ONLY = ("app", "deploy")
"""A folder whose other files are for a checkout, and may lie beside somebody's passwords."""


class WheelHook(BuildHookInterface[Any]):
    """Fills the wheel; an editable one gets only the entry module, the rest comes from the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if version == "editable":
            build_data["force_include_editable"] = {str(root / "app/launch.py"): "claywright/__init__.py"}
            build_data["force_include_editable"][str(root / "app/py.typed")] = "claywright/py.typed"
            return
        self.staged = Path(tempfile.mkdtemp(prefix="claywright-wheel-"))
        for package in PACKAGES:
            for path in sorted((root / package).rglob("*")):
                if path.is_file() and _is_shipped(path.relative_to(root)):
                    self._stage(path, path.relative_to(root))
        self._stage(root / "app/launch.py", Path("__init__.py"))
        self._stage(root / "app/py.typed", Path("py.typed"))
        build_data["force_include"] = {str(self.staged): "claywright"}

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            shutil.rmtree(self.staged, ignore_errors=True)

    def _stage(self, source: Path, target: Path) -> None:
        destination = self.staged / target
        destination.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix != ".py" or "local" in target.parts:  # the services run by themselves, without `claywright`
            shutil.copyfile(source, destination)
            return
        text = source.read_text(encoding="utf-8")
        if bare := BARE_IMPORT.search(text):
            raise ValueError(
                f"{target}: write 'from {bare[1]}... import ...', a wheel can't rename '{bare[0].strip()}'"
            )
        destination.write_text(OWN_IMPORT.sub(r"\1claywright.\2", text), encoding="utf-8")


def _is_shipped(path: Path) -> bool:
    if "__pycache__" in path.parts or path.name in NOT_SHIPPED:
        return False
    return path.suffix == ".py" or path.parts[: len(CODE_ONLY)] != CODE_ONLY
