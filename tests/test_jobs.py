"""Jobs against an endpoint at the wire: what was previewed is not paid for again, one job a run, keys stay where they belong."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import recipe, workflow
from app.api_keys import Keys, TypedKeys, variable_for
from app.config import Settings
from app.errors import RunError
from app.recipe import Recipe, recipe_of
from app.runs.new_runs import draft_run
from app.runs.run_recipes import same_rows
from app.store.runs import Run
from app.store.store import Store
from app.web.jobs import Job, Jobs
from app.workspace import Workspace
from feedback.labeller.ultrafeedback import UltraFeedback
from tasks import TextGeneration
from tests.servers import FakeOpenAI, Fault

NO_KEYS = Keys()
KEY = "sk-" + "Zq7" * 11
JUDGE = UltraFeedback(aspects=("helpfulness",))


@pytest.fixture
def jobs(store: Store, here: Settings) -> Iterator[Jobs]:
    started = Jobs(store, here)
    yield started
    started.close()


def made_for(tmp_path: Path, url: str, units: int = 12, **more: Any) -> Recipe:
    """Text generation over `units` rivers, one call a row."""
    file = tmp_path / "inputs.jsonl"
    file.write_text(
        "".join(json.dumps({"instruction": f"Name river {n}.", "input": f"River {n}."}) + "\n" for n in range(units))
    )
    model = {"url": url, "model": "fake", "concurrency": 4}
    values = {"name": "rivers", "generator": model, "labeller": model, "inputs": {"path": str(file)}}
    return recipe.parse({**values, "task": {"kind": "text-generation"}, **more})


def until(come: Callable[[], bool]) -> None:
    """Waits for what is sure to come."""
    end = time.monotonic() + 60
    while not come():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


def ended(job: Job) -> Job:
    until(lambda: job.state != "working")
    return job


def said(store: Store, run: Run) -> list[tuple[str, str]]:
    """(id, last response) of the run's rows."""
    return [(row.id, row.responses[-1].text) for row in store.rows.walk(run.id)]


def asked(server: FakeOpenAI) -> list[dict[str, Any]]:
    """The calls about rivers: all but those of the probe."""
    return [call for call in server.calls if "iver" in json.dumps(call["body"])]


class Gate:
    """Calls from number `after` on are put off until it is open."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.open = threading.Event()
        self.waiting = threading.Event()

    def __call__(self, body: dict[str, Any], number: int) -> Fault:
        if number >= self.after and not self.open.is_set():
            self.waiting.set()
            return 503, {"Retry-After": "0.05"}, "later"
        return None


def test_previewed_rows_are_the_first_of_the_run_and_are_made_once(
    tmp_path: Path, store: Store, here: Settings, jobs: Jobs
) -> None:
    with FakeOpenAI() as server:
        made = made_for(tmp_path, server.url, rating={"aspects": ["helpfulness"]})
        run = draft_run(Workspace(here, store), made, None)
        assert ended(jobs.preview(run, NO_KEYS, 3)).state == "done"
        first = said(store, run)
        assert len(first) == 3 == len(asked(server))
        draft = store.runs.get(run.id)
        assert (draft.state, draft.reason, draft.worker) == ("draft", "", None)
        assert store.runs.counts(run.id).rated == 0
        again = draft_run(Workspace(here, store), made, draft)
        assert again.id == run.id
        job = ended(jobs.work(again, NO_KEYS, made))
        assert (job.state, job.total, job.before.answered) == ("done", 12, 3)
        assert said(store, run)[:3] == first and len(said(store, run)) == 12
        counts = store.runs.counts(run.id)
        assert (counts.answered, counts.rated, store.runs.get(run.id).state) == (12, 12, "done")
        assert server.repeated() == 0 and len(asked(server)) == 12 + 12
        assert [w.what for w in store.usage.all(run.id)] == ["preview", "work"]


def test_a_preview_of_a_task_that_gives_several_rows_a_unit(
    tmp_path: Path, store: Store, here: Settings, jobs: Jobs
) -> None:
    with FakeOpenAI() as server:
        task = {"kind": "self-instruct", "num_instructions": 5}
        run = draft_run(Workspace(here, store), made_for(tmp_path, server.url, task=task, rows=7), None)
        assert ended(jobs.preview(run, NO_KEYS, 3)).state == "done"
        first = said(store, run)
        assert len(first) == 3
        ended(jobs.work(store.runs.get(run.id), NO_KEYS))
        assert said(store, run)[:3] == first and len(said(store, run)) == 7
        assert server.repeated() == 0


def test_a_second_preview_asks_for_nothing(tmp_path: Path, store: Store, here: Settings, jobs: Jobs) -> None:
    with FakeOpenAI() as server:
        run = draft_run(Workspace(here, store), made_for(tmp_path, server.url), None)
        ended(jobs.preview(run, NO_KEYS, 3))
        calls = len(server.calls)
        assert ended(jobs.preview(store.runs.get(run.id), NO_KEYS, 3)).state == "done"
        assert len(server.calls) == calls and len(said(store, run)) == 3


def test_a_preview_of_a_short_run_makes_no_more_than_the_run_wants(
    tmp_path: Path, store: Store, here: Settings, jobs: Jobs
) -> None:
    with FakeOpenAI() as server:
        run = draft_run(Workspace(here, store), made_for(tmp_path, server.url, rows=2), None)
        job = ended(jobs.preview(run, NO_KEYS, 3))
        assert (job.total, len(said(store, run))) == (2, 2)


def test_a_stopped_job_keeps_what_it_made_and_goes_on_where_it_was(
    tmp_path: Path, store: Store, here: Settings, jobs: Jobs
) -> None:
    gate = Gate(after=8)
    with FakeOpenAI(faults=gate) as server:
        run = draft_run(Workspace(here, store), made_for(tmp_path, server.url), None)
        job = jobs.work(run, NO_KEYS)
        assert gate.waiting.wait(60)
        jobs.stop(run.id)
        assert ended(job).state == "stopped"
        stopped = store.runs.get(run.id)
        assert (stopped.state, stopped.reason, stopped.worker) == ("stopped", "stopped by you", None)
        kept = said(store, run)
        assert len(kept) < 12
        gate.open.set()
        assert ended(jobs.work(stopped, NO_KEYS)).state == "done"
        assert said(store, run)[: len(kept)] == kept and len(said(store, run)) == 12
        answered = [(c["draw"], json.dumps(c["body"])) for c in server.calls if c["status"] == 200]
        assert len(answered) == len(set(answered))


def test_stopping_what_does_not_work_does_nothing(tmp_path: Path, store: Store, here: Settings, jobs: Jobs) -> None:
    with FakeOpenAI() as server:
        run = draft_run(Workspace(here, store), made_for(tmp_path, server.url, units=2), None)
        jobs.stop(run.id)
        job = ended(jobs.work(run, NO_KEYS))
        jobs.stop(run.id)
        assert (job.state, store.runs.get(run.id).state, jobs.working()) == ("done", "done", [])


def test_one_job_a_run_and_several_runs_at_once(tmp_path: Path, store: Store, here: Settings, jobs: Jobs) -> None:
    gate = Gate(after=0)
    with FakeOpenAI(faults=gate) as server:
        made = made_for(tmp_path, server.url, units=2)
        one, other = workflow.start(Workspace(here, store), made), workflow.start(Workspace(here, store), made)
        working = jobs.work(one, NO_KEYS)
        with pytest.raises(RunError, match="'rivers' is being worked on"):
            jobs.work(one, NO_KEYS)
        with pytest.raises(RunError, match="'rivers' is being worked on"):
            jobs.pull(one)
        beside = jobs.work(other, NO_KEYS)
        assert jobs.working() == [working, beside] and jobs.of(one.id) is working
        gate.open.set()
        assert {ended(working).state, ended(beside).state} == {"done"}
        assert ended(jobs.work(store.runs.get(one.id), NO_KEYS)).state == "done"


def test_a_wrong_key_ends_the_job_with_a_sentence_and_pauses_the_run(
    tmp_path: Path, store: Store, here: Settings, jobs: Jobs
) -> None:
    with FakeOpenAI(faults=lambda body, number: 401) as server:
        run = draft_run(Workspace(here, store), made_for(tmp_path, server.url), None)
        tried = ended(jobs.preview(run, NO_KEYS, 3))
        assert tried.state == "failed" and "refused the key (401: injected)" in tried.trouble
        assert store.runs.get(run.id).state == "draft"
        job = ended(jobs.work(run, NO_KEYS))
        assert job.state == "failed" and "refused the key (401: injected)" in job.trouble
        paused = store.runs.get(run.id)
        assert (paused.state, paused.reason, paused.worker) == ("paused", job.trouble, None)


def test_a_key_that_was_not_typed_yet_is_asked_for(tmp_path: Path, store: Store, here: Settings, jobs: Jobs) -> None:
    with FakeOpenAI() as server:
        made = made_for(tmp_path, server.url, units=2)
        made = replace(made, generator=replace(made.generator, key_env=variable_for(server.url)))
        run = draft_run(Workspace(here, store), made, None)
        keys = TypedKeys()
        tried = ended(jobs.preview(run, keys, 3))
        assert tried.state == "failed" and f"key for {server.url}. Type it on the page Models" in tried.trouble
        assert (tried.mended_on, tried.stage, tried.setting) == ("models", "generate", "key_env")
        assert store.runs.get(run.id).state == "draft" and not server.calls
        keys.type(made.generator, f" {KEY}\n")
        assert ended(jobs.work(run, keys)).state == "done"
        assert {call["authorization"] for call in server.calls} == {f"Bearer {KEY}"}


@pytest.mark.parametrize(
    ("fault", "setting"),
    [((401, {}, '{"error": "invalid api key"}'), "key_env"), ((404, {}, '{"error": "unknown model fake"}'), "model")],
)
@pytest.mark.parametrize(("stage", "what"), [("answer", "preview"), ("rate", "rate")])
def test_what_failed_names_the_setting_at_fault(
    tmp_path: Path, store: Store, here: Settings, jobs: Jobs, fault: Fault, setting: str, stage: str, what: str
) -> None:
    with FakeOpenAI() as good, FakeOpenAI(faults=lambda body, number: fault) as bad:
        made = made_for(tmp_path, bad.url if stage == "answer" else good.url, units=1)
        run = draft_run(Workspace(here, store), made, None)
        if what == "rate":
            assert ended(jobs.work(run, NO_KEYS)).state == "done"
            job = ended(jobs.rate(run, NO_KEYS, JUDGE, replace(made.labeller, url=bad.url)))
        else:
            job = ended(jobs.preview(run, NO_KEYS, 1))
    assert (job.state, job.mended_on) == ("failed", "models"), job
    assert (job.stage.replace("generate", "answer"), job.setting) == (stage, setting), job.trouble


def test_an_unforeseen_fault_ends_the_job_alone(tmp_path: Path, store: Store, here: Settings, jobs: Jobs) -> None:
    run = workflow.start(Workspace(here, store), made_for(tmp_path, "http://127.0.0.1:9/v1", units=1))
    store.runs.set(run.id, recipe="{")
    job = ended(jobs.work(store.runs.get(run.id), NO_KEYS))
    assert job.state == "failed" and job.trouble.startswith("a fault of Claywright, please report it: JSONDecodeError")
    assert jobs.working() == []


def test_an_input_that_changed_since_the_preview_is_named(
    tmp_path: Path, store: Store, here: Settings, jobs: Jobs
) -> None:
    with FakeOpenAI() as server:
        made = made_for(tmp_path, server.url, units=4)
        run = draft_run(Workspace(here, store), made, None)
        ended(jobs.preview(run, NO_KEYS, 2))
        made_for(tmp_path, server.url, units=5)
        job = ended(jobs.work(run, NO_KEYS))
        assert job.state == "failed" and "is not what it was when the run" in job.trouble
        assert draft_run(Workspace(here, store), made, store.runs.get(run.id)).id != run.id


def test_closing_waits_for_what_is_in_flight(tmp_path: Path, store: Store, here: Settings) -> None:
    with FakeOpenAI(latency=0.3) as server:
        run = draft_run(Workspace(here, store), made_for(tmp_path, server.url, units=40), None)
        jobs = Jobs(store, here)
        job = jobs.work(run, NO_KEYS)
        until(lambda: bool(asked(server)))
        jobs.close(patience=30)
        assert job.state == "stopped" and not jobs.working()
        left = store.runs.get(run.id)
        assert (left.state, left.worker) == ("stopped", None)
        assert all(call["status"] == 200 for call in asked(server))
        assert len(asked(server)) == len(said(store, run)) < 40


def test_closing_gives_up_on_what_never_answers(tmp_path: Path, store: Store, here: Settings) -> None:
    with FakeOpenAI(faults=lambda body, number: "hang") as server:
        run = draft_run(Workspace(here, store), made_for(tmp_path, server.url), None)
        jobs = Jobs(store, here)
        job = jobs.work(run, NO_KEYS)
        until(lambda: bool(server.calls))
        jobs.close(patience=0.1)
        assert job.state == "stopped"
        left = store.runs.get(run.id)
        assert (left.state, left.worker) == ("stopped", None)
        (working,) = store.usage.all(run.id)
        assert (working.rows, working.answered) == (0, 0)


def test_rating_what_a_stopped_run_has_makes_no_more_rows(
    tmp_path: Path, store: Store, here: Settings, jobs: Jobs
) -> None:
    gate = Gate(after=8)
    with FakeOpenAI(faults=gate) as server:
        made = made_for(tmp_path, server.url)
        run = draft_run(Workspace(here, store), made, None)
        job = jobs.work(run, NO_KEYS)
        assert gate.waiting.wait(60)
        jobs.stop(run.id)
        ended(job)
        gate.open.set()
        before = store.runs.counts(run.id)
        assert 0 < before.answered < 12
        assert ended(jobs.rate(store.runs.get(run.id), NO_KEYS, JUDGE, made.labeller)).state == "done"
        after = store.runs.counts(run.id)
        assert (after.units, after.made, after.answered) == (
            before.units,
            before.made,
            before.answered,
        )
        assert after.rated == after.answered == after.ratings
        rated = store.runs.get(run.id)
        assert (rated.state, rated.reason) == ("stopped", "stopped by you")
        assert ended(jobs.work(rated, NO_KEYS)).state == "done"
        assert store.runs.counts(run.id).rated == 12


def test_rating_a_draft_leaves_it_a_draft(tmp_path: Path, store: Store, here: Settings, jobs: Jobs) -> None:
    with FakeOpenAI() as server:
        made = made_for(tmp_path, server.url)
        run = draft_run(Workspace(here, store), made, None)
        ended(jobs.preview(run, NO_KEYS, 3))
        ended(jobs.rate(store.runs.get(run.id), NO_KEYS, JUDGE, made.labeller))
        counts = store.runs.counts(run.id)
        assert (counts.made, counts.rated, store.runs.get(run.id).state) == (3, 3, "draft")


def test_a_draft_that_changes_gives_way_and_going_back_costs_nothing(
    tmp_path: Path, store: Store, here: Settings, jobs: Jobs
) -> None:
    with FakeOpenAI() as server:
        made = made_for(tmp_path, server.url)
        warm = replace(made, generator=replace(made.generator, temperature=1.5))
        run = draft_run(Workspace(here, store), made, None)
        ended(jobs.preview(run, NO_KEYS, 3))
        first = [text for _, text in said(store, run)]
        other = draft_run(Workspace(here, store), warm, store.runs.get(run.id))
        assert (other.id != run.id, other.seed, [r.id for r in store.runs.all()]) == (True, run.seed, [other.id])
        ended(jobs.preview(other, NO_KEYS, 3))
        calls = len(server.calls)
        back = draft_run(Workspace(here, store), made, store.runs.get(other.id))
        assert back.seed == run.seed and recipe_of(store.runs.get(back.id)) == made
        ended(jobs.preview(back, NO_KEYS, 3))
        assert [text for _, text in said(store, back)] == first and len(server.calls) == calls
        ended(jobs.work(store.runs.get(back.id), NO_KEYS, made))
        assert [text for _, text in said(store, back)][:3] == first and server.repeated() == 0


def test_what_is_not_about_the_rows_leaves_the_draft_as_it_is(tmp_path: Path, store: Store, here: Settings) -> None:
    made = made_for(tmp_path, "http://127.0.0.1:9/v1")
    run = draft_run(Workspace(here, store), made, None)
    for other in (replace(made, rows=3), replace(made, name="lakes"), replace(made, rating=JUDGE)):
        assert same_rows(made, other)
        run = draft_run(Workspace(here, store), other, run)
        assert recipe_of(run) == other and run.name == other.name
    assert len(store.runs.all()) == 1
    terse = TextGeneration(system_prompt="Be terse.")
    for other in (replace(made, seed=1), replace(made, task=terse), replace(made, responders=(made.labeller,))):
        assert not same_rows(made, other)


def test_a_run_that_is_no_draft_or_was_sent_is_never_replaced(tmp_path: Path, store: Store, here: Settings) -> None:
    made = made_for(tmp_path, "http://127.0.0.1:9/v1")
    worked = draft_run(Workspace(here, store), made, None)
    store.runs.set(worked.id, state="stopped")
    fresh = draft_run(Workspace(here, store), made, store.runs.get(worked.id))
    store.pushes.begin_push(fresh.id, "http://a", "d", "rivers", "w", 1, "")
    other = draft_run(Workspace(here, store), replace(made, seed=5), fresh)
    assert {run.id for run in store.runs.all()} == {worked.id, fresh.id, other.id} and other.seed == 5


def test_what_was_said_while_a_queue_is_refreshed_is_looked_at_too(
    jobs: Jobs, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A last verdict may be the one that ends an acceptance."""
    run = store.runs.create("r", "r", "me", "{}", 7, "")
    looks: list[threading.Event] = []

    def refreshed(store: Store, run: Run) -> None:
        looks.append(threading.Event())
        assert looks[-1].wait(60)

    monkeypatch.setattr("app.web.jobs.is_due", lambda store, run: True)
    monkeypatch.setattr("app.web.jobs.refresh", refreshed)
    jobs.refresh_queue(run)
    until(lambda: len(looks) == 1)
    jobs.refresh_queue(run)
    jobs.refresh_queue(run)
    assert len(looks) == 1
    looks[0].set()
    until(lambda: len(looks) == 2)
    looks[1].set()
    until(lambda: not jobs._queues_at_work)
    assert len(looks) == 2
