"""Everything that runs leave behind, in one SQLite file of the data folder.

`store.runs`, `.usage`, `.rows`, `.ratings`, `.preferences`, `.checks`, `.call_cache`, `.pushes`, `.verdicts`, `.settlements`,
`.local_verdicts`, `.evidence`, `.review_queue`, `.acceptances`, `.row_search`, `.embeddings`, `.form_drafts`,
`.rubric_versions`, `.recipes`, `.model_sets`, `.rubrics`, `.people`, `.sessions`, `.sign_in_links`, `.shares`, `.action_log`
and `.totals` are the nouns. app/store has a module for each, those of reviews and of people in rooms of their own; preferences
stand with the ratings, settlements with the verdicts, vectors with the calls, sign-in links with the sessions, and what people keep
under a name is in library.py.
"""

import copy
from pathlib import Path

from app.store.call_cache import CallCache, Vectors
from app.store.checks import Checks
from app.store.database import Database
from app.store.library import FormDrafts, Library, RubricVersions
from app.store.people.action_log import ActionLog
from app.store.people.limits import PersonalLimits
from app.store.people.people import People, Person
from app.store.people.sessions import Sessions, SignInLinks
from app.store.people.shares import Shares
from app.store.ratings import Preferences, Ratings
from app.store.reviews.acceptances import Acceptances
from app.store.reviews.evidence import Evidence
from app.store.reviews.local_verdicts import LocalVerdicts
from app.store.reviews.pushes import Pushes
from app.store.reviews.queue import ReviewQueue
from app.store.reviews.verdicts import Settlements, Verdicts
from app.store.row_search import RowSearch
from app.store.rows import Rows
from app.store.runs import Runs, Viewer
from app.store.totals import Totals
from app.store.usage import UsageLog

FILE = "claywright.db"


class Store:
    """Opens (and brings up to date) the store of a data folder. Raises StoreError. Use it as a context manager."""

    def __init__(self, folder: Path, file: str = FILE) -> None:
        self.db = Database(folder / file)
        self.runs = Runs(self.db)
        self.usage = UsageLog(self.db)
        self.rows = Rows(self.db)
        self.ratings = Ratings(self.db)
        self.preferences = Preferences(self.db)
        self.checks = Checks(self.db)
        self.call_cache = CallCache(self.db)
        self.pushes = Pushes(self.db)
        self.verdicts = Verdicts(self.db)
        self.local_verdicts = LocalVerdicts(self.db)
        self.settlements = Settlements(self.db)
        self.evidence = Evidence(self.db)
        self.review_queue = ReviewQueue(self.db)
        self.acceptances = Acceptances(self.db)
        self.form_drafts = FormDrafts(self.db)
        self.row_search = RowSearch(self.db)
        self.embeddings = Vectors(self.db)
        self.recipes = Library(self.db, "recipes")
        self.model_sets = Library(self.db, "model_sets")
        self.rubrics = Library(self.db, "rubrics")
        self.rubric_versions = RubricVersions(self.db)
        self.people = People(self.db)
        self.sessions = Sessions(self.db)
        self.sign_in_links = SignInLinks(self.db)
        self.shares = Shares(self.db)
        self.limits = PersonalLimits(self.db)
        self.action_log = ActionLog(self.db)
        self.totals = Totals(self.db)

    def seen_by(self, person: Person) -> "Store":
        """The same store for one person: no run is in it that they may not see, and what they save is theirs."""
        own = copy.copy(self)
        own.runs = self.runs.seen_by(Viewer(person.name, person.is_admin))
        own.recipes = self.recipes.of(person.name, is_admin=person.is_admin)
        own.model_sets = self.model_sets.of(person.name, is_admin=person.is_admin)
        own.rubrics = self.rubrics.of(person.name, is_admin=person.is_admin)
        return own

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.db.close()
