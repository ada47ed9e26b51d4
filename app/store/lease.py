"""Which process works on a run: one at a time, told by a heartbeat and, on one machine, by whether it is alive."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from app.errors import RunError
from app.store.runs import Run
from app.store.store import Store

BEAT_EVERY = 5.0
STALE_AFTER = 30.0


def name() -> str:
    """This process, so that no later one with its number is taken for it: host, number, when it began."""
    return f"{socket.gethostname()}|{os.getpid()}|{_began(os.getpid())}"


def dead(worker: str | None) -> bool:
    """True if `worker` was a process of this machine that is no more; False where that can't be told."""
    if not worker or worker.count("|") != 2:
        return False
    host, number, began = worker.split("|")
    if host != socket.gethostname() or not number.isdigit():
        return False
    now = _began(int(number))
    return not now or now != began


def alive_here(worker: str) -> bool:
    """True if `worker` is a process of this machine that is there, however long it has not been heard."""
    return worker != name() and worker.startswith(f"{socket.gethostname()}|") and not dead(worker)


def at_work(run: Run) -> bool:
    """True if a process works on the run, as far as can be told from here."""
    if run.worker is None or dead(run.worker):
        return False
    return run.worker == name() or alive_here(run.worker) or (run.heartbeat or 0) > time.time() - STALE_AFTER


def standing(run: Run) -> str:
    """How a run stands: draft, running, paused, stopped or done; "interrupted" if its process died while it worked on it."""
    return "interrupted" if run.state == "running" and not at_work(run) else run.state


def _began(number: int) -> str:
    """When a process began, in the kernel's ticks; "" if it is not there."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if stat[0] == "Z" else stat[19]
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        return "there"
    return "there"


@dataclass
class RunLease:
    """A run that is ours. `lost` is called if another process takes it over, which thought this one dead."""

    lost: Callable[[], None] = lambda: None


@contextlib.asynccontextmanager
async def working_on(store: Store, run: Run) -> AsyncIterator[RunLease]:
    """Holds the run for this process. Raises RunError, naming the process, if another one works on it."""
    me = name()
    holder = store.runs.get(run.id).worker
    alive = holder is not None and alive_here(holder)
    free = [holder] if holder is not None and dead(holder) else []
    if alive or not store.runs.claim(run.id, me, time.time(), STALE_AFTER, free):
        parts = (store.runs.get(run.id).worker or "").split("|")
        where = f"process {parts[1]} on {parts[0]}" if len(parts) == 3 else "another process"
        raise RunError(
            f"{where[0].upper()}{where[1:]} works on the run {run.id}. Wait for it, or stop it; reading and export go on."
        )

    hold = RunLease()

    async def beat() -> None:
        while True:
            await asyncio.sleep(BEAT_EVERY)
            if not await asyncio.to_thread(store.runs.beat, run.id, me, time.time()):
                hold.lost()
                return

    beating = asyncio.create_task(beat())
    try:
        yield hold
    finally:
        beating.cancel()
        store.runs.release(run.id, me)
