"""The judge beside its readers: what it asks, what it asks again, and what it keeps of an answer."""

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from feedback.labeller.answer_parser import Entry, read
from feedback.labeller.scores import kinds
from feedback.labeller.ultrafeedback import Question, UltraFeedback, at_ratings, schema
from feedback.rubrics import STANDARD_RUBRICS
from feedback.types import Rating
from tasks.errors import CallRefused, ModelError, PromptTooLong, TimedOut
from tasks.models.base import Capabilities, Completion
from tasks.types import Message, Response, Row

RIVER = Row(
    ({"role": "user", "content": "Name a river."},), (Response("The Loire.", "a"), Response("Rivers.", "b")), id="r-0-0"
)
BOTH = Question("helpfulness", 0, (1, 0))
READABLE = (
    "#### Output for Text 1\nRating: 2\nRationale: Vague.\n\n#### Output for Text 2\nRating: 4\nRationale: Right."
)
HALF = "#### Output for Text 1\nRating: 2\nRationale: Vague.\n\n#### Output for Text 2\nRating: four\nRationale: Right."


@dataclass
class Judge:
    """A model that says one thing after the other; an error among them is raised."""

    says: list[str | Completion | ModelError]
    found: Capabilities = field(default_factory=Capabilities)
    name: str = "judge"
    template: str | None = None
    asked: list[list[Message]] = field(default_factory=list)
    options: list[dict[str, Any]] = field(default_factory=list)

    async def capabilities(self) -> Capabilities:
        return self.found

    async def chat(self, messages: Sequence[Message], *, draw: int = 0, **options: Any) -> Completion:
        self.asked.append(list(messages))
        self.options.append(options)
        said = self.says[len(self.asked) - 1]
        if isinstance(said, ModelError):
            raise said
        return said if isinstance(said, Completion) else Completion(said, model=self.name)

    async def complete(self, prompt: str, *, draw: int = 0, **options: Any) -> Completion:
        raise AssertionError("a judge is only talked to")


def rated(judge: UltraFeedback, model: Judge, row: Row = RIVER, question: Question = BOTH) -> list[Rating]:
    return asyncio.run(judge.rate(row, question, model))


def values(ratings: Sequence[Rating]) -> dict[int, tuple[str, float | None]]:
    return {rating.response: (rating.status, rating.value) for rating in ratings}


# -- asked again


def test_what_can_be_read_is_not_asked_again() -> None:
    model = Judge([READABLE])
    found = rated(UltraFeedback(), model)
    assert values(found) == {1: ("rated", 2.0), 0: ("rated", 4.0)}
    assert len(model.asked) == 1 and {rating.asked for rating in found} == {1}


def test_what_can_not_be_read_is_asked_for_once_more_and_only_that_is_taken() -> None:
    second = (
        "#### Output for Text 1\nRating: 5\nRationale: Other.\n\n#### Output for Text 2\nRating: 3\nRationale: Fine."
    )
    model = Judge([HALF, second])
    found = rated(UltraFeedback(), model)
    assert values(found) == {1: ("rated", 2.0), 0: ("rated", 3.0)}
    assert {rating.response: rating.asked for rating in found} == {1: 1, 0: 2}
    first, again = model.asked
    assert again[0] == first[0] and again[1] == {"role": "assistant", "content": HALF}
    assert (
        again[2]["content"].startswith("Your answer could not be read.") and "Rating: a number" in again[2]["content"]
    )


def test_after_the_second_time_it_is_unrated_with_both_answers() -> None:
    model = Judge(["I would rather not.", "No."])
    for rating in rated(UltraFeedback(), model):
        assert (rating.status, rating.value, rating.asked) == ("unrated", None, 2)
        assert rating.raw.startswith("I would rather not.") and rating.raw.endswith("No.")


@pytest.mark.parametrize(
    ("error", "status"),
    [(TimedOut("It took too long."), "failed"), (CallRefused("No."), "unrated"), (PromptTooLong("Long."), "unrated")],
)
def test_a_second_call_that_fails_takes_nothing_away(error: ModelError, status: str) -> None:
    assert values(rated(UltraFeedback(), Judge([HALF, error]))) == {1: ("rated", 2.0), 0: (status, None)}


def test_an_answer_that_the_context_cut_off_is_not_asked_for_again() -> None:
    cut = Completion(
        "#### Output for Text 1\nRating: 2", "judge", finish_reason="length", prompt_tokens=90, completion_tokens=10
    )
    model = Judge([cut], Capabilities(context=100))
    found = rated(UltraFeedback(), model)
    assert len(model.asked) == 1 and values(found) == {1: ("rated", 2.0), 0: ("unrated", None)}
    assert "does not fit the context of 100 tokens" in found[1].note


def test_responses_that_do_not_fit_are_named() -> None:
    long = replace(RIVER, responses=(Response("x" * 5000, "a"), RIVER.responses[1]))
    found = rated(UltraFeedback(), Judge([PromptTooLong("The prompt does not fit judge: 5000 tokens.")]), long)
    assert {rating.status for rating in found} == {"unrated"}
    assert all("Response A is the longest, with 5,000 characters" in rating.note for rating in found)


# -- types


TYPED = (
    "#### Output for Text 1\nType: 1, 3\nRationale: Clear and short.\nRating: 4\nRationale: Helps.\n\n"
    "#### Output for Text 2\nType: None\nRationale: Nothing there.\nRating: 1\nRationale: Useless."
)


def test_types_are_asked_for_only_where_the_aspect_has_them() -> None:
    judge = UltraFeedback(aspects=("helpfulness", "honesty"), types=True)
    assert "Which of these does the response give?" in judge.asked(RIVER, BOTH, as_json=False)
    assert "Type:" not in judge.asked(RIVER, Question("honesty", 0, (0,)), as_json=False)
    assert "types_rationale" in judge.asked(RIVER, BOTH, as_json=True)
    assert "Which of these" not in UltraFeedback().asked(RIVER, BOTH, as_json=True)
    assert judge.identity("m") != replace(judge, types=False).identity("m")


def test_types_and_both_rationales_are_kept() -> None:
    first, second = rated(UltraFeedback(types=True), Judge([TYPED]))
    assert (first.response, first.types, first.types_rationale, first.value, first.rationale) == (
        1, (1, 3), "Clear and short.", 4.0, "Helps."
    )  # fmt: skip
    assert (second.types, second.types_rationale, second.rationale) == ((), "Nothing there.", "Useless.")
    assert first.why == "(clear and to the point; no longer than needed. Clear and short) Helps."
    assert second.why == "Useless."


def test_types_by_schema() -> None:
    wanted = schema(1, bounded=False, not_applicable=False, types=3)
    assert list(wanted["properties"]) == ["types", "types_rationale", "rationale", "rating"]
    said = {"types": [2], "types_rationale": "A date is wrong.", "rationale": "One error.", "rating": 3}
    model = Judge([json.dumps(said)], Capabilities(json_schema=True))
    (found,) = rated(UltraFeedback(types=True), model, question=Question("truthfulness", 0, (0,)))
    assert model.options[0]["schema"] == wanted
    assert (found.types, found.types_rationale, found.rationale, found.value) == (
        (2,),
        "A date is wrong.",
        "One error.",
        3.0,
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("1", (1,)), ("1, 2, 3", (1, 2, 3)), ("[3, 1]", (3, 1)), ("1 and 3", (1, 3)), ("None", ()), ("N/A", ()), ("none.", ()),
        ([], ()), ([2, 2], (2,)), ("4", None), ("0, 2", (2,)), ("1.5", None), ("one", None), ("", None), (None, None), (True, None),
        ("2\nRating: 1", (2,)), ("12", None), ("1 and 2, not 3", (1, 2)), ("[1] it contradicts 2 facts", (1,)), ("1-3", None),
    ],
)  # fmt: skip
def test_kinds(said: object, expected: tuple[int, ...] | None) -> None:
    assert kinds(said, 3) == expected
    assert kinds(said, 0) is None


def test_a_type_that_was_not_asked_for_moves_nothing() -> None:
    entry = Entry("rated", 4.0, "Clear and short.")
    assert read("Type: 1\nRationale: Clear and short.\nRating: 4", 1, not_applicable=False) == [entry]
    assert (
        read("Rating: 4\nRationale: The type: two of them.", 1, not_applicable=False)[0].rationale
        == "The type: two of them."
    )


# -- what is known from elsewhere


@pytest.mark.parametrize("name", ["reference", "external_knowledge", "passage"])
def test_what_is_known_is_shown_for_helpfulness_and_truthfulness(name: str) -> None:
    row = replace(RIVER, origin={name: "The Loire is a river in France."})
    for aspect in STANDARD_RUBRICS:
        said = UltraFeedback().asked(row, Question(aspect, 0, (0,)), as_json=False)
        assert ("The Loire is a river in France." in said) == (aspect in ("helpfulness", "truthfulness"))
    without = UltraFeedback(use_reference=False)
    assert "France" not in without.asked(row, Question("truthfulness", 0, (0,)), as_json=False)


# -- log-probabilities


def weighed(said: Sequence[tuple[str, Mapping[str, float]]]) -> Completion:
    content = [
        {"token": token, "top_logprobs": [{"token": t, "logprob": math.log(p)} for t, p in tops.items()]}
        for token, tops in said
    ]
    return Completion("".join(token for token, _ in said), "judge", logprobs={"content": content})


def test_the_distribution_of_one_rating() -> None:
    answer = weighed(
        [('{"rationale": "A rating: 1", "rating": ', {}), ("4", {"4": 0.6, " 5": 0.2, "x": 0.2}), ("}", {})]
    )
    (found,) = at_ratings(answer, [4.0])
    rating = Rating(0, "helpfulness", 0, "rated", 4.0, logprobs=found)
    assert rating.distribution == pytest.approx({1: 0, 2: 0, 3: 0, 4: 0.75, 5: 0.25})
    assert rating.expected == pytest.approx(4.25)


def test_the_distributions_of_several_ratings() -> None:
    parts = [
        ('{"text 1": {"rationale": "a", "rating": ', {}), ("2", {"2": 1.0}), ('}, "text 2": {"rationale": "b", "rating": ', {}),
        ("5", {"5": 0.5, "4": 0.5}), ("}}", {}),
    ]  # fmt: skip
    first, second = at_ratings(weighed(parts), [2.0, 5.0])
    assert first == {"2": 0.0} and second is not None and set(second) == {"4", "5"}


def test_where_places_can_not_be_told_there_are_no_log_probabilities() -> None:
    swapped = [
        ("#### Output for Text 2\nRating: ", {}),
        ("2", {"2": 1.0}),
        ("\n#### Output for Text 1\nRating: ", {}),
        ("5", {"5": 1.0}),
    ]
    assert at_ratings(weighed(swapped), [5.0, 2.0]) == [None, None]
    assert at_ratings(weighed([("Rating: ", {}), ("2", {"2": 1.0})]), [2.0, None]) == [None, None]
    assert at_ratings(Completion("Rating: 2", "judge"), [2.0]) == [None]
    assert Rating(0, "helpfulness", 0, "rated", 4.0, logprobs={"x": -0.1}).expected is None
    assert Rating(0, "helpfulness", 0, "rated", 4.0).distribution is None


def test_a_rationale_that_speaks_of_another_rating_weighs_nothing() -> None:
    said = [
        ("Rating: ", {}),
        ("4", {"4": 0.9}),
        ("\nRationale: I gave this rating: ", {}),
        ("2", {"2": 0.5}),
        (" at first.", {}),
    ]
    (found,) = at_ratings(weighed(said), [4.0])
    assert found is not None and set(found) == {"4"}
    assert at_ratings(weighed(said), [3.0]) == [None]
    assert at_ratings(weighed(said), [None]) == [None]


def test_a_reference_among_the_columns_that_a_task_did_not_use_is_shown() -> None:
    row = replace(RIVER, origin={"columns": {"reference": "The Loire is a river in France.", "topic": "rivers"}})
    assert "France" in UltraFeedback().asked(row, Question("truthfulness", 0, (0,)), as_json=False)
