"""Runs a model server for as long as whoever started it lives: `python -I supervisor.py COMMAND ...`.

The end of its standard input means that its owner is gone, also by kill -9: then the server ends, and with it all that it started.
Where the supervisor itself is killed, the kernel ends the server (on Linux). Of the standard library alone, and imports nothing of
ours: it is run by its path.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys

LOOK_EVERY = 0.05
ENDS_WITHIN = 5.0
NOT_STARTED = 127
DIES_WITH_PARENT = 1


def die_with_parent() -> None:
    """Linux: the kernel ends us with the process that started us."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL)


def end(server: "subprocess.Popen[bytes]") -> None:
    """Ends the server and its children: asks first, then kills what is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(server.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(ENDS_WITHIN)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def main() -> int:
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        server = subprocess.Popen(
            sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent
        )
    except OSError as error:
        sys.stderr.write(f"{sys.argv[1]}: {error.strerror or error}\n")
        return NOT_STARTED
    try:
        while server.poll() is None:
            readable, _, _ = select.select([0], [], [], LOOK_EVERY)
            if readable and not os.read(0, 4096):
                break
    finally:
        code = server.poll()
        end(server)
    return 0 if code is None else code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
