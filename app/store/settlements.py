"""What rows were settled as whose reviewers came to nothing: by whom and when. Each version is kept."""

from collections.abc import Sequence

from app.errors import RunError
from app.store.columns import marks, now
from app.store.database import Database
from feedback.reviewed_row import Settlement
from tasks.types import without_surrogates

PAGE = 500


class Settlements:
    """Rows on which reviewers disagreed and that somebody settled."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def settle(self, row_id: str, decision: str, who: str) -> None:
        """The row counts as that from now on, whatever its reviewers said. Raises RunError where somebody settled it already."""
        values = (row_id, decision, without_surrogates(who), now())
        added = self.db.write(
            lambda c: (
                c.execute(
                    "INSERT OR IGNORE INTO settlements(row, decision, who, created) VALUES(?,?,?,?)", values
                ).rowcount
            )
        )
        if not added:
            raise RunError("Somebody settled this row already. Undo that first to settle it otherwise.")

    def undo(self, row_id: str) -> bool:
        """The row is again what its reviewers come to; False where nobody had settled it."""
        at = now()
        done = self.db.write(
            lambda c: c.execute("UPDATE settlements SET undone=? WHERE row=? AND undone IS NULL", (at, row_id)).rowcount
        )
        return bool(done)

    def of(self, row_ids: Sequence[str]) -> dict[str, Settlement]:
        """How those of the rows stand that were settled."""
        settled: dict[str, Settlement] = {}
        for at in range(0, len(row_ids), PAGE):
            some = row_ids[at : at + PAGE]
            for r in self.db.all(f"SELECT * FROM settlements WHERE undone IS NULL AND row IN ({marks(some)})", *some):
                settled[r["row"]] = Settlement(r["decision"], r["who"], r["created"])
        return settled
