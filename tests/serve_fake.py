"""The fake endpoint as a program, in place of a model server that a cluster's replica starts.

    python tests/serve_fake.py --port PORT --calls FOLDER

Each process writes a file of its own into FOLDER: a line for each call that came, and one for each that was answered.
"""

import argparse
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.servers import FakeOpenAI, Fault


class Written(FakeOpenAI):
    """Keeps its calls in a file, which outlives it."""

    def __init__(self, file: Path, **more: Any) -> None:
        super().__init__(**more)
        self.file = file.open("a", encoding="utf-8")

    def note(self, what: str, path: str, body: dict[str, Any], draw: str) -> None:
        line = {"what": what, "path": path, "body": body, "draw": draw, "time": time.time()}
        self.file.write(json.dumps(line, sort_keys=True) + "\n")
        self.file.flush()

    def came(self, call: dict[str, Any]) -> None:
        self.note("came", call["path"], call["body"], call["draw"])

    def _said(self, path: str, body: dict[str, Any], draw: str, fault: Fault) -> Any:
        self.note("answered", path, body, draw)
        return super()._said(path, body, draw, fault)


QUESTIONS = ("Is water wet?", "Say yes or no.", "Name a river.", '"Hello"')
"""What a probe asks, as no row does."""


def lines(folder: Path, what: str = "came") -> list[dict[str, Any]]:
    """What all servers of a folder were asked, or answered, but for a probe's questions."""
    return [line for file in sorted(folder.glob("*.jsonl")) for line in _noted(file, what)]


def answered_by(folder: Path) -> dict[int, int]:
    """How many calls each process has answered, a probe's left out."""
    return {int(file.stem): len(_noted(file, "answered")) for file in folder.glob("*.jsonl")}


def _noted(file: Path, what: str) -> list[dict[str, Any]]:
    text = file.read_text()
    whole = text[: text.rfind("\n") + 1]  # a process that was killed leaves half a line
    noted = map(json.loads, whole.splitlines())
    return [line for line in noted if line["what"] == what and not _is_of_a_probe(line)]


def _is_of_a_probe(line: dict[str, Any]) -> bool:
    return line["draw"] == "0" and any(question in json.dumps(line["body"]) for question in QUESTIONS)


def calls(folder: Path, what: str = "came") -> list[tuple[str, str, str]]:
    """The same calls as (path, body, draw), which is what makes two of them one."""
    return [(line["path"], json.dumps(line["body"], sort_keys=True), line["draw"]) for line in lines(folder, what)]


def servers(folder: Path) -> list[int]:
    """The processes that served, in the order in which they began."""
    return [int(file.stem) for file in sorted(folder.glob("*.jsonl"), key=lambda file: file.stat().st_ctime)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--calls", type=Path, required=True)
    parser.add_argument("--latency", type=float, default=0.0)
    options = parser.parse_args()
    with Written(options.calls / f"{os.getpid()}.jsonl", port=options.port, latency=options.latency):
        threading.Event().wait()


if __name__ == "__main__":
    main()
