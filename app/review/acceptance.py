"""Accepts the rows that need no reviewer: the labeller's decision on them stands under a guarantee, until it is withdrawn."""

import hashlib
import json
from dataclasses import asdict, dataclass

from app.errors import RunError
from app.review.insights import CONFIDENCE, RISK, evidence_of
from app.store.reviews.acceptances import KeptAcceptance
from app.store.runs import Run
from app.store.store import Store
from feedback.types import Decision


@dataclass(frozen=True)
class Accepted:
    """An acceptance that stands. `is_new` is False where it stood already, and nothing was changed."""

    acceptance: KeptAcceptance
    sentence: str
    is_new: bool


def accept(store: Store, run: Run, who: str, risk: float = RISK) -> Accepted:
    """Accepts them in one go. Raises RunError where there are none yet, or where an acceptance at another risk stands, and
    SettingsError for a risk that is no share.
    """
    given = store.acceptances.last(run.id)
    if given is None or given.withdrawn:
        evidence = evidence_of(store, run)
        able = evidence.acceptance(risk)
        if not able.rows or able.threshold is None:
            raise RunError(able.sentence)
        keeps = evidence.population.keeps
        decisions: dict[str, Decision] = {
            row: "approve" if keeps[evidence.population.index[row]] == 1 else "reject" for row in able.rows
        }
        content = {
            **asdict(able),
            "audit": [[a.row, a.status, a.keep] for a in evidence.of_audit],
            "rows": len(able.rows),
        }
        content.pop("curve")
        identity = hashlib.sha256(json.dumps([run.id, content], sort_keys=True).encode()).hexdigest()[:16]
        store.evidence.keep_statement(run.id, identity, "acceptance", content)
        is_new = store.acceptances.accept(
            run.id, decisions, statement=identity, risk=risk, confidence=CONFIDENCE, audit=len(evidence.of_audit),
            threshold=able.threshold, who=who,
        )  # fmt: skip
        given = store.acceptances.last(run.id)
        assert given is not None
        if is_new:
            return Accepted(given, able.sentence, is_new=True)
    if given.risk != risk:
        raise RunError(
            f"{given.rows:,} rows are accepted at a risk of {given.risk:.3g} already. Withdraw that first.",
            terminal=f"claywright accept {run.id} --withdraw",
        )
    return Accepted(given, f"{given.rows:,} rows are accepted already, since {given.created[:10]}.", is_new=False)


def withdraw(store: Store, run: Run, who: str) -> int:
    """Ends the acceptance that stands; returns how many rows it held. Raises RunError where none stands."""
    given = store.acceptances.last(run.id)
    if given is None or not store.acceptances.withdraw(run.id, f"Withdrawn by {who}."):
        raise RunError("No rows are accepted under a guarantee: there is nothing to withdraw.")
    return given.rows
