"""A model that follows a script, asked through the real engine: what the tests of tasks work against."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Any

from tasks import Task
from tasks.engine.engine import Call, Engine
from tasks.models.base import Capabilities, Completion, Kind
from tasks.models.scripted import ScriptedEndpoint
from tasks.types import Dropped, Message, Row, Unit

Script = Iterable[tuple[str, str]]


class Memo:
    """Answers in memory."""

    def __init__(self) -> None:
        self.answers: dict[bytes, Completion] = {}

    async def recall(self, key: bytes) -> Completion | None:
        return self.answers.get(key)

    async def keep(self, call: Call, answer: Completion) -> None:
        self.answers[call.key] = answer

    async def recall_probe(self, endpoint: str) -> Capabilities | None:
        return None

    async def keep_probe(self, endpoint: str, found: Capabilities) -> None:
        return None

    async def recall_dialect(self, endpoint: str) -> str | None:
        return None

    async def keep_dialect(self, endpoint: str, dialect: str) -> None:
        return None


class Model(ScriptedEndpoint):
    """The scripted model with other capabilities, which notes what it was asked; `cut` answers run into the limit."""

    def __init__(self, script: Script = (), *, name: str = "scripted", cut: str = "", **can: Any) -> None:
        super().__init__(list(script), name=name)
        self.can = can
        self.cut = cut
        self.asked: list[tuple[Kind, dict[str, Any]]] = []

    async def probe(self) -> Capabilities:
        return replace(await super().probe(), **self.can)

    async def send(self, kind: Kind, body: Mapping[str, Any], draw: int) -> Completion:
        self.asked.append((kind, dict(body)))
        answer = await super().send(kind, body, draw)
        return replace(answer, finish_reason="length") if self.cut and self.cut in answer.text else answer

    @property
    def prompts(self) -> list[str]:
        return [b["prompt"] if kind == "complete" else b["messages"][-1]["content"] for kind, b in self.asked]


def do(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 20))


def made(
    task: Task, inputs: Mapping[str, Any] | None = None, model: Model | None = None, index: int = 0
) -> list[Row | Dropped]:
    """What one unit gives."""
    unit = Unit(index, inputs or {})
    if inputs is not None:
        (unit,) = task.units([inputs])
        unit = Unit(index, unit.inputs)
    bound = Engine(Memo()).bind(model or Model(), f"7/unit/{index}")
    found = do(task.rows(unit, bound))
    assert isinstance(found, list)
    return found


def row(found: list[Row | Dropped]) -> Row:
    (one,) = found
    assert isinstance(one, Row), one
    return one


def dropped(found: list[Row | Dropped]) -> tuple[str, str]:
    (one,) = found
    assert isinstance(one, Dropped), one
    return one.reason, one.raw


def said(messages: Iterable[Message]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in messages]
