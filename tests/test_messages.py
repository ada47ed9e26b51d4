"""What the process says that reads files for us: any value comes back as it was, and nothing that it sends runs in the app."""

import datetime
import decimal
import json
import pickle
import subprocess
import sys
import time
import uuid
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inputs import messages, sandbox
from app.inputs.inputs import Inputs, rows
from app.inputs.table import SheetsSaid
from tasks.errors import InputError

DAY = datetime.datetime(2026, 1, 2, 3, 4, 5, 6)
VALUES: dict[str, Any] = {
    "null": None, "a truth": True, "a whole number": -(2**63), "a fraction": 0.1, "infinity": float("-inf"),
    "a text": "\0\u2028\n\"",
    "half a sign": "\ud800", "bytes": b"\xff\0PNG", "a date": DAY.date(), "a time": DAY.time(), "a moment": DAY,
    "a moment somewhere": DAY.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=5, minutes=30))),
    "a duration": datetime.timedelta(days=-99999, microseconds=1), "a decimal": decimal.Decimal("1.10"), "an id": uuid.UUID(int=7),
    "nanoseconds": pd.Timestamp("2026-01-02T03:04:05.000000007"), "nanoseconds that last": pd.Timedelta(-7, "ns"),
    "a long text": "\ud800\u00e9\0" * 5000, "long bytes": b"\xff\0" * 5000, "long ones further in": ["x" * 5000, b"x" * 5000],
    "a list": [[], {"a": [b"x"]}], "an object like a tag": {"\0": "date"}, "an object with a tag in it": {"\0": [1, 2], "a": 1},
}  # fmt: skip


def sent(value: Any) -> Any:
    message = messages.Message()
    rows, refusal, sentences = messages.opened(message.sealed([message.packed({"x": 1, "a": value})], "", []))
    assert rows[0]["x"] == 1 and not refusal and not sentences
    return rows[0]["a"]


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    back = sent(value)
    assert back == value and type(back) is type(value)


def test_what_is_missing_is_missing() -> None:
    back = sent([float("nan"), pd.NaT, pd.NA, decimal.Decimal("NaN")])
    assert back[0] != back[0] and back[1:3] == [None, None] and back[3].is_nan()
    with pytest.raises(InputError, match=r"kind complex can't be read. Save its column as text\.$"):
        sent(1j)


def test_sentences_keep_the_names_of_sheets() -> None:
    sentence = SheetsSaid("It has sheets.")
    sentence.names = ("One", "Two")
    answer, refusal, said = messages.opened(messages.Message().sealed([], "No.", ["So.", sentence]))
    assert (answer, refusal, said) == ([], "No.", ["So.", "It has sheets."])
    assert isinstance(said[1], SheetsSaid) and said[1].names == ("One", "Two") and not isinstance(said[0], SheetsSaid)


def test_columns_of_all_kinds_are_read(tmp_path: Path) -> None:
    names = ["a truth", "a fraction", "a text", "bytes", "a date", "a time", "a moment", "a duration", "a decimal"]
    columns = {name: pa.array([VALUES[name], None]) for name in names}
    columns["nanoseconds"] = pa.array([VALUES["nanoseconds"].value, None], pa.timestamp("ns"))
    columns["nanoseconds that last"] = pa.array([VALUES["nanoseconds that last"].value, None], pa.duration("ns"))
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    first, second = rows(Inputs(path=str(tmp_path / "a.parquet")))
    assert first == {name: VALUES[name] for name in columns}
    assert second == dict.fromkeys(columns)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSONS)
def test_any_value_comes_back(value: Any) -> None:
    assert sent(value) == value


@given(st.binary() | JSONS.map(lambda value: json.dumps(value, default=str).encode()), st.binary(max_size=9))
def test_any_message_is_read_or_refused(text: bytes, behind: bytes) -> None:
    for message in (text, framed(text) + behind):
        try:
            rows, refusal, sentences = messages.opened(message)
        except ValueError:
            continue
        assert isinstance(refusal, str) and all(isinstance(one, str) for one in sentences) and isinstance(rows, list)


def framed(text: bytes) -> bytes:
    return len(text).to_bytes(8, "big") + text


class Attack:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        import os

        return os.mkdir, (str(self.folder),)


TAKEN_OVER = """
import sys
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
ends = Connection(int(sys.argv[1]))
ends.recv_bytes()
recv_handle(ends)
with open(sys.argv[2], "rb") as file:
    ends.send_bytes(file.read())
ends.poll(60)
"""
ANSWERS = {
    "nothing": b"", "no JSON": b"\xff", "no answer": b"[1]", "no rows": b'[[1],"",[]]', "no list": b'["rows","",[]]',
    "no sentence": b'[[{"a":1}],"",[1]]', "no refusal": b'[[{"a":1}],{"a":1},[]]', "nested deeply": b"[" * 10**6,
    "no date": b'[[{"a":{"\\u0000":["date","x"]}}],"",[]]', "an unknown kind": b'[[{"a":{"\\u0000":["os.system","x"]}}],"",[]]',
    "no number": b'[[{"a":{"\\u0000":["decimal","x"]}}],"",[]]', "no place": b'[[{"a":{"\\u0000":["long text",[0,"x"]]}}],"",[]]',
    "no text": b'[[{"a":{"\\u0000":["date",1]}}],"",[]]',
}  # fmt: skip


def answered(tmp_path: Path, answer: bytes) -> list[dict[str, Any]]:
    """The rows of a file that a process reads which was taken over, and which sends `answer`."""
    import socket

    (tmp_path / "answer").write_bytes(answer)
    pq.write_table(pa.table({"a": ["x"]}), tmp_path / "a.parquet")
    sandbox.IDLE_CHILD.end()
    ours, theirs = socket.socketpair()
    with theirs:
        words = [sys.executable, "-c", TAKEN_OVER, str(theirs.fileno()), str(tmp_path / "answer")]
        process = subprocess.Popen(words, pass_fds=[theirs.fileno()])
    sandbox.IDLE_CHILD.child = sandbox._Child(process, Connection(ours.detach()), time.monotonic())
    try:
        return list(rows(Inputs(path=str(tmp_path / "a.parquet"))))
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(not sandbox.CONFINED, reason="there is no such process")
@pytest.mark.parametrize("way", ["as the message", "as a row"])
def test_a_process_that_was_taken_over_runs_no_code_here(tmp_path: Path, way: str) -> None:
    attack = pickle.dumps(Attack(tmp_path / "made"))
    answer = attack if way == "as the message" else pickle.dumps(([attack], "", []))
    with pytest.raises(InputError, match="can't be read: it takes too much memory or time, or is damaged"):
        answered(tmp_path, answer)
    assert not (tmp_path / "made").exists()


@pytest.mark.skipif(not sandbox.CONFINED, reason="there is no such process")
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_none_is_refused(tmp_path: Path, answer: bytes) -> None:
    for message in (answer, framed(answer)):
        with pytest.raises(InputError, match="can't be read: it takes too much memory or time, or is damaged"):
            answered(tmp_path, message)


@pytest.mark.skipif(not sandbox.CONFINED, reason="there is no such process")
def test_a_message_longer_than_the_process_may_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "MEMORY", 99)
    with pytest.raises(InputError, match="can't be read: it takes too much memory or time, or is damaged"):
        answered(tmp_path, framed(json.dumps([[{"a": "x" * 99}], "", []]).encode()))
