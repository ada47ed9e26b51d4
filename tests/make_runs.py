"""Runs whose rows, ratings and answers of people are there without any model: what reviewing and exporting start from."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any

import httpx

from app import recipe
from app.recipe import Recipe, recipe_text
from app.store.rows import content_hash
from app.store.runs import Run
from app.store.store import Store
from app.store.usage import Tallies
from app.web.stats import COUNTED
from feedback.types import Rating, Verdict
from tasks.engine.retries import Tally
from tasks.types import Dropped, Response, Row
from tests.conftest import ArgillaServer

Rate = Callable[[int, int], Sequence[Rating]]
JUDGE = "judge"
PASSWORD = "a long password"
SAID = Row(
    ({"role": "user", "content": "Name a river."},), (Response("The Loire.", "a"), Response("Rivers.", "b", "Hm.")), {"seed": "x"}
)  # fmt: skip


def made_of(**parts: Any) -> Recipe:
    """A recipe that rates by two aspects; its input is never read."""
    values: dict[str, Any] = {
        "name": "rivers",
        "generator": {"preset": "scripted", "model": "pen"},
        "labeller": {"preset": "scripted", "model": "judge"},
        "task": {"kind": "existing"},
        "inputs": {"path": "rivers.jsonl"},
        "rating": {"aspects": ["helpfulness", "honesty"]},
    }
    return recipe.parse(values | parts)


def rated(number: int, responses: int) -> list[Rating]:
    """Helpfulness 1 to 5 in turn, honesty always 3."""
    said = []
    for place in range(responses):
        value = float((number + place) % 5 + 1)
        said.append(Rating(place, "helpfulness", 0, "rated", value, f"Help {value:g}.", model="judge"))
        said.append(Rating(place, "honesty", 0, "rated", 3.0, "Fair.", model="judge"))
    return said


def with_run(
    store: Store,
    rows: int,
    made: Recipe | None = None,
    *,
    responses: int = 1,
    rate: Rate = rated,
    name: str = "rivers-1",
) -> Run:
    """A run with so many answered rows, one a unit, rated as `rate` says."""
    made = made or made_of()
    run = store.runs.create(name, made.name, "me", recipe_text(made), 7, "")
    store.runs.set(run.id, state="done")
    add_rows(store, run, 0, rows, responses=responses, rate=rate)
    return store.runs.get(run.id)


def add_rows(
    store: Store, run: Run, first: int, after: int, *, responses: int = 1, rate: Rate = rated, says: str = "River"
) -> None:
    async def one(number: int) -> None:
        answers = tuple(Response(f"{says} {number}, said by {k}.", f"model-{k}") for k in range(responses))
        row = Row(
            ({"role": "user", "content": f"Name river number {number}."},),
            answers,
            {},
            f"{run.id}-{number:06}-0",
            number,
        )
        await store.rows.keep_unit(run.id, number, [row], [])
        await store.rows.answered(row)
        if ratings := rate(number, responses):
            await store.ratings.keep(row.id, content_hash(row), JUDGE, ratings)
            await store.ratings.done(row.id, JUDGE)

    async def all_of_them() -> None:
        for at in range(first, after, 200):
            await asyncio.gather(*(one(number) for number in range(at, min(at + 200, after))))

    with ThreadPoolExecutor(1) as thread:  # where a browser is open, this thread has a loop already
        thread.submit(asyncio.run, all_of_them()).result()


def with_row(store: Store, row: Row = SAID, unit: int = 0) -> Row:
    """The row, kept in the run "r" as answered, with a dropped one beside it."""
    if not store.runs.all():
        store.runs.create("r", "rivers", "me", "{}", 7, "")
    named = replace(row, id=f"r-{unit}-0", unit=unit)

    async def keep() -> None:
        await store.rows.keep_unit("r", unit, [named], [Dropped("empty", "raw")])
        await store.rows.answered(named)

    asyncio.run(keep())
    return store.rows.get(named.id)


def edit(store: Store, row_id: str, text: str) -> None:
    """Other words in the first response."""
    row = store.rows.get(row_id)
    store.rows.edit(replace(row, responses=(replace(row.responses[0], text=text), *row.responses[1:])), "tester")


def all_said(store: Store, dataset: str, verdicts: Sequence[Verdict]) -> None:
    """What a pull of a whole dataset found: these, and nothing else any more."""
    store.verdicts.keep(dataset, verdicts)
    store.verdicts.forget(dataset, {verdict.response_id for verdict in verdicts}, "9999")


def before_shards(connection: sqlite3.Connection) -> None:
    """Takes out of a store what the migration `shards` brought, and those behind it."""
    connection.execute("ALTER TABLE spent DROP COLUMN failed_attempts")
    for name in ("recipes", "model_sets", "rubrics"):
        connection.execute(f"DROP TABLE {name}")
        connection.execute(
            f"CREATE TABLE {name}(name TEXT PRIMARY KEY, content TEXT NOT NULL, updated TEXT NOT NULL) WITHOUT ROWID"
        )
    for name in ("limits", "identities", "sessions", "sign_in_links", "people", "shares", "action_log"):
        connection.execute(f"DROP TABLE {name}")
    connection.execute("DROP INDEX pushed_audit")
    for name in ("served", "merged"):
        connection.execute(f"DROP TABLE {name}")
    for table in ("runs", "workings"):
        connection.execute(f"ALTER TABLE {table} DROP COLUMN shard")


def before_evidence(connection: sqlite3.Connection) -> None:
    """Takes out of a store what the migration `evidence` brought, and those behind it."""
    before_shards(connection)
    for index, column in (("pushed_moved", "moved"), ("pushed_shared", "reviewers")):
        connection.execute(f"DROP INDEX {index}")
        connection.execute(f"ALTER TABLE pushed DROP COLUMN {column}")
    connection.execute("ALTER TABLE pushes DROP COLUMN shape")
    tables = (
        "accepted",
        "acceptances",
        "statements",
        "listed",
        "review_lists",
        "review_orders",
        "signals",
    )
    for name in tables:
        connection.execute(f"DROP TABLE {name}")


def before_rubrics(connection: sqlite3.Connection) -> None:
    """Takes out of a store what the migration `rubrics` brought, and those behind it."""
    before_evidence(connection)
    for name in ("rows_said_anew", "checks_kept"):
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("DROP INDEX rows_failing")
    for table, names in (("rows", ("checked_by", "fails")), ("ratings", ("levels", "rubric", "kinds"))):
        for name in names:
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
    for name in ("checks", "preferences", "rubrics", "rubric_versions"):
        connection.execute(f"DROP TABLE {name}")


def before_outcomes(connection: sqlite3.Connection) -> None:
    """Takes out of a store what the migration `outcomes` brought, and those behind it."""
    before_rubrics(connection)
    for name in ("responses_marked", "responses_unmarked", "queue_insert", "queue_delete", "queue_update"):
        connection.execute(f"DROP TRIGGER {name}")
    for name in ("rows_marked", "rows_blind", "rows_sample", "rows_queue", "verdicts_decided"):
        connection.execute(f"DROP INDEX {name}")
    for name in ("marks", "blind", "sample", "queue"):
        connection.execute(f"ALTER TABLE rows DROP COLUMN {name}")
    connection.execute("ALTER TABLE responses DROP COLUMN marks")
    connection.execute("DROP TABLE settlements")


class Reviewer:
    """Somebody who answers records through Argilla's API."""

    def __init__(self, argilla: ArgillaServer, key: str = "", name: str = "") -> None:
        self.name = name or argilla.username
        self.http = httpx.Client(
            base_url=argilla.url, headers={"X-Argilla-Api-Key": key or argilla.api_key}, timeout=60
        )

    def __enter__(self) -> "Reviewer":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def dataset(self, name: str) -> dict[str, Any]:
        found = self.http.get("/api/v1/me/datasets").json()["items"]
        (one,) = [dataset for dataset in found if dataset["name"] == name]
        return dict(one)

    def records(self, name: str) -> list[dict[str, Any]]:
        """The records of a dataset in the order in which they were inserted, with suggestions and responses."""
        include: dict[str, str | list[str]] = {"include": ["responses", "suggestions"], "limit": "500"}
        answer = self.http.get(f"/api/v1/datasets/{self.dataset(name)['id']}/records", params=include)
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def questions(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get(f"/api/v1/datasets/{self.dataset(name)['id']}/questions").json()[
            "items"
        ]
        return found

    def say(self, record: dict[str, Any], status: str = "submitted", **values: Any) -> dict[str, Any]:
        """A response to a record; names of questions with an underscore for the dash."""
        said = {name.replace("_", "-"): {"value": value} for name, value in values.items()}
        done = self.http.post(f"/api/v1/records/{record['id']}/responses", json={"values": said, "status": status})
        assert done.status_code == 201, done.text
        return dict(done.json())

    def change(self, response: dict[str, Any], status: str = "submitted", **values: Any) -> None:
        said = {name.replace("_", "-"): {"value": value} for name, value in values.items()}
        done = self.http.put(f"/api/v1/responses/{response['id']}", json={"values": said, "status": status})
        assert done.status_code == 200, done.text

    def take_back(self, response: dict[str, Any]) -> None:
        assert self.http.delete(f"/api/v1/responses/{response['id']}").status_code == 200


def another(argilla: ArgillaServer, name: str, role: str = "annotator") -> Reviewer:
    """A new user of Argilla in the workspace `default`."""
    with Reviewer(argilla) as owner:
        made = owner.http.post(
            "/api/v1/users", json={"username": name, "first_name": name, "password": PASSWORD, "role": role}
        )
        assert made.status_code == 201, made.text
        workspaces = owner.http.get("/api/v1/me/workspaces").json()["items"]
        (workspace,) = [w for w in workspaces if w["name"] == "default"]
        joined = owner.http.post(f"/api/v1/workspaces/{workspace['id']}/users", json={"user_id": made.json()["id"]})
        assert joined.status_code == 201, joined.text
    return Reviewer(argilla, made.json()["api_key"], name)


def took(
    store: Store, run_id: str, what: str, rows: int, rated: int, total: Tally, apart: Tallies | None = None
) -> None:
    """A working that is over: what it took in all, and of that by stage and model."""
    working = store.usage.begin(run_id, what)
    store.usage.note(working, rows, rated, apart or {}, last=True)
    values = asdict(total)
    names = [name for name in COUNTED if name not in ("failed_attempts", "remembered_tokens")]
    sums = ", ".join(f"{name}=?" for name in names)
    store.db.write(
        lambda c: c.execute(f"UPDATE workings SET {sums} WHERE id=?", (*(values[name] for name in names), working))
    )
