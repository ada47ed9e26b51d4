"""Which response is better, as people are asked it: in Argilla, in the app's own review, and what comes back."""

import random
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from app import workflow
from app.config import Settings
from app.errors import PageError
from app.review.argilla import Argilla
from app.review.reviewed_rows import judged_page, judged_rows
from app.runs.run_recipes import amend
from app.store.runs import Run
from app.store.store import Store
from app.web.page_builder import Act
from app.web.pages import insights
from app.web.pages.review import verdict
from app.web.pages.review.rows import rows
from app.web.state import AppState
from app.web.tab_state import TabState
from feedback.argilla import markdown
from feedback.argilla.dataset_settings import Review, Shape, fields, questions
from feedback.argilla.records import About, Place, item
from feedback.comparisons import reasons_of
from feedback.exports.preference_pairs import Rule, pair
from feedback.exports.selection import Export
from feedback.types import WHICH_IS_BETTER
from tests.browser import App, person
from tests.conftest import ArgillaServer
from tests.make_preferences import RECIPE, keep, preferences, with_compared_run
from tests.make_runs import Reviewer
from tests.make_state import at_desk
from tests.make_workspace import make_workspace
from tests.test_browser_axe import violations

WHY = "rationale-which-is-better"
PREFERS = "The labeller prefers"
HOSTILE = "Response {} <img src=x onerror=alert(1)> ![](http://evil.example/p.png)"


def suggested(record: dict[str, Any]) -> dict[str, Any]:
    return {s["question"]: s for s in record["suggestions"]}


def test_a_record_asks_which_is_better_and_suggests_what_the_labeller_prefers(store: Store) -> None:
    run = with_compared_run(store, 3, responses=3, why=HOSTILE)
    about, shape = About(run.id, "existing", "pen", ("helpfulness",), ("helpfulness",)), Shape(3, compared=True)
    asked = {part.name: part for part in questions(shape, Review(blind_audit=False), ("helpfulness",))}
    assert asked[WHICH_IS_BETTER].title == "Which response is the best?" and WHY in asked
    assert not [name for name in asked if name.startswith("rationale-") and name != WHY]
    assert WHY in {part.name for part in fields(shape, Review(blind_audit=True), ("helpfulness",))}
    assert WHICH_IS_BETTER not in {part.name for part in questions(Shape(3), Review(), ("helpfulness",))}
    assert WHICH_IS_BETTER not in {part.name for part in questions(Shape(1, compared=True), Review(), ())}
    changed, clear, _ = judged_page(store, run, 0, 3)
    for judged, value, score in ((clear, "response-3", 1.0), (changed, "tie", 0.0)):
        made = suggested(item(judged.row, (), shape, about, Place("queue", 0.0, 1), None, judged.preferences))
        found = made[WHICH_IS_BETTER]
        assert (found["value"], found["score"], found["agent"]) == (value, score, "judge")
        assert made[WHY]["value"] == markdown.shown(reasons_of(judged.preferences)) != reasons_of(judged.preferences)
        assert ("ranking" in made) == (score == 1.0)
    made = suggested(item(clear.row, (), shape, about, Place("queue", 0.0, 1), None, clear.preferences))
    assert (
        made["correction-of"]["value"] == "response-3"
        and "**A before B: B is better** Response B" in made[WHY]["value"]
    )
    blind = Place("audit", 3.0, 1, blind=True, order=(2, 0, 1))
    assert (
        not {WHICH_IS_BETTER, WHY, "ranking"}
        & suggested(item(clear.row, (), shape, about, blind, None, clear.preferences)).keys()
    )


@pytest.mark.parametrize("blind", [False, True])
def test_through_argilla_and_back(store: Store, argilla: ArgillaServer, blind: bool) -> None:
    """The labeller prefers B; of the first row it changed its mind. Somebody says A, or leaves what was suggested."""
    where, name = Argilla(argilla.url, argilla.api_key, own=True), f"pairs-{random.randrange(10**9)}"
    run = amend(store, with_compared_run(store, 4), review=replace(Review(), blind_audit=blind))
    workflow.push(make_workspace(store), run, where, lambda done, total: None, dataset=name)
    with Reviewer(argilla) as owner:
        options = {q["name"]: q["settings"].get("options") for q in owner.questions(name)}[WHICH_IS_BETTER]
        assert [option["text"] for option in options] == ["Response A", "Response B", "Tie"]
        records = {record["external_id"]: record for record in owner.records(name)}
        first, second, third, _ = (records[row.id] for row in store.rows.page(run.id, 0, 4))
        text = store.rows.get(second["external_id"]).responses[0].text  # wherever it is shown
        says = next(f"response-{k}" for k in (1, 2) if text in second["fields"][f"response-{k}"])
        if blind:
            assert not any(s["value"] == "response-2" for s in second["suggestions"] if s["agent"] == "judge")
        owner.say(first, decision="approve", **{WHICH_IS_BETTER: "tie"})
        owner.say(second, decision="approve", **{WHICH_IS_BETTER: says})
        owner.say(third, decision="approve", **{WHICH_IS_BETTER: "response-2"})
    workflow.pull(make_workspace(store), run, where)
    judged = list(judged_rows(store, run))
    origins = [row.verdicts[0].origins.get(WHICH_IS_BETTER) if row.verdicts else None for row in judged]
    assert origins == (["given"] * 3 if blind else ["accepted", "changed", "accepted"]) + [None]
    assert judged[1].verdicts[0].own_better == 0
    made = pair(judged[1], Rule())
    assert made is not None and (made.chosen.place, made.because) == (0, "said to be better by people")
    assert judged[3].verdicts == [] and pair(judged[0], Rule()) is None
    if not blind:
        accepted = pair(judged[2], Rule())
        assert accepted is not None and (accepted.chosen.place, accepted.because) == (
            1,
            "preferred by the labeller in both orders",
        )


def press(desk: AppState, run: Run, row: str, **data: Any) -> None:
    assert verdict.say(Act(desk, "first", run.id, desk.filled("first"), TabState(), {"row": row, **data})) is not None


def test_in_the_app_a_blind_row_shows_the_preference_once_it_is_decided(store: Store, here: Settings) -> None:
    run = with_compared_run(store, 3, why=HOSTILE)
    row = f"{run.id}-000001-0"
    push = store.pushes.begin_push(run.id, "here", "d", "d", "w", 1, "")
    store.pushes.plan(push, {row: 0.0}, blind_audit=True)
    order = store.pushes.arrangement(push, row)
    with at_desk(store, here) as desk:
        shown = rows(desk.look("first", run.id, TabState(row=row)))
        assert "Which response is better?" in shown and PREFERS not in shown and "is better." not in shown
        press(desk, run, row, act="better", said="response-1")
        assert PREFERS not in rows(desk.look("first", run.id, TabState(row=row)))
        press(desk, run, row, act="say", said="approve")
        shown = rows(desk.look("first", run.id, TabState(row=row)))
        preferred = "AB"[list(order).index(1)]
        assert f"The labeller prefers {preferred} in both orders." in shown and "<img" not in shown
        assert f"{'AB'[list(order).index(0)]} before {preferred}: {preferred} is better." in shown
        (mine,) = store.verdicts.of([row])[row]
        assert mine.blind and mine.own_better == 0
        other = f"{run.id}-000002-0"
        press(
            desk, run, other, act="better", said="response-2"
        )  # as the labeller says, pressed by a person all the same
        press(desk, run, f"{run.id}-000000-0", act="better", said="response-2")
        said = {name: store.verdicts.of([name])[name][0].origins for name in (other, f"{run.id}-000000-0")}
        assert [origins[WHICH_IS_BETTER] for origins in said.values()] == ["given", "changed"]
        press(desk, run, other, act="better", said="response-2")
        assert store.verdicts.of([other])[other][0].own_better is None
        with pytest.raises(PageError):
            press(desk, run, other, act="better", said="response-3")


def test_a_run_that_compares_nothing_is_asked_nothing(store: Store, here: Settings) -> None:
    from tests.make_runs import with_run

    run = with_run(store, 1, responses=2)
    with at_desk(store, here) as desk:
        view = desk.look("first", run.id)
        assert "Which response is better?" not in rows(view) and insights.which_is_better(view) == ""


def test_what_is_exported_of_what_people_said(store: Store, here: Settings) -> None:
    run = with_compared_run(store, 6)
    for row in store.rows.page(run.id, 0, 6):
        store.local_verdicts.say(row.id, "ann", {"decision": "approve"}, {})
    path = here.data / "pairs.jsonl"
    done = workflow.export(make_workspace(store), run, Export(format="preference", path=str(path)))
    assert done.written == 4  # of two rows the labeller changed its mind with the order


def test_by_key_in_a_browser(app: App, browser: Browser) -> None:
    with Store(app.data) as store:
        run = with_compared_run(store, 30, why=HOSTILE)
    with person(browser) as curator:
        page = curator.page
        curator.open(f"{app.url}?run={run.id}")
        curator.tab("Review")
        better = page.get_by_role("group", name="Which response is better?")
        expect(better.get_by_role("button")).to_have_count(3)
        expect(
            page.get_by_text("The labeller prefers neither. It changed its preference with the order")
        ).to_be_visible()
        for key, label in (("Shift+B", "B Shift+B"), ("Shift+A", "A Shift+A"), ("Shift+T", "Tie Shift+T")):
            curator.key(key)
            expect(better.get_by_role("button", name=label)).to_have_attribute("aria-pressed", "true")
            expect(better.locator("[aria-pressed=true]")).to_have_count(1)
        expect(page.locator(".verdict .approve")).to_have_attribute("aria-pressed", "false")  # `a` alone approves
        curator.key("j")
        expect(page.get_by_role("heading", name="Row 2")).to_be_visible()
        expect(page.get_by_text("The labeller prefers B in both orders.")).to_be_visible()
        page.locator(".better summary").click()
        expect(page.get_by_text("A before B: B is better.")).to_be_visible()
        assert page.locator(".better img").count() == 0
        assert violations(page) == []
        curator.tab("Insights")
        expect(page.get_by_text("It favours what stands first: in 33% of pairs")).to_be_visible()
        assert violations(page) == []
        curator.tab("Rate")
        expect(page.get_by_label("Compare pairs")).to_be_checked()
        expect(page.get_by_text("Shown to the labeller")).to_be_hidden()
        page.get_by_label("Rate each response").check()
        curator.answered()
        expect(page.get_by_text("Shown to the labeller")).to_be_visible()
        assert not curator.foreign and not curator.complaints


def test_a_run_that_was_compared_and_rated(store: Store) -> None:
    """What was compared in an earlier version of a row's text does not count."""
    run = with_compared_run(store, 2)
    first = store.rows.page(run.id, 0, 1)[0]
    store.rows.edit(replace(first, responses=first.responses[::-1]), "me")
    judged = judged_page(store, run, 0, 2)
    assert [len(row.preferences) for row in judged] == [0, 2]
    keep(store, [(judged[0].row, preferences(judged[0].row))])
    assert [len(row.preferences) for row in judged_page(store, run, 0, 2)] == [2, 2]
    assert RECIPE.rating is not None and store.preferences.counts(run.id).total == 4
