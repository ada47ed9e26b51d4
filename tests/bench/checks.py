"""How many responses a minute the checks look at, on one core, and what the worst input takes: python tests/bench/checks.py

The responses are ordinary ones: prose of 40 to 250 words, JSON, Python, SQL, lists with numbers. Prints a Markdown table.
"""

import json
import random
import time
from collections.abc import Sequence
from typing import Any

from feedback.checks import Check, check_kinds
from tasks.types import Response, Row
from tests import hostile_checks
from tests.check_cases import check

VOCABULARY = (
    "the tide rises and falls twice a day because the moon pulls at water near it people who live by sea know when boats can"
    " leave harbour table of times printed each year helps them plan work earth turns below two bulges so most coasts see highs"
    " lows about six hours apart while shape bay decides how far water climbs some places only metre others more than ten"
)
WORDS = VOCABULARY.split()
ORDINARY: dict[str, dict[str, Any]] = {
    "contains": {"text": "moon"},
    "contains-not": {"text": "As an AI", "ignore_case": True},
    "regex": {"pattern": r"\b[A-Z][a-z]+\b.*\."},
    "json": {},
    "json-schema": {"schema": {"type": "object", "required": ["answer"], "properties": {"answer": {"type": "string"}}}},
    "length": {"least": 20, "most": 300},
    "python": {},
    "sql": {},
    "equals": {},
    "number": {},
    "refusal": {},
    "repetition": {},
    "personal-data": {"region": "US"},
    "copied": {},
    "language": {"language": "en"},
}


def responses(number: int) -> list[Response]:
    chance = random.Random(7)

    def prose() -> str:
        sentences = []
        for _ in range(chance.randint(4, 16)):
            words = [chance.choice(WORDS) for _ in range(chance.randint(8, 18))]
            sentences.append(" ".join(words).capitalize() + ".")
        return " ".join(sentences)

    def one(k: int) -> str:
        match k % 10:
            case 0:
                return json.dumps({"answer": prose(), "sure": 0.9})
            case 1:
                return f"Here you are:\n\n```python\ndef tide(hours):\n    return {k} * hours % 12\n```\n\n{prose()}"
            case 2:
                return f"```sql\nSELECT name, max(height) FROM tides WHERE day > {k} GROUP BY name ORDER BY 2 DESC\n```"
            case 3:
                return "\n".join(f"{n}. {prose()[:120]} {n * 17 % 23} m" for n in range(1, 6))
        return prose()

    return [Response(one(k), "m") for k in range(number)]


def a_minute(checks: Sequence[Check], row: Row, some: Sequence[Response]) -> float:
    """Responses a minute, by the processor's time."""
    for response in some[:20]:  # what is loaded once
        for each in checks:
            each.result(row, response)
    began = time.process_time()
    for response in some:
        for each in checks:
            each.result(row, response)
    return 60 * len(some) / (time.process_time() - began)


def worst() -> tuple[float, str]:
    """(seconds of the processor, what it was) of the single verdict on a hostile response that takes longest."""
    slowest = (0.0, "")
    for kind, settings in hostile_checks.SETTINGS.items():
        for values in settings:
            built = check(kind, **values)
            built.result(Row(()), Response("SELECT 1", "m"))  # what is loaded once
            for name, text in hostile_checks.texts():
                row = Row(
                    ({"role": "user", "content": text if kind == "copied" else "Name it."},), (), {"reference": "1"}
                )
                began = time.process_time()
                built.result(row, Response(text, "m"))
                slowest = max(slowest, (time.process_time() - began, f"{kind}, {name}"))
    return slowest


def main() -> None:
    some = responses(2_000)
    row = Row(({"role": "user", "content": "When is high tide, and why? Answer 12 m."},), (), {"reference": "12 m"})
    assert ORDINARY.keys() == check_kinds().keys()
    checks = {kind: check(kind, **values) for kind, values in ORDINARY.items()}
    without = [built for kind, built in checks.items() if kind != "language"]
    print("| what | responses a minute |\n| --- | --- |")
    for name, chosen in [
        (f"all {len(without)} but language", without),
        *((kind, [built]) for kind, built in checks.items()),
    ]:
        print(f"| {name} | {a_minute(chosen, row, some):,.0f} |")
    seconds, what = worst()
    print(f"\nThe longest verdict on a hostile response: {seconds:.2f} s of the processor ({what}).")


if __name__ == "__main__":
    main()
