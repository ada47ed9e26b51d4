"""Sixty odd values, and the app's fields and buttons to put them into as a browser does."""

import asyncio
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.web import server
from app.web.pages import recipe_compare, recipes
from app.web.security.access import Access
from app.web.state import AppState
from tasks.types import Row

NOBODY = "http://127.0.0.1:9"
"""An Argilla that is not there: the embedded one would be started by a field that names a dataset."""
FILE = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
NUMBERS: list[Any] = [
    0, -1, -0.0, 0.1, 2**53, -(2**53), 2**63, 2**64, -(2**64), 10**30, 99999999999999999999999, 10**400, 1e308, -1e308,
    5e-324, float("nan"), float("inf"), float("-inf"),
]  # fmt: skip
TEXTS: list[Any] = [
    "", " ", "\n" * 1000, "\0", "\ud800", "half \udfff of one", "🙂" * 1000, "\u202eesrever", "\x1b]0;title\x07\x1b[2J", "\x9b31m",
    "x" * 1_000_000, "é" * 1_000_000, "line\n" * 200_000, "{{" * 60, "{{ 9**(9**9) }}", "{{ 'a' * 10**9 }}", "{%", "}}", "{#",
    "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}", "{{ ''.__class__.__mro__ }}",
    "../../../etc/passwd", "/dev/zero", "http://[", "http://user:password@127.0.0.1:1/v1", "javascript:alert(1)",
    "<script>alert(1)</script>", "'; DROP TABLE runs; --", "nan", "1e999", "[" * 100_000, '{"a":' * 5_000, '{"max_tokens": 1e999}',
    "---\n" * 1000,
]  # fmt: skip
OTHERS: list[Any] = [
    None, True, False, [], [None], ["a"], ["x"] * 3_000, [[[[[["deep"]]]]]], {}, {"a": 1}, {"__type__": "update", "value": 1}, FILE,
    [FILE], {"value": FILE},
]  # fmt: skip
ODD = [*NUMBERS, *TEXTS, *OTHERS]
ODD_SAID: list[Any] = [
    None, True, [], ["a"], {}, {"a": 1}, "", " ", "-1", "-5", "0", "3", "7", "99", "4.5", "1e9", "٣", "nan", "9" * 12, "9" * 5_000,
    -1, 0, 3, 7, 99, 2.5, 2**53 - 1, 2**64, -(2**64), 10**30, 1e308, float("nan"), float("inf"), "\ud800", "a\0b", "no-such-1",
    "x" * 10_000, "🙂" * 3_000, "approve", "../../etc/passwd", "<script>alert(1)</script>", "'; DROP TABLE runs; --", "__class__",
]  # fmt: skip
"""What a button may say instead of a row, a name, a place."""
WEB = Path(__file__).resolve().parent.parent / "app" / "web"


@dataclass
class Browser:
    """A browser that is signed in, without a screen: it sends the page's events and reads what they answer."""

    client: TestClient
    blocks: gr.Blocks
    session: str = "a-session"
    tabs: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def at(cls, desk: AppState) -> "Browser":
        async def made() -> tuple[Any, Any, Access]:
            access = Access(desk.settings.data)
            routes = server.routes(desk)
            return server.gated(routes, desk, access), routes, access

        # in a loop: without one, gradio opens loops that it never closes
        app, routes, access = asyncio.run(made())
        (framework,) = [route.app for route in routes.routes if isinstance(route, Mount)]
        client = TestClient(app, base_url="http://127.0.0.1:7860")
        assert client.get(access.address("")).status_code == 200
        return cls(client, framework.get_blocks())  # type: ignore[attr-defined]  # it is Gradio's application

    @cached_property
    def events(self) -> list[Any]:
        return list(self.blocks.fns.values())

    @cached_property
    def buttons(self) -> list[Any]:
        """The events of what is clicked in parts: they know what their button says, and no field."""
        clicked = [event for event in self.events if any(name == "click" for _, name in event.targets)]
        return [e for e in clicked if len(e.inputs) == 3 and isinstance(self.blocks.blocks[e.targets[0][0]], gr.HTML)]

    def press(self, event: Any, run: str, said: dict[str, Any], *, anew: bool = True) -> tuple[int, str]:
        """Presses a button in a tab that shows that run and the page of the button's part; `anew`: a tab of its own."""
        if anew:
            self.session = f"tab-{next(self.tabs)}"
        inside: Any = self.blocks.blocks[event.targets[0][0]]
        while inside is not None and not isinstance(inside, gr.Tab):
            inside = inside.parent
        return self.send(event, [run, str(inside.id) if inside is not None else "review", 0], said)

    @cached_property
    def fields(self) -> list[tuple[Any, Any, int]]:
        """(an event, a component whose value it takes along, its place), each component once, what the page remembers too."""
        found: dict[int, tuple[Any, Any, int]] = {}
        for event in sorted(self.events, key=lambda event: len(event.inputs)):
            for place, component in enumerate(event.inputs):
                found.setdefault(component._id, (event, component, place))
        return list(found.values())

    def send(self, event: Any, data: Sequence[Any], clicked: Any = None) -> tuple[int, str]:
        """(status, body) of an event. NaN and halves of characters go as Python's JSON writes them."""
        asked = {"fn_index": event._id, "data": list(data), "session_hash": self.session, "event_data": clicked}
        headers = {"content-type": "application/json"}
        answer = self.client.post("/gradio_api/run/predict", content=json.dumps(asked), headers=headers)
        return answer.status_code, answer.text

    def change(self, event: Any, place: int, value: Any) -> tuple[int, str]:
        """A field is changed; the others of the event hold what they hold at the beginning, but no model that has to start."""
        data = ["scripted" if component.value == "local" else component.value for component in event.inputs]
        data[:3] = ["", "models", 0] if len(data) >= 3 else data
        data[place] = value
        return self.send(event, data)

    def arrive(self, *, everywhere: bool = True) -> bool:
        """True if the page can be shown when it is loaded; `everywhere`: each of its pages too, Models at last."""
        loads = [event for event in self.events if any(name == "load" for _, name in event.targets)]
        opens = [event for event in self.events if any(name == "select" for _, name in event.targets)]
        asked = [(loads[0], []), *((event, ["", "models", 0]) for event in (reversed(opens) if everywhere else ()))]
        return all(self.send(event, data)[0] == 200 for event, data in asked)


def said_by(row: Row, run: str) -> dict[str, str]:
    """What a button may say beside its word, all of it as it should be."""
    return {"row": row.id, "place": "0", "value": "3", "offset": "0", "id": run, "name": "kept", "said": "approve"}


def words_of_buttons() -> list[str]:
    """Each data-act that a page gives or knows, and some that none does."""
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(WEB.rglob("*.py")))
    found = re.findall(r"\bact=['\"](\w+)|case \"(\w+)\"|\", \"(again|edit|drop)\"\)", text)
    return [
        *dict.fromkeys(next(filter(None, one)) for one in found),
        *recipes.TITLES,
        *recipe_compare.SIDES,
        "",
        "no such word",
    ]


def values_of(number: int, share: int) -> Iterator[Any]:
    """So many of the odd values for the field of that number, others for the next one."""
    for k in range(share):
        yield ODD[(number * share + k) % len(ODD)]
