"""Where things are and who we are: read once, from the command line over the environment over the defaults."""

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from app.errors import StoreError
from app.file_locks import expanded, shut
from feedback.argilla.urls import tidy

FOLDERS = ("inputs", "exports", "services", "browser", "argilla", "shards", "logs")
FILES = ("claywright", "app.")
"""What a data folder holds."""


@dataclass(frozen=True)
class Settings:
    """`data` holds the store, the local services and Argilla's data. `owner` is written into runs."""

    data: Path
    owner: str
    argilla_url: str = ""
    argilla_key: str | None = field(default=None, repr=False)
    argilla_workspace: str = ""
    webhook: str = ""
    """The address at which Argilla reaches this app, ending in /argilla/said; "" where it can't."""
    metrics_token: str = field(default="", repr=False)
    """Who sends this may read what the app counts; "" for nobody who is not signed in."""

    @property
    def services(self) -> Path:
        return self.data / "services"

    @property
    def log(self) -> Path:
        """The app's log, beside the older ones."""
        return self.data / "logs" / "app.log"


def settings(data: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises StoreError if the data folder can't be made."""
    environment = os.environ if environment is None else environment
    named = data or (Path(environment["CLAYWRIGHT_DATA"]) if environment.get("CLAYWRIGHT_DATA") else None)
    folder = expanded(named).absolute() if named else usual_data()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _keep_to_owner(folder)
    except OSError as error:
        raise StoreError(
            f"The data folder {folder} can't be made: {error.strerror}. Name another one with --data or CLAYWRIGHT_DATA."
        ) from error
    return Settings(
        data=folder,
        owner=environment.get("CLAYWRIGHT_OWNER") or _user(),
        argilla_url=tidy(environment.get("ARGILLA_API_URL", "")),
        argilla_key=environment.get("ARGILLA_API_KEY"),
        argilla_workspace=environment.get("ARGILLA_WORKSPACE", ""),
        webhook=environment.get("CLAYWRIGHT_WEBHOOK", ""),
        metrics_token=environment.get("CLAYWRIGHT_METRICS_TOKEN", "").strip(),
    )


def _keep_to_owner(folder: Path) -> None:
    """Shuts others out of a data folder and those in it; one that holds more than ours is left as it is."""
    for name in FOLDERS:
        shut(folder / name)
    if not shared(folder):
        shut(folder)


def shared(folder: Path) -> bool:
    """True for a folder that is not only the store's: where a project lies, a home folder, /tmp."""
    return any(not entry.name.startswith((".", *FILES, *FOLDERS)) for entry in folder.iterdir())


def usual_data() -> Path:
    """The data folder where none is named."""
    return expanded(platformdirs.user_data_dir("claywright", appauthor=False)).absolute()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "owner"
