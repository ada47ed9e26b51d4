"""A text that Argilla renders shows its HTML, keeps its code, and comes back as it was."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.argilla import dataset_reader, pull
from feedback.argilla.dataset_settings import Shape
from feedback.argilla.markdown import JOINER, plain, shown
from feedback.argilla.records import About, Place, item
from feedback.exports import to_argilla
from feedback.exports.selection import Export
from feedback.types import Rating
from tasks.types import Response, Row

TAG = re.compile(r"<(?=[A-Za-z/!?])")
BAD = '<style>body{display:none}</style><div style="position:fixed">x</div><form><!-- -->'
PARTS = (
    "`", "``", "```\n", "```html\n", "~~~\n", "\n", "\n\n", "a ", " ", "    ", "- ", "> ", "---\n", "|", "[a]: b \"", "](",
    "$", "$$\n", "~", "\\", "https://a.b/", "<style>x</style>", "</b>",
    "<br>", "<!--", "< ", "<", JOINER, f"<{JOINER}b>", "\r\n", "\u2028",
)  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=14).map("".join) | st.text())
def test_any_text_comes_back_as_it_was(text: str) -> None:
    assert plain(shown(text)) == text and shown(text).replace(JOINER, "") == text.replace(JOINER, "")


@pytest.mark.parametrize(
    "text",
    [
        "# A title\n\n- one\n- two\n\n| a | b |\n|---|---|\n| x<br>y | z<br />w |\n\n> said *he*",
        "a < b and b > c, 1<2, <3, a<=b, x -> y &lt;b&gt;",
        "Use `<b>` or (`</b>`) here:\n```html\n<style>x</style>\n\n<p>\n```\nand\n\n~~~\n<i>\n~~~",
        "````md\n```html\n<b>\n```\n````\n",
    ],
)
def test_what_is_no_tag_and_what_is_code_is_left_as_it_is(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    "text",
    [
        BAD, f"a\n{BAD}\nb", f"- {BAD}", "<STYLE>", "x <br onclick=y>", "\n<br>\n", "<br>", "- <br>\n  ```\n  <b>",
        # what looks like code, and is none to some renderer
        "- ```\n  x\n  ```\n<b>", "a\n~~~\n<b>\n~~~\n---",
        "$$\n```\n$$\n<b>\n```", '[a]: b "t\n```\n"\n<b>\n```', "a ` b\nc `<b>` d",
        "~x `a~ <b> `", "| ` | <b> ` |", '[x](y "`") ` a ` <b> `', "\\`<b>`",
        "https://a.b/`<b>`", "```\n<b>", "``` <b>", "```\n<b>\n```\u2028\n<i>",
        "`<b>", "``<b>``", "*a `` b* ` <b> ``",
    ],
)  # fmt: skip
def test_no_tag_is_left_where_it_is_not_surely_code(text: str) -> None:
    assert not TAG.search(shown(text)) and plain(shown(text)) == text


ROW = Row(
    messages=({"role": "user", "content": f"Ask {BAD}"},),
    responses=(Response(f"Say {BAD}", "pen"),),
    id="r-1",
    origin={"passage": f"Read {BAD}", "title": BAD},
)
ABOUT = About("r", "t", "pen", ("helpfulness",), ("helpfulness",))


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for inner in inside for text in texts(inner)]


@pytest.mark.parametrize("talk", [True, False])
def test_every_text_of_a_record_that_is_rendered_is_shown(talk: bool) -> None:
    rating = Rating(0, "helpfulness", 0, "rated", 4.0, f"Because {BAD}", model="judge")
    record = item(ROW, [rating], Shape(1, talk, passage=True), ABOUT, Place("queue", 0.0, 1))
    assert len(texts(record["fields"])) >= 3 and not any(TAG.search(text) for text in texts(record["fields"]))
    said = {one["question"]: one["value"] for one in record["suggestions"]}
    assert not TAG.search(said["rationale-1"]) and BAD in plain(said["rationale-1"])
    assert said["corrected-instruction"] == ROW.instruction and said["corrected-response"] == f"Say {BAD}"
    reference = replace(ROW, origin={"reference": f"Know {BAD}"})
    fields = item(reference, [], Shape(1, reference=True), ABOUT, Place("queue", 0.0, 1))["fields"]
    assert fields["reference"] == shown(f"Know {BAD}") != f"Know {BAD}"


def test_finished_rows_are_shown_too() -> None:
    chat = [{"role": "user", "content": BAD}]
    assert not any(TAG.search(text) for text in texts([to_argilla._rendered(chat), to_argilla._rendered(BAD)]))
    assert Export().format in to_argilla.FORMATS


@given(st.lists(st.sampled_from(PARTS), max_size=9).map("".join))
def test_what_reviewers_left_is_pulled_as_it_was(text: str) -> None:
    record = {
        "id": "1", "external_id": "r-1", "metadata": {"run": "r"}, "fields": {"response-1": shown(text)},
        "suggestions": [{"question_id": "q", "value": shown(text)}],
    }  # fmt: skip
    response = {"id": "2", "status": "submitted", "values": {"rationale-1": {"value": shown(text)}, "n": {"value": 3}}}
    said = pull.verdict(record, response, {}, {"q": "rationale-1"})
    assert said.answers == {"rationale-1": text, "n": 3} and said.shown == {"rationale-1": text}
    dataset = dataset_reader.Dataset(
        "d", "d", "w", 1, {"response-1": "text"}, (), {"q": "rationale-1"}, frozenset(), ()
    )
    made = dataset_reader.row(record, dataset, {})
    assert [one["text"] for one in made["responses"]] == ([text.strip()] if text.strip() else [])
    assert dataset_reader.row({**record, "metadata": {}}, dataset, {})["responses"] == [
        {"text": kept, "model": ""} for kept in [shown(text).strip()] if kept
    ]
