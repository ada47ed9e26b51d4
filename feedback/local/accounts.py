"""The server's database at its newest schema, with the one person who may sign in at first."""

from __future__ import annotations

import secrets

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from argilla_server.contexts import accounts
from argilla_server.database import ALEMBIC_CONFIG_FILE, AsyncSessionLocal, sync_engine
from argilla_server.models import User, UserRole, Workspace

from feedback.local.data_dir import Home

USERNAME = "owner"
WORKSPACE = "default"


def migrate() -> None:
    """What `argilla_server database migrate` does, left out when there is nothing to do."""
    config = Config(ALEMBIC_CONFIG_FILE)
    newest = ScriptDirectory.from_config(config).get_current_head()
    with sync_engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current != newest:
        config.config_file_name = None  # it is read; its part about logging would silence everybody else's
        command.upgrade(config, "head")


async def first_user(home: Home) -> dict[str, str]:
    """Credentials of the owner, as `credentials.json` says; made at the first start.

    They are random, never Argilla's well-known defaults. A file that was deleted is made anew with a new
    password and key for the same person: whoever can delete it may also read the database.
    """
    saved = home.saved_credentials()
    async with AsyncSessionLocal() as db:
        if saved and await accounts.get_user_by_username(db, saved["username"]):
            return saved
        credentials = {
            "username": USERNAME,
            "password": secrets.token_urlsafe(12),
            "api_key": secrets.token_urlsafe(40),
        }
        password_hash = accounts.hash_password(credentials["password"])
        user = await accounts.get_user_by_username(db, USERNAME)
        if user is None:
            workspace = await Workspace.get_by(db, name=WORKSPACE)
            await User.create(
                db,
                first_name=USERNAME.title(),
                username=USERNAME,
                role=UserRole.owner,
                api_key=credentials["api_key"],
                password_hash=password_hash,
                workspaces=[workspace or await accounts.create_workspace(db, {"name": WORKSPACE})],
            )
        else:
            user.password_hash, user.api_key = password_hash, credentials["api_key"]
            await db.commit()
    home.save_credentials(credentials)
    return credentials
