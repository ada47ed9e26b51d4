"""What argilla_server reads from its surroundings, settled before its first import.

Importing any part of argilla_server builds the whole application: environment variables, the temporary
folder, the working folder and the Redis client must be in place by then.
"""

from __future__ import annotations

import os
import tempfile

from feedback.local.data_dir import Home

ENGINE_NAME = "embedded"

LONGEST_MESSAGE = 2_000_000
"""Characters of one message of a chat; the server's own limit of 20,000 would refuse a talk about a long document."""


def settle(home: Home) -> None:
    """Give argilla_server our settings only; those of another installation on this computer are put aside."""
    for name in [name for name in os.environ if name.startswith("ARGILLA_")]:
        del os.environ[name]
    # Relative names are safe with any character in the folder's name (a URL or an ini file would read ? and %
    # as their own), and a stray .oauth.yaml of some other folder cannot change who may sign in.
    os.chdir(home.folder)
    os.environ.update(
        {
            "ARGILLA_HOME_PATH": str(home.folder),
            "ARGILLA_DATABASE_URL": f"sqlite+aiosqlite:///{home.database.name}?check_same_thread=False",
            "ARGILLA_SEARCH_ENGINE": ENGINE_NAME,
            "ARGILLA_AUTH_SECRET_KEY": home.auth_secret(),
            "ARGILLA_CORS_ORIGINS": "[]",
            "ARGILLA_MAX_MESSAGE_LENGTH": str(LONGEST_MESSAGE),
            "ARGILLA_SHOW_HUGGINGFACE_SPACE_PERSISTENT_STORAGE_WARNING": "false",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
    )
    temporary = str(home.temporary)
    os.environ.update({"TMPDIR": temporary, "TEMP": temporary, "TMP": temporary})
    tempfile.tempdir = temporary


def use_redis_in_process() -> None:
    """Let argilla_server's queues live in this process, without a port.

    RQ jobs are pickles: who can write to the queue can run code as this user, so that even a loopback port
    would be a door for every other user of the computer.
    """
    import fakeredis
    import redis

    store = fakeredis.FakeServer()
    redis.from_url = lambda url, **options: fakeredis.FakeStrictRedis(server=store)
