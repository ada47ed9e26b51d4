"""A team on one app: who gets in, what they see of one another, and what is kept of what they did."""

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.config import Settings
from app.errors import PeopleError, RunError
from app.recipe import example, recipe_text
from app.store.store import Store
from app.web import server
from app.web.security.access import Access, Application
from app.web.security.passwords import MOST_TRIES, Attempts, fits, hashed
from app.web.state import AppState
from tests.make_runs import add_rows
from tests.make_state import at_desk

PASSWORD = "a long enough one"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppState]:
    here = Settings(data=tmp_path_factory.mktemp("team"), owner="tester")
    with Store(here.data) as store, at_desk(store, here) as desk:
        yield desk


@pytest.fixture(scope="module")
def page(whole: AppState) -> Any:
    async def made() -> Any:
        return server.routes(whole)

    return asyncio.run(made())  # in a loop: without one, gradio opens loops that it never closes


@pytest.fixture
def state(whole: AppState) -> AppState:
    """An app with nobody in it, and no run."""
    whole.store.db.write(
        lambda c: [c.execute(f"DELETE FROM {table}") for table in ("people", "runs", "recipes")] and None
    )
    return whole


@pytest.fixture
def store(state: AppState) -> Store:
    return state.store


@pytest.fixture
def app(page: Any, state: AppState) -> Application:
    return server.gated(page, state, Access(state.settings.data))


def client(app: Application, address: str = "127.0.0.1") -> TestClient:
    return TestClient(app, "http://127.0.0.1", follow_redirects=False, client=(address, 50_000))


def joined(app: Application, store: Store, name: str, role: Any = "curator") -> TestClient:
    """Somebody who was added and has set a password."""
    store.people.add(name, role)
    browser = client(app)
    form = {"link": store.sign_in_links.make(name), "password": PASSWORD, "again": PASSWORD}
    assert browser.post("/join", data=form).status_code == 303
    return browser


def run_of(store: Store, owner: str, name: str = "rivers") -> str:
    return store.runs.create(f"{name}-{owner}", name, owner, recipe_text(example()), 1, "").id


# -- coming in


def test_alone_nobody_signs_in_and_the_first_person_changes_that(app: Application, state: AppState) -> None:
    access = Access(state.settings.data)
    alone = client(app)
    assert alone.get("/", params={"token": access.token}).status_code == 303
    assert alone.get("/").status_code == 200
    state.store.people.add("ann", "admin")
    page = alone.get("/")
    assert page.status_code == 401 and "Sign in to Claywright" in page.text
    assert alone.get("/", params={"token": access.token}).status_code == 401
    assert alone.get("/config").status_code == 401


def test_a_link_sets_a_password_once(app: Application, store: Store) -> None:
    store.people.add("ann", "admin")
    secret = store.sign_in_links.make("ann")
    browser = client(app)
    assert "Welcome, ann" in browser.get("/join", params={"link": secret}).text
    wrong = [
        ("short", "short"),
        (PASSWORD, PASSWORD + "!"),
        ("ann-ann-ann", "ann-ann-ann"),
        ("aaaaaaaaaaaa", "aaaaaaaaaaaa"),
    ]
    for password, again in wrong:
        answer = browser.post("/join", data={"link": secret, "password": password, "again": again})
        assert answer.status_code == 422 and 'role="alert"' in answer.text
    assert browser.post("/join", data={"link": secret, "password": PASSWORD, "again": PASSWORD}).status_code == 303
    assert browser.get("/").status_code == 200
    stranger = client(app)
    assert stranger.get("/join", params={"link": secret}).status_code == 410
    assert stranger.post("/join", data={"link": secret, "password": PASSWORD, "again": PASSWORD}).status_code == 410
    assert stranger.get("/").status_code == 401
    kept = store.db.path.read_bytes() + b"".join(p.read_bytes() for p in store.db.path.parent.glob("claywright.db-*"))
    assert secret.encode() not in kept and PASSWORD.encode() not in kept


def test_a_new_link_ends_the_one_before(store: Store) -> None:
    store.people.add("ann", "admin")
    first, second = store.sign_in_links.make("ann"), store.sign_in_links.make("ann")
    assert store.sign_in_links.use(first) == "" and store.sign_in_links.use(second) == "ann"
    assert store.sign_in_links.use(second) == ""


def test_a_session_begins_at_each_sign_in_and_ends(app: Application, store: Store) -> None:
    browser = joined(app, store, "ann", "admin")
    (name,) = [cookie for cookie in browser.cookies if cookie.endswith("_session")]
    first = browser.cookies[name]
    browser.cookies.clear()
    browser.cookies.set(name, "chosen-by-somebody-else")
    assert browser.get("/").status_code == 401
    assert browser.post("/sign-in", data={"name": "Ann ", "password": PASSWORD}).status_code == 303
    second = next(cookie.value for cookie in browser.cookies.jar if cookie.value != "chosen-by-somebody-else")
    assert second not in (first, "chosen-by-somebody-else") and second and len(second) >= 43
    assert browser.post("/sign-out").status_code == 303
    replayed = client(app)
    replayed.cookies.set(name, second)
    assert replayed.get("/").status_code == 401
    again = client(app)
    again.cookies.set(name, first)
    assert again.get("/").status_code == 200  # the other session goes on
    store.people.add("ben", "admin")
    store.people.block("ann")
    assert again.get("/").status_code == 401


def test_the_cookie_is_for_this_app_alone(app: Application, store: Store) -> None:
    store.people.add("ann", "admin")
    form = {"link": store.sign_in_links.make("ann"), "password": PASSWORD, "again": PASSWORD}
    cookie = client(app).post("/join", data=form).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie


def test_other_pages_send_nothing(app: Application, store: Store) -> None:
    browser = joined(app, store, "ann", "admin")
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}):
        assert (
            browser.post("/people", data={"do": "add", "name": "eve", "role": "admin"}, headers=headers).status_code
            == 403
        )
    assert browser.get("/", headers={"host": "evil.example"}).status_code == 400
    assert store.people.known("eve") is None


def test_a_wrong_password_and_an_unknown_name_are_told_alike(app: Application, store: Store) -> None:
    joined(app, store, "ann", "admin")
    browser = client(app)
    answers = [
        browser.post("/sign-in", data={"name": name, "password": "wrong"}) for name in ("ann", "nobody", "", "<b>")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert "&lt;b&gt;" in answers[3].text and "<b>" not in answers[3].text
    assert answers[0].text.replace('value="ann"', "") == answers[1].text.replace('value="nobody"', "")


def test_so_many_passwords_are_tried_from_one_address(app: Application, store: Store) -> None:
    joined(app, store, "ann", "admin")
    attacker = client(app, "10.0.0.9")
    codes = [
        attacker.post("/sign-in", data={"name": f"n{k}", "password": "x"}).status_code for k in range(MOST_TRIES + 10)
    ]
    assert codes == [401] * MOST_TRIES + [429] * 10
    refused = attacker.post("/sign-in", data={"name": "ann", "password": PASSWORD})
    assert refused.status_code == 429 and 0 < int(refused.headers["retry-after"]) <= 60
    assert client(app, "10.0.0.10").post("/sign-in", data={"name": "ann", "password": PASSWORD}).status_code == 303


def test_an_ipv6_network_counts_as_one_address() -> None:
    attempts = Attempts()
    waits = [attempts.wait(f"2001:db8::{k:x}", f"n{k}") for k in range(MOST_TRIES + 1)]
    assert not any(waits[:-1]) and waits[-1] > 0
    assert attempts.wait("2001:db9::1", "n") == 0


def test_passwords_are_kept_as_argon2() -> None:
    kept = hashed(PASSWORD)
    assert kept.startswith("$argon2id$") and fits(PASSWORD, kept)
    assert not fits(PASSWORD + "x", kept) and not fits("", "") and not fits(PASSWORD, "no hash")


def test_a_large_form_is_no_form(app: Application, store: Store) -> None:
    joined(app, store, "ann", "admin")
    assert (
        client(app).post("/sign-in", data={"name": "ann", "password": PASSWORD, "more": "x" * 20_000}).status_code
        == 401
    )


# -- who there is


@pytest.mark.parametrize("name", ["", "Ann", "a b", "-a", "a" * 41, "ä", "@ann", "../a", "a\n"])
def test_names_that_nobody_can_have(store: Store, name: str) -> None:
    with pytest.raises(PeopleError, match="can't be a name"):
        store.people.add(name, "admin")


def test_there_is_always_an_admin(store: Store) -> None:
    store.people.add("ann", "admin")
    with pytest.raises(PeopleError, match="last admin"):
        store.people.block("ann")
    with pytest.raises(PeopleError, match="last admin"):
        store.people.set_role("ann", "curator")
    store.people.add("ben", "admin")
    store.people.set_role("ann", "curator")
    assert [person.role for person in store.people.all()] == ["curator", "admin"]
    with pytest.raises(PeopleError, match="already"):
        store.people.add("ben", "admin")


def test_admins_look_after_people_and_nobody_else_does(app: Application, store: Store) -> None:
    ann, ben = joined(app, store, "ann", "admin"), joined(app, store, "ben")
    page = ann.post("/people", data={"do": "add", "name": "cem", "role": "curator"})
    (secret,) = re.findall(r"/join\?link=([\w-]+)", page.text)
    assert store.sign_in_links.person(secret) == "cem"
    assert ben.get("/people").status_code == 403 and ben.get("/people/log.csv").status_code == 403
    assert ben.post("/people", data={"do": "admin", "name": "ben"}).status_code == 403
    assert "no more" in ann.post("/people", data={"do": "block", "name": "ben"}).text
    assert ben.get("/").status_code == 401
    assert "last admin" in ann.post("/people", data={"do": "curator", "name": "ann"}).text
    assert "nobody called" in ann.post("/people", data={"do": "link", "name": "<script>"}).text
    log = ann.get("/people/log.csv").text
    assert "added a person" in log and "blocked a person" in log and PASSWORD not in log and secret not in log


def test_the_log_can_only_grow(store: Store) -> None:
    store.action_log.add("ann", "did something", detail="=1+1")
    for statement in ("DELETE FROM action_log", "UPDATE action_log SET person='ben'"):
        with pytest.raises(sqlite3.IntegrityError, match="stays as it is"):
            store.db.write(lambda c, statement=statement: c.execute(statement))  # type: ignore[misc]
    assert [action.did for action in store.action_log.newest(1)] == ["did something"]


# -- whose runs are whose


def test_nobody_sees_the_run_of_another(state: AppState) -> None:
    store = state.store
    for name, role in (("ann", "admin"), ("ben", "curator"), ("cem", "curator")):
        store.people.add(name, role)  # type: ignore[arg-type]
    run = run_of(store, "ben")
    before = run_of(store, "tester", "lakes")  # from before there was a team
    seen = {name: {r.id for r in state.of(f"@{name}").runs()} for name in ("ann", "ben", "cem")}
    assert seen == {"ann": {before}, "ben": {run}, "cem": set()}
    for asked in (run, run[:3], "%", "_" * len(run), "last"):
        with pytest.raises(RunError, match="no run"):
            state.of("@cem").run(asked)
    assert state.of("@cem").look("@cem", run).run is None
    assert run not in state.of("@cem").listed_runs() and run in state.of("@ben").listed_runs()


def test_a_run_is_shared_to_read_or_to_work(state: AppState) -> None:
    store = state.store
    for name in ("ben", "cem", "dia"):
        store.people.add(name, "curator")
    run = run_of(store, "ben")
    store.shares.set(run, "cem", "read")
    own, cem = state.of("@ben"), state.of("@cem")
    shared = cem.run(run)
    assert not cem.works_on(shared) and not cem.owns(shared) and own.owns(shared)
    for change in (lambda: cem.delete_run(shared), lambda: cem.rename_run(shared, "mine"), lambda: cem.owned(run)):
        with pytest.raises(PeopleError, match="shared with you"):
            change()
    store.shares.set(run, "", "work")
    assert cem.works_on(shared) and state.of("@dia").works_on(shared)
    with pytest.raises(PeopleError, match="Only ben deletes it"):
        state.of("@dia").delete_run(shared)
    store.shares.set(run, "", None)
    assert state.of("@dia").runs() == [] and not cem.works_on(shared)


def test_what_is_saved_belongs_to_a_person(state: AppState) -> None:
    store = state.store
    for name in ("ben", "cem"):
        store.people.add(name, "curator")
    store.recipes.keep("from before", {"a": 1})
    ben, cem = state.of("@ben").store.recipes, state.of("@cem").store.recipes
    assert ben.keep("mine", {"a": 2}) and cem.keep("mine", {"a": 3})
    assert [kept.name for kept in cem.all()] == ["mine", "from before"] or len(cem.all()) == 2
    assert ben.get("mine").content == {"a": 2} and cem.get("mine").content == {"a": 3}  # type: ignore[union-attr]
    assert ben.keep("from before", {"a": 4}) and cem.get("from before").content == {"a": 1}  # type: ignore[union-attr]
    assert not cem.delete("from before") and ben.delete("from before")
    assert [kept.name for kept in store.recipes.all()] == ["from before"]


def test_keys_of_the_machine_are_for_admins_and_those_that_are_shared(
    state: AppState, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.models.spec import ModelSpec

    monkeypatch.setenv("OPENAI_API_KEY", "sk-machine")
    state.store.people.add("ann", "admin")
    state.store.people.add("ben", "curator")
    spec = ModelSpec(preset="openai", model="m")
    assert state.of("@ann").keys("@ann").of(spec) == "sk-machine"
    assert state.of("@ben").keys("@ben").of(spec) is None
    state.of("@ben").keys("@ben").type(spec, "sk-own")
    assert state.of("@ben").keys("@ben").of(spec) == "sk-own" and state.of("@ann").keys("@ann").of(spec) == "sk-machine"
    state.of("@ben").keys("@ben").type(spec, "")
    monkeypatch.setenv("CLAYWRIGHT_SHARED_KEYS", "OTHER, OPENAI_API_KEY")
    assert state.of("@ben").keys("@ben").of(spec) == "sk-machine"
    with pytest.raises(PeopleError, match="Only an admin"):
        state.of("@ben").allow([])


def test_files_and_numbers_of_a_run_are_for_those_who_see_it(app: Application, state: AppState) -> None:
    store = state.store
    ann, ben, cem = joined(app, store, "ann", "admin"), joined(app, store, "ben"), joined(app, store, "cem")
    run = run_of(store, "ben")
    folder = state.settings.data / "exports" / run
    folder.mkdir(parents=True)
    (folder / "rows.jsonl").write_text("{}\n")
    paths = (f"/exports/{run}/rows.jsonl", f"/numbers/{run}/dropped.csv")
    codes = {
        name: [who.get(path).status_code for path in paths] for name, who in (("ben", ben), ("cem", cem), ("ann", ann))
    }
    assert codes == {"ben": [200, 200], "cem": [404, 404], "ann": [404, 404]}
    assert client(app).get(paths[0]).status_code == 401
    assert cem.get(f"/shares/{run}").status_code == 403 and "no run" in cem.get(f"/shares/{run}").text
    assert "reads it" in ben.post(f"/shares/{run}", data={"name": "cem", "may": "read"}).text
    assert cem.get(paths[0]).status_code == 200
    assert "Only ben shares it" in cem.post(f"/shares/{run}", data={"name": "", "may": "work"}).text
    assert cem.get("/argilla/open").status_code == 403


def test_what_is_saved_before_a_team_is_an_admins_to_delete(state: AppState) -> None:
    state.store.people.add("ann", "admin")
    state.store.people.add("ben", "curator")
    state.store.recipes.keep("from before", {"a": 1})
    assert not state.of("@ben").store.recipes.delete("from before")
    ann = state.of("@ann").store.recipes
    ann.keep("from before", {"a": 2})
    assert ann.delete("from before") and ann.get("from before").content == {"a": 1}  # type: ignore[union-attr]
    assert ann.delete("from before") and not state.store.recipes.all()


# -- what is refused


def test_no_id_is_no_run(state: AppState) -> None:
    state.store.people.add("ben", "curator")
    run_of(state.store, "ben")
    for own in (state, state.of("@ben")):
        with pytest.raises(RunError, match="No run is named"):
            own.run("")


def test_a_row_is_of_the_very_run_that_is_asked(state: AppState) -> None:
    store = state.store
    store.people.add("ben", "curator")
    seen, hidden = run_of(store, "ben", "a"), store.runs.get(run_of(store, "b", "a-ben"))
    add_rows(store, hidden, 0, 1)
    (row,) = store.rows.page(hidden.id, 0, 1)
    assert row.id.startswith(f"{seen}-") and state.row(hidden.id, row.id) == row
    with pytest.raises(RunError):
        state.of("@ben").row(seen, row.id)


def test_a_list_of_runs_passes_over_one_that_began_meanwhile(state: AppState, monkeypatch: pytest.MonkeyPatch) -> None:
    state.store.people.add("ben", "curator")
    own = state.of("@ben")
    run_of(state.store, "ben")
    before = own.store.runs.db.remembered("runs listed", own.store.runs._listed)
    run_of(state.store, "ben", "lakes")
    monkeypatch.setattr(own.store.runs, "db", _Remembers(own.store.runs.db, before))
    assert own.listed_runs().keys() == before.keys()


class _Remembers:
    """A database that still tells what it told before."""

    def __init__(self, db: Any, before: Any) -> None:
        self.db, self.before = db, before

    def remembered(self, name: str, ask: Any) -> Any:
        return self.before

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)


def test_what_a_form_keeps_lets_nobody_use_another_key(state: AppState, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.models.spec import ModelSpec

    monkeypatch.setenv("OPENAI_API_KEY", "sk-machine")
    state.store.people.add("ben", "curator")
    keys = state.of("@ben").keys("@ben")
    state.keep("@ben", {"generator.preset": "openai", "generator.model": "m", "generator.key_env": "sk-mine"})
    assert keys.of(ModelSpec(preset="openai", model="m")) == "sk-mine"
    state.keys("@ben").type(ModelSpec(preset="openai", model="m"), "")
    assert keys.of(ModelSpec(preset="openai", model="m")) is None


def test_only_admins_make_links_of_reviewers_and_use_the_hubs_token(
    state: AppState, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.inputs.inputs import Inputs
    from app.web.form_values import FormError

    monkeypatch.setenv("HF_TOKEN", "hf-machine")
    for name, role in (("ann", "admin"), ("ben", "curator")):
        state.store.people.add(name, role)  # type: ignore[arg-type]
    ben = state.of("@ben")
    with pytest.raises(PeopleError, match="Only an admin adds reviewers"):
        ben.invite("ann", "argilla", "/", anew=True)
    with pytest.raises(PeopleError, match="CLAYWRIGHT_SHARED_KEYS=HF_TOKEN"):
        ben.check_hub_token()
    with pytest.raises(FormError, match="for admins"):
        ben.check_paths(Inputs(dataset="owner/private"))
    state.of("@ann").check_hub_token()
    state.of("@ann").check_paths(Inputs(dataset="owner/private"))
    monkeypatch.setenv("CLAYWRIGHT_SHARED_KEYS", "HF_TOKEN")
    ben.check_hub_token()
    ben.check_paths(Inputs(dataset="owner/private"))


def test_a_session_is_worth_nothing_to_another_user_of_the_machine(store: Store) -> None:
    store.people.add("ann", "admin")
    store.people.set_password("ann", "kept")
    secret = store.sessions.begin("ann", "", "1000", password="kept")
    assert store.sessions.person(secret, "1000") == "ann"
    assert store.sessions.person(secret, "1001") == "" and store.sessions.person(secret) == ""
    for made_up in (
        f"{secret} 1000",
        f"1000 {secret}",
        f"{secret}1000",
        f"{secret} ",
    ):  # from where the system does not tell
        assert store.sessions.person(made_up) == "" == store.sessions.person(made_up, "1000")
    store.sessions.end(secret, "1001")
    assert store.sessions.person(secret, "1000") == "ann"


def test_no_session_begins_with_a_password_of_before(store: Store) -> None:
    store.people.add("ann", "admin")
    store.people.add("ben", "admin")
    store.people.set_password("ann", "another")
    assert store.sessions.begin("ann", "", password="kept") == ""
    store.people.block("ann")
    assert store.sessions.begin("ann", "", password="another") == "" and not store.sessions.all()


def test_right_passwords_and_odd_names_do_not_count(app: Application, store: Store) -> None:
    joined(app, store, "ann", "admin")
    browser = client(app, "10.0.0.11")
    for _ in range(MOST_TRIES + 2):
        assert browser.post("/sign-in", data={"name": "ann", "password": PASSWORD}).status_code == 303
        assert browser.post("/sign-in", data={"name": "no such name", "password": "x"}).status_code == 401
    attempts = Attempts()
    for k in range(MOST_TRIES * 3):
        attempts.wait("10.0.0.12", f"n{k}")
    assert len(attempts._tries) == 1 + MOST_TRIES  # nothing is remembered of what was refused


def test_people_see_where_they_are_signed_in_and_end_it(app: Application, store: Store) -> None:
    ann, ben = joined(app, store, "ann", "admin"), joined(app, store, "ben")
    second = client(app)
    agent = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"}
    assert second.post("/sign-in", data={"name": "ben", "password": PASSWORD}, headers=agent).status_code == 303
    page = ben.get("/account").text
    assert "Firefox on Linux" in page and "a curator" in page and "Set another password" in page
    newest = store.sessions.all("ben")[0].id
    of_ann = store.sessions.all("ann")[0].id
    assert "had ended" in ben.post("/account", data={"do": "end", "name": "ann", "session": of_ann}).text
    assert ann.get("/").status_code == 200
    assert "signed out" in ben.post("/account", data={"session": newest}).text
    assert second.get("/").status_code == 401 and ben.get("/").status_code == 200
    assert (
        "ended"
        in ann.post("/people", data={"do": "end", "name": "ben", "session": store.sessions.all("ben")[0].id}).text
    )
    assert ben.get("/account").status_code == 401


def test_another_password_takes_the_one_before(app: Application, store: Store) -> None:
    ann, other = joined(app, store, "ann", "admin"), client(app)
    assert other.get("/password").status_code == 401
    assert other.post("/sign-in", data={"name": "ann", "password": PASSWORD}).status_code == 303
    new = {"password": "quite another one", "again": "quite another one"}
    assert "Current password" in ann.get("/password").text
    assert ann.post("/password", data={**new, "before": "wrong"}).status_code == 401
    assert ann.post("/password", data={"before": PASSWORD, "password": "short", "again": "short"}).status_code == 422
    assert other.get("/").status_code == 200
    assert ann.post("/password", data={**new, "before": PASSWORD}).status_code == 303
    assert ann.get("/").status_code == 200 and other.get("/").status_code == 401
    assert client(app).post("/sign-in", data={"name": "ann", "password": PASSWORD}).status_code == 401


def test_who_gets_runs_of_before_is_said(app: Application, state: AppState) -> None:
    ann = joined(app, state.store, "ann", "admin")
    run_of(state.store, "tester")
    assert "tester&#39;s now" in ann.post("/people", data={"do": "add", "name": "tester", "role": "curator"}).text


# -- what each may use


def test_an_admin_says_on_the_page_what_somebody_may_use(app: Application, store: Store) -> None:
    ann, ben = joined(app, store, "ann", "admin"), joined(app, store, "ben")
    said = ann.post("/people", data={"do": "limit", "name": "ben", "rows": "1,000", "tokens": "5000000", "calls": ""})
    assert "ben may use at most: 1,000 rows, 5,000,000 tokens in 30 days." in said.text
    assert (
        "Everybody may use at most: 8 calls at the same time to one server."
        in ann.post("/people", data={"do": "limit", "name": "", "calls": "8"}).text
    )
    limits = store.limits.of("ben")
    assert (limits.rows, limits.calls, limits.tokens, limits.megabytes) == (1000, 8, 5_000_000, None)
    for wrong in ("-1", "1.5", "many", "9" * 16):
        assert "whole number" in ann.post("/people", data={"do": "limit", "name": "ben", "rows": wrong}).text
    assert store.limits.of("ben").rows == 1000
    assert ben.post("/people", data={"do": "limit", "name": "ben", "rows": ""}).status_code == 403
    ann.post("/people", data={"do": "limit", "name": "ben", "rows": "0"})
    assert store.limits.own("ben").rows is None


def test_uploads_of_a_person_are_bounded(app: Application, store: Store) -> None:
    ben = joined(app, store, "ben", "admin")
    store.limits.set("ben", "megabytes", 1)
    file = ("rows.jsonl", b"x" * 600_000)
    assert ben.post("/gradio_api/upload", files={"files": file}).status_code == 200
    refused = ben.post("/gradio_api/upload", files={"files": file})
    assert refused.status_code == 413 and refused.text.startswith("You may upload 1 MB here, and 0.6 MB are used.")
    unmeasured = ben.post("/gradio_api/upload", content=iter([b"x"]), headers={"content-type": "multipart/form-data"})
    assert unmeasured.status_code == 413
    store.limits.set("ben", "megabytes", None)
    assert ben.post("/gradio_api/upload", files={"files": file}).status_code == 200
