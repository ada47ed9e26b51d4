"""Testing a model on the page Models: that it goes on is shown, it can be stopped, and what models there are is listed."""

from collections.abc import Iterator

import pytest

from app.config import Settings
from app.store.store import Store
from app.web import form_values
from app.web.form_values import OWN_ADDRESS, TYPED
from app.web.pages import models
from app.web.state import AppState, RunView
from app.web.tab_state import TabState
from tests.make_state import SOMEBODY, act, at_desk, until_tried
from tests.servers import FakeOpenAI, Fault


@pytest.fixture
def desk(here: Settings, store: Store) -> Iterator[AppState]:
    with at_desk(store, here) as desk:
        yield desk


def at(desk: AppState, url: str, **more: object) -> None:
    """The generator is at that address, without a model's name."""
    desk.keep(
        SOMEBODY,
        form_values.prefixed("generator", {"preset": OWN_ADDRESS, "url": url, "key_env": "", "model": "", **more}),
    )


def glance(desk: AppState) -> RunView:
    return desk.look(SOMEBODY, "", TabState("models"))


def test_a_test_that_goes_on_is_shown_and_can_be_stopped(desk: AppState) -> None:
    with FakeOpenAI(holds_from=0) as server:
        at(desk, server.url)
        models.test(act(desk, extra=[""]), "generator")
        view = glance(desk)
        assert models._asking(view, "generator") and models._testing(view)
        assert "asking, 0 s" in models._pill(view, "generator") and "s so far" in models._probe(view, "generator")
        models.test(act(desk, extra=[""]), "generator")
        view = glance(desk)
        assert not desk.trying and not desk.stops
        assert "not tried" in models._pill(view, "generator") and "Test says what" in models._probe(view, "generator")
        models.test(act(desk, extra=[""]), "generator")
        models.test_all(act(desk))
        assert not desk.trying
        server.go_on()
        models.test(act(desk, extra=[""]), "generator")
        until_tried(desk)
        assert models._pill(glance(desk), "generator").count("ready") == 1


def test_models_are_listed_before_anything_is_tested(desk: AppState) -> None:
    with FakeOpenAI(model="rivers-7b") as server:
        at(desk, server.url)
        models.address_typed(act(desk), "generator")
        until_tried(desk)
        assert models._model_field(glance(desk), "generator")["choices"] == ["rivers-7b"] and not server.calls
        desk.keep(SOMEBODY, {"generator.model": "rivers-7b"})
        assert models._model_field(glance(desk), "generator")["choices"] == ["rivers-7b"]
        at(desk, f"{server.url}/elsewhere")
        assert models._model_field(glance(desk), "generator")["choices"] == []


def test_a_refused_key_is_not_said_to_be_there(desk: AppState) -> None:
    no: Fault = 401, {}, {"error": {"message": "Incorrect key"}}
    with FakeOpenAI(faults=lambda body, number: no) as server:
        at(desk, server.url, key_env=TYPED, model="m")
        models.take_key(act(desk, extra=["one key"]), "generator")
        assert "typed ✓" in models._key_placeholder(glance(desk), "generator")
        models.test(act(desk, extra=[""]), "generator")
        until_tried(desk)
        assert models._key_placeholder(glance(desk), "generator") == "refused: paste another key here"
        models.take_key(act(desk, extra=["another key"]), "generator")
        assert "typed ✓" in models._key_placeholder(glance(desk), "generator")


def test_one_click_serves_another_model_as_the_generator(desk: AppState) -> None:
    at(
        desk,
        "http://models.example.org/v1",
        model="big",
        key_env="MY_KEY",
        concurrency=3,
        temperature=1.0,
        extra='{"a": 1}',
    )
    assert not models._is_alike(glance(desk), "labeller")
    done = models.take_generators(act(desk), "labeller")
    assert done.fill is not None and "Address, key, model and limits" in done.toast
    desk.keep(SOMEBODY, done.fill)
    view = glance(desk)
    assert models._is_alike(view, "labeller") and not models._is_alike(view, "new")
    mine, theirs = view.described("labeller"), view.described("generator")
    assert mine is not None and theirs is not None and (mine.identity, mine.extra) == (theirs.identity, theirs.extra)
    assert (mine.concurrency, mine.temperature) == (3, 0.0)
    desk.keep(SOMEBODY, models.take_generators(act(desk), "new").fill or {})
    view = glance(desk)
    assert models._is_alike(view, "new") and view.filled["new.model"] == "" and view.filled["new.key_env"] == "MY_KEY"
