"""The review of a run as pages read and change it: what was sent, who said what of it, and verdicts given in the app."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.config import Settings
from app.recipe import Recipe
from app.review import acceptance, argilla, review_queue
from app.review.acceptance import Accepted
from app.store.reviews.local_verdicts import Added
from app.store.reviews.queue import QueueOrder, ReviewList
from app.store.reviews.verdicts import OWN
from app.store.row_search import Reason
from app.store.runs import Run
from app.store.store import Store
from feedback.argilla.dataset_settings import Review
from feedback.stats.audit_sample import audit_of
from feedback.stats.row_signals import RowSignals
from feedback.types import Verdict


@dataclass(frozen=True)
class RunReviews:
    """Of one run. `who` is a reviewer's name as verdicts in the app are kept under it, `person` their id."""

    _store: Store
    run: Run
    settings: Settings

    # -- what was sent

    def pushes(self) -> list[dict[str, Any]]:
        """What was sent to the Argilla of now, the newest first: id, server, dataset_id, dataset, workspace, created, ..."""
        server = argilla.argilla_name(self.settings)
        return [push for push in self._store.pushes.of_run(self.run.id) if push["server"] == server]

    def waiting(self, review: Review) -> int:
        """How many answered rows are not in Argilla as they are now, in the dataset that a push would go to."""
        name = argilla.dataset_of(self._store, self.run, review)
        return self._store.pushes.waiting(self.run.id, argilla.argilla_name(self.settings), name)

    def sent(self, row_ids: Sequence[str]) -> set[str]:
        """Those of the rows that Argilla has, by any push."""
        return self._store.pushes.were_sent(row_ids)

    def number_there(self, dataset_id: str, row_id: str) -> int | None:
        """The number of a row's record in a dataset of Argilla; None where it is not there."""
        return self._store.pushes.number_there(self.run.id, dataset_id, row_id)

    def status_there(self, dataset_id: str, row_id: str) -> str:
        """The status in Argilla of a verdict that was given in the app; "" where there is none."""
        return self._store.local_verdicts.status_there(row_id, dataset_id)

    def response_order(self, row_id: str) -> list[int]:
        """The indices of a row's responses as its newest record shows them; [] where there is none."""
        return self._store.pushes.arrangements([row_id]).get(row_id, [])

    # -- the audit

    def audit_size(self, rows: int) -> int:
        """How many of so many rows are audit."""
        return audit_of(rows)

    def sealed_blind(self) -> bool | None:
        """Whether the audit that was sent is without ratings and rationales; None where nothing was sent."""
        return self._store.pushes.sealed_blind(self.run.id)

    def with_audit(self, recipe: Recipe, rows: int) -> Recipe:
        """The recipe with what its audit comes to for so many rows."""
        return argilla.with_audit(self._store, self.run, recipe, rows)

    def samples(self) -> dict[str, tuple[int, int]]:
        """(rows sent, rows reviewed) of "audit" and "queue"."""
        return self._store.pushes.samples(self.run.id)

    def blind(self, row_ids: Sequence[str]) -> set[str]:
        """Those of the rows that were sealed as audit without suggestions."""
        return self._store.pushes.blind_of(row_ids)

    def number_blind(self) -> int:
        """How many rows were sealed as audit without suggestions."""
        return self._store.row_search.blind(self.run.id)

    def number_covered(self, person: str) -> int:
        """How many rows of the blind audit a person has not decided yet, so that their ratings are covered."""
        return self._store.row_search.covered(self.run.id, person)

    # -- what is next, and what needs nobody

    def review_list(self, who: str) -> ReviewList | None:
        """The rows that somebody wanted to review in so many minutes last."""
        return self._store.review_queue.list_of(self.run.id, who)

    def audit_among(self, row_ids: Sequence[str]) -> set[str]:
        """Those of the rows that are of the audit."""
        return self._store.pushes.audit_among(row_ids)

    def lists(self) -> Sequence[str]:
        """Which lists of rows there are: "list" for one that was picked, "guarantee" and "second" (row_search.LISTS)."""
        return self._store.review_queue.lists(self.run.id)

    def answered_among(self, row_ids: Collection[str]) -> set[str]:
        """Those of the rows that somebody finished with."""
        return self._store.review_queue.answered_among(row_ids)

    def add_list(self, minutes: float, who: str) -> ReviewList:
        """A list of the next rows for so many minutes. Raises RunError where none waits."""
        return review_queue.rows_for(self._store, self.run, minutes, who)

    def queue_order(self) -> QueueOrder | None:
        """How the queue was put in order last; None where it stands as it was sent."""
        return self._store.review_queue.last(self.run.id)

    def signals(self, row_id: str) -> RowSignals | None:
        """What was known of a row when it was sent; None for one that was not."""
        return self._store.evidence.signals_of_row(row_id)

    def accept(self, who: str, risk: float) -> Accepted:
        """Accepts the rows that need no reviewer at that risk. Raises RunError, SettingsError."""
        return acceptance.accept(self._store, self.run, who, risk)

    def withdraw_acceptance(self, who: str) -> int:
        """Ends the acceptance that stands; returns how many rows it held. Raises RunError where none stands."""
        return acceptance.withdraw(self._store, self.run, who)

    def refresh(self) -> None:
        """Puts the queue in order where enough was answered since, and ends an acceptance that does not hold any more."""
        review_queue.refresh(self._store, self.run)

    # -- what people said

    def reviewers(self) -> list[str]:
        """Everybody who submitted an answer."""
        return self._store.row_search.reviewers(self.run.id)

    def rows_by_reviewer(self) -> list[tuple[str, int]]:
        """(reviewer, how many rows they answered), the busiest first."""
        return self._store.verdicts.reviewers(self.run.id)

    def verdicts(self, row_id: str) -> list[Verdict]:
        """What each reviewer said last of a row."""
        return self._store.verdicts.of([row_id])[row_id]

    def reasons(self) -> list[Reason]:
        """The reasons that reviewers ticked, with how many rows each has."""
        return self._store.row_search.reasons(self.run.id)

    def rejections(self) -> tuple[int, int, int]:
        """(rejections, rows that have one, rejections with a reason)."""
        return self._store.row_search.rejections(self.run.id)

    # -- verdicts given in the app

    def decided(self, row_ids: Collection[str], who: str) -> set[str]:
        """Those of the rows that somebody ever decided in the app, also where that was taken back since."""
        return self._store.local_verdicts.decided(row_ids, who)

    def answers(self, row_id: str, who: str) -> Mapping[str, Any]:
        """What somebody answered last of a row in the app, by question, with its status; empty for nothing."""
        return self._store.local_verdicts.of(row_id, who)

    def answer(
        self,
        row_id: str,
        who: str,
        changes: Mapping[str, Any],
        shown: Mapping[str, str],
        *,
        status: str = "",
        suggested: Mapping[str, Any] | None = None,
        blind: bool = False,
    ) -> None:
        """Adds to what somebody says of a row; None takes an answer back. It is submitted once there is a decision.

        `shown` are the texts that stood there before, by question; `suggested` the judge's ratings that were in sight,
        with `blind` none.
        """
        self._store.local_verdicts.say(row_id, who, changes, shown, status=status, suggested=suggested, blind=blind)

    def decide_all(self, row_ids: Sequence[str], who: str, decision: str) -> list[Added]:
        """The same decision on several rows; rows that stand so already are left as they are, and not returned."""
        return self._store.local_verdicts.decide_all(row_ids, who, decision)

    def take_back(self, added: Sequence[Added]) -> int:
        """Undoes `decide_all` for rows of which nobody said or changed anything since. Returns how many."""
        return self._store.local_verdicts.take_back(added)

    def settle(self, row_id: str, decision: str, who: str) -> None:
        """The row counts as that from now on, whatever its reviewers said. Raises RunError where it is settled already."""
        self._store.settlements.settle(row_id, decision, who)

    def unsettle(self, row_id: str) -> bool:
        """The row is again what its reviewers come to; False where nobody had settled it."""
        return self._store.settlements.undo(row_id)


def person_id(who: str) -> str:
    """The id of a reviewer in the app, by the name that their verdicts are kept under."""
    return OWN + who


def given_in_app(verdict: Verdict) -> bool:
    """True for a verdict that was given in the app, and not in Argilla."""
    return verdict.reviewer_id.startswith(OWN)
