"""Each export format by a whole line, in the columns that trainers document; which text is the best and which two are a pair."""

from dataclasses import replace
from typing import Any

import pytest

from feedback.exports.formats import FORMATS
from feedback.exports.preference_pairs import Rule
from feedback.types import Rating, Verdict
from tasks.types import Response
from tests.make_reviewed_rows import ASKED, PROVENANCE, RATINGS, ROW, RULE, SYSTEM, judged, line, made_of, verdict

ANSWERED = {
    "model": "a", "rating": 4.0, "rating_by_people": None, "rating_accepted": None, "instruction_corrected": False,
        "response_corrected": False,
}  # fmt: skip
THREE = replace(ROW, responses=(*ROW.responses, Response("Water flows.", "c")))
THIRD = (*RATINGS, Rating(2, "helpfulness", 0, "rated", 3.0, model="m"))


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def lines(form: str, *verdicts: Verdict, rule: Rule = RULE, **more: Any) -> list[dict[str, Any]]:
    return made_of(FORMATS[form].lines, judged(*verdicts, **more), rule)


def test_a_prompt_and_its_completion() -> None:
    assert line(FORMATS["prompt-completion"].lines, verdict()) == {
        "prompt": [SYSTEM, ASKED], "completion": said("The Loire."), **ANSWERED, **PROVENANCE,
    }  # fmt: skip


def test_an_alpaca_line() -> None:
    assert line(FORMATS["alpaca"].lines, verdict()) == {
        "instruction": "Name a river.", "input": "", "output": "The Loire.", "system": "Be brief.", **ANSWERED, **PROVENANCE,
    }  # fmt: skip
    assert line(FORMATS["alpaca"].lines, verdict(), row=replace(ROW, messages=(ASKED,)))["system"] == ""
    talk = replace(ROW, messages=(ASKED, {"role": "assistant", "content": "The Po."}, ASKED))
    assert not lines("alpaca", verdict(), row=talk)


def test_a_sharegpt_line() -> None:
    talk = replace(ROW, messages=(SYSTEM, ASKED, {"role": "assistant", "content": "The Po."}, ASKED))
    assert line(FORMATS["sharegpt"].lines, verdict(), row=talk) == {
        "conversations": [
            {"from": "system", "value": "Be brief."},
            {"from": "human", "value": "Name a river."},
            {"from": "gpt", "value": "The Po."},
            {"from": "human", "value": "Name a river."},
            {"from": "gpt", "value": "The Loire."},
        ],
        **ANSWERED, **PROVENANCE,
    }  # fmt: skip


def test_a_grpo_line() -> None:
    row = replace(ROW, origin={**ROW.origin, "columns": {"reference": "Any river."}})
    assert line(FORMATS["grpo"].lines, verdict(), row=row) == {
        "prompt": [SYSTEM, ASKED], "answer": "The Loire.", "reference": "Any river.", "instruction_corrected": False,
        **PROVENANCE,
    }  # fmt: skip
    bare = line(FORMATS["grpo"].lines, verdict(), row=replace(ROW, responses=()), ratings=())
    assert bare["answer"] is None and bare["reference"] is None and bare["prompt"] == [SYSTEM, ASKED]


def test_reward_lines() -> None:
    asked, lineage = [SYSTEM, ASKED], {"instruction_corrected": False, **PROVENANCE}
    assert lines("reward", verdict(rating_1=1)) == [
        {
            "messages": [*asked, *said("Rivers are wet.")], "score": 1.0, "score_by": "people", "response": 0, "model": "b",
            **lineage,
        },
        {
            "messages": [*asked, *said("The Loire.")], "score": 4.0, "score_by": "the labeller", "response": 1, "model": "a",
            **lineage,
        },
    ]  # fmt: skip
    assert not lines("reward", verdict(), ratings=())


def kto(*verdicts: Verdict, **more: Any) -> list[tuple[str, bool, str]]:
    return [(one["completion"][0]["content"], one["label"], one["because"]) for one in lines("kto", *verdicts, **more)]


def test_kto_lines() -> None:
    good, bad = lines("kto", verdict())
    assert good == {
        "prompt": [SYSTEM, ASKED], "completion": said("The Loire."), "label": True, "because": "approved by people",
        "response": 1, **ANSWERED, **PROVENANCE,
    }  # fmt: skip
    assert bad == {
        **good, "completion": said("Rivers are wet."), "label": False, "because": "rated low by the labeller", "response": 0,
        "model": "b", "rating": 2.0,
    }  # fmt: skip
    low = (RATINGS[0], replace(RATINGS[1], value=1.0))
    assert kto(verdict("reject")) == [
        ("Rivers are wet.", False, "rejected by people"), ("The Loire.", False, "rejected by people"),
    ]  # fmt: skip
    assert kto(verdict("reject", rating_2=3)) == [("Rivers are wet.", False, "rejected by people")]
    assert kto(verdict(rating_1=4, rating_2=3)) == [("Rivers are wet.", True, "approved by people")]
    assert kto(verdict(corrected_response="Loire"), ratings=()) == [("Loire", True, "corrected by a reviewer")]
    assert kto(verdict(corrected_response="Loire"), ratings=low)[1:] == [
        ("Rivers are wet.", False, "rated low by the labeller"), ("The Loire.", False, "rated low by the labeller"),
    ]  # fmt: skip
    assert kto() == [
        ("Rivers are wet.", False, "rated low by the labeller"), ("The Loire.", True, "rated high by the labeller"),
    ]  # fmt: skip
    assert kto(verdict("unsure", rating_1=5), ratings=()) == [("Rivers are wet.", True, "rated high by people")]
    same = replace(ROW, responses=(Response("The Loire.", "a"), Response(" The Loire.\n", "b")))
    assert kto(verdict("reject"), row=same) == [("The Loire.", False, "rejected by people")]


def ranking(*places: int) -> list[dict[str, Any]]:
    return [{"value": f"response-{place}", "rank": rank} for rank, place in enumerate(places, 1)]


def test_a_ranking() -> None:
    (one,) = lines("ranking", verdict(), row=THREE, ratings=THIRD)
    assert one == {
        "prompt": [SYSTEM, ASKED], "responses": ["The Loire.", "Water flows.", "Rivers are wet."], "ranks": [1, 2, 3],
        "scores": [4.0, 3.0, 2.0], "models": ["a", "c", "b"], "ranked_by": "the labeller's ratings",
        "instruction_corrected": False, "response_corrected": False, **PROVENANCE,
    }  # fmt: skip
    (by_rank,) = lines("ranking", verdict(ranking=ranking(3, 1, 2), rating_2=5), row=THREE, ratings=THIRD)
    assert by_rank["responses"] == ["Water flows.", "Rivers are wet.", "The Loire."]
    assert by_rank["ranked_by"] == "people's ranking" and by_rank["scores"] == [3.0, 2.0, 5.0]
    (by_people,) = lines("ranking", verdict(rating_1=5), row=THREE, ratings=THIRD)
    assert by_people["responses"][0] == "Rivers are wet." and by_people["ranked_by"] == "people's ratings"
    (corrected,) = lines("ranking", verdict(corrected_response="Loire"), row=THREE, ratings=THIRD)
    assert corrected["responses"][:2] == ["Loire", "The Loire."] and corrected["scores"][0] is None
    assert corrected["ranks"] == [1, 2, 3, 4] and corrected["response_corrected"]


def test_equals_share_a_rank_and_what_nobody_rated_has_none() -> None:
    level = (RATINGS[0], RATINGS[1], replace(THIRD[2], value=2.0))
    (one,) = lines("ranking", verdict(), row=THREE, ratings=level)
    assert one["ranks"] == [1, 2, 2] and one["scores"] == [4.0, 2.0, 2.0]
    (two,) = lines("ranking", verdict(), row=THREE, ratings=RATINGS)
    assert two["responses"] == ["The Loire.", "Rivers are wet."]
    assert not lines("ranking", verdict(), ratings=(RATINGS[0], replace(RATINGS[1], value=2.0)))
    assert not lines("ranking", verdict(), ratings=())
    single = replace(ROW, responses=ROW.responses[1:])
    (pair,) = lines("ranking", verdict(corrected_response="Loire"), row=single, ratings=())
    assert pair["responses"] == ["Loire", "The Loire."] and pair["ranks"] == [1, 2]


def pair(*verdicts: Verdict, **more: Any) -> tuple[str, str, str] | None:
    found = lines("preference", *verdicts, **more)
    return (
        (found[0]["chosen"][0]["content"], found[0]["rejected"][0]["content"], found[0]["because"]) if found else None
    )


def test_the_two_of_a_pair_differ_by_the_margin() -> None:
    close = (RATINGS[0], replace(RATINGS[1], value=2.25))
    labelled = "rated higher by the labeller"
    assert pair(verdict(), ratings=close) is None
    assert pair(verdict(), ratings=close, rule=Rule(margin=0.25)) == ("The Loire.", "Rivers are wet.", labelled)
    level = (RATINGS[0], replace(RATINGS[1], value=2.0))
    assert pair(verdict(), ratings=level, rule=Rule(margin=0.0)) is None
    assert pair(verdict(), rule=Rule(margin=2.0)) == ("The Loire.", "Rivers are wet.", labelled)
    assert pair(verdict(), rule=Rule(margin=2.1)) is None


def test_peoples_ranking_counts_before_ratings() -> None:
    first = verdict(ranking=ranking(1, 2), rating_1=2, rating_2=5)
    assert pair(first) == ("Rivers are wet.", "The Loire.", "ranked higher by people")
    assert line(FORMATS["sft"].lines, first)["messages"][-1]["content"] == "Rivers are wet."
    half = verdict(ranking=ranking(1)[:1])
    assert pair(half) == ("The Loire.", "Rivers are wet.", "rated higher by the labeller")


def test_a_correction_is_a_pair_with_its_original_unless_that_is_not_wanted() -> None:
    corrected = verdict(corrected_response="Loire")
    assert pair(corrected) == ("Loire", "The Loire.", "a reviewer's correction over the original")
    by_rating = ("The Loire.", "Rivers are wet.", "rated higher by the labeller")
    assert pair(corrected, rule=Rule(original=False)) == by_rating


def test_a_pair_takes_the_worst_text_that_differs() -> None:
    row = replace(THREE, responses=(Response("The Loire. ", "b"), *THREE.responses[1:]))
    found = pair(verdict(), row=row, ratings=THIRD)
    assert found == ("The Loire.", "Water flows.", "rated higher by the labeller")


CHAT, TEXT = "chat", str
TRL: dict[str, dict[str, Any]] = {
    # the conversational types of https://huggingface.co/docs/trl/dataset_formats, by the trainers that read them
    "sft": {"messages": CHAT},
    "prompt-completion": {"prompt": CHAT, "completion": CHAT},
    "preference": {"prompt": CHAT, "chosen": CHAT, "rejected": CHAT},
    "kto": {"prompt": CHAT, "completion": CHAT, "label": bool},
    "grpo": {"prompt": CHAT},
    # Stanford's file, and ShareGPT's as LLaMA-Factory and Axolotl document it
    "alpaca": {"instruction": TEXT, "input": TEXT, "output": TEXT},
}
KNOWN = {"messages", "prompt", "completion", "chosen", "rejected", "label", "text", "tools", "images", "image"}
"""Columns by which TRL tells the types apart: none beside those of the type."""


@pytest.mark.parametrize("form", TRL)
def test_the_columns_are_those_that_trainers_document(form: str) -> None:
    for made in lines(form, verdict()):
        for name, kind in TRL[form].items():
            if kind is CHAT:
                assert made[name] and all(list(one) == ["role", "content"] for one in made[name])
                assert all(type(one["content"]) is str for one in made[name])
            else:
                assert type(made[name]) is kind
        assert KNOWN & made.keys() <= TRL[form].keys()
        if "prompt" in TRL[form]:
            assert made["prompt"][-1]["role"] == "user"
        for name in ("completion", "chosen", "rejected"):
            assert [one["role"] for one in made.get(name, said(""))] == ["assistant"]


def test_every_format_is_told_apart_and_described() -> None:
    for name, form in FORMATS.items():
        assert form.label and form.help and form.lines.__doc__, name
        assert next(iter(form.columns)) in (form.lines.__doc__ or "") or name == "raw"


THOUGHTFUL = replace(ROW, responses=(ROW.responses[0], replace(ROW.responses[1], reasoning="A river. The Loire?")))


@pytest.mark.parametrize(
    ("form", "column"),
    [("sft", "messages"), ("prompt-completion", "completion"), ("kto", "completion"), ("reward", "messages")],
)
def test_thoughts_stand_beside_an_answer_where_they_are_wanted(form: str, column: str) -> None:
    found = lines(form, verdict(), row=THOUGHTFUL, rule=Rule(reasoning=True))
    thoughts = {line[column][-1]["content"]: line[column][-1]["reasoning_content"] for line in found}
    assert thoughts["The Loire."] == "A river. The Loire?"
    assert all("reasoning_content" not in line[column][-1] for line in lines(form, verdict(), row=THOUGHTFUL))


def test_a_text_that_a_reviewer_wrote_has_no_thoughts_of_a_model() -> None:
    (pair,) = lines("preference", verdict(corrected_response="The Po."), row=THOUGHTFUL, rule=Rule(reasoning=True))
    assert pair["chosen"][-1] == {"role": "assistant", "content": "The Po.", "reasoning_content": None}
    assert pair["rejected"][-1]["reasoning_content"] == "A river. The Loire?"
    own = FORMATS["preference"].with_reasoning.own
    assert own["chosen"] == [
        {"role": str, "content": str, "reasoning_content": str}
    ] and "reasoning_content" not in str(own["prompt"])
    assert FORMATS["raw"].with_reasoning is FORMATS["raw"]
