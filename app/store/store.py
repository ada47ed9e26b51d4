"""Everything that runs leave behind, in one SQLite file of the data folder.

`store.runs`, `.workings`, `.rows`, `.ratings`, `.calls` (the memo), `.reviews`, `.quick`, `.settlements`, `.browse`, `.vectors`,
`.forms`, `.recipes` and `.model_sets` are the nouns; app/store has one module for each, and library.py for the last two.
"""

from pathlib import Path

from app.store.call_cache import Calls
from app.store.database import Database
from app.store.embeddings import Vectors
from app.store.form_drafts import Forms
from app.store.library import Library
from app.store.local_verdicts import Quicks
from app.store.pushes import Reviews
from app.store.ratings import Ratings
from app.store.row_search import Browse
from app.store.rows import Rows
from app.store.runs import Runs
from app.store.settlements import Settlements
from app.store.usage import Workings


class Store:
    """Opens (and brings up to date) the store of a data folder. Raises StoreError. Use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.db = Database(folder / "claywright.db")
        self.runs = Runs(self.db)
        self.workings = Workings(self.db)
        self.rows = Rows(self.db)
        self.ratings = Ratings(self.db)
        self.calls = Calls(self.db)
        self.reviews = Reviews(self.db)
        self.quick = Quicks(self.db)
        self.settlements = Settlements(self.db)
        self.forms = Forms(self.db)
        self.browse = Browse(self.db)
        self.vectors = Vectors(self.db)
        self.recipes = Library(self.db, "recipes")
        self.model_sets = Library(self.db, "model_sets")

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.db.close()
