"""Renders Jinja templates that others wrote, apart: `python -I -S renderer.py SECONDS FOLDER ...`.

The folders are where jinja2 and markupsafe lie; nothing else is imported but the standard library. A request is two pieces of
JSON, what to do and the values, its answer is one, each behind four bytes of length, on standard input and output. The process
has a limit on memory, opens no files, ends when a template takes more seconds of the processor than it is given, and when its
standard input ends. tasks/templates/sandbox.py starts it; the environments are also used in the app's own process, for
templates of our own.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache, wraps
from typing import Any

if __name__ == "__main__":
    sys.path += sys.argv[2:]

import jinja2.utils
from jinja2 import StrictUndefined, Template, TemplateError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

MOST_MEMORY = 300 * 2**20
MOST_OUTPUT = 10_000_000
"""Characters of a rendered text."""
MOST_BITS, MOST_COPIES, WIDEST = 100_000, 10_000_000, 1_000_000
"""Of a power, of a text or list that is repeated, of a column."""
DAY = datetime(2024, 7, 26)
"""The date that chat templates are told. A fixed one: with today's, a run that is resumed tomorrow would ask other questions."""
LONGEST_REASON = 300
WIDENING = frozenset({"center", "ljust", "rjust", "zfill", "expandtabs"})
LENGTH = 4
"""Bytes in front of a message that say how long it is."""


class TooMuch(Exception):
    """The template asks for more than it may have; the message goes on after "the template"."""


class Bounded(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, which also refuses huge numbers and texts before they are made."""

    # what is intercepted is not worked out while a template is read, either
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "**", "%"})

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, optimized=False, **options)
        for name in ("center", "indent", "batch", "slice", "truncate", "wordwrap", "round"):
            self.filters[name] = _narrow(name, self.filters[name])
        self.globals["lipsum"] = _narrow("lipsum", jinja2.utils.generate_lorem_ipsum, 1000)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            if left.bit_length() * right > MOST_BITS:
                raise TooMuch("asks for a number of too many digits")
        elif operator == "*":
            for many, times in ((left, right), (right, left)):
                if isinstance(many, (str, list, tuple)) and isinstance(times, int) and len(many) * times > MOST_COPIES:
                    raise TooMuch("repeats a text too often")
            if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > MOST_BITS:
                raise TooMuch("asks for a number of too many digits")
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        if getattr(obj, "__name__", None) in WIDENING and isinstance(getattr(obj, "__self__", None), str):
            obj = _narrow(obj.__name__, obj)
        return super().call(context, obj, *args, **kwargs)


def _narrow(name: str, function: Callable[..., Any], widest: int = WIDEST) -> Callable[..., Any]:
    """The same, for numbers that are not huge."""

    @wraps(function)
    def narrow(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(value, int) and value > widest for value in (*args, *kwargs.values())):
            raise TooMuch(f"asks {name} for more than {widest:,}")
        return function(*args, **kwargs)

    return narrow


class _Generation(Extension):
    """`{% generation %}`, with which some templates mark what the model wrote: as if it were not there."""

    tags = {"generation"}  # noqa: RUF012 - Jinja reads it from the class

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@lru_cache(maxsize=1)
def prompt_environment() -> Bounded:
    """For prompts: a column that is not there is an error."""
    return Bounded(undefined=StrictUndefined, finalize=_written)


def _written(value: Any) -> Any:
    """A cell as a prompt shows it (as tasks/columns/missing_values.py does): lists and objects as JSON, nothing if missing."""
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(_jsonable(value), ensure_ascii=False)
    if isinstance(value, (bytes, bytearray)):
        return _jsonable(value)
    return "" if value is None or value != value else value


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(_written(name)): _jsonable(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(inner) for inner in value]
    if isinstance(value, (bytes, bytearray)):
        try:
            return value.decode().removeprefix("\ufeff")
        except UnicodeDecodeError:
            return ""
    if value is None or value != value:
        return None
    return value if isinstance(value, (str, int, float)) else str(value)


@lru_cache(maxsize=2)
def chat_environment(*, own: bool = False) -> ImmutableSandboxedEnvironment:
    """For chat templates, with what transformers gives them; without bounds for `own` ones, which need none."""
    extensions: list[Any] = ["jinja2.ext.loopcontrols", _Generation]
    if own:
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=extensions)
    else:
        environment = Bounded(extensions=extensions)
    environment.globals.update(raise_exception=_refuse, strftime_now=_day)
    return environment


def _refuse(message: str) -> str:
    raise TemplateError(message)


def _day(form: str) -> str:
    return DAY.strftime(form)


@lru_cache(maxsize=64)
def prompt_template(source: str) -> Template:
    return prompt_environment().from_string(source)


@lru_cache(maxsize=64)
def chat_template(source: str, *, own: bool = False) -> Template:
    return chat_environment(own=own).from_string(source)


def columns(source: str) -> list[str]:
    """The names that a prompt's template takes from its row."""
    environment = prompt_environment()
    prompt_template(source)
    return sorted(meta.find_undeclared_variables(environment.parse(source)) - environment.globals.keys())


def rendered(template: Template, values: dict[str, Any]) -> str:
    """The text of a template. Raises TooMuch where it gets too long."""
    parts, length = [], 0
    for part in template.generate(values):
        parts.append(part)
        length += len(part)
        if length > MOST_OUTPUT:
            raise TooMuch(f"makes more than {MOST_OUTPUT:,} characters")
    return "".join(parts)


RESTORED: dict[str, Callable[[Any], Any]] = {
    "dict": dict,
    "tuple": tuple,
    "set": set,
    "bytes": lambda text: text.encode("latin-1"),
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timedelta": lambda parts: timedelta(*parts),
}
"""What JSON does not know, by the name under which it comes: {"date": "2024-07-26"}."""


def _restored(tagged: dict[str, Any]) -> Any:
    ((kind, content),) = tagged.items()
    return RESTORED[kind](content)


def answer(request: dict[str, str], values: bytes) -> dict[str, Any]:
    """{"columns"} or {"text"}, or {"error"} with "heavy" where the template asks for too much."""
    try:
        source = request["source"]
        if request["do"] == "columns":
            return {"columns": columns(source)}
        if request["do"] == "prompt":
            return {"text": rendered(prompt_template(source), json.loads(values, object_hook=_restored))}
        return {"text": rendered(chat_template(source), json.loads(values))}
    except TooMuch as reason:
        return {"error": str(reason), "heavy": True}
    except MemoryError:
        return {"error": f"needs more than {MOST_MEMORY // 2**20} MB of memory", "heavy": True}
    except RecursionError:
        return {"error": "it is nested too deeply, or calls itself without end"}
    except SecurityError as error:
        return {"error": f"it may not do that: {reason_of(error)}"}
    except Exception as error:  # noqa: BLE001 - whatever a foreign template raises is what is wrong with it
        return {"error": reason_of(error)}


def reason_of(error: Exception) -> str:
    """What a template raised, as half a sentence."""
    text = " ".join(str(error)[: 2 * LONGEST_REASON].split())[:LONGEST_REASON].rstrip(".")
    return text or type(error).__name__


def _limit() -> None:
    """From here on: little memory, no more files, no file that grows, no other process (but for root)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started us
    if sys.platform == "win32":
        return
    import resource

    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    limits = {"AS": MOST_MEMORY, "CORE": 0, "FSIZE": 0, "NOFILE": 3, "NPROC": 0}
    for name, most in limits.items():
        try:
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
        except (AttributeError, OSError, ValueError):  # not every system has or takes each
            continue


def _clock(seconds: float) -> None:
    """The system ends this process when so much of the processor is used, whatever it does then; 0 stops the clock."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _say(out: int, content: dict[str, Any]) -> None:
    data = json.dumps(content).encode()
    data = len(data).to_bytes(LENGTH) + data
    while data:
        data = data[os.write(out, data) :]


def _heard() -> bytes:
    """The next piece; nothing at the end."""
    return sys.stdin.buffer.read(int.from_bytes(sys.stdin.buffer.read(LENGTH)))


def _warm() -> None:
    """Imports what Python and filters import when they need it, as no file can be opened later."""
    import codecs
    import importlib

    for name in (
        "_strptime",
        "html",
        "jinja2.constants",
        "jinja2.debug",
        "pprint",
        "random",
        "textwrap",
        "unicodedata",
    ):
        importlib.import_module(name)
    for name in ("unicode_escape", "latin-1", "ascii", "utf-16", "utf-32"):
        codecs.lookup(name)


def main() -> None:
    _warm()
    seconds = float(sys.argv[1])
    _limit()
    out = sys.stdout.fileno()
    _say(out, {"ready": True})
    while request := _heard():
        values = _heard()
        _clock(seconds)
        reply = answer(json.loads(request), values)
        _clock(0)
        _say(out, reply)
        if reply.get("heavy"):
            return  # what it took is given back with the process


if __name__ == "__main__":
    main()
