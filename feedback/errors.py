"""What can go wrong while rows are judged, sent, brought back and exported.

ClaywrightError (tasks.errors)
├── ArgillaError               the review server
│   ├── ArgillaDown            it can't be reached
│   ├── ArgillaRefused         it does not take the key, or the key may not do this
│   ├── Missing                it has not what was asked for
│   └── DatasetMismatch        a dataset of that name has other settings
├── NotAudit                   a figure for the whole set was asked of rows that were not drawn at random
└── ExportError                nothing to export, or a file that can't be written
    ├── HubRefused             the Hugging Face Hub does not take the token, or the token may not do this
    └── HubDown                the Hub can't be reached, or broke off
"""

from tasks.errors import ClaywrightError


class ArgillaError(ClaywrightError):
    """Something about the Argilla server."""


class ArgillaDown(ArgillaError):
    """The server can't be reached."""


class ArgillaRefused(ArgillaError):
    """The server refuses the key, or what was asked with it."""


class Missing(ArgillaError):
    """The server has not what was asked for: a dataset that was deleted there."""


class DatasetMismatch(ArgillaError):
    """A dataset of that name is there and has other fields or questions. `free` is a name that nothing has."""

    def __init__(self, message: str, *, terminal: str = "", free: str = "") -> None:
        super().__init__(message, terminal=terminal)
        self.free = free


class NotAudit(ClaywrightError, ValueError):
    """Answers to rows of the queue were handed in where only audit rows, which were drawn at random, can say anything."""


class ExportError(ClaywrightError):
    """Nothing to export, or nowhere to put it."""


class HubRefused(ExportError):
    """The Hub refuses the token, or what was asked with it."""


class HubDown(ExportError):
    """The Hub can't be reached, or broke off half-way."""
