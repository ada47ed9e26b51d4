"""How the rows of a run go to Argilla: which are audit and which the queue, in which order, what is there already."""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

from app.recipe import Recipe
from app.store import Store
from app.tables.reviews import Push
from app.tables.runs import Run
from app.tables.text import now
from feedback import push as to_argilla
from feedback.arrangement import to_slots
from feedback.judged import Judged
from feedback.opinions import MOST_RESPONSES, priority
from feedback.push import Pushed, Target
from feedback.records import About, Place, clean, item
from feedback.schema import Shape
from feedback.server import Server

Walk = Callable[[], Iterator[Judged]]
Of = Callable[[list[str]], dict[str, Judged]]


@dataclass
class Sent:
    """What a push did, and where it went. `dropped` rows are in Argilla and no longer in the run."""

    to: Target
    pushed: Pushed = field(default_factory=Pushed)
    dropped: int = 0
    withdrawn: int = 0
    decided: int = 0
    """Decisions made in the app that Argilla has now, under the account of its key."""
    open_audits: int = 0
    """Audit rows that were sealed to go with ratings and reasons before it was said that they should go without."""
    shortened: int = 0
    """Rows with more responses than people can compare: the first ones are shown."""


def shortened(rows: int) -> str:
    """What is not shown of some rows, in a sentence; "" where all is."""
    have = "1 row has" if rows == 1 else f"{rows:,} rows have"
    return f"{have} more than {MOST_RESPONSES} responses: the first {MOST_RESPONSES} are shown." if rows else ""


def about_of(run: Run, made: Recipe) -> About:
    labelled = made.rating.aspects if made.rating else ()
    generator = (made.generator.model or made.generator.preset) if made.task.calls_model else "input"
    return About(run.id, made.kind, generator, made.review.rated(labelled), labelled, made.review.ranking)


def send(
    store: Store,
    run: Run,
    made: Recipe,
    shape: Shape,
    server: Server,
    name: str,
    to: Target,
    walk: Walk,
    of: Of,
    watch: Callable[[Pushed], None],
    vectors: Callable[[dict[str, str]], dict[str, list[float]]] | None,
    *,
    withdraw: bool,
) -> Sent:
    """Sends to `to` what it does not have yet. `walk` gives the run's rows in unit order, `of` some of them by id.

    What is audit and what is queue is sealed before the first row is sent; the audit goes first, in random order, then the
    queue by priority. `vectors` gives those of texts by name. With `withdraw`, records of rows that the run does not have
    any more are taken out. The recipe says of its audit whether it goes without suggestions (`reviewing.with_audit`).
    """
    began, about, done = now(), about_of(run, made), Sent(to)
    said = json.dumps([asdict(about), asdict(shape)])
    push = store.reviews.begin_push(
        run.id, name, to.id, to.name, to.workspace, secrets.randbits(31), hashlib.sha256(said.encode()).hexdigest()[:16]
    )
    aspect = about.labelled[0] if about.labelled else ""
    priorities: dict[str, float] = {}
    for judged in walk():
        priorities[judged.row.id] = priority(judged.row, judged.ratings, aspect)
        done.shortened += len(judged.row.responses) > MOST_RESPONSES
    blind = made.review.blind_audit is True
    store.reviews.plan(push, priorities, blind_audit=blind)
    numbers = store.rows.all_numbers(run.id)
    store.reviews.renumber(push, numbers)
    _forget_what_is_gone(store, push, server, to)

    def batches() -> Iterator[tuple[list[to_argilla.Item], int]]:
        for page in store.reviews.planned(push):
            rest = [planned for planned in page if not planned["known"]]
            known = of([planned["row"] for planned in rest])
            near = vectors({row: one.row.instruction for row, one in known.items()}) if vectors and known else {}
            yield [
                (
                    item(
                        known[p["row"]].row, known[p["row"]].ratings, shape, about,
                        Place(
                            p["kind"], p["priority"], numbers[p["row"]], p["batch"], not p["suggestions_shown"],
                            tuple(json.loads(p["arrangement"])),
                        ),
                        near.get(p["row"]),
                    ),
                    p["content_hash"], p["suggested"],
                )
                for p in rest if p["row"] in known
            ], len(page) - len(rest)  # fmt: skip

    to_argilla.push(
        server, to, batches(), lambda sent: store.reviews.keep_sent(push, sent, began, numbers), watch, done.pushed
    )
    done.decided = _tell_decisions(store, push, server, to)
    done.open_audits = store.reviews.open_audits(push) if blind else 0
    store.reviews.finish_push(push, began, [row for row, _ in done.pushed.refused])
    left = store.reviews.dropped(push)
    if withdraw and left:
        server.delete_records(to.id, left)
        store.reviews.withdrawn(push, left)
        done.withdrawn = len(left)
    done.dropped = len(left) - done.withdrawn
    return done


def _tell_decisions(store: Store, push: Push, server: Server, to: Target) -> int:
    """Sends what was decided in the app. What the same account said in Argilla itself is left as it is there."""
    untold = store.quick.untold(sorted(store.reviews.sent_to(push)), to.id)
    records = server.own_ids(to.id, [quick.row for quick in untold])
    told = 0
    for quick in untold:
        if quick.row not in records:
            continue
        by_slots = to_slots(quick.answers, store.reviews.arrangement(push, quick.row))
        answers = clean({name: said for name, said in by_slots.items() if name in to.questions})
        record, known = records[quick.row], quick.response if quick.record == records[quick.row] else ""
        response = server.respond(record, known, quick.status, answers)
        store.quick.told(quick, to.id, record, response)
        told += bool(response)
    return told


def _forget_what_is_gone(store: Store, push: Push, server: Server, to: Target) -> None:
    """Records that somebody deleted in Argilla are sent again."""
    known = store.reviews.sent_to(push)
    if known and server.count(to.id, push.run) < len(known):
        store.reviews.forget_sent(push, known - set(server.record_ids(to.id)))
