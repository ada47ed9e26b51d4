"""What goes to Argilla and what comes out as a dataset: corrected words win, and no pair of equal texts is ever made."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.errors import ExportError
from feedback.exports.formats import FORMATS
from feedback.exports.record_formats import plain, preference, ranking, raw, sft
from feedback.exports.selection import Export, Exported, Passed, export
from feedback.exports.selection import lines as lines_of
from feedback.exports.writers import cell
from feedback.reviewed_row import MergeRule, ReviewedRow
from feedback.types import Rating, Verdict, sendable
from tasks.errors import SettingsError
from tasks.types import Response
from tests.make_reviewed_rows import (
    ASKED,
    PROVENANCE,
    RATINGS,
    ROW,
    SYSTEM,
    all_of,
    fits,
    judged,
    line,
    made_of,
    some,
    verdict,
)


def test_an_sft_line() -> None:
    assert line(sft, verdict()) == {
        "messages": [SYSTEM, ASKED, {"role": "assistant", "content": "The Loire."}],
        "model": "a", "rating": 4.0, "rating_by_people": None, "rating_accepted": None, "instruction_corrected": False,
        "response_corrected": False,
        **PROVENANCE,
    }  # fmt: skip


def test_an_instruction_and_its_response() -> None:
    assert line(plain, verdict(corrected_instruction="Name two.")) == {
        "instruction": "Name two.", "response": "The Loire.", "system_prompt": "Be brief.",
        "model": "a", "rating": 4.0, "rating_by_people": None, "rating_accepted": None, "instruction_corrected": True,
        "response_corrected": False,
        **PROVENANCE,
    }  # fmt: skip
    alone = line(plain, verdict(), row=replace(ROW, messages=(ASKED,)))
    assert list(alone)[:3] == ["instruction", "response", "system_prompt"] and alone["system_prompt"] is None
    talk = replace(ROW, messages=(ASKED, {"role": "assistant", "content": "The Loire."}, ASKED))
    for other in (talk, replace(ROW, responses=())):
        assert not made_of(plain, judged(verdict(), row=other))


def test_a_preference_line() -> None:
    assert line(preference, verdict(rating_1=5, rating_2=1)) == {
        "prompt": [SYSTEM, ASKED],
        "chosen": [{"role": "assistant", "content": "Rivers are wet."}],
        "rejected": [{"role": "assistant", "content": "The Loire."}],
        "chosen_model": "b", "rejected_model": "a", "chosen_rating": 5.0, "rejected_rating": 1.0,
        "because": "rated higher by people", "instruction_corrected": False, "response_corrected": False, **PROVENANCE,
    }  # fmt: skip


def test_a_raw_line() -> None:
    assert line(raw, verdict(corrected_instruction="Name two.")) == {
        "messages": [SYSTEM, ASKED],
        "responses": [
            {
                "text": "Rivers are wet.", "model": "b", "reasoning": "Hm.", "finish_reason": "length", "principle": "",
                "marks": ["cut off"],
            },
            {
                "text": "The Loire.", "model": "a", "reasoning": None, "finish_reason": "stop", "principle": "", "marks": [],
            },
        ],
        "ratings": [
            {
                "response": place, "aspect": "helpfulness", "repeat": 0, "status": "rated", "value": value,
                "rationale": why, "note": "", "model": "m", "expected": None, "types": None, "types_rationale": "",
                "prompt": "", "prompt_hash": "", "temperature": None, "raw": "", "levels": 5, "rubric": "",
            }
            for place, value, why in ((0, 2.0, "Wet."), (1, 4.0, "Right."))
        ],
        "preferences": [],
        "verdicts": [
            {
                "reviewer": "ann", "status": "submitted", "updated_at": "2026-01-01T10:00:00.000000",
                "answers": '{"decision": "approve", "corrected-instruction": "Name two."}', "blind": False, "origins": "{}",
            }
        ],
        "reviewers_decision": "approve", "settled_at": None,
        "corrected_instruction": "Name two.", "corrected_response": None,
        "origin": '{"prompt": "self_instruct.v1", "seed": "x"}', "unit": 0, "position": 0, "revision": 0, **PROVENANCE,
    }  # fmt: skip


def test_corrected_texts_win() -> None:
    said = verdict(corrected_instruction="Name two rivers.", corrected_response="The Loire, the Rhine.", rating_1=5)
    one = line(sft, said)
    assert [m["content"] for m in one["messages"]] == ["Be brief.", "Name two rivers.", "The Loire, the Rhine."]
    assert one["model"] == "b" and one["instruction_corrected"] and one["response_corrected"]
    pair = line(preference, said)
    assert pair["prompt"][1]["content"] == "Name two rivers."
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == (
        "The Loire, the Rhine.",
        "Rivers are wet.",
    )
    assert pair["chosen_rating"] is None and pair["because"] == "a reviewer's correction over the original"


def test_a_correction_is_of_the_response_that_the_reviewer_means() -> None:
    """As they say; else of the text that stood in the box; else of the one they rated or ranked best; else the labeller's best."""

    def corrected(shown: str | None = None, **answers: Any) -> int:
        given = verdict(corrected_response="The Loire, the Rhine.", **answers)
        found = judged(replace(given, shown={"corrected-response": shown} if shown else {})).corrected_response()
        assert found is not None
        return found[1]

    assert corrected() == 1  # the labeller rates it 4, the other one 2
    assert corrected(rating_1=5, rating_2=1) == 0
    assert corrected(ranking=[{"value": "response-1", "rank": 1}, {"value": "response-2", "rank": 2}]) == 0
    assert corrected(shown="The Loire.", rating_1=5) == 1
    assert corrected(shown="The Loire.", correction_of="response-1") == 0
    assert corrected(shown="The Loire.", correction_of="response-9") == 1
    assert corrected(shown="The Loire.", correction_of=["response-1"]) == 1


def test_the_newest_correction_of_an_approving_reviewer_counts() -> None:
    old = verdict(corrected_response="Old.", at="09:00")
    new = verdict(corrected_response="New.", at="11:00", who="bob")
    unchanged = verdict(corrected_response="The Loire.", at="12:00", who="eve")
    blank = verdict(corrected_response="  ", at="13:00", who="sam")
    draft = verdict(corrected_response="Draft.", at="14:00", who="kim", status="draft")
    assert line(sft, new, old, unchanged, blank, draft)["messages"][-1]["content"] == "New."
    reject = verdict("reject", corrected_response="No.", at="15:00", who="zoe")
    assert judged(old, reject).corrected_response() == ("Old.", 1)


def test_a_text_that_was_put_up_and_left_as_it_was_is_no_correction() -> None:
    """Also where the labeller's best, or the row, is another by now."""
    shown = {"corrected-response": "Rivers are wet.", "corrected-instruction": "Name a brook."}
    left = replace(verdict(corrected_response="Rivers are wet.", corrected_instruction="Name a brook."), shown=shown)
    assert judged(left).corrected_response() is None and judged(left).corrected_instruction() is None
    assert not line(sft, left)["response_corrected"]
    changed = replace(verdict(corrected_response="Rivers are very wet."), shown=shown)
    assert judged(changed).corrected_response() == ("Rivers are very wet.", 0)
    assert line(preference, changed)["rejected"][0]["content"] == "Rivers are wet."
    edited = replace(left, shown={"corrected-response": "What it said before the edit."})
    edited = replace(edited, answers={"decision": "approve", "corrected-response": "What it said before the edit."})
    assert judged(edited).corrected_response() is None


def test_unreviewed_rows_are_those_that_nobody_has_finished_with(tmp_path: Path) -> None:
    draft, discarded = verdict(status="draft"), verdict(status="discarded")
    assert judged().unseen and judged(draft).unseen and not judged(discarded).unseen
    done = export([judged(), judged(discarded)], Export(unreviewed=True), tmp_path / "x.jsonl", "run", "Task")
    assert done.written == 1


@pytest.mark.parametrize(
    ("verdicts", "decision"),
    [
        ((), None),
        ((verdict(),), "approve"),
        ((verdict("reject"),), "reject"),
        ((verdict(), verdict(who="bob")), "approve"),
        ((verdict(), verdict("reject", who="bob")), "unsure"),
        ((verdict(), verdict("reject", who="bob"), verdict("reject", who="eve")), "reject"),
        ((verdict(), verdict("unsure", who="bob")), "approve"),
        ((verdict("unsure"),), "unsure"),
        ((verdict(None),), None),
        ((verdict(None), verdict(who="bob")), "approve"),
        ((verdict(status="draft"),), None),
        ((verdict(status="discarded"), verdict("reject", who="bob", status="draft")), None),
        ((verdict("maybe"),), None),
    ],
)
def test_the_decision_of_several_reviewers(verdicts: tuple[Verdict, ...], decision: str | None) -> None:
    assert judged(*verdicts).decision == decision


def test_one_rejection_is_enough_where_all_must_agree() -> None:
    split = (verdict(), verdict(who="bob"), verdict("reject", who="eve"))
    assert judged(*split).decision == "approve"
    assert replace(judged(*split), merging=MergeRule(decision="unanimous")).decision == "reject"
    assert replace(judged(*split[:2]), merging=MergeRule(decision="unanimous")).decision == "approve"


def test_the_corrections_of_the_chosen_reviewer_count_before_later_ones() -> None:
    said = (
        verdict(corrected_response="Ann's.", at="10:00"),
        verdict(corrected_response="Bob's.", who="bob", at="11:00"),
    )
    assert judged(*said).corrected_response() == ("Bob's.", 1)
    assert replace(judged(*said), merging=MergeRule(text="ann")).corrected_response() == ("Ann's.", 1)
    assert replace(judged(*said), merging=MergeRule(text="nobody")).corrected_response() == ("Bob's.", 1)
    with pytest.raises(SettingsError):
        MergeRule(text=" ")


def test_no_pair_where_nothing_tells_two_texts_apart() -> None:
    def none(*verdicts: Verdict, **more: Any) -> bool:
        return not made_of(preference, judged(*verdicts, **more))

    same = replace(ROW, responses=(Response("The Loire.", "a"), Response(" The Loire.\n", "b")))
    assert none(verdict(), row=same)
    assert none(verdict(), ratings=(RATINGS[0], replace(RATINGS[1], value=2.0)))
    assert none(verdict(), ratings=RATINGS[:1])
    assert none(verdict(), ratings=())
    assert none(verdict(), row=replace(ROW, responses=ROW.responses[:1]), ratings=RATINGS[:1])
    assert none(verdict(), row=replace(ROW, responses=()), ratings=())
    assert none(
        verdict(corrected_response="Rivers are wet. "), row=replace(ROW, responses=ROW.responses[:1]), ratings=()
    )
    unrated = replace(RATINGS[1], status="not-applicable", value=None)
    assert none(verdict(), ratings=(RATINGS[0], unrated))
    assert not made_of(sft, judged(verdict(), row=replace(ROW, responses=()), ratings=()))


def test_a_correction_of_space_alone_leaves_the_pair_to_the_ratings() -> None:
    for said in ("The Loire. ", "\n The Loire."):
        pair = line(preference, verdict(corrected_response=said))
        assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == ("The Loire.", "Rivers are wet.")
        assert pair["because"] == "rated higher by the labeller" and not pair["response_corrected"]


def test_a_ranking_by_a_correction_alone_says_so() -> None:
    alone = replace(ROW, responses=ROW.responses[:1])
    for ratings in ((), RATINGS[:1]):
        one = line(ranking, verdict(corrected_response="The Po."), row=alone, ratings=ratings)
        assert one["ranked_by"] == "a reviewer's correction" and one["responses"] == ["The Po.", "Rivers are wet."]
    assert line(ranking, verdict(corrected_response="The Po."))["ranked_by"] == "the labeller's ratings"


def test_only_the_last_user_turn_is_corrected() -> None:
    talk = replace(
        ROW, messages=(ASKED, {"role": "assistant", "content": "The Po."}, {"role": "user", "content": "More."})
    )
    one = line(sft, verdict(corrected_instruction="Two more."), row=talk)
    assert [m["content"] for m in one["messages"]] == ["Name a river.", "The Po.", "Two more.", "The Loire."]
    assert [m["content"] for m in talk.messages] == ["Name a river.", "The Po.", "More."]


texts = st.sampled_from(["The Loire.", "The Loire. ", "The Rhine.", "", "x"])
answers = st.fixed_dictionaries(
    {"decision": st.sampled_from(["approve", "reject"])},
    optional={
        "rating-1": st.integers(1, 5), "rating-2": st.integers(1, 5), "rating-3": st.integers(1, 5),
        "corrected-response": texts, "corrected-instruction": texts,
    },
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    responses=st.lists(texts, max_size=3),
    values=st.lists(st.none() | st.integers(1, 5).map(float), min_size=3, max_size=3),
    said=st.lists(answers, max_size=3),
)
def test_no_line_is_made_of_nothing(
    responses: list[str], values: list[float | None], said: list[dict[str, Any]]
) -> None:
    row = replace(ROW, responses=tuple(Response(text, f"m{k}") for k, text in enumerate(responses)))
    ratings = tuple(
        Rating(k, "helpfulness", 0, "rated" if value is not None else "unrated", value)
        for k, value in enumerate(values[: len(responses)])
    )  # fmt: skip
    verdicts = tuple(
        Verdict("r-0-0", f"p{k}", "submitted", a, updated_at=f"{k}", origins=all_of(a)) for k, a in enumerate(said)
    )
    there = {*responses, *(a.get("corrected-response") for a in said)}
    found = ReviewedRow(row, ratings, verdicts)
    for name, form in FORMATS.items():
        for made in made_of(form.lines, found):
            assert fits(form.columns, made), name
            json.dumps(made)
            if name in ("preference", "ranking"):
                texts = (
                    [made[k][0]["content"] for k in ("chosen", "rejected")]
                    if name == "preference"
                    else made["responses"]
                )
                assert len({text.strip() for text in texts}) == len(texts) > 1
                assert {*texts} <= there
            if name in ("prompt-completion", "kto"):
                assert made["completion"][0]["content"] in there
        if name == "kto":
            labels = [(line["completion"][0]["content"].strip(), line["label"]) for line in made_of(form.lines, found)]
            assert len({text for text, _ in labels}) == len(labels)


@given(
    said=st.lists(
        st.lists(st.tuples(st.sampled_from(["submitted", "draft", "discarded"]), answers), max_size=3), max_size=6
    )
)
def test_an_export_is_what_was_approved_row_by_row(said: list[list[tuple[str, dict[str, Any]]]]) -> None:
    found = [
        ReviewedRow(
            replace(ROW, id=f"r-{k}-0", unit=k), RATINGS,
            [Verdict(f"r-{k}-0", f"p{n}", status, a, updated_at=f"{n}") for n, (status, a) in enumerate(people)],
        )
        for k, people in enumerate(said)
    ]  # fmt: skip
    approved = []
    for one in found:
        votes = [v.answers["decision"] for v in one.verdicts if v.status == "submitted"]
        if votes.count("approve") > votes.count("reject"):
            approved.append(one)
    taken = list(lines_of(found, Export(), "run", "Task", Passed()))
    assert [made for _, made in taken] == [[sendable(line) for line in made_of(sft, one)] for one in approved]
    for one, (made,) in zip(approved, (made for _, made in taken), strict=True):
        assert made["row_id"] == one.row.id and made["reviewed"] and made["decision"] == "approve"
        assert made["reviewers"] == sorted({v.reviewer for v in one.verdicts if v.status == "submitted"})


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("form", FORMATS)
def test_files_can_be_read_back(tmp_path: Path, form: str, ending: str) -> None:
    odd = replace(ROW, responses=(*ROW.responses[:1], Response('a\0b \ud800 "q"\n\u2028, 𝄞', "a")), unit=7)
    path = tmp_path / "new" / f"out.{ending}"
    rows = [*some(4), judged(verdict(), row=odd)]
    done = export(rows, Export(format=form, decision="approved"), path, "run", "Task")
    lines = [line for one in (rows[1], rows[2], rows[4]) for line in made_of(FORMATS[form].lines, one)]
    assert done == Exported(path, len(lines), 0, 0, (path,), {"train": len(lines)})
    if ending == "jsonl":
        found = [json.loads(text) for text in path.read_text(encoding="utf-8").split("\n")[:-1]]
        assert found == [sendable(line) for line in lines]
    elif ending == "csv":
        with path.open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        assert list(found[0]) == list(FORMATS[form].columns)
        said = [[cell(sendable(value)) for value in line.values()] for line in lines]
        assert [list(line.values()) for line in found] == [["" if v is None else str(v) for v in line] for line in said]
    else:
        found = pq.read_table(path).to_pylist()
        assert found == [sendable(line) for line in lines]
    assert list(dict.fromkeys(one["row_id"] for one in found)) == ["r-1-0", "r-2-0", "r-0-0"]
    assert [path.name for path in path.parent.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o600


def test_unreviewed_rows_only_when_asked_for(tmp_path: Path) -> None:
    done = export(some(3), Export(unreviewed=True), tmp_path / "out.jsonl", "run", "Task")
    found = [json.loads(text) for text in done.path.read_text().splitlines()]
    assert [(one["row_id"], one["decision"]) for one in found] == [("r-1-0", "approve"), ("r-2-0", None)]


def test_an_export_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    export(some(3), Export(), path, "run", "Task")
    before = path.read_bytes()

    def breaks_off() -> Iterator[ReviewedRow]:
        yield from some(4)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(breaks_off(), Export(), path, "run", "Task")
    with pytest.raises(ExportError, match="nothing to export yet: no row that can be used was approved"):
        export(some(3)[:1], Export(), path, "run", "Task")
    empty = replace(ROW, responses=())
    with pytest.raises(ExportError, match=r"1 rows gave no preference line\. A pair needs"):
        export([judged(verdict(), row=empty, ratings=())], Export(format="preference"), path, "run", "Task")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_places_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder.jsonl").mkdir()
    for path in (tmp_path / "file" / "out.jsonl", tmp_path / "folder.jsonl"):
        with pytest.raises(ExportError, match=r"can't be written: "):
            export(some(3), Export(), path, "run", "Task")
    with pytest.raises(ExportError, match=r"should end in one of: \.jsonl, \.parquet, \.csv"):
        export(some(3), Export(), tmp_path / "out.xls", "run", "Task")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.jsonl"]
