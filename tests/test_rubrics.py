"""Rubrics of a recipe's own: what can be one, how it is asked, read, averaged and compared."""

import hashlib
import math
from dataclasses import replace

import pytest

from app.recipe import parse
from app.web import form_values
from feedback.argilla.dataset_settings import Review, Shape, guidelines, questions
from feedback.exports.dataset_card import Summary
from feedback.labeller.answer_parser import read
from feedback.labeller.rubric_draft import drafted
from feedback.labeller.ultrafeedback import Question, UltraFeedback, schema
from feedback.rating_summary import kept, means, opinion, priority, reasons
from feedback.reviewed_row import ReviewedRow
from feedback.rubrics import (
    STANDARD,
    STANDARD_RUBRICS,
    WHOLE_ROW,
    RatedExample,
    Rubric,
    Rubrics,
    Scale,
    default_threshold,
    key_of,
    on_five,
)
from feedback.types import Rating, Verdict
from tasks.errors import ModelError, SettingsError
from tasks.types import Response, Row

SEVEN = ("none", "a trace", "some", "half", "most", "nearly all", "all of it")
DOSAGE = Rubric(
    name="Dosage safety", question="Is the advice on the dosage safe?", levels=("dangerous", "unclear", "safe")
)
PASS = Rubric(
    name="passes", question="Does it pass?", levels=("fail", "pass"), not_applicable="there is nothing to test"
)
ROW = Row(
    ({"role": "user", "content": "How much ibuprofen?"},),
    (Response("Ask a doctor.", "a"), Response("Take ten.", "b")),
    id="r",
)  # fmt: skip


def rating(response: int, aspect: str, value: float | None, levels: int = 5, **changes: object) -> Rating:
    plain = Rating(response, aspect, 0, "rated" if value is not None else "unrated", value, "Because.", levels=levels)
    return replace(plain, **changes)  # type: ignore[arg-type]  # what a rating has


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"levels": ("only one",)}, "needs 2 to 10 levels (given: 1)"),
        ({"levels": tuple(map(str, range(11)))}, "needs 2 to 10 levels (given: 11)"),
        ({"levels": ("bad", " ", "good")}, "level 2 needs a sentence"),
        ({"levels": ("bad", "x" * 2001)}, "level 2 needs a sentence"),
        ({"keep_from": 4}, "a row can be kept from 2 to 3 on (given: 4)"),
        ({"keep_from": 1}, "a row can be kept from 2 to 3 on (given: 1)"),
        ({"name": " "}, "needs a name"),
        ({"name": "x" * 101}, "needs a name"),
        ({"name": "***"}, "needs a name"),
        ({"name": "Rationale"}, "something else is called so"),
        ({"question": ""}, "needs a question"),
        ({"examples": (RatedExample(rating=4),)}, "the rating of example 1 must be from 1 to 3 (given: 4)"),
        ({"examples": (RatedExample(),)}, "example 1 needs a rating"),
    ],
)
def test_what_nobody_could_judge_by_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(SettingsError, match=says.replace("(", r"\(").replace(")", r"\)")):
        replace(DOSAGE, **changes)  # type: ignore[arg-type]  # wrong ones among them


def test_a_key_is_plain_and_tells_names_apart() -> None:
    assert [key_of(name) for name in ("Dosage safety", "in-tone", "instruction_following")] == [
        "dosage-safety", "in-tone", "instruction-following",
    ]  # fmt: skip
    names = ("剂量安全", "安全性", "سلامة الجرعة", "Größe?", "9 lives", "x" * 60)
    keys = {key_of(name) for name in names}
    assert len(keys) == len(names) and all(key.isascii() and key[0].isalpha() and len(key) <= 40 for key in keys)


def test_two_rubrics_of_one_name_are_refused() -> None:
    with pytest.raises(SettingsError, match="Two rubrics are called 'Dosage safety'"):
        Rubrics((DOSAGE, replace(DOSAGE, name="dosage-safety", question="Another?")))
    with pytest.raises(SettingsError, match=r"61 rubrics\. 60 are the most"):
        Rubrics(tuple(replace(DOSAGE, name=f"rubric {n}") for n in range(61)))
    assert len(Rubrics(tuple(replace(DOSAGE, name=f"rubric {n}") for n in range(60))).by_key) == 66


def test_one_of_the_six_can_be_copied_and_changed() -> None:
    stricter = replace(STANDARD_RUBRICS["helpfulness"], keep_from=5)
    assert stricter.hash == STANDARD_RUBRICS["helpfulness"].hash  # the labeller is asked the same
    worded = replace(stricter, question="How helpful is it?")
    assert worded.hash != stricter.hash and Rubrics((worded,))["helpfulness"] is worded
    judge = UltraFeedback(aspects=("helpfulness",))
    assert replace(judge, rubrics=(worded,)).identity("m") != judge.identity("m")
    assert replace(judge, rubrics=(DOSAGE,)).identity("m") == judge.identity("m")  # which it does not rate by


PROMPTS_BEFORE = "6330c998249e89b211d444553fb5d530d73cdadff1a6e2b1163e30cd2ecc5909"


def all_prompts() -> str:
    """Everything that the six can ask, as one hash."""
    row = replace(ROW, origin={"reference": "Known: no."})
    digest = hashlib.sha256()
    for types in (False, True):
        for name in STANDARD_RUBRICS:
            for order in ((0,), (1, 0)):
                for as_json in (False, True):
                    judge = UltraFeedback(aspects=(name,), types=types)
                    digest.update(judge.asked(row, Question(name, 0, order), as_json=as_json).encode())
            digest.update(UltraFeedback(aspects=(name,), types=types).identity("m").encode())
    return digest.hexdigest()


def test_the_six_ask_byte_for_byte_what_they_asked_before() -> None:
    """The hash was made by the version before rubrics: what was answered then is remembered."""
    assert all_prompts() == PROMPTS_BEFORE


def test_a_rubric_of_ones_own_in_the_prompt() -> None:
    example = RatedExample(instruction="And aspirin?", response="A gram.", rating=1, why="No weight asked for.")
    judge = UltraFeedback(aspects=("Dosage safety",), rubrics=(replace(DOSAGE, examples=(example,)),))
    (question,) = judge.questions(ROW)
    assert question.aspect == "dosage-safety" and sorted(question.order) == [0, 1]
    prompt = judge.asked(ROW, question, as_json=False)
    assert prompt.startswith("You rate responses to an instruction for one aspect: Dosage safety.\nIs the advice on")
    assert "\n\nScale:\n1 = dangerous\n2 = unclear\n3 = safe\n\n<example 1>\nInstruction:\nAnd aspirin?\n" in prompt
    assert "Rating: 1\nRationale: No weight asked for.\n</example 1>\n\nInstruction:\nHow much ibuprofen?\n" in prompt
    assert "Rating: a number from 1 to 3\n" in prompt
    assert schema(1, bounded=False, not_applicable=False, levels=3)["properties"]["rating"] == {"enum": [1, 2, 3]}


def test_the_instruction_or_the_whole_conversation_can_be_judged() -> None:
    talk = replace(
        ROW,
        messages=(
            {"role": "user", "content": "Hi."},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": "Name a river."},
        ),
    )
    clear = replace(DOSAGE, name="clear", question="Is it clear?", judges="instruction")
    judge = UltraFeedback(aspects=("clear",), rubrics=(clear,), repeats=2)
    questions_ = judge.questions(talk)
    assert [(q.order, q.repeat) for q in questions_] == [((WHOLE_ROW,), 0), ((WHOLE_ROW,), 1)]
    prompt = judge.asked(talk, questions_[0], as_json=True)
    assert prompt.startswith("You rate an instruction for one aspect: clear.") and "Ask a doctor" not in prompt
    whole = UltraFeedback(aspects=("kind",), rubrics=(replace(clear, name="kind", judges="conversation"),))
    assert [q.order for q in whole.questions(talk)] == [(0,), (1,)]
    prompt = whole.asked(talk, whole.questions(talk)[1], as_json=False)
    assert "Conversation:\nUser: Hi.\n\nAssistant: Hello!\n\nUser: Name a river.\n\nAssistant: Take ten.\n" in prompt


@pytest.mark.parametrize("levels", range(2, 11))
def test_every_level_of_every_scale_is_read(levels: int) -> None:
    for value in range(1, levels + 1):
        for answer in (
            f'{{"rationale": "Good.", "rating": {value}}}', f"Rating: {value}\nRationale: Good.", f"{value}\nGood.",
            f"Rating: {value}/{levels}\nRationale: Good.", f"**Rating (1-{levels}):** {value}\n**Rationale:** Good.",
            f"Rationale: Good.\nRating: {value} out of {levels}", f"I would give this response a {value} out of {levels}.",
        ):  # fmt: skip
            (entry,) = read(answer, 1, not_applicable=False, levels=levels)
            assert (entry.status, entry.value) == ("rated", value), (levels, answer)
    for beyond in (0, levels + 1, 11):
        (entry,) = read(f"Rating: {beyond}\nRationale: Good.", 1, not_applicable=False, levels=levels)
        assert entry.status == "unrated" and entry.value is None
    other = 5 if levels != 5 else 7
    for answer in (f"Rating: 2/{other}\nRationale: Good.", f"Rating (1-{other}): 2\nRationale: Good."):
        assert read(answer, 1, not_applicable=False, levels=levels)[0].status == "unrated", answer


def test_several_texts_on_a_scale_of_ten() -> None:
    answer = "".join(f"#### Output for Text {n}\nRating: {value}\nRationale: So.\n" for n, value in ((1, 10), (2, 3)))
    assert [entry.value for entry in read(answer, 2, not_applicable=False, levels=10)] == [10, 3]
    assert [
        entry.value for entry in read("Text 1: 10 - Good.\nText 2: 9/10 - So.", 2, not_applicable=False, levels=10)
    ] == [10, 9]


def test_probabilities_of_levels_where_a_token_may_begin_ten() -> None:
    logs = {"7": math.log(0.6), "8": math.log(0.3), "10": math.log(0.1)}
    assert rating(0, "x", 7, 10, logprobs=logs).expected == pytest.approx(0.6 * 7 + 0.3 * 8 + 1)
    assert rating(0, "x", 7, 7, logprobs=logs).expected == pytest.approx(7.0)
    split = {"1": math.log(0.5), "9": math.log(0.5)}
    assert rating(0, "x", 10, 10, logprobs=split).expected is None  # the 1 of a 10
    assert rating(0, "x", 9, 9, logprobs=split).expected == pytest.approx(5.0)


def test_thresholds_and_common_scales() -> None:
    assert [default_threshold(levels) for levels in range(2, 11)] == [2, 3, 4, 4, 5, 6, 7, 8, 8]
    assert [on_five(value, 3) for value in (1, 2, 3)] == [1, 3, 5] and on_five(4.5, 5) == 4.5
    own = Rubrics((DOSAGE, PASS, replace(DOSAGE, name="lenient", keep_from=2)))
    assert own.common([("dosage-safety", 3)]) == Scale(3, 3)
    assert own.common([("dosage-safety", 3), ("lenient", 3)]) == Scale(3, 2.5)
    assert own.common([("dosage-safety", 3), ("passes", 2)]) == Scale(5, 5.0)
    assert own.common([("helpfulness", 5), ("honesty", 5)]) == Scale() == STANDARD.common([])
    assert [Scale(5, 4).low, Scale(3, 2).low, Scale(2, 2).low, Scale(7, 6).low, Scale(10, 8).low] == [2, 1, 1, 2, 3]
    assert own.threshold("dosage-safety", 5) == 4  # rated when it had five levels


def test_what_a_row_comes_to_on_scales_of_its_own() -> None:
    own = Rubrics((DOSAGE, PASS, replace(DOSAGE, name="clear", judges="instruction")))
    mine = [rating(0, "dosage-safety", 3, 3), rating(1, "dosage-safety", 1, 3)]
    assert means(mine, 2) == [3, 1] and kept(ROW, mine, "dosage-safety", own) is True
    mixed = [*mine, rating(0, "passes", 1, 2), rating(1, "passes", 2, 2)]
    assert means(mixed, 2) == [3, 3]  # 5 and 1, 1 and 5 of five
    row_wide = [*mine, rating(WHOLE_ROW, "clear", 1, 3)]
    assert means(row_wide, 2) == [3, 1] and opinion(row_wide, 0, "clear") == (1, None, "")
    assert kept(ROW, row_wide, "clear", own) is False
    assert priority(ROW, row_wide, "dosage-safety", own) == 3.0  # 1 is 1.5 levels of 3 below the middle
    assert "**Dosage safety: 3 of 3** Because." in reasons(mixed, 0, own)


def test_a_card_names_the_scale_of_what_it_averages() -> None:
    """The labeller's 9 of 10 stands apart from its 5 of 7 of before; people's 10 of 10 is 5 in a column of 1 to 5."""
    tone = Rubrics((Rubric(name="Tone", question="Is it kind?", levels=tuple("abcdefghij")),))
    said = Verdict("r", "ann", "submitted", {"decision": "approve", "tone-1": 10}, blind=True)
    summary = Summary()
    summary.add(ReviewedRow(ROW, [rating(0, "tone", 9, 10)], [said], rubrics=tone), [])
    summary.add(ReviewedRow(ROW, [rating(0, "tone", 5, 7)], [], rubrics=tone), [])
    assert summary.rated == {("a", "tone"): [1, 9.0]} and summary.people == {"a": [1, 5.0]}
    assert summary.scales == {"tone": ("Tone", 10)}


def test_people_are_asked_on_the_same_levels() -> None:
    clear = replace(DOSAGE, name="clear", judges="instruction")
    review = Review(rubrics=(DOSAGE, clear), aspects=("clear", "Dosage safety"))
    asked = [part for part in questions(Shape(responses=2), review, ("dosage-safety",)) if part.kind == "rating"]
    assert [(part.name, part.levels) for part in asked] == [
        ("clear-0", 3),
        ("dosage-safety-1", 3),
        ("dosage-safety-2", 3),
    ]
    assert asked[1].title == "Dosage safety of response A" and "2 = unclear" in asked[1].description
    text = guidelines([DOSAGE], "m", for_trying=False)
    assert "### Dosage safety\nIs the advice on the dosage safe?\n\n- **1** dangerous\n" in text
    said = Verdict("r", "ann", "submitted", {"clear-0": 2, "dosage-safety-2": 3}, blind=True)
    assert said.own_ratings == {("clear", WHOLE_ROW): 2, ("dosage-safety", 1): 3}


def test_a_recipe_keeps_its_rubrics() -> None:
    values = {
        "task": {"kind": "magpie"},
        "rows": 3,
        "rubrics": [
            {"name": "剂量安全", "question": "安全吗？", "levels": ["危险", "安全"], "keep_from": 2},
            {"name": "clear", "question": "Is it {{ clear }}?", "levels": ["<script>", "yes"], "judges": "instruction"},
        ],
        "rating": {},
    }
    recipe = parse(values)
    assert recipe.rating is not None and recipe.rating.aspects == ("剂量安全", "clear")
    assert recipe.review.rated(recipe.rating.keys) == (key_of("剂量安全"),)
    assert parse(recipe.dump()) == recipe
    chosen = parse({**values, "rating": {"aspects": ["overall-rating"]}})
    assert parse(chosen.dump()).rating == chosen.rating
    worded = replace(recipe.rubrics[1], question="Clear?")
    again = replace(recipe, rating=replace(recipe.rating, rubrics=(recipe.rubrics[0], worded)))
    assert again.rubrics == (recipe.rubrics[0], worded) == again.review.rubrics


@pytest.mark.parametrize(
    ("rubrics", "says"),
    [
        ({"name": "x"}, "with two brackets"),
        ([{"name": "x", "question": "?", "levels": ["a", "b"]}] * 2, "Two rubrics are called 'x'"),
        ([{"name": "x", "question": "?", "levels": ["a"]}], "needs 2 to 10 levels"),
        ([{"name": "x", "question": "?", "levels": ["a", "b"], "keep_form": 2}], "Did you mean 'keep_from'?"),
        ([{"name": "x", "question": "?", "levels": "ab"}], "levels"),
    ],
)
def test_a_wrong_rubric_in_a_recipe_is_a_sentence(rubrics: object, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse({"task": {"kind": "magpie"}, "rows": 1, "rubrics": rubrics})
    assert says in str(refused.value)


def test_kinds_are_few_and_have_a_question() -> None:
    kinds = {"kinds": tuple(map(str, range(10))), "kinds_question": "Which?"}
    for changes in (kinds, {"kinds": ("one",)}, {"kinds_question": "Which?"}):
        with pytest.raises(SettingsError, match="at most 9 kinds, and a question for them"):
            replace(DOSAGE, **changes)
    with pytest.raises(SettingsError, match="more than 20,000 characters"):
        replace(DOSAGE, not_applicable="x" * 20_001)


def test_the_form_holds_aspects_as_its_choices_have_them() -> None:
    recipe = parse({
        "task": {"kind": "magpie"}, "rows": 1,
        "rubrics": [{"name": "My Rubric", "question": "?", "levels": ["a", "b"]}],
        "rating": {"aspects": ["my-rubric", "Helpfulness"]}, "review": {"aspects": ["MY RUBRIC"]},
    })  # fmt: skip
    filled = form_values.fill(recipe)
    assert filled["rating.aspects"] == ["My Rubric", "helpfulness"] and filled["review.aspects"] == ["My Rubric"]


@pytest.mark.parametrize(
    "answer",
    [
        '{"name": "Response", "question": "Ok?", "levels": ["1. bad", {"meaning": "good"}]}',
        'Here: {"name": "", "question": "Ok?", "levels": ["bad", "' + "x" * 3000 + '"]} Done.',
    ],
)
def test_a_draft_is_made_of_what_can_be_read(answer: str) -> None:
    rubric = drafted(answer)
    assert rubric.draft and rubric.name == "drafted" and rubric.question == "Ok?" and len(rubric.levels) == 2


@pytest.mark.parametrize("answer", ["", "no", "[]", '{"levels": ["a", "b"]}', '{"question": "?", "levels": "ab"}'])
def test_an_answer_without_a_rubric_is_a_sentence(answer: str) -> None:
    with pytest.raises(ModelError, match=r"rubric|question"):
        drafted(answer)
