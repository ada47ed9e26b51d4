"""What can go wrong around a run.

ClaywrightError (tasks.errors)
├── StoreError                 the data folder or its database
├── RunError                   no such run, or another process works on it
├── PeopleError                nobody of that name, or what a person may not do
├── PageError                  the page sent something that it can't have
├── ServiceError               a local service that does not install or start
├── BackupError                a backup on the Hub that can't be made or used
└── DocumentationError         no document of that name
"""

from tasks.errors import ClaywrightError


class StoreError(ClaywrightError):
    """The data folder can't be used, or its database can't be written."""


class RunError(ClaywrightError):
    """There is no such run, or it can't be worked on now."""


class PeopleError(ClaywrightError):
    """There is nobody of that name, or a person may not do that."""


class PageError(ClaywrightError):
    """The page sent something that it can't have."""

    def __init__(self) -> None:
        super().__init__("The page sent something that it can't have. Load it anew.")


class ServiceError(ClaywrightError):
    """A local service could not be installed or started."""


class BackupError(ClaywrightError):
    """A backup on the Hub can't be made, found or used."""


class DocumentationError(ClaywrightError):
    """There is no document of that name."""
