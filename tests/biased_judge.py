"""A judge that favours the first place: an endpoint over HTTP that reads the two texts and knows which one is better."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from feedback.comparisons import Comparison, ranking
from feedback.reviewed_row import ReviewedRow
from tasks.types import Row
from tests.servers import Fault, protocol

ROWS, RESPONSES = 200, 3
QUALITY = re.compile(r"<response ([AB])>\nAnswer (\d+) of quality (\d+)\.", re.MULTILINE)


def rows(rows: int = ROWS, responses: int = RESPONSES) -> list[dict[str, Any]]:
    """Rows whose responses say how good they are, in an order that differs from row to row."""
    return [
        {
            "instruction": f"Name river {n}.",
            "responses": [
                {"text": f"Answer {n} of quality {quality}.", "model": f"model-{quality}"}
                for quality in order(n, responses)
            ],
        }
        for n in range(rows)
    ]  # fmt: skip


def order(row: int, responses: int = RESPONSES) -> list[int]:
    """The qualities of a row's responses, 1 for the worst."""
    return sorted(range(1, responses + 1), key=lambda k: _draw(row, "order", k))


def _draw(*parts: object) -> float:
    return int(hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:8], 16) / 16**8


def is_biased(row: int, one: int, other: int, bias: float) -> bool:
    """True for a case in which the judge takes whatever stands first. The same for both orders of a pair."""
    return _draw(row, "case", min(one, other), max(one, other)) < bias


def judge(bias: float) -> Callable[[dict[str, Any], int], Fault]:
    """Answers as the endpoint's `faults`: the better one, but in a share of the pairs the first one."""

    def answer(body: dict[str, Any], number: int) -> Fault:
        prompt = str(body["messages"][0]["content"]) if "messages" in body else ""
        shown = {letter: (int(row), int(quality)) for letter, row, quality in QUALITY.findall(prompt)}
        if len(shown) < 2:
            return None
        (row, first), (_, second) = shown["A"], shown["B"]
        better = "A" if is_biased(row, first, second, bias) or first > second else "B"
        said = json.dumps({"rationale": f"Response {better} is better.", "better": better})
        return 200, {}, protocol(said, body)

    return answer


def recipe_values(folder: Path, url: str, rows_: list[dict[str, Any]], **rating: Any) -> dict[str, Any]:
    """A recipe that compares rows which are there, by that endpoint."""
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows_), encoding="utf-8")
    endpoint = {"url": url, "model": "fake", "concurrency": 16}
    return {
        "generator": endpoint,
        "labeller": endpoint,
        "task": {"kind": "existing"},
        "inputs": {"path": str(file)},
        "rating": {"aspects": ["helpfulness"], "method": "pairwise", **rating},
    }


def quality(row: Row, index: int) -> int:
    """The truth about a response."""
    return int(row.responses[index].text.rpartition("quality ")[2].rstrip("."))


def kendall(ranks: Mapping[int, float], truth: Mapping[int, float]) -> float:
    """Kendall's tau-a of two rankings: pairs in the same order minus pairs in the other one, of all pairs; ties count nothing."""
    pairs = list(combinations(ranks, 2))
    signs = [_sign(ranks[a] - ranks[b]) * _sign(truth[a] - truth[b]) for a, b in pairs]
    return sum(signs) / len(pairs)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


@dataclass(frozen=True)
class Errors:
    """Of each row: whether another response than the best stands first, whether none stands first alone, and Kendall's tau."""

    wrong: list[bool]
    shared: list[bool]
    tau: list[float]
    sure: list[float]


def errors(judged: Iterable[ReviewedRow], compared: Callable[[ReviewedRow], Sequence[Comparison]]) -> Errors:
    """The errors of the rankings that those comparisons give."""
    wrong, shared, taus, sure = [], [], [], []
    for row in judged:
        truth = {k: -float(quality(row.row, k)) for k in range(len(row.row.responses))}
        found = ranking(compared(row))
        assert found is not None
        ranks = {k: float(rank) for k, rank in found.ranks.items()}
        best = min(truth, key=lambda k: truth[k])
        wrong.append(ranks[best] > 1)
        shared.append(found.top is None and ranks[best] == 1)
        taus.append(kendall(ranks, truth))
        sure.append(found.sure)
    return Errors(wrong, shared, taus, sure)


def both_orders(judged: ReviewedRow) -> Sequence[Comparison]:
    return judged.comparisons


def one_order(judged: ReviewedRow) -> Sequence[Comparison]:
    """As if each pair had been asked about in the order of the row alone."""
    return [replace(c, preferred=(c.preferred[0], c.preferred[0])) for c in judged.comparisons]


def true_bias(count: int, bias: float) -> float:
    """The share of all pairs of those rows in which the judge takes what stands first."""
    cases = [
        is_biased(n, one, other, bias) for n in range(count) for one, other in combinations(range(1, RESPONSES + 1), 2)
    ]
    return sum(cases) / len(cases)
