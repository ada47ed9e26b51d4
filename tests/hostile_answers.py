"""Long answers that a model may give, in a loop or on purpose, by what they repeat."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.runs.dedup_pool import DedupPool
from feedback.labeller.ultrafeedback import UltraFeedback
from feedback.types import Rating
from tasks import EvolInstruct, Genstruct, InstructionResponse, Magpie, SelfInstruct, Task, TextGeneration
from tasks.engine.engine import Engine
from tasks.models.base import Capabilities, Completion, Kind
from tasks.models.openai import OpenAIEndpoint
from tasks.models.scripted import ScriptedEndpoint
from tasks.models.spec import ModelSpec
from tasks.response_flags import marks
from tasks.row_shape import Field
from tasks.text.answers import MOST_READ
from tasks.types import Dropped, Response, Row, Unit
from tests.scripts import Memo
from tests.servers import protocol

LENGTHS = (200_000, MOST_READ - 100)
"""Characters of an answer: a long one, and one that is still searched for parts."""
REPEATED = {
    "blanks": " ",
    "newlines": "\n",
    "tabs": "\t",
    "line ends of Windows": "\r\n",
    "lines of blanks": "   \n",
    "angles": "<",
    "halves of a thought": "<think",
    "thoughts that begin": "<think>",
    "thoughts that end": "</think>",
    "thoughts": "<think>a</think>\n",
    "stars": "*",
    "stars and blanks": "* ",
    "bold words": "**a** ",
    "bold that begins": "**a ",
    "underscores": "_",
    "digits": "7",
    "numbers": "7.",
    "a letter": "a",
    "words": "word ",
    "lines": "a line\n",
    "sentences": "It is so. ",
    "brackets": "[",
    "braces": "{",
    "objects in objects": '{"a":',
    "lists of objects": '[{"a": 1}, ',
    "objects": '{"instruction": "a"}\n',
    "quotes": '"',
    "quoted words": '"a", ',
    "bullets": "- ",
    "items": "- a\n",
    "numbers of items": "1. ",
    "numbered items": "1. a\n",
    "titled items": "**a**: b\n",
    "nested items": "  - a\n    - b\n",
    "hashes": "#",
    "headings": "# a\n",
    "fences": "```\n",
    "fences that begin": "```a\n",
    "pipes": "|",
    "a table": "| a | b |\n",
    "rules": "---\n",
    "ratings": "Rating: 3\n",
    "ratings in a line": "Rating: 3 ",
    "headers": "#### Output for Text 1\n",
    "headers in a line": ". Text 1: Rating",
    "whole ratings": "#### Output for Text 1\nRating: 3\nRationale: So.\n\n",
    "numbered ratings": "<rating>3</rating>\n",
    "tags that begin": "<rating>",
    "rows of ratings": "| Text 1 | 3 | So. |\n",
    "markers": "[[[User]]] a\n",
    "markers that begin": "[[[User",
    "talks": "User: a?\nAssistant: b.\n",
    "struck words": "<s>a",
    "struck words that end": "<s>a</s>",
    "turns": "<|im_end|>\n",
    "halves of a turn": "<|",
    "parentheses": "(",
    "lettered items": "(a) ",
    "what is said of types": "types 1, 2, ",
    "colons": ":",
    "question marks": "?",
    "not equal": "Not equal. ",
    "given prompts": "#Given Prompt#: a\n",
    "rewritten prompts": "#Rewritten Prompt#:\n",
    "backslashes": "\\",
    "line separators": "\u2028",
    "ideographs": "名",
    "pictures": "✅ a\n",
    "half letters": "\ud800",
    "nothing": "\0",
}


def answers(length: int) -> dict[str, str]:
    """Each thing repeated to that length, and mixtures."""
    found: dict[str, str] = {what: (piece * (length // len(piece) + 1))[:length] for what, piece in REPEATED.items()}
    found["all of it"] = ("".join(REPEATED.values()) * (length // 500))[:length]
    some = " " * (length // 2 - 50)
    found["blanks around a rating"] = f"Rating: {some}3\nRationale: {some}So."
    found["a rating behind blanks"] = f"{some}Rating: 3\nRationale: So."
    found["an object behind blanks"] = f'{some}{{"instruction": "a"}}{some}'
    found["a word between blanks"] = f"{some}a{some}."
    found["an item of blanks"] = f"1. a{some}*(b)*\n2. c{some}*(d)*"
    found["a number and dots"] = f"Rating: 3{'.' * (length - 40)}x\nRationale: So."
    return found


class Answering(ScriptedEndpoint):
    """Gives one answer to everything, as it comes over the protocol; `can` is what it says it can."""

    def __init__(self, answer: str, **can: Any) -> None:
        super().__init__()
        self.answer, self.can = answer, can
        self.reader = OpenAIEndpoint(ModelSpec(url="http://127.0.0.1:9/v1", model="fake"))

    async def probe(self) -> Capabilities:
        return replace(await super().probe(), **self.can)

    async def send(self, kind: Kind, body: Mapping[str, Any], draw: int) -> Completion:
        asked: dict[str, Any] = {"messages": []} if kind == "chat" else {"prompt": ""}
        return self.reader.read(protocol(self.answer, asked), 0.1)


ROW = Row(
    ({"role": "user", "content": "Name a river."},), (Response("The Loire.", "a"), Response("Rain.", "b")), id="r"
)
TASKS: dict[str, tuple[Task, dict[str, str]]] = {
    "TextGeneration": (TextGeneration(), {"instruction": "Name a river."}),
    "TextGeneration, fields": (
        TextGeneration(fields=(Field(name="name"), Field(name="length", kind="number"))),
        {"instruction": "Name a river."},
    ),
    "Magpie": (Magpie(), {"system_prompt": ""}),
    "Magpie, two turns": (Magpie(n_turns=2), {"system_prompt": ""}),
    "SelfInstruct": (SelfInstruct(), {"input": "An encyclopedia of rivers."}),
    "Genstruct": (Genstruct(), {"title": "Tides", "content": "The moon pulls the sea."}),
    "EvolInstruct": (EvolInstruct(), {"instruction": "Name a river."}),
    "InstructionResponse": (InstructionResponse(), {"system_prompt": ""}),
}


async def rows_of(name: str, answer: str, *, as_json: bool) -> list[Row | Dropped]:
    """What a task makes of an answer, near-duplicates left out, with what is marked on responses."""
    task, inputs = TASKS[name]
    model = Engine(Memo()).bind(Answering(answer, json_schema=as_json), "unit")
    made = await task.rows(Unit(0, inputs), model)
    for row in made:
        for response in row.responses if isinstance(row, Row) else ():
            marks(response)
    return DedupPool(task.near_duplicate, ["Name a river.", answer], []).sieve(0, made) if task.near_duplicate else made


async def ratings_of(answer: str, *, as_json: bool, aspect: str = "helpfulness", types: bool = True) -> list[Rating]:
    """What the labeller's answer is read as."""
    judge = UltraFeedback(aspects=(aspect,), types=types)
    model = Engine(Memo()).bind(Answering(answer, json_schema=as_json), "rating")
    return await judge.rate(ROW, judge.questions(ROW)[0], model)
