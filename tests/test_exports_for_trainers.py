# ruff: noqa: E501 - one case a line
"""What trainers read: turns of tools come out unharmed, and a row that a format's readers would refuse is counted, not written."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.argilla.dataset_settings import Shape
from feedback.argilla.records import About, Place, item
from feedback.exports.disk_buffer import Spool
from feedback.exports.formats import CHAT, FORMATS
from feedback.exports.preference_pairs import Rule
from feedback.exports.record_formats import NotWritten, sft, sharegpt
from feedback.exports.selection import Export, Exported, Passed, export
from feedback.exports.selection import lines as lines_of
from feedback.labeller.ultrafeedback import talk
from feedback.reviewed_row import ReviewedRow
from tasks.errors import SettingsError
from tasks.models.template_families import FAMILIES
from tasks.types import Message, Response
from tests import trainers
from tests.make_reviewed_rows import ROW, judged, verdict

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


def said_by(*messages: Message) -> ReviewedRow:
    return judged(verdict(), row=replace(ROW, messages=messages))


def written(tmp_path: Path, rows: list[ReviewedRow], name: str, form: str = "sft", **settings: Any) -> Exported:
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
CALLING: Message = {"role": "assistant", "content": "", "tool_calls": [CALL]}
RESULT: Message = {"role": "tool", "content": "12 degrees"}


@pytest.mark.parametrize(
    ("messages", "form", "reason"),
    [
        ((BOT, USER), "sft", "turns that do not alternate, beginning with the user's"),
        ((USER, USER), "sharegpt", "turns that do not alternate, beginning with the user's"),
        ((USER, CALLING, USER), "kto", "turns that do not alternate, beginning with the user's"),
        ((USER, RESULT, USER), "reward", "turns that do not alternate, beginning with the user's"),
        ((USER, {**CALLING, "tool_calls": [CALL, CALL]}, RESULT, RESULT), "sharegpt", "ShareGPT has one tool call in a turn"),
        ((USER, CALLING, RESULT, RESULT), "sharegpt", "ShareGPT needs turns that alternate, and a person's first"),
        ((USER, {**CALLING, "tool_calls": [{"function": {"name": "f", "arguments": "x=1"}}]}, RESULT), "sharegpt", "ShareGPT needs a tool call with a name and an object of arguments"),
        ((USER, {**CALLING, "tool_calls": [{"function": {"arguments": {}}}]}, RESULT), "sharegpt", "ShareGPT needs a tool call with a name and an object of arguments"),
        ((USER, {**BOT, "tool_calls": [CALL]}, {"role": "tool", "content": "x"}), "sharegpt", "ShareGPT has no turn that both speaks and calls a tool"),
        ((USER, {"role": "assistant", "content": "", "tool_calls": [CALL, CALL]}, {"role": "tool", "content": "x"}), "sharegpt", "ShareGPT has one tool call in a turn"),
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


def test_tools_that_no_reader_reads_keep_their_row_back(tmp_path: Path) -> None:
    for tools in ("weather", '{"name": "weather"}'):
        odd = judged(verdict(), row=replace(WEATHER, origin={"tools": tools}))
        done = written(tmp_path, [odd, judged(verdict(), row=replace(ROW, id="a"))], "rows.jsonl")
        assert done.reasons == {"tools that are not a JSON list": 1}


def test_arguments_that_are_json_are_an_object_in_sharegpt() -> None:
    call = {"function": {"name": "f", "arguments": '{"city": "Lyon"}'}}
    (line,) = sharegpt(said_by(USER, {**CALLING, "tool_calls": [call]}, RESULT), Rule())
    assert line["conversations"][1]["value"] == '{"name": "f", "arguments": {"city": "Lyon"}}'


def test_a_developers_prompt_is_a_system_prompt_for_templates() -> None:
    developer: Message = {"role": "developer", "content": "Be brief."}
    (line,) = sft(said_by(developer, USER), Rule())
    assert [m["role"] for m in line["messages"]] == ["system", "user", "assistant"]


# -- what their readers do with it


turns = st.sampled_from([
    {"role": "system", "content": "Be brief."}, {"role": "developer", "content": "Be brief."}, USER, USER, BOT, BOT, CALLING, RESULT,
    {"role": "user", "content": " "}, {"role": "assistant", "content": "Wait.", "tool_calls": [CALL]},
    {**CALLING, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
])  # fmt: skip
alternating = st.builds(
    lambda system, pairs: [*system, *pairs * [USER, BOT], USER],
    st.sampled_from([[], [{"role": "system", "content": "Be brief."}]]),
    st.integers(0, 2),
)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.lists(turns, max_size=5).map(lambda some: [*some, USER]),
        st.lists(turns, min_size=1, max_size=5),
        alternating,
    )
)
def test_whatever_is_written_is_read_by_trainers(messages: list[Message]) -> None:
    if not any(message["role"] == "user" for message in messages):
        return  # no row is without
    for name, form in FORMATS.items():
        if name == "raw":
            continue
        try:
            lines = [json.loads(json.dumps(line)) for line in form.lines(said_by(*messages), Rule())]
        except NotWritten:
            continue
        for line in lines:
            read_by_all(name, line)


def read_by_all(name: str, line: dict[str, Any]) -> None:
    chats = {column: line[column] for column, kind in FORMATS[name].own.items() if kind == CHAT}
    if name in ("sharegpt", "alpaca"):
        trainers.llama_factory(line)
    elif name != "plain":
        trainers.trl(line)
        for chat in chats.values():
            trainers.axolotl(chat)
    if any(message.get("tool_calls") or message["role"] == "tool" for chat in chats.values() for message in chat):
        return  # of families whose templates know tools, and not part of what is built in of them
    prompt = chats.pop("prompt", [])
    has_system = any(chat[0]["role"] == "system" for chat in (prompt, *chats.values()) if chat)
    for family in FAMILIES:
        if has_system and family in trainers.NO_SYSTEM:
            continue
        begun = trainers.rendered(family, prompt, asked=True) if prompt else ""
        for chat in chats.values():
            whole = trainers.rendered(family, [*prompt, *chat])
            forgets = has_system and family in trainers.LAST_ONLY
            assert whole.startswith(begun) or forgets, family  # else TRL can't tell the completion
            assert chat[-1]["content"].strip() in whole


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "datasets"])
@pytest.mark.parametrize("form", [name for name, form in FORMATS.items() if name != "raw"])
def test_lines_that_datasets_loaded_are_read_by_trainers(tmp_path: Path, form: str, kind: str) -> None:
    """Chats of one turn and of several, with a system prompt and without, and one with tools."""
    chats: list[tuple[Message, ...]] = [(USER,), (USER, BOT, USER), ({"role": "system", "content": "Be brief."}, USER)]
    rows = [judged(verdict(), row=replace(ROW, messages=chat, id=f"r-{k}", unit=k)) for k, chat in enumerate(chats)]
    name = f"rows.{kind}" if kind != "datasets" else "rows"
    written(tmp_path, rows, name, form)
    if kind == "datasets":
        read = datasets.load_from_disk(str(tmp_path / name))["train"]
    else:
        reader = {"jsonl": "json"}.get(kind, kind)
        read = datasets.load_dataset(reader, data_files=str(tmp_path / name), cache_dir=str(tmp_path / "cache"))[
            "train"
        ]
    assert read.num_rows >= (2 if form in ("plain", "alpaca") else 3)
    for line in read:
        read_by_all(form, line)


def test_people_and_labellers_read_the_calls() -> None:
    call = 'Calls weather({"city": "Lyon"})'
    assert f"Assistant: {call}\n\nTool: 12 degrees" in talk(TALK)
    record = item(
        WEATHER, [], Shape(responses=1, talk=True), About("run", "existing", "a", (), ()), Place("queue", 0.0, 1)
    )
    assert [turn["role"] for turn in record["fields"]["conversation"]] == ["system", "user", "assistant", "tool"]
    assert call in record["fields"]["conversation"][2]["content"]


def test_thoughts_have_a_place_or_are_refused() -> None:
    assert Export(format="sft", reasoning=True).reasoning and FORMATS["raw"].holds_reasoning
    with pytest.raises(SettingsError, match="sharegpt has no place for thoughts"):
        Export(format="sharegpt", reasoning=True)


def test_what_tools_are_called_with_is_one_value(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        for k in range(50):
            call = {"function": {"name": "f", "arguments": {f"own{k}": 1}}}
            spool.add({"row_id": str(k), "messages": [{"role": "assistant", "content": "", "tool_calls": [call]}]})
        assert len(spool.paths) < 10
