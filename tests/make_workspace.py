"""A workspace for verbs that need the store alone."""

from app.config import settings
from app.services import Say
from app.store.store import Store
from app.workspace import Workspace, silent


def make_workspace(store: Store, report: Say = silent) -> Workspace:
    """With the settings of the store's own data folder; `report` is told what a person would be."""
    return Workspace(settings(store.db.path.parent, {}), store, report=report)
