"""The entry of the command `claywright`; its parts are the modules beside it."""

import logging
import os
import sys

from app.cli import generate, maintenance, output, people, review, status
from app.cli.options import app
from tasks.errors import ClaywrightError

__all__ = ["app", "main"]
PARTS = (generate, review, status, maintenance, people)
"""Importing them makes their commands known."""


def main() -> None:
    """Runs the command; errors of ours are a sentence and exit code 1."""
    import signal

    if logging.lastResort is not None:
        logging.lastResort.setFormatter(output.Visible())
    os.umask(0o077)  # what it writes, and what it starts, is for this user alone
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        app()
    except ClaywrightError as error:
        message = f"{error}\n{error.terminal}".strip()
        output.say(f"Error: {message}")
        if "--json" in sys.argv:
            output.show_json({"error": message, "kind": type(error).__name__})
        sys.exit(1)
    except KeyboardInterrupt:
        output.say("Stopped.")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
