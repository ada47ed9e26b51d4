# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = [
#   "argilla-server==2.8.0",
#   "fakeredis~=2.40",
#   "numpy>=1.26",
#   "python-multipart>=0.0.18",
# ]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
# # argilla-server pins versions with known holes: python-jose 3.3 (CVE-2024-33663, -33664), urllib3 1.26, and
# # by way of fastapi 0.115 starlette 0.46 (CVE-2025-54121, -62727). It works with these, which mended them.
# override-dependencies = [
#   "python-jose[cryptography]>=3.5,<4",
#   "urllib3>=2.5",
#   "fastapi~=0.121.0",
#   "starlette>=0.49.1,<0.51",
# ]
# ///
"""The real Argilla server on this computer alone: SQLite, an embedded search engine, no Docker, no Redis.

    python -I server.py --home DIR --lock FILE [--port 0]

It prints one line of JSON when it answers requests: {"url", "pid", "username", "credentials"}; all else goes
to standard error. It ends on SIGTERM, on SIGINT and at the end of its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sqlite3
import sys
import types
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feedback.local.data_dir import Home
    from feedback.local.process import StopSignal


def main() -> int:
    """Serve until told to stop; the exit code says why it could not start (`errors.py`)."""
    parent = os.getppid()
    find_siblings()
    from feedback.local.errors import StartError
    from feedback.local.process import StopSignal, claim_stdout, die_with_parent, hold_lock

    die_with_parent(parent)
    stdout = claim_stdout()
    parser = argparse.ArgumentParser(description="The real Argilla server on this computer alone.")
    parser.add_argument("--home", type=Path, required=True, help="folder for all its data; made private")
    parser.add_argument("--lock", type=Path, required=True, help="file locked for as long as it runs")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    options = parser.parse_args()
    try:
        stop = StopSignal()
        with hold_lock(options.lock):
            run(options.home.expanduser().resolve(), options.port, stop, stdout)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def find_siblings() -> None:
    """Make `feedback.local` importable by its full name, as in the checkout.

    Neither `feedback/__init__.py` runs, which belongs to the app's environment, nor does sys.path get a
    folder in which `errors` or `jobs` could be taken for somebody else's module.
    """
    package = types.ModuleType("feedback")
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules["feedback"] = package


def run(folder: Path, port: int, stop: StopSignal, stdout: IO[str]) -> None:
    """Prepare the folder, load Argilla, serve; raises StartError."""
    from sqlalchemy.exc import SQLAlchemyError

    from feedback.local.data_dir import Home
    from feedback.local.errors import FolderUnusable

    home = Home(folder)
    os.umask(0o077)
    try:
        home.prepare()
        with listen(port) as listener:
            app = load(home)
            from feedback.local.http_server import serve

            asyncio.run(serve(app, home, listener, stop, stdout))
    except (OSError, sqlite3.Error, SQLAlchemyError) as error:
        raise FolderUnusable(folder, error) from error
    finally:
        home.clear_temporary()


def listen(port: int) -> socket.socket:
    """Take the port before the seconds of loading, so that nobody else can; raises PortInUse."""
    from feedback.local.errors import PortInUse

    # asyncio turns Nagle's algorithm off only for a socket that names its protocol: else the end of each answer waits 40 ms
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":  # there it would let two servers share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise PortInUse(port) from error
    return listener


def load(home: Home) -> Any:
    """Argilla's application, imported in surroundings of our own and with our replacements in it."""
    from feedback.local import environment, patches, sign_in

    environment.settle(home)
    environment.use_redis_in_process()
    from argilla_server._app import app

    patches.tune_sqlite()
    patches.keep_type_adapters()
    patches.skip_unheard_events()
    patches.let_records_want_more_reviewers()
    patches.run_jobs_in_one_loop()
    patches.stay_off_the_internet(app)
    patches.keep_unsent_answers(app)
    patches.keep_records_in_sight(app)
    sign_in.add_to(app, sign_in.Invitations(home.invitations))
    return app


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a thread of a library that waits for something must not keep the process
