"""Two collections of answers as models write them, with the one right reading of each, by hands that saw no reader.

Each line of `answers_first.jsonl` and `answers_second.jsonl` is a rating of some texts, a list of instructions, a pair of question
and answer, or a rewritten instruction. The readers were mended against the first one; the second was kept from their author.
"""

import json
from pathlib import Path
from typing import Any, Literal

from feedback.labeller.answer_parser import read as read_ratings
from tasks.elimination import refuses
from tasks.evol_instruct import read as read_rewrite
from tasks.genstruct import read as read_pair
from tasks.self_instruct import read as read_list

HERE = Path(__file__).parent
COLLECTIONS = ("first", "second")
Outcome = Literal["right", "wrong", "lost"]


def entries(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / f"answers_{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def outcomes(entry: dict[str, Any]) -> list[Outcome]:
    """How an entry is read: an outcome for each text of a rating, else one."""
    answer, expected = entry["answer"], entry["expected"]
    if entry["kind"] == "rating":
        parts = read_ratings(answer, entry["texts"], not_applicable=True)
        return [_rating(part, value, reason) for part, (value, reason) in zip(parts, expected, strict=True)]
    found: Any
    if entry["kind"] == "list":
        found = read_list(answer, entry["number"], cut_off=entry.get("cut_off", False))[0] or None
    elif entry["kind"] == "pair":
        pair = read_pair(answer)
        found = list(pair) if all(pair) else None
    else:
        text = read_rewrite(answer, as_json=True) or read_rewrite(answer, as_json=False)
        found = None if not text or refuses(text) else text
    if _plain(found) == _plain(expected):
        return ["right"]
    return ["lost" if found is None else "wrong"]


def _rating(part: Any, value: Any, reason: str | None) -> Outcome:
    found = part.value if part.status == "rated" else "N/A" if part.status == "not-applicable" else None
    if found != value:
        return "lost" if found is None else "wrong"
    is_reason = value is None or reason is None or _plain(part.rationale) == _plain(reason)
    return "right" if is_reason else "wrong"


def _plain(value: Any) -> Any:
    """The same, whatever the blanks between words."""
    return [_plain(item) for item in value] if isinstance(value, list) else " ".join(value.split()) if value else value
