"""The labeller asked which of two responses is better: its questions, reading its answers, and what they come to in a run."""

import asyncio
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import workflow
from app.recipe import parse, recipe_of
from app.review.reviewed_rows import judged_page, judged_rows
from app.runs.cost import forecast
from app.store.runs import Run
from app.store.store import Store
from feedback.comparisons import PRIOR, comparisons, doubt, doubt_in_words, ranking, reason, renamed
from feedback.exports.dataset_card import Facts, Held, Summary, card
from feedback.exports.preference_pairs import Rule, in_order, pair
from feedback.exports.record_formats import preference as preference_lines
from feedback.exports.record_formats import ranking as ranking_lines
from feedback.exports.selection import Export
from feedback.labeller.pairwise import Pairwise, judge_of, pairs
from feedback.labeller.preference_parser import read
from feedback.labeller.ultrafeedback import Question, UltraFeedback
from feedback.rating_summary import priority
from feedback.response_order import to_places
from feedback.stats.pairwise import figures
from feedback.types import Better, Preference, PreferenceStatus, Rating
from tasks.engine.engine import Engine
from tasks.errors import SettingsError
from tasks.types import Response, Row
from tests.biased_judge import both_orders, errors, judge, one_order, quality, recipe_values, rows, true_bias
from tests.conftest import Command, Work
from tests.make_reviewed_rows import ROW, judged, verdict
from tests.make_workspace import make_workspace
from tests.scripts import Memo, Model, do
from tests.servers import FakeOpenAI, Fault

JUDGE = Pairwise(UltraFeedback(method="pairwise"))


def of(responses: int, *, id: str = "r-0-0") -> Row:
    return replace(ROW, id=id, responses=tuple(Response(f"Answer {k}.", "m") for k in range(responses)))


def said(first: int, second: int, better: Better | None, **more: Any) -> Preference:
    status: PreferenceStatus = "unread" if better is None else "compared"
    return Preference(first, second, more.pop("aspect", "helpfulness"), more.pop("repeat", 0), status, better, **more)


def both(first: int, second: int, winner: int | None, **more: Any) -> list[Preference]:
    """Both orders of a pair, which agree."""
    orders = ((first, second), (second, first))
    return [said(a, b, "tie" if winner is None else "first" if winner == a else "second", **more) for a, b in orders]


# -- what is asked


@pytest.mark.parametrize("responses", range(9))
def test_pairs_of_so_many_responses(responses: int) -> None:
    chosen = pairs(of(responses))
    assert len(set(chosen)) == len(chosen) and all(one < other for one, other in chosen)
    if responses <= 4:
        assert chosen == list(combinations(range(responses), 2))
        return
    degrees = Counter(index for both_of in chosen for index in both_of)
    assert sorted(degrees.values()) == [3] * (responses - responses % 2) + [4] * (responses % 2)
    reached = {0}
    for _ in range(responses):
        reached |= {index for both_of in chosen if reached & set(both_of) for index in both_of}
    assert reached == set(range(responses))
    assert chosen == pairs(of(responses))
    assert len({tuple(pairs(of(responses, id=f"r-{k}"))) for k in range(9)}) > 1


def test_each_pair_in_both_orders_for_each_aspect_and_repeat() -> None:
    twice = Pairwise(UltraFeedback(method="pairwise", aspects=("helpfulness", "honesty"), repeats=2))
    questions = twice.questions(of(3))
    assert len(questions) == len(set(questions)) == 2 * 2 * 3 * 2
    assert {(q.order[1], q.order[0]) for q in questions} == {q.order for q in questions}
    same = replace(of(3), responses=(Response("Loire. ", "a"), Response("Loire.", "b"), Response("Rhine.", "c")))
    assert {q.order for q in JUDGE.questions(same)} == {(0, 2), (2, 0), (1, 2), (2, 1)}
    assert JUDGE.questions(of(1)) == []


def test_the_judge_of_ratings_is_named_as_before() -> None:
    """Rows that were rated need no rating again."""
    assert UltraFeedback().identity("x") == "889b32421f03a74d"
    assert judge_of(UltraFeedback(method="pairwise")).identity("x") != UltraFeedback().identity("x")
    assert JUDGE.identity("x") != Pairwise(UltraFeedback(method="pairwise", repeats=2)).identity("x")


def test_settings_that_can_not_be() -> None:
    rubric = {"name": "clear", "question": "Is it clear?", "levels": ["no", "yes"], "judges": "instruction"}
    values = {
        "task": {"kind": "existing"},
        "generator": {"preset": "scripted"},
        "inputs": {"path": "rows.jsonl"},
        "rubrics": [rubric],
        "rating": {"method": "pairwise"},
    }
    with pytest.raises(SettingsError, match="judges the instruction") as error:
        parse(values)
    assert error.value.setting == "aspects"
    with pytest.raises(SettingsError, match="method"):
        parse({**values, "rating": {"method": "ranking"}})
    assert (
        parse({**values, "rating": {"method": "pairwise", "aspects": ["honesty"]}}).dump()["rating"]["method"]
        == "pairwise"
    )


def test_a_forecast_counts_the_calls() -> None:
    rating = UltraFeedback(method="pairwise", aspects=("helpfulness", "honesty"))
    assert (
        forecast.ratings_of(of(3), rating) == 12 and forecast.ratings_of(of(3), replace(rating, method="rating")) == 2
    )
    prompts, answers = forecast.tokens_of_ratings([of(2)], rating, 1)
    assert prompts > 100 and answers == 4 * forecast.TOKENS_OF_A_RATING


# -- what is answered


@pytest.mark.parametrize(
    ("answer", "better", "rationale"),
    [
        ("Better: A\nRationale: It names one.", "first", "It names one."),
        ("**Better:** Response B\n\n**Rationale:** It names one.", "second", "It names one."),
        ("Rationale: B is short.\nBetter: A", "first", "B is short."),
        ("Better: tie\nRationale: Both do.", "tie", "Both do."),
        ('{"rationale": "It names one.", "better": "B"}', "second", "It names one."),
        ('```json\n{"better": "Response A", "reason": "x",}\n```', "first", "x"),
        ('{"winner": "neither"}', "tie", ""),
        ("My final verdict is: [[B]]", "second", None), ("[[C]]", "tie", ""), ("Better: [[A]]", "first", ""),
        ("[[A>>B]]", "first", ""), ("B > A", "second", ""), ("A=B", "tie", ""),
        ("A", "first", ""), ("Response B.", "second", ""), ("The second response", "second", ""), ("Better: first", "first", ""),
        ("Better: (A) - it names one", "first", "it names one"), ("Better: A, because B is wrong", "first", ""),
        ("Better: Response 2", "second", ""), ("Winner: A is much better than B", "first", ""),
        ("Better: equally good", "tie", ""), ("Better: no difference", "tie", ""), ("Better: both", "tie", ""),
        ("A tie", "tie", ""), ("It is a draw.", "tie", ""),
        ("Both name a river.\nOverall, Response B is better because it is longer.", "second", None),
    ],
)  # fmt: skip
def test_answers_that_are_read(answer: str, better: Better, rationale: str | None) -> None:
    entry = read(answer)
    assert entry.better == better and entry.note == ""
    assert rationale is None or entry.rationale == rationale


@pytest.mark.parametrize(
    "answer",
    [
        "", "A or B", "Better: A or B", "Better: A and B", "Better: A, B or tie", "Better: not A", "Better: A. Actually B",
        "Better: A\nBetter: B", "[[A]] ... [[B]]", "better: 1", '{"better": 1}', '{"better": null}',
        '{"better": "A", "winner": "B"}',
        "A bicycle is fine.", "I can't say that response A is better.", "Response A is better.\nResponse B is better.",
        '{"rationale": "A is better"}', "Better:", "B, A", "Better: Response C", "C", "nothing",
    ],
)  # fmt: skip
def test_nothing_is_made_up(answer: str) -> None:
    entry = read(answer)
    assert entry.better is None and entry.note


@given(st.text(max_size=300), st.sampled_from(["A", "B", "tie"]))
def test_any_text_is_read_without_a_fault(text: str, better: str) -> None:
    assert read(text).better in (None, "first", "second", "tie")
    entry = read(json.dumps({"rationale": text, "better": better}))
    assert entry.better == {"A": "first", "B": "second", "tie": "tie"}[better]


def asked(model: Model, order: tuple[int, int] = (1, 0)) -> Preference:
    (preference,) = do(JUDGE.rate(of(2), Question("overall-rating", 0, order), Engine(Memo()).bind(model, "rate")))
    assert isinstance(preference, Preference)
    return preference


def test_an_answer_is_mapped_back_to_the_responses() -> None:
    model = Model([("<response A>\nAnswer 1", "Better: B\nRationale: Response B names it, response A does not.")])
    found = asked(model)
    assert (found.first, found.second, found.better, found.preferred, found.status) == (1, 0, "second", 0, "compared")
    assert reason(found) == "Response A names it, response B does not." and found.asked == 1
    assert renamed("Responses A and B; a response a day", "C", "D") == "Responses C and D; a response a day"


def test_what_can_not_be_read_is_asked_again_once_and_kept() -> None:
    again = Model([("could not be read", "Better: A\nRationale: Yes."), ("You compare", "Hm.")])
    found = asked(again)
    assert (found.better, found.asked, len(again.asked)) == ("first", 2, 2)
    never = asked(Model([("", "Hm.")]))
    assert (never.better, never.status, never.asked) == (None, "unread", 2)
    assert never.raw == "Hm.\n\n[asked again]\nHm." and never.note


def test_schema_where_the_endpoint_takes_one() -> None:
    model = Model(json_schema=True)
    assert asked(model).better in ("first", "second", "tie")
    ((_, body),) = model.asked
    assert body["schema"]["properties"]["better"] == {"enum": ["A", "B", "tie"]}


# -- what it comes to


def test_orders_that_agree_are_a_win_and_others_a_tie_that_is_counted() -> None:
    first_twice = [said(0, 1, "first"), said(1, 0, "first")]
    half = [said(0, 2, "first"), said(2, 0, "tie")]
    unread = [said(1, 2, "first"), said(2, 1, None)]
    found = {(c.one, c.other): c for c in comparisons([*first_twice, *half, *unread, *both(0, 3, 0)])}
    assert found.keys() == {(0, 1), (0, 2), (0, 3)}
    assert [(c.winner, c.changed, c.won_by_first) for c in found.values()] == [
        (None, True, True), (None, True, False), (0, False, False),
    ]  # fmt: skip


def test_a_ranking_by_bradley_and_terry() -> None:
    found = ranking(comparisons([*both(0, 1, 1), *both(1, 2, 1), *both(0, 2, 2)]))
    assert found is not None and found.order == (1, 2, 0) and found.top == 1 and found.ranks == {1: 1, 2: 2, 0: 3}
    more = ranking(comparisons([p for k in range(9) for p in [*both(0, 1, 1, repeat=k), *both(1, 2, 1, repeat=k)]]))
    assert more is not None and 0.5 < found.sure < more.sure < 1
    even = ranking(comparisons([*both(0, 1, None), *both(1, 2, None), *both(0, 2, None)]))
    assert (
        even is not None
        and even.top is None
        and set(even.ranks.values()) == {1}
        and even.sure == pytest.approx(1 / 3, abs=0.05)
    )
    # of two with k wins to none the estimate is known: the logarithm of the odds
    two = ranking(comparisons(both(0, 1, 0)))
    assert two is not None
    assert two.strengths[0] - two.strengths[1] == pytest.approx(math.log((1 + PRIOR) / PRIOR), abs=1e-4)
    assert two.sure == pytest.approx(0.77, abs=0.01)  # as the draws give it for more than two
    assert ranking([]) is None


def test_people_come_before_the_labellers_preferences_and_these_before_ratings() -> None:
    preferred = judged(verdict(None), ratings=())
    preferred = replace(preferred, preferences=both(0, 1, 0))
    with_ratings = replace(judged(verdict(None)), preferences=both(0, 1, 0))  # which would say 1
    for found in (preferred, with_ratings):
        made = pair(found, Rule())
        assert made is not None and (made.chosen.place, made.rejected) == (0, 1)
        assert made.because == "preferred by the labeller in both orders"
    by_ratings = pair(judged(verdict(None)), Rule())
    assert by_ratings is not None and by_ratings.because == "rated higher by the labeller"
    changed = replace(with_ratings, preferences=[said(0, 1, "first"), said(1, 0, "first")])
    assert pair(changed, Rule()) is None
    for people, because in (
        (verdict(None, which_is_better="response-2"), "said to be better by people"),
        (verdict(None, helpfulness_1=2, helpfulness_2=5), "rated higher by people"),
        (
            verdict(None, ranking=[{"value": "response-2", "rank": 1}, {"value": "response-1", "rank": 2}]),
            "ranked higher by people",
        ),
    ):
        made = pair(replace(with_ratings, verdicts=[people]), Rule())
        assert made is not None and (made.chosen.place, made.because) == (1, because)
    accepted = replace(with_ratings, verdicts=[verdict(None, origin="accepted", which_is_better="response-2")])
    assert in_order(accepted) == [0, 1]
    (line,) = preference_lines(preferred, Rule())
    assert line["because"] == "preferred by the labeller in both orders" and line["chosen_rating"] is None


def test_the_ranking_format_takes_the_order_of_the_comparisons() -> None:
    row = of(3)
    found = replace(judged(row=row, ratings=()), preferences=[*both(0, 1, 1), *both(1, 2, 1), *both(0, 2, None)])
    (line,) = ranking_lines(found, Rule())
    assert line["responses"] == ["Answer 1.", "Answer 0.", "Answer 2."] and line["ranks"] == [1, 2, 2]
    assert line["ranked_by"] == "the labeller's comparisons (Bradley-Terry)"


def test_which_is_better_follows_the_order_of_responses() -> None:
    assert to_places({"which-is-better": "response-1"}, (1, 0)) == {"which-is-better": "response-2"}
    assert to_places({"which-is-better": "tie"}, (1, 0)) == {"which-is-better": "tie"}


def test_too_few_pairs_give_no_number_but_a_sentence() -> None:
    found = figures([("r", ("a", "b"), p) for p in both(0, 1, 0)])
    assert found.compared == 1 and found.bias.value is None and "Too few pairs" in found.sentence
    (a, b) = found.models
    assert (a.model, a.wins, a.losses) == ("a", 1, 0) and (b.model, b.wins, b.losses) == ("b", 0, 1)


# -- in a run


def run_of(work: Work, tmp_path: Path, server: FakeOpenAI, count: int, **rating: Any) -> Run:
    return work(recipe_values(tmp_path, server.url, rows(count), **rating))


def test_a_labeller_that_favours_the_first_place_is_measured(tmp_path: Path, store: Store, work: Work) -> None:
    with FakeOpenAI(faults=judge(0.3)) as server:
        run = run_of(work, tmp_path, server, 200)
    found = figures(store.preferences.of_run(run.id))
    truth = true_bias(200, 0.3)
    assert found.compared == 600 and found.rows == 200 and found.unread == found.failed == 0
    assert found.bias.value == pytest.approx(truth) and found.changed.value == pytest.approx(truth)
    assert found.bias.low is not None and found.bias.high is not None and found.bias.low < 0.3 < found.bias.high
    assert found.bias.high - found.bias.low < 0.08 and found.second.value == 0
    assert "favours what stands first" in found.sentence
    assert [wins.model for wins in found.models] == ["model-3", "model-2", "model-1"]
    reviewed = list(judged_rows(store, run))
    both_asked, one_asked = errors(reviewed, both_orders), errors(reviewed, one_order)
    assert sum(both_asked.wrong) / 200 < 0.10 < sum(one_asked.wrong) / 200
    assert sum(both_asked.tau) > sum(one_asked.tau) and sum(both_asked.tau) / 200 > 0.7
    for row in reviewed:  # a pair that goes out is always the right way round
        if (chosen := pair(row, Rule())) is not None:
            assert quality(row.row, chosen.chosen.place) > quality(row.row, chosen.rejected)


def test_a_run_resumes_without_a_call_and_asks_what_failed_or_changed(tmp_path: Path, store: Store, work: Work) -> None:
    down = [True]

    def faults(body: dict[str, Any], number: int) -> Fault:
        prompt = json.dumps(body)
        if down[0] and "quality 3" in prompt and "Answer 1 of" in prompt and "<response A>" in prompt:
            return 400
        return judge(0.0)(body, number)

    with FakeOpenAI(faults=faults) as server:
        run = run_of(work, tmp_path, server, 3)
        counts = store.runs.counts(run.id)
        assert counts.answered == 3 and counts.rated == 2
        assert (store.preferences.counts(run.id).total, store.preferences.counts(run.id).failed) == (18, 4)
        assert sum(what.startswith("comparison of row") for what, _ in store.rows.failures(run.id)) == 4
        down[0], before = False, len(server.calls)
        run = asyncio.run(workflow.rate(make_workspace(store), run, lambda *_: None))
        assert len(server.calls) == before + 4 and store.runs.counts(run.id).rated == 3
        assert store.preferences.counts(run.id).failed == 0
        run = asyncio.run(workflow.rate(make_workspace(store), run, lambda *_: None))
        run = work(run)
        assert len(server.calls) == before + 4
        # what is rated in between stays, and each counts
        rating = recipe_of(run).rating
        assert rating is not None
        run = asyncio.run(
            workflow.rate(make_workspace(store), run, lambda *_: None, rating=replace(rating, method="rating"))
        )
        assert len(server.calls) == before + 4 + 3
        (first, *_) = judged_page(store, run, 0, 3)
        assert len(first.ratings) == 3 and len(first.preferences) == 6 and first.ranking is not None
        # an edited text is compared anew
        row = store.rows.edit(
            replace(first.row, responses=(Response("Answer 0 of quality 9.", "x"), *first.row.responses[1:])), "me"
        )
        assert store.preferences.of([row.id])[row.id] == []
        before = len(server.calls)
        run = asyncio.run(workflow.rate(make_workspace(store), run, lambda *_: None, rating=rating))
        assert len(server.calls) == before + 4  # the pair that stayed is remembered
        (edited, *_) = judged_page(store, run, 0, 3)
        assert edited.ranking is not None and edited.ranking.top == 0


def test_runs_of_before_are_not_touched(tmp_path: Path, store: Store, work: Work) -> None:
    """A row with one response has nothing to compare, and counts as rated."""
    with FakeOpenAI(faults=judge(0.0)) as server:
        lone = [{"instruction": "Name a river.", "responses": [{"text": "Loire.", "model": "m"}]}]
        run = work(recipe_values(tmp_path, server.url, lone))
        assert store.runs.counts(run.id).rated == 1 and store.preferences.counts(run.id).total == 0
        assert _prompts(server.calls) == []


def _prompts(calls: Sequence[dict[str, Any]]) -> list[str]:
    return [body for call in calls if "You compare two" in (body := json.dumps(call["body"]))]


def test_a_card_says_how_pairs_came_about() -> None:
    found = replace(
        judged(row=of(3)), preferences=[*both(0, 1, 1), *both(1, 2, 1), said(0, 2, "first"), said(2, 0, "first")]
    )
    summary = Summary()
    summary.add(found, [])
    about = Facts(run="r", name="rivers", task="existing", recipe={"rating": {"method": "pairwise"}}, generator="none")
    text = card("", "me/rivers", Export(format="preference"), about, summary, Held(), 1, {})
    assert "in both orders, about 3 pairs" in text and "changed with the order in 33% (1): these count as ties" in text
    assert "a position bias of +33%." in text and '"method": "pairwise"' in text
    assert "### Comparisons" not in card("", "me/rivers", Export(), about, Summary(), Held(), 1, {})


def test_the_command_compares(tmp_path: Path, store: Store, work: Work, command: Command) -> None:
    with FakeOpenAI(faults=judge(0.0)) as server:
        values = recipe_values(tmp_path, server.url, rows(2))
        run = work({name: value for name, value in values.items() if name != "rating"})
        done = command("rate", run.id, "--method", "pairwise", "--aspect", "honesty", data=store.db.path.parent)
        assert done.code == 0 and "12 of 12 answers to which response is better can be read" in done.out + done.err
        assert store.preferences.counts(run.id).total == 12 and len(_prompts(server.calls)) == 12
        assert command("rate", run.id, "--method", "ranking", data=store.db.path.parent).code != 0


def _both(one: int, other: int, first: Better, back: Better, repeat: int = 0) -> list[Preference]:
    """A pair in both orders."""
    return [
        said(one, other, first, repeat=repeat),
        said(other, one, back, repeat=repeat),
    ]


def test_the_most_doubtful_preferences_are_reviewed_first() -> None:
    """A response that won its one comparison has 1.1 wins against 0.1: the odds are 11, the information is 0.11 / 1.2, and it is
    the better one with the probability Φ(ln 11 · √(0.11 / 1.2)) = Φ(0.726) = 0.766.
    """
    changed = comparisons(_both(0, 1, "first", "first"))
    tie = comparisons(_both(0, 1, "tie", "tie"))
    clear = comparisons(_both(0, 1, "first", "second"))
    again = comparisons(_both(0, 1, "first", "second") + _both(0, 1, "first", "second", repeat=1))
    half = comparisons(_both(0, 1, "first", "second") + _both(0, 1, "first", "first", repeat=1))
    row = Row(({"role": "user", "content": "x"},), (Response("a", "m"), Response("b", "m")))
    found = [priority(row, [], "helpfulness", doubt=doubt(compared)) for compared in (changed, half, tie, clear, again)]
    assert found == sorted(found, reverse=True) and len(set(found)) == 5
    assert (found[0], found[2]) == (2.5, 0.0)
    sure = (1 + math.erf(math.log(11) * math.sqrt(0.11 / 1.2 / 2))) / 2
    assert found[3] == pytest.approx(5 * (0 + (1 - sure) / 0.5) / 2 - 2.5, abs=1e-4)
    assert priority(row, [], "helpfulness") == 0
    rated = [Rating(0, "helpfulness", 0, "rated", 5.0), Rating(0, "honesty", 0, "rated", 1.0)]
    assert priority(row, rated, "helpfulness", doubt=doubt(changed)) == priority(
        row, rated, "helpfulness"
    )  # what it decides by
    three = comparisons([p for one, other in combinations(range(3), 2) for p in _both(one, other, "first", "first")])
    assert priority(row, [], "helpfulness", doubt=doubt(three)) == pytest.approx(2.5, abs=0.1)  # sampled strengths
    words = [doubt_in_words(compared) for compared in (changed, tie, half, clear, three, ())]
    assert words == [
        "the labeller's preference changes with the order, and no response is ahead",
        "the labeller's preference is the same in both orders: a tie",
        "the labeller's preference changes with the order in 1 of 2 comparisons; that A is the best is 74% certain",
        "the labeller's preference is the same in both orders; that A is the best is 77% certain",
        "the labeller's preference changes with the order in 3 of 3 comparisons, and no response is ahead",
        "",
    ]


@given(st.lists(st.sampled_from(["first", "second", "tie"]), min_size=6, max_size=6), st.integers(2, 3))
def test_doubt_stays_in_its_range(answers: list[Better], responses: int) -> None:
    pairs = list(combinations(range(responses), 2))
    compared = comparisons(
        [p for k, (one, other) in enumerate(pairs) for p in _both(one, other, answers[2 * k], answers[2 * k + 1])]
    )
    row = Row(({"role": "user", "content": "x"},), (Response("a", "m"), Response("b", "m")))
    assert -2.5 <= priority(row, [], "helpfulness", doubt=doubt(compared)) <= 2.5
    assert doubt_in_words(compared)
