"""What the tests of the Python API share: models that answer from a script, endpoints that refuse, what was asked."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from claywright import (
    LLM,
    LoadDataFromDicts,
    Pipeline,
    ScriptedLLM,
    TextGeneration,
)

from app.store.store import Store
from tests.servers import FakeOpenAI, Fault


def answered(**settings: Any) -> ScriptedLLM:
    return ScriptedLLM([("", "Said ({draw}).")], **settings)


def sent(data: Path) -> int:
    """Calls that were ever made."""
    with Store(data) as store:
        return int(store.db.all("SELECT count(*) n FROM calls")[0]["n"])


def poisoned(word: str) -> Callable[[dict[str, Any], int], Fault]:
    """An endpoint that refuses prompts with that word."""
    said: Fault = (400, {}, '{"error": {"message": "This prompt is refused."}}')
    return lambda body, number: said if word in json.dumps(body.get("messages")) else None


def asked(server: FakeOpenAI) -> list[dict[str, Any]]:
    """The calls for a text; a probe asks nothing of the kind."""
    return [
        call
        for call in server.calls
        if any(str(m.get("content", "")).startswith("q") for m in call["body"].get("messages", []))
    ]


def chain(llm: LLM, rows: int) -> Pipeline:
    with Pipeline("chain") as made:
        data = LoadDataFromDicts(data=[{"instruction": f"Question {k}"} for k in range(rows)])
        one = TextGeneration(llm=llm, output_mappings={"generation": "instruction"})
        two = TextGeneration(llm=llm, output_mappings={"generation": "response"})
        data >> one >> two
    return made
