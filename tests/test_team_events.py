"""Every route and every event of the page, tried by strangers, by another curator, and by whoever may only read a run.

Nothing of the run changes, and nothing of it is told to those who may not see it.
"""

import asyncio
import hashlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.config import Settings
from app.recipe import recipe_text
from app.store.store import Store
from app.web import server
from app.web.page_builder import Act
from app.web.security.access import OPEN_TO_ALL, Access
from app.web.state import AppState
from app.web.tab_state import TabState
from app.web.tab_sync import Tab, TabSync
from tests.make_runs import add_rows, made_of
from tests.make_state import at_desk
from tests.odd_values import NOBODY, Browser, said_by, words_of_buttons

PASSWORD = "a long enough one"
RUN, NAME, SAID = "b-1", "Zephyrine", "Quetzalcoatl"
OF_PEOPLE = {"action_log"}
"""Tables that name runs and are no part of one."""


@dataclass
class Team:
    """An app with a run of ben's, and browsers of those who have nothing to do with it."""

    desk: AppState
    routes: Any
    app: Any
    row: Any

    def client(self) -> TestClient:
        return TestClient(self.app, "http://127.0.0.1:7860", follow_redirects=False)

    def browser(self, name: str) -> Browser:
        """Somebody's, who set a password."""
        client = self.client()
        form = {"link": self.desk.store.sign_in_links.make(name), "password": PASSWORD, "again": PASSWORD}
        assert client.post("/join", data=form).status_code == 303
        self.desk.keep(f"@{name}", {"generator.preset": "scripted", "labeller.preset": "scripted"})
        return Browser(client, self.blocks)

    @property
    def blocks(self) -> Any:
        """What Gradio knows of the page."""
        (framework,) = [route.app for route in self.routes.routes if isinstance(route, Mount)]
        return framework.get_blocks()  # type: ignore[attr-defined]  # it is Gradio's application

    def content(self) -> str:
        """Names all that is kept of ben's run."""
        db, digest = self.desk.store.db, hashlib.sha256()
        for (table,) in db.all("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name"):
            columns = {row["name"] for row in db.all(f"SELECT * FROM pragma_table_info('{table}')")}
            named = "run=?1" if "run" in columns else "row LIKE ?1 || '-%'" if "row" in columns else ""
            named = "id=?1" if table == "runs" else named
            if named and table not in OF_PEOPLE:
                lines = sorted(str(tuple(row)) for row in db.all(f"SELECT * FROM {table} WHERE {named}", RUN))
                digest.update(f"{table} {lines}".encode())
        return digest.hexdigest()


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    here = Settings(tmp_path_factory.mktemp("team"), "tester", argilla_url=NOBODY, argilla_key="key")
    with Store(here.data) as store, at_desk(store, here) as desk:
        for name, role in (
            ("ann", "admin"),
            ("ben", "curator"),
            ("cem", "curator"),
            ("dia", "curator"),
            ("eva", "curator"),
        ):
            store.people.add(name, role)  # type: ignore[arg-type]
        run = store.runs.create(RUN, NAME, "ben", recipe_text(made_of(name=NAME)), 1, "")
        store.runs.set(RUN, state="done")
        add_rows(store, run, 0, 3, responses=2, says=SAID)
        (desk.settings.data / "exports" / RUN).mkdir(parents=True)
        (desk.settings.data / "exports" / RUN / "rows.jsonl").write_text(f'"{SAID}"\n')
        store.shares.set(RUN, "dia", "read")

        async def made() -> Any:
            return server.routes(desk)

        routes = asyncio.run(made())  # in a loop: without one, gradio opens loops that it never closes
        app = server.gated(routes, desk, Access(here.data))
        yield Team(desk, routes, app, store.rows.page(RUN, 0, 1)[0])


def all_routes(routes: Any) -> Iterator[Any]:
    """Each route, of what is mounted and included too."""
    for route in routes:
        if isinstance(route, Mount) or hasattr(route, "original_router"):
            inner: Any = route.app if isinstance(route, Mount) else route.original_router
            yield from all_routes(inner.routes)
        else:
            yield route


def addresses(routes: Any) -> list[tuple[str, str]]:
    """(method, path) of each route of the app and of the framework in it, with ben's run where a path names one."""
    filled = {"run": RUN, "name": "rows.jsonl", "kind": "csv", "topic": "start"}
    found = [
        (method, re.sub(r"{(\w+)(?::\w+)?}", lambda hole: filled.get(hole[1], "x"), route.path))
        for route in all_routes(routes.routes)
        for method in sorted(route.methods)
    ]
    return list(dict.fromkeys(found))


def test_no_route_answers_a_stranger(team: Team) -> None:
    known = addresses(team.routes)
    assert len(known) > 50 and ("GET", f"/exports/{RUN}/rows.jsonl") in known
    gone = team.browser("eva").client
    team.desk.store.people.block("eva")
    forged = team.client()
    for cookie in gone.cookies.jar:
        forged.cookies.set(cookie.name, "x" * 43)
    for client in (team.client(), gone, forged):
        for method, path in known:
            answer = client.request(method, path, params={"run": RUN})
            if path not in OPEN_TO_ALL:
                assert answer.status_code in (401, 404, 405), (method, path, answer.status_code)
            assert NAME not in answer.text and SAID not in answer.text, (method, path)
    team.desk.store.people.block("eva", blocked=False)


def test_no_route_tells_another_curator_of_a_run(team: Team) -> None:
    before, client = team.content(), team.browser("cem").client
    for method, path in addresses(team.routes):
        if method in ("GET", "HEAD", "POST") and "heartbeat" not in path:
            answer = client.request(method, path, params={"run": RUN}, json={} if method == "POST" else None)
            assert NAME not in answer.text and SAID not in answer.text, (method, path)
    for path in (f"/exports/{RUN}/rows.jsonl", f"/numbers/{RUN}/dropped.csv", f"/shares/{RUN}"):
        assert client.get(path).status_code in (403, 404), path
    assert team.content() == before


def test_no_event_tells_another_curator_of_a_run(team: Team) -> None:
    before, browser = team.content(), team.browser("cem")
    said = said_by(team.row, RUN)
    for number, event in enumerate(browser.events):
        values = [component.value for component in event.inputs]
        data = [RUN, "review", 0, *values[3:]] if len(values) >= 3 else values
        browser.session = f"tab {number // 8}"
        status, text = browser.send(event, data, said)
        assert status == 200 and '"error"' not in text[:20], (event.fn.__qualname__, text[:200])
        assert NAME not in text and SAID not in text, event.fn.__qualname__
    assert len(browser.events) > 200 and team.content() == before
    seen, (load, *_) = team.browser("dia"), [e for e in browser.events if any(name == "load" for _, name in e.targets)]
    assert any(
        SAID in seen.send(event, [RUN, "review", 0])[1] for event in seen.events if event is load or _opens(event)
    )


def _opens(event: Any) -> bool:
    """True for the click on a page's tab."""
    return any(name == "select" for _, name in event.targets)


@pytest.mark.parametrize("name", ["cem", "dia"])
def test_no_button_changes_a_run_that_is_not_ones_own(team: Team, name: str) -> None:
    """Each action of each page with each word that any button says; without showing the page each time."""
    before = team.content()
    kept = [inspect.getclosurevars(event.fn).nonlocals for event in team.blocks.fns.values()]
    sync: TabSync = next(names["self"] for names in kept if isinstance(names.get("self"), TabSync))
    browser, said, told = f"@{name}", said_by(team.row, RUN), set[str]()
    team.desk.keep(browser, {"generator.preset": "scripted", "labeller.preset": "scripted"})
    for action in sync.board.actions:
        page = action.page if action.page in sync.pages else "review"
        for word in words_of_buttons():
            own = team.desk.of(browser)
            run, tab = sync._visible(own, Tab(RUN)), TabState(page)
            extra = [field.value for field in action.extra]
            act = Act(own, browser, run, own.filled(browser), tab, {**said, "act": word}, extra)
            done, problems, _ = sync._outcome(action, act, page)
            told |= {done.toast, *problems.values()}
    assert any("shared with you to read" in sentence for sentence in told) == (name == "dia")
    assert name == "dia" or not any(NAME in sentence or SAID in sentence for sentence in told)
    assert team.content() == before
