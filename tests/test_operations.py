"""Looking after the app: whether it is ready, what it counts, its log, what a bug report holds. No key and no text in it."""

import asyncio
import json
import logging
import sqlite3
import stat
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Response
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from app.api_keys import Keys, secrets_of_environment
from app.cli.bundle import contents, outline, reason_class, write_bundle
from app.config import FOLDERS, Settings, settings
from app.errors import ServiceError, StoreError
from app.recipe import recipe_text
from app.runs.new_runs import draft_run
from app.store.store import Store
from app.web import server
from app.web.jobs import Jobs
from app.web.operations import log, metrics, readiness
from app.web.operations.faults import FaultLog
from app.web.operations.log import note
from app.web.operations.metrics import Monotonic
from app.web.operations.readiness import ENDING, NO_ANSWER, NO_USE, Readiness
from app.web.security.access import Access, Application
from app.web.service_monitor import ServiceMonitor
from app.web.state import AppState
from app.workspace import Workspace
from feedback.types import Rating
from tasks.engine.retries import Tally
from tasks.errors import SettingsError
from tasks.models.spec import ModelSpec
from tests.browser import running, without_services
from tests.conftest import Command
from tests.make_reviews import decide, sent_run
from tests.make_runs import made_of, rated, took, with_run
from tests.make_state import at_desk
from tests.servers import FakeOpenAI
from tests.test_jobs import ended, made_for, until
from tests.test_team import client, joined

KEY = "sk-marker-Zq7xW4tPq9"
TEXT = "Marker of a text that nobody may read"
TOKEN = "token-of-metrics-0123456789"
ADDRESS = "marker.example.org"


@pytest.fixture
def state(store: Store, here: Settings) -> Iterator[AppState]:
    with at_desk(store, replace(here, metrics_token=TOKEN)) as state:
        yield state


def served(state: AppState) -> Application:
    """The routes of this room behind the gate, without the page."""
    app = FastAPI()
    readiness.add_route(app, Readiness(state.store, state.jobs))
    metrics.add_route(app, state)
    return server.gated(app, state, Access(state.settings.data))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def samples(text: str) -> dict[tuple[str, ...], float]:
    """{(name, values of its labels, by their names): value}."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# -- ready or not


def test_whoever_asks_is_told_that_it_is_ready(state: AppState) -> None:
    answer = client(served(state)).get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert answer.headers["cache-control"] == "no-store" and "set-cookie" not in answer.headers


def test_looking_changes_nothing(store: Store, state: AppState) -> None:
    app, version = client(served(state)), store.db.version
    assert app.get("/readyz").status_code == 200 and store.db.version == version


def test_a_store_that_is_closed_is_not_ready(here: Settings) -> None:
    with Store(here.data) as store, at_desk(store, here) as state:
        app = client(served(state))
        store.close()
        answer = app.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "reason": NO_USE})


def test_a_store_whose_file_is_gone_is_not_ready(store: Store, state: AppState) -> None:
    store.db.path.rename(store.db.path.with_name("elsewhere.db"))
    assert client(served(state)).get("/readyz").json() == {"ok": False, "reason": NO_USE}


def test_a_store_whose_reserve_is_given_up_is_not_ready(store: Store, state: AppState) -> None:
    with store.db.reserve.held():
        assert store.db.reserve.give_up()
        assert client(served(state)).get("/readyz").json() == {"ok": False, "reason": NO_USE}


def test_a_store_that_may_only_be_read_is_not_ready(store: Store, state: AppState) -> None:
    store.db.writable = False
    assert client(served(state)).get("/readyz").json() == {"ok": False, "reason": NO_USE}
    with pytest.raises(StoreError, match="can only be read"):
        store.db.probe()


def test_a_store_that_does_not_answer_is_not_waited_for(store: Store, state: AppState) -> None:
    """As while another process holds the file; all who ask meanwhile share one look at it."""
    ready = Readiness(store, state.jobs, within=0.01)
    other = sqlite3.connect(store.db.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert [asyncio.run(ready.trouble()) for _ in range(3)] == [NO_ANSWER] * 3
    look = ready._look
    assert look is not None and not look.done()
    other.execute("ROLLBACK")
    other.close()
    assert look.result()
    assert asyncio.run(Readiness(store, state.jobs).trouble()) == ""


def test_an_app_that_ends_is_not_ready(store: Store, here: Settings) -> None:
    jobs = Jobs(store, here)
    state = AppState(store, here, jobs, ServiceMonitor(here, lambda words: None))
    app = client(served(state))
    assert app.get("/readyz").status_code == 200
    jobs.close()
    answer = app.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "reason": ENDING})


# -- what is counted


def ratings(number: int, responses: int) -> Sequence[Rating]:
    """Row 0 has one that can't be read, row 1 one that was not given."""
    good = rated(number, responses)
    status: Any = {0: "unrated", 1: "failed"}.get(number)
    return [replace(good[0], status=status, value=None), *good[1:]] if status else good


def counted(state: AppState) -> dict[tuple[str, ...], float]:
    answer = client(served(state)).get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return samples(answer.text)


def test_the_metrics_of_a_small_run_are_right(store: Store, state: AppState) -> None:
    run = sent_run(store, 5, rate=ratings)
    rows = [f"{run.id}-{number:06}-0" for number in range(5)]
    decide(store, {rows[0]: "approve", rows[1]: None, rows[2]: "reject"})
    store.rows.mark(rows[4], "kept", "dropped", "not a river")
    apart = {
        ("generate", "pen"): Tally(7, 5, 2, 2, 100, 40, 12.5),
        ("generate", "quill"): Tally(1, 1, 0, 0, 10, 4, 0.5),
        ("rate", "judge"): Tally(4, 4, 1, 0, 300, 60, 8.0),
        ("of a later version", "judge"): Tally(sent=9),
    }
    took(store, run.id, "work", 5, 5, Tally(), apart)
    asyncio.run(store.rows.fail_unit(run.id, 77, TEXT))
    store.people.add("ann", "admin")
    for browser in ("one", "two"):
        assert store.sessions.begin("ann", browser, password=None)
    store.people.add("ben", "curator")
    assert store.sessions.begin("ben", "one", password=None)
    store.people.add("cyd", "curator")
    found = counted(state)
    expected = {
        ("claywright_calls_sent_total", "generate"): 8,
        ("claywright_calls_recalled_total", "generate"): 2,
        ("claywright_calls_failed_total", "generate"): 2,
        ("claywright_calls_sent_total", "rate"): 4,
        ("claywright_calls_recalled_total", "rate"): 1,
        ("claywright_calls_failed_total", "rate"): 0,
        ("claywright_calls_sent_total", "answer"): 0,
        ("claywright_calls_sent_total", "other"): 9,
        ("claywright_tokens_total", "prompt", "generate"): 110,
        ("claywright_tokens_total", "completion", "generate"): 44,
        ("claywright_tokens_total", "prompt", "rate"): 300,
        ("claywright_call_seconds_count", "generate"): 6,
        ("claywright_call_seconds_sum", "generate"): 13,
        ("claywright_call_seconds_count", "rate"): 4,
        ("claywright_call_seconds_sum", "rate"): 8,
        ("claywright_runs", "done"): 1,
        ("claywright_runs", "running"): 0,
        ("claywright_rows", "kept"): 4,
        ("claywright_rows", "dropped"): 1,
        ("claywright_rows", "failed"): 0,
        # of four kept rows two aspects each; one can't be read, one was not given
        ("claywright_ratings", "rated"): 6,
        ("claywright_ratings", "unrated"): 1,
        ("claywright_failures", "unit"): 1,
        ("claywright_failures", "row"): 0,
        ("claywright_failures", "rating"): 1,
        ("claywright_jobs_working", "work"): 0,
        ("claywright_review_queue_rows",): 1,  # the fourth: three are answered, the last one was dropped
        ("claywright_people_signed_in",): 2,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert found[("claywright_store_bytes",)] == store.totals.size() > 0


def test_an_empty_store_has_all_metrics(state: AppState) -> None:
    found = counted(state)
    assert found[("claywright_calls_sent_total", "embed")] == found[("claywright_rows", "kept")] == 0
    assert found[("claywright_ratings", "rated")] == found[("claywright_review_queue_rows",)] == 0


def test_a_job_at_work_is_counted_with_its_calls(tmp_path: Path, store: Store, state: AppState) -> None:
    with FakeOpenAI(holds_from=0) as model:
        run = draft_run(Workspace(state.settings, store), made_for(tmp_path, model.url, units=2), None)
        job = state.jobs.work(run, Keys())
        assert counted(state)[("claywright_jobs_working", "work")] == 1
        model.go_on()
        ended(job)
    found = counted(state)
    assert found[("claywright_jobs_working", "work")] == 0 and found[("claywright_rows", "kept")] == 2
    assert found[("claywright_call_seconds_count", "generate")] == 2


def test_failed_attempts_are_kept(store: Store) -> None:
    run = with_run(store, 1)
    took(store, run.id, "work", 1, 0, Tally(), {("generate", "pen"): Tally(sent=3, answered=1, failed_attempts=2)})
    assert store.usage.spent(run.id)[("generate", "pen")].failed_attempts == 2


def test_what_a_deleted_run_took_is_not_taken_off(store: Store, state: AppState) -> None:
    """For Prometheus a counter that falls began anew, and all that it shows came since."""
    app = client(served(state))
    for name in ("one", "two"):
        run = with_run(store, 1, name=name)
        took(store, run.id, "work", 1, 0, Tally(), {("generate", "pen"): Tally(sent=3)})

    def sent() -> float:
        text = app.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
        return samples(text)[("claywright_calls_sent_total", "generate")]

    assert sent() == 6
    store.runs.delete("two")
    assert sent() == 6 and store.totals.all().calls["generate"].sent == 3
    took(store, "one", "work", 1, 0, Tally(), {("generate", "pen"): Tally(sent=2)})
    assert sent() == 8


def test_a_number_that_rises_never_falls() -> None:
    rising = Monotonic()
    assert [rising.of("a", "x", value) for value in (5, 3, 4, 0, 2)] == [5, 5, 6, 6, 8]
    assert rising.of("a", "y", 1) == rising.of("b", "x", 1) == 1


def test_totals_are_counted_once_until_something_is_written(store: Store) -> None:
    with_run(store, 2)
    before = store.totals.all()
    assert store.totals.all() is before
    with_run(store, 1, name="other")
    assert store.totals.all().rows == {"kept": 3}


# -- who may read it


def test_strangers_and_wrong_tokens_read_no_metrics(store: Store, state: AppState) -> None:
    for team in (False, True):
        if team:
            store.people.add("ann", "admin")
        app = client(served(state))
        for sent in (
            "",
            f"Bearer {TOKEN}x",
            "Bearer ",
            "Bearer",
            f"Basic {TOKEN}",
            TOKEN,
            f"Bearer {TOKEN[:-1]}",
            "Bearer é",
        ):
            answer = app.get("/metrics", headers=[(b"authorization", sent.encode("latin-1"))] if sent else [])
            assert (answer.status_code, answer.content) == (401, b""), sent
        assert app.get("/metrics", params={"token": TOKEN}).status_code == 401
        assert app.get("/metrics", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200


def test_without_a_token_that_was_set_none_is_right(store: Store, here: Settings) -> None:
    with at_desk(store, here) as state:
        app = client(served(state))
        for sent in ("Bearer ", "Bearer", f"Bearer {TOKEN}"):
            assert app.get("/metrics", headers={"Authorization": sent}).status_code == 401


def test_who_works_alone_and_admins_read_the_metrics_and_curators_do_not(store: Store, state: AppState) -> None:
    app = served(state)
    alone = client(app)
    assert alone.get("/", params={"token": Access(state.settings.data).token}).status_code == 303
    assert alone.get("/metrics").status_code == 200
    admin = joined(app, store, "ann", "admin")
    curator = joined(app, store, "ben")
    assert alone.get("/metrics").status_code == 401 and admin.get("/metrics").status_code == 200
    refused = curator.get("/metrics")
    assert refused.status_code == 403 and refused.json() == {"error": "Only an admin reads the metrics."}
    assert admin.post("/metrics").status_code == curator.post("/metrics").status_code == 404


def test_the_token_opens_nothing_else(state: AppState) -> None:
    app = client(served(state))
    for path in ("/", "/config", "/exports/a/b", "/people", "/metrics/"):
        assert app.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 401


def test_a_token_that_can_be_guessed_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="CLAYWRIGHT_METRICS_TOKEN can be guessed"):
        server.serve(Settings(data=tmp_path, owner="tester", metrics_token="short"), print, browse=False)
    assert settings(tmp_path, {"CLAYWRIGHT_METRICS_TOKEN": f" {TOKEN}\n"}).metrics_token == TOKEN
    assert TOKEN not in repr(settings(tmp_path, {"CLAYWRIGHT_METRICS_TOKEN": TOKEN}))


def test_metrics_name_nobody_and_nothing(store: Store, state: AppState) -> None:
    made = made_of(name=TEXT, generator={"url": f"https://{ADDRESS}/v1", "model": "marker-model"})
    run = with_run(store, 2, made, name="marker-run")
    took(store, run.id, "work", 2, 0, Tally(), {("generate", "marker-model"): Tally(sent=3)})
    store.people.add("marker-person", "admin")
    state.ring.of("somebody").type(ModelSpec(url=f"https://{ADDRESS}/v1", model="m"), KEY)
    text = client(served(state)).get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    assert "claywright_calls_sent_total" in text and "arker" not in text and TOKEN not in text


# -- the log


@pytest.fixture
def kept(here: Settings) -> Iterator[Path]:
    """The log, while the keys of the test are secret."""
    with log.log_to(here.log, lambda: {KEY, TOKEN}):
        yield here.log


def test_a_line_says_when_what_and_where(kept: Path) -> None:
    note("job began", what="work", run="tides-1")
    note("job ended", what="work", run="tides-1", seconds=1.5, state="done")
    first, second = lines(kept)
    assert first.pop("time").endswith("+00:00")
    assert first == {"level": "info", "logger": "claywright", "event": "job began", "what": "work", "run": "tides-1"}
    assert (second["seconds"], second["state"]) == (1.5, "done")


def test_the_log_is_for_its_owner_alone(here: Settings) -> None:
    here.log.parent.mkdir(parents=True, mode=0o755)
    here.log.write_text("")
    here.log.chmod(0o644)
    here.log.parent.chmod(0o755)
    with log.log_to(here.log, set, largest=300, files=2):
        for number in range(10):
            note("job began", run=str(number))
    files = list(here.log.parent.iterdir())
    assert len(files) == 2 and {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(here.log.parent.stat().st_mode) == 0o700 and here.log.parent.name in FOLDERS


def test_the_oldest_file_makes_room(here: Settings) -> None:
    with log.log_to(here.log, set, largest=1_000, files=5):
        for number in range(200):
            note("job began", run=f"{number:03}")
    names = {file.name: file for file in here.log.parent.iterdir()}
    assert names.keys() == {"app.log", "app.log.1", "app.log.2", "app.log.3", "app.log.4"}
    assert all(file.stat().st_size <= 1_000 for file in names.values())
    read = [line["run"] for name in sorted(names, reverse=True) for line in lines(names[name])]
    assert read == [f"{number:03}" for number in range(200 - len(read), 200)] and len(read) < 60
    assert (log.LARGEST, log.FILES) == (5_000_000, 5)


def test_no_key_and_nothing_that_an_error_says_is_in_the_log(kept: Path) -> None:
    def ask(prompt: str) -> None:
        try:
            raise ValueError(prompt)
        except ValueError as error:
            raise RuntimeError(f"{KEY} {prompt}") from error

    ours, other = logging.getLogger("claywright"), logging.getLogger("some.library")
    try:
        ask(TEXT)
    except RuntimeError:
        ours.exception("a job ended with a fault")
        other.exception("it said %s", TEXT)
    ours.error("a job ended with %s", TEXT)
    other.warning(f"{TEXT} {KEY}")
    note("job began", what=KEY, run=f"run-{KEY[4:]}", address=KEY.upper(), more={"key": [f"Bearer {TOKEN}"]})
    written = kept.read_text(encoding="utf-8")
    assert KEY not in written and TEXT not in written and TOKEN not in written
    assert not any(KEY[at : at + 8].lower() in written.lower() for at in range(len(KEY) - 7))
    fault, *_ = lines(kept)
    assert [error["type"] for error in fault["error"]] == ["RuntimeError", "ValueError"]
    assert fault["error"][0]["frames"][-1].startswith("tests/test_operations.py:")
    assert fault["error"][0]["frames"][-1].endswith(" ask")
    assert lines(kept)[1]["event"] == "another library's message" and lines(kept)[1]["location"].startswith("tests/")


def test_keys_of_the_environment_and_typed_ones_are_secret(state: AppState, monkeypatch: pytest.MonkeyPatch) -> None:
    named = ["OPENAI_API_KEY", "KEY_FOR_A_EXAMPLE_ORG", "CLAYWRIGHT_OIDC_CLIENT_SECRET", "HF_TOKEN", "my_password"]
    for number, name in enumerate(named):
        monkeypatch.setenv(name, f"secret-of-environment-{number}")
    monkeypatch.setenv("A_KEY", "1")  # which would be masked everywhere
    assert {f"secret-of-environment-{number}" for number in range(5)} <= secrets_of_environment()
    assert "1" not in secrets_of_environment()
    state.ring.of("ann").type(ModelSpec(url="https://a.example.org/v1", model="m"), KEY)
    state.settings = replace(state.settings, argilla_key="key-of-argilla")
    access = Access(state.settings.data)
    secrets = server.secrets_of(state, access)
    assert {KEY, TOKEN, "key-of-argilla", access.token, access.secret.decode(), "secret-of-environment-0"} <= secrets


def test_whoever_makes_many_lines_drives_nothing_out(here: Settings) -> None:
    flood = log._Flood(most=3)

    def record(event: str, second: float) -> logging.LogRecord:
        made = logging.LogRecord("claywright", logging.INFO, __file__, 1, event, (), None)
        made.created = second
        return made

    assert [flood.filter(record("sign-in refused", 60 + second)) for second in range(6)] == [True] * 3 + [False] * 3
    assert flood.filter(record("job began", 65))
    later = record("sign-in refused", 121)
    assert flood.filter(later) and later.left_out == 3  # type: ignore[attr-defined]
    assert json.loads(log._JsonLines(set).format(later))["left_out"] == 3


def test_without_the_app_nothing_is_written_and_the_terminal_is_told_as_before(
    here: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    note("job began", run="x")
    assert not here.log.exists()
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        with log.log_to(here.log, set):
            note("request failed", level=logging.ERROR, status=500)
            logging.getLogger("claywright").warning("for people to see")
        assert root.handlers == []
    finally:
        root.handlers = handlers
    assert capsys.readouterr().err == "for people to see\n"
    assert [line["event"] for line in lines(here.log)] == ["request failed", "for people to see"]


def test_a_log_that_can_not_be_written_is_said_at_the_start(here: Settings) -> None:
    here.data.mkdir()
    here.log.parent.write_text("")
    with pytest.raises(ServiceError, match=r"The log .* can't be written"), log.log_to(here.log, set):
        raise AssertionError("it was opened")


def test_what_a_job_did_is_in_the_log(tmp_path: Path, store: Store, state: AppState, kept: Path) -> None:
    with FakeOpenAI(faults=lambda body, number: (401, {}, f'{{"error": "{KEY} {TEXT}"}}'.encode())) as model:
        run = draft_run(Workspace(state.settings, store), made_for(tmp_path, model.url, units=1), None)
        job = ended(state.jobs.work(run, Keys()))
    until(lambda: "job ended" in kept.read_text())
    assert job.state == "failed"
    began, over = (line for line in lines(kept) if line["event"].startswith("job"))
    assert (began["event"], began["what"], began["run"]) == ("job began", "work", run.id)
    assert (over["event"], over["state"], over["run"]) == ("job ended", "failed", run.id) and over["seconds"] >= 0
    assert KEY not in kept.read_text() and TEXT not in kept.read_text()


def test_who_comes_in_and_who_does_not_is_in_the_log(store: Store, state: AppState, kept: Path) -> None:
    app = served(state)
    access = Access(state.settings.data)
    alone = client(app)
    alone.get("/", params={"token": access.token})
    client(app).get("/", params={"token": "0" * 64})
    joined(app, store, "ann", "admin")
    stranger = client(app, "10.0.0.9")
    password = "a password in the wrong field"
    for name, given in (("ann", password), (password.replace(" ", "-"), "x")):
        assert stranger.post("/sign-in", data={"name": name, "password": given}).status_code == 401
    assert stranger.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    told = [(line["event"], line.get("by", ""), line.get("name", ""), line["address"]) for line in lines(kept)]
    assert told == [
        ("signed in", "address", "", "127.0.0.1"),
        ("sign-in refused", "address", "", "127.0.0.1"),
        ("signed in", "set a password", "ann", "127.0.0.1"),
        ("sign-in refused", "password", "ann", "10.0.0.9"),
        ("sign-in refused", "password", "", "10.0.0.9"),
        ("metrics refused", "", "", "10.0.0.9"),
    ]
    written = kept.read_text()
    assert access.token not in written and "wrong" not in written and "a long enough one" not in written


def test_a_request_that_fails_is_in_the_log_without_what_it_was_about(kept: Path) -> None:
    app = FastAPI()

    @app.get("/exports/{name}")
    def fails(name: str) -> None:
        raise ValueError(name)

    @app.get("/gradio_api/run/predict")
    def unavailable() -> Response:
        return Response(status_code=503)

    browser = TestClient(FaultLog(app), raise_server_exceptions=False)
    assert browser.get("/exports/marker-run?token=x").status_code == 500
    assert browser.get("/gradio_api/run/predict").status_code == 503
    assert browser.get("/none").status_code == 404
    first, second = lines(kept)
    assert (first["event"], first["level"], first["method"]) == ("request failed", "error", "GET")
    assert (first["route"], first["status"], first["error"][0]["type"]) == ("/exports", 500, "ValueError")
    assert (second["route"], second["status"]) == ("/gradio_api/run", 503) and "error" not in second
    assert "marker" not in kept.read_text()


# -- a bug report


def marked_store(store: Store) -> None:
    """A store in which everything that a person could have said is marked."""
    made = made_of(
        name=TEXT,
        generator={
            "url": f"https://{ADDRESS}/v1",
            "model": "marker-model",
            "key_env": "MARKER_KEY",
            "extra": {"marker": TEXT},
        },
        labeller={"preset": "openai", "model": "marker-judge"},
        inputs={"path": f"/home/marker/{TEXT}.jsonl"},
        checks=[{"kind": "contains", "text": TEXT}],
        rubrics=[{"name": "marker", "question": TEXT, "levels": [TEXT, "Marker two."]}],
    )
    run = with_run(store, 2, made, name="marker-run-1")
    store.runs.set(run.id, state="paused", reason=f"{ADDRESS} refused the key (401: {KEY}). {TEXT}")
    store.runs.create("marker-run-2", TEXT, "marker-person", recipe_text(made), 1, "")
    store.runs.set("marker-run-2", state="stopped", reason="stopped by you")
    store.people.add("marker-person", "admin")
    asyncio.run(store.rows.fail_unit(run.id, 9, TEXT))


def marked_log(here: Settings) -> None:
    with log.log_to(here.log, set):
        note("app began", version="0.1.0", team=True)
        note("signed in", by="signed in", name="marker-person", address="203.0.113.7")
        for run in ("marker-run-1", "marker-run-2", "marker-run-3"):
            note("job ended", what="work", run=run, seconds=2.5, state="failed")
        note(TEXT, what=TEXT, state=KEY, seconds=1)
        try:
            raise ValueError(TEXT)
        except ValueError:
            log.log.exception("a job ended with a fault")
    with here.log.open("a", encoding="utf-8") as file:
        file.write(
            f'no JSON {TEXT}\n["{TEXT}"]\n{{"event": "job began", "error": [{{"type": "{TEXT}"}}, 1], "run": {{}}}}\n'
        )


def test_a_bundle_holds_what_a_bug_report_needs_and_nothing_else(
    here: Settings, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("MARKER_KEY", KEY)
    monkeypatch.setenv("CLAYWRIGHT_URL", f"https://{ADDRESS}")
    marked_store(store)
    marked_log(here)
    known = replace(here, owner="marker-person", argilla_url=f"http://127.0.0.1:9/{ADDRESS}", argilla_key=KEY)
    path = tmp_path / "bundle.zip"
    content = write_bundle(known, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with zipfile.ZipFile(path) as archive:
        read = {name: json.loads(archive.read(name)) for name in archive.namelist()}
        everything = path.read_bytes() + b"".join(archive.read(name) for name in archive.namelist())
    assert read == content and list(read) == [
        "versions.json", "findings.json", "settings.json", "store.json", "runs.json", "log.json",
    ]  # fmt: skip
    for secret in (KEY, TEXT, ADDRESS, "arker", "203.0.113", "127.0.0.1", str(tmp_path), tmp_path.name, TOKEN):
        assert secret.encode() not in everything, secret
    assert read["versions.json"]["packages"].keys() >= {"gradio", "argilla", "prometheus-client"}
    assert {finding["finding"].partition(":")[0] for finding in read["findings.json"]} == {
        "Python", "data folder", "disk", "libgomp1", "built-in model", "Argilla", "another Argilla", "keys",
    }  # fmt: skip
    assert read["settings.json"]["set"] == ["CLAYWRIGHT_URL"] and read["settings.json"]["Argilla"] == "another server"
    assert read["store.json"]["schema"] == store.totals.schema() and read["store.json"]["lines"]["rows"] == 2
    first, second = read["runs.json"]
    assert (first["run"], first["state"], first["reason"]) == ("run-1", "paused", "an endpoint answered 401")
    assert (second["run"], second["state"], second["reason"]) == ("run-2", "stopped", "stopped")
    assert first["counts"]["answered"] == 2 and first["counts"]["failed"] == 1
    assert {"name", "generator.url", "generator.extra", "rubrics.question", "task.kind"} <= set(first["recipe"]["keys"])
    assert first["recipe"]["presets"] == ["labeller: openai"]
    assert (first["recipe"]["task"], first["recipe"]["checks"]) == ("existing", ["contains"])
    events = [line.get("event") for line in read["log.json"]]
    assert events == ["app began", "signed in", *["job ended"] * 3, None, "a job ended with a fault", "job began"]
    assert [line["run"] for line in read["log.json"][2:5]] == ["run-1", "run-2", "a run that is gone"]
    assert read["log.json"][6]["error"][0]["type"] == "ValueError"


def test_the_last_500_lines_of_the_log_are_told(here: Settings, store: Store) -> None:
    with log.log_to(here.log, set, largest=60_000, files=3):
        for number in range(700):
            note("job ended" if number % 2 else "job began", what="work", seconds=number)
    assert (here.log.with_name("app.log.1")).is_file()
    assert [line["seconds"] for line in contents(here)["log.json"]] == list(range(200, 700))


def test_a_store_that_can_not_be_opened_is_told_by_its_kind(here: Settings) -> None:
    here.data.mkdir()
    (here.data / "claywright.db").write_text(f"{TEXT} no database" * 100)
    content = contents(here)
    assert content["store.json"] == {"trouble": "StoreError"} and "runs.json" not in content
    assert {"ok": False, "finding": "data folder: StoreError"} in content["findings.json"]
    assert TEXT not in json.dumps(content)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("", ""),
        ("interrupted", "interrupted"),
        ("only 3 of 20 rows: too many draws were dropped", "too many draws were dropped"),
        ("shards that are not merged, or not finished: 1/3", "shards"),
        ("The budget of 1,000 tokens is used up: 990 were used, and the next call may take 20.", "budget"),
        ("x is overloaded (529: said the server).", "an endpoint answered 529"),
        (f"budget {TEXT}", "an error"),
    ],
)
def test_reasons_are_told_in_fixed_words(reason: str, told: str) -> None:
    assert reason_class(reason) == told


def test_of_a_recipe_only_our_own_names_are_told() -> None:
    odd = {"marker": 1, "task": {"kind": "marker", "marker": 1}, "generator": {"preset": "marker"}, "seed": 3}
    told = outline(json.dumps(odd))
    assert told == {"keys": ["task.kind", "generator.preset", "seed"], "presets": [], "task": "", "checks": []}


def test_a_file_that_is_there_is_not_overwritten(here: Settings, store: Store, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_text("mine")
    with pytest.raises(SettingsError, match=r"b\.zip is there already\. Name another file; nothing was written\."):
        write_bundle(here, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_text() == "mine"
    with pytest.raises(SettingsError, match="can't be written: No such file or directory"):
        write_bundle(here, tmp_path / "none" / "b.zip")


def test_the_command_writes_a_bundle(command: Command, tmp_path: Path) -> None:
    told = command("doctor", "--bundle", "b.zip", "--json").json
    assert told["bundle"] == "b.zip" and told["content"]["store.json"]["lines"]["runs"] == 0
    again = command("doctor", "--bundle", "b.zip")
    assert (
        again.code == 1
        and again.err.strip() == "Error: b.zip is there already. Name another file; nothing was written."
    )
    other = command("doctor", "--bundle", "c.zip")
    assert other.code == 0 and "c.zip holds versions.json, findings.json" in other.out
    assert not (tmp_path / "data" / "logs").exists()


# -- all of it, in the running app


def test_the_running_app_keeps_its_log_and_is_asked_by_machines(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    environment = {"CLAYWRIGHT_METRICS_TOKEN": TOKEN, "OPENAI_API_KEY": KEY}
    with (
        running(without_services(data), 0, **environment) as app,
        httpx.Client(base_url=app.url, trust_env=False) as asks,
    ):
        assert asks.get("/readyz").json() == {"ok": True}
        assert asks.get("/metrics").status_code == 401
        read = asks.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert read.status_code == 200 and samples(read.text)[("claywright_runs", "done")] == 0
        assert "Traceback" not in app.stop()
    assert stat.S_IMODE((data / "logs").stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "logs" / "app.log").stat().st_mode) == 0o600
    first, *_, last = lines(data / "logs" / "app.log")
    assert (first["event"], last["event"]) == ("app began", "app ended")
    written = (data / "logs" / "app.log").read_text() + read.text
    assert KEY not in written and TOKEN not in written
