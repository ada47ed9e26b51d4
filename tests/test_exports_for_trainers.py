# ruff: noqa: E501 - one case a line
"""What trainers read: turns of tools come out unharmed, and a row that a format's readers would refuse is counted, not written."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest

from feedback.exports import Export, Exported, Passed, export
from feedback.exports import lines as lines_of
from feedback.formats import FORMATS
from feedback.judged import Judged
from feedback.lines import NotWritten, sft, sharegpt
from feedback.pairs import Rule
from feedback.records import About, Place, item
from feedback.schema import Shape
from feedback.ultrafeedback import talk
from tasks.types import Message, Response
from tests.judging import ROW, judged, verdict

CALL = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": {"city": "Lyon"}}}
TALK: tuple[Message, ...] = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Lyon?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL], "reasoning_content": "A tool knows."},
    {"role": "tool", "content": "12 degrees", "tool_call_id": "1"},
)
TOOLS = json.dumps([{"type": "function", "function": {"name": "weather"}}])
ANSWER = {"role": "assistant", "content": "It is 12 degrees."}
WEATHER = replace(ROW, messages=TALK, responses=(Response("It is 12 degrees.", "a"),), origin={"tools": TOOLS})


def said_by(*messages: Message) -> Judged:
    return judged(verdict(), row=replace(ROW, messages=messages))


def written(tmp_path: Path, rows: list[Judged], name: str, form: str = "sft", **settings: Any) -> Exported:
    return export(rows, Export(format=form, **settings), tmp_path / name, "run", "existing")


def test_turns_of_tools_come_out_unharmed() -> None:
    (line,) = sft(judged(verdict(), row=WEATHER), Rule())
    thoughtless = {name: value for name, value in TALK[2].items() if name != "reasoning_content"}
    assert line["messages"] == [TALK[0], TALK[1], thoughtless, TALK[3], ANSWER]
    assert line["tools"] == TOOLS
    (line,) = sft(judged(verdict(), row=WEATHER), Rule(reasoning=True))
    assert line["messages"][2] == TALK[2]


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "csv", ""])
def test_files_hold_turns_of_tools(tmp_path: Path, ending: str) -> None:
    path = tmp_path / (f"rows.{ending}" if ending else "rows")
    written(tmp_path, [judged(verdict(), row=replace(ROW, id="a")), judged(verdict(), row=WEATHER)], path.name)
    if ending == "jsonl":
        lines = [json.loads(text) for text in path.read_text().splitlines()]
        assert lines[1]["messages"][2]["tool_calls"] == [CALL] and "tool_calls" not in lines[0]["messages"][0]
    elif ending == "csv":
        lines = list(datasets.Dataset.from_csv(str(path), cache_dir=str(tmp_path / "cache")))
        assert json.loads(lines[1]["messages"])[2]["tool_calls"] == [CALL] and lines[0]["tools"] is None
    else:
        lines = pq.read_table(path).to_pylist() if ending else list(datasets.load_from_disk(str(path))["train"])
        (call,) = lines[1]["messages"][2]["tool_calls"]
        assert call == {**CALL, "function": {"name": "weather", "arguments": '{"city": "Lyon"}'}}
        assert lines[1]["messages"][3]["tool_call_id"] == "1" and lines[1]["tools"] == TOOLS
    assert not ending or lines[1]["row_id"] == WEATHER.id


def test_files_without_tools_have_no_column_for_them(tmp_path: Path) -> None:
    written(tmp_path, [judged(verdict())], "rows.parquet")
    table = pq.read_table(tmp_path / "rows.parquet")
    assert table.column_names == list(FORMATS["sft"].columns)
    assert [field.name for field in table.schema.field("messages").type.value_type] == ["role", "content"]


def test_sharegpt_writes_calls_and_results_as_llama_factory_reads_them() -> None:
    (line,) = sharegpt(judged(verdict(), row=WEATHER), Rule())
    assert [(turn["from"], turn["value"]) for turn in line["conversations"]] == [
        ("system", "Be brief."), ("human", "Lyon?"),
        ("function_call", '{"name": "weather", "arguments": {"city": "Lyon"}}'), ("observation", "12 degrees"),
        ("gpt", "It is 12 degrees."),
    ]  # fmt: skip


USER: Message = {"role": "user", "content": "Hi"}
BOT: Message = {"role": "assistant", "content": "Hello."}


@pytest.mark.parametrize(
    ("messages", "form", "reason"),
    [
        ((BOT, USER), "sharegpt", "ShareGPT needs turns that alternate, and a person's first"),
        ((USER, USER), "sharegpt", "ShareGPT needs turns that alternate, and a person's first"),
        ((USER, {**BOT, "tool_calls": [CALL]}, {"role": "tool", "content": "x"}), "sharegpt", "ShareGPT has no turn that both speaks and calls a tool"),
        ((USER, {"role": "assistant", "content": "", "tool_calls": [CALL, CALL]}, {"role": "tool", "content": "x"}), "sharegpt", "ShareGPT has one call of a tool in a turn"),
        ((USER, {"role": "system", "content": "Now rhyme."}, USER), "sft", "a system prompt that is not the first message"),
        ((USER, {"role": "assistant", "content": " "}, USER), "sft", "an empty turn"),
        ((USER, {"role": "assistant", "content": ""}, USER), "preference", "an empty turn"),
        ((USER, {"role": "assistant", "content": ""}, USER), "grpo", "an empty turn"),
    ],
)  # fmt: skip
def test_a_row_that_readers_would_refuse_is_counted_with_its_reason(
    tmp_path: Path, messages: tuple[Message, ...], form: str, reason: str
) -> None:
    odd, good = said_by(*messages), judged(verdict())
    with pytest.raises(NotWritten, match=reason):
        list(FORMATS[form].lines(odd, Rule()))
    passed = Passed()
    assert len(list(lines_of([odd, good], Export(format=form), "run", "existing", passed))) == 1
    assert passed.lineless == 1 and passed.reasons == {reason: 1}
    done = written(tmp_path, [odd, good], "rows.jsonl", form)
    assert done.passed_over == 1 and done.reasons == {reason: 1}


def test_people_and_labellers_read_the_calls() -> None:
    call = 'Calls weather({"city": "Lyon"})'
    assert f"Assistant: {call}\n\nTool: 12 degrees" in talk(TALK)
    record = item(
        WEATHER, [], Shape(responses=1, talk=True), About("run", "existing", "a", (), ()), Place("queue", 0.0, 1)
    )
    assert [turn["role"] for turn in record["fields"]["conversation"]] == ["system", "user", "assistant", "tool"]
    assert call in record["fields"]["conversation"][2]["content"]
