"""Keys that are typed: held for one browser and one address, sent nowhere else, written nowhere."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import recipe, workflow
from app.api_keys import KeyRing, Keys, TypedKeys, variable_for
from app.config import Settings
from app.recipe import recipe_of
from app.runs.model_check import ModelCheck, try_out
from app.store.store import Store
from app.web import form_values
from app.web.form_values import OWN_ADDRESS, TYPED, FormValues, fill
from app.web.jobs import Job, Jobs
from app.web.service_monitor import ServiceMonitor
from app.web.state import AppState
from feedback.labeller.ultrafeedback import UltraFeedback
from tasks.models.spec import ModelSpec
from tests.make_workspace import make_workspace
from tests.servers import FakeOpenAI, Fault
from tests.test_jobs import ended

KEY, OTHER = "sk-" + "Zq7" * 11, "sk-" + "Xw3" * 11


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AppState]:
    here = Settings(data=tmp_path / "data", owner="tester")
    with Store(here.data) as store:
        jobs = Jobs(store, here)
        yield AppState(store, here, jobs, ServiceMonitor(here, lambda words: None))
        jobs.close()


def forms(url: str, judge: str = "") -> FormValues:
    """The forms for three pasted rivers, with models at `url` (the labeller at `judge`), whose keys are typed."""
    model = {"preset": OWN_ADDRESS, "model": "fake", "key_env": TYPED}
    return {
        **fill(recipe.example()),
        "task.kind": "text-generation", "inputs.source": "paste", "inputs.text": "Name a river.\nName two.\nName three.",
        "rows": None, "name": "rivers",
        **form_values.prefixed("generator", {**model, "url": url}),
        **form_values.prefixed("labeller", {**model, "url": judge or url}),
    }  # fmt: skip


def written(folder: Path) -> list[Path]:
    """The files that hold a key."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and any(k.encode() in path.read_bytes() for k in (KEY, OTHER))
    ]


def worked(desk: AppState, filled: FormValues, browser: str = "ann") -> Job:
    """What the forms say, previewed and run."""
    desk.keep(browser, filled)
    run, made = desk.begin(filled, "")
    ended(desk.jobs.preview(run, desk.keys(browser), 2))
    run, made = desk.begin(filled, run.id)
    return ended(desk.jobs.work(run, desk.keys(browser), made))


def tried(desk: AppState, spec: ModelSpec, keys: Keys) -> ModelCheck:
    return asyncio.run(try_out(spec, desk.store, desk.settings, lambda words: None, keys))


def test_a_key_typed_for_one_address_is_not_sent_to_another(desk: AppState) -> None:
    with FakeOpenAI() as generator, FakeOpenAI() as labeller:
        filled = forms(generator.url, labeller.url)
        spec = form_values.model_of(form_values.part(filled, "generator"), "generator")
        desk.keys("ann").type(spec, KEY)
        job = worked(desk, filled)
        assert job.state == "failed" and "needs the key" in job.trouble and not labeller.calls
        judge = form_values.model_of(form_values.part(filled, "labeller"), "labeller")
        desk.keys("ann").type(judge, OTHER)
        assert ended(desk.jobs.work(desk.store.runs.all()[0], desk.keys("ann"))).state == "done"
        assert {call["authorization"] for call in generator.calls} == {f"Bearer {KEY}"}
        assert {call["authorization"] for call in labeller.calls} == {f"Bearer {OTHER}"}


def test_rating_what_is_answered_needs_no_generator(desk: AppState) -> None:
    with FakeOpenAI() as generator, FakeOpenAI() as labeller:
        filled = {**forms(generator.url, labeller.url), "rating.on": False}
        spec = form_values.model_of(form_values.part(filled, "generator"), "generator")
        judge = form_values.model_of(form_values.part(filled, "labeller"), "labeller")
        desk.keys("ann").type(spec, KEY)
        job = worked(desk, filled)
        run = desk.store.runs.get(job.run)
        desk.keys("ann").type(spec, "")  # as after a restart
        desk.keys("ann").type(judge, OTHER)
        sent = len(generator.calls)
        assert ended(desk.jobs.rate(run, desk.keys("ann"), UltraFeedback(aspects=("honesty",)), judge)).state == "done"
        assert labeller.calls and len(generator.calls) == sent


def test_a_typed_key_does_not_follow_a_redirect_to_another_address(desk: AppState) -> None:
    with FakeOpenAI() as other:

        def away(body: dict[str, Any], number: int) -> Fault:
            return 307, {"Location": f"{other.url}/chat/completions"}, ""

        with FakeOpenAI(faults=away) as server:
            spec = ModelSpec(url=server.url, model="fake", key_env=variable_for(server.url))
            keys = TypedKeys()
            keys.type(spec, KEY)
            tried(desk, spec, keys)
            assert {call["authorization"] for call in server.calls} == {f"Bearer {KEY}"}
        assert all(KEY not in call["authorization"] for call in other.calls)


def test_a_typed_key_is_written_nowhere(desk: AppState) -> None:
    refused = True

    def fault(body: dict[str, Any], number: int) -> Fault:
        if not refused:
            return None
        return 401, {}, {"error": {"message": f"Incorrect API key provided: {KEY}.", "code": "invalid_api_key"}}

    with FakeOpenAI(faults=fault) as server:
        filled = forms(server.url)
        spec = form_values.model_of(form_values.part(filled, "generator"), "generator")
        desk.keys("ann").type(spec, KEY)
        job = worked(desk, filled)
        assert job.state == "failed" and "***" in job.trouble and KEY not in job.trouble
        (run,) = desk.store.runs.all()
        assert run.state == "paused" and KEY not in run.reason
        failed = tried(desk, spec, desk.keys("ann"))
        assert not failed.ok and KEY not in failed.trouble
        refused = False
        assert tried(desk, spec, desk.keys("ann")).ok
        assert ended(desk.jobs.work(run, desk.keys("ann"))).state == "done"
        workflow.export(
            make_workspace(desk.store),
            run,
            replace(recipe_of(run).export, unreviewed=True, path=str(desk.settings.data / "x.jsonl")),
        )
        assert {call["authorization"] for call in server.calls} == {f"Bearer {KEY}"}
    assert (desk.settings.data / "claywright.db").stat().st_size and written(desk.settings.data) == []
    desk.store.db.write(lambda c: c.execute("INSERT INTO forms VALUES('x', ?, '')", (KEY,)))
    assert written(desk.settings.data)  # the search itself finds what is there


def test_a_typed_key_shows_in_nothing_that_is_printed() -> None:
    ring = KeyRing()
    spec = ModelSpec(url="http://models.example.org/v1")
    ring.of("ann").type(spec, KEY)
    assert KEY not in f"{ring} {ring.of('ann')!r} {spec!r} {vars(spec)}"


def test_each_browser_has_keys_of_its_own() -> None:
    ring, spec = KeyRing(), ModelSpec(url="http://models.example.org/v1/", key_env="SOME_KEY")
    ring.of("ann").type(spec, KEY)
    assert ring.of("ann").of(spec) == KEY and ring.of("ann").holds(spec)
    assert ring.of("bob").of(spec) is None and not ring.of("bob").holds(spec)


@pytest.mark.parametrize(
    "url",
    [
        "http://models.example.org/v2",
        "https://models.example.org/v1",
        "http://models.example.org:8000/v1",
        "http://models.example.org.evil.org/v1",
    ],
)
def test_a_key_is_for_the_whole_address(url: str) -> None:
    keys, spec = TypedKeys(), ModelSpec(url="http://models.example.org/v1")
    keys.type(spec, KEY)
    assert keys.of(replace(spec, url=url)) is None
    assert keys.of(replace(spec, url=spec.url + "/", model="another", key_env="ANY_KEY")) == KEY


def test_a_typed_key_goes_before_that_of_the_environment_until_it_is_taken_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", OTHER)
    keys, spec = TypedKeys(), ModelSpec(preset="openai", model="m")
    assert keys.of(spec) == Keys().of(spec) == OTHER
    keys.type(spec, KEY)
    assert keys.of(spec) == KEY and Keys().of(spec) == OTHER
    keys.type(spec, "  ")
    assert keys.of(spec) == OTHER and not keys.holds(spec)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://models.example.org/v1", "KEY_FOR_MODELS_EXAMPLE_ORG"),
        ("http://127.0.0.1:8000/v1", "KEY_FOR_127_0_0_1"),
        ("http://[::1]:8000/v1", "KEY_FOR_IP6__0000_0000_0000_0000_0000_0000_0000_0001"),
        ("http://models-example.org/v1", "KEY_FOR_MODELS__EXAMPLE_ORG"),
        ("https://bücher.example/v1", "KEY_FOR_XN____BCHER__KVA_EXAMPLE"),
        ("", "KEY_FOR_ENDPOINT"),
    ],
)
def test_the_name_of_a_key_says_where_it_belongs(url: str, name: str) -> None:
    assert variable_for(url) == name
