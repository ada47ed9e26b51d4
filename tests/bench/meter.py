"""A command and what it took: seconds, memory and CPU of all its processes."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SAMPLED_EVERY = 0.05
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Taken:
    """`said` is the last line of JSON that the command wrote, `mib` the most that its processes held together."""

    seconds: float
    mib: float
    cpu: float
    code: int
    said: dict[str, Any]
    complaint: str


def environment(**more: str) -> dict[str, str]:
    """That of a user's machine: compiled modules are kept, no keys."""
    own = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    if own.pop("PYTHONDONTWRITEBYTECODE", ""):
        own["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir()) / f"claywright-bench-{os.getuid()}")
    return {**own, "HF_HUB_OFFLINE": "1", **more}


def taken(
    words: Sequence[str], env: Mapping[str, str] | None = None, during: Callable[[int, float], None] | None = None
) -> Taken:
    """Runs a command to its end. `during` is called with its process number and its seconds, again and again."""
    began, most, cpu = time.perf_counter(), 0.0, 0.0
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(words, env=env or environment(), stdout=out, stderr=err, text=True)
        while process.poll() is None:
            family = tree(process.pid)
            most, cpu = max(most, sum(map(memory, family))), max(cpu, sum(map(busy, family)))
            if during is not None:
                during(process.pid, time.perf_counter() - began)
            try:
                process.wait(SAMPLED_EVERY)
            except subprocess.TimeoutExpired:
                continue
        seconds = time.perf_counter() - began
        out.seek(0)
        err.seek(0)
        return Taken(seconds, most, cpu, process.returncode, last_json(out.read()), err.read()[-2000:])


def last_json(text: str) -> dict[str, Any]:
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            found: dict[str, Any] = json.loads(line)
            return found
    return {}


def tree(pid: int) -> list[int]:
    """A process and its children, and theirs."""
    found = [pid]
    for parent in found:
        for task in Path("/proc").glob(f"{parent}/task/*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue
    return found


def memory(pid: int) -> float:
    """MiB that a process holds, what it shares with others divided among them."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return int(text.partition("\nPss:")[2].split()[0]) / 1024 if "\nPss:" in text else 0.0


def busy(pid: int) -> float:
    """Seconds of CPU that a process took."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def python(*words: str) -> list[str]:
    return [sys.executable, *words]
