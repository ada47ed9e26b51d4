"""The reference of the public Python API in app/docs/python.md, made from signatures and docstrings.

python -m tests.api_reference            ends with 1 where the document is out of date
python -m tests.api_reference --write    brings it up to date
"""

import ast
import dataclasses
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from app import docs
from app.api import functions
from app.api.steps import Step
from app.api.task_step import Task as AskingStep

PYTHON = docs.FOLDER / "python.md"
TITLE = "## Reference"
BEGIN = "All public names of `claywright`, made from their docstrings by `python -m tests.api_reference --write`."
GROUPS = {
    "The loop": (
        "run",
        "check",
        "rate",
        "push",
        "pull",
        "agreement",
        "insights",
        "accept",
        "export",
        "publish",
        "rows",
        "read",
        "delete",
    ),
    "Recipes": ("Recipe", "Inputs", "Answers", "Check"),
    "Models": (
        "LLM",
        "OpenAILLM",
        "InferenceEndpointsLLM",
        "LocalLLM",
        "ScriptedLLM",
        "TransformersLLM",
        "LLMPool",
        "ProcessLLM",
    ),
    "Tasks": (
        "TextGeneration",
        "Magpie",
        "MagpieGenerator",
        "InstructionResponse",
        "SelfInstruct",
        "Genstruct",
        "EvolInstruct",
        "ExistingRows",
        "UltraFeedback",
        "Rubric",
        "RatedExample",
        "Prompt",
        "TextGenerationTask",
        "UltraFeedbackTask",
    ),
    "Pipelines": (
        "Pipeline",
        "pipeline",
        "InstructionResponsePipeline",
        "LoadDataFromDicts",
        "LoadDataFromHub",
        "GroupColumns",
        "KeepColumns",
        "Rows",
        "Distiset",
        "CustomDataset",
        "DatasetCheckpoint",
    ),
}
NOTES = {
    "Tasks": (
        "A task by itself is used as `next(task.process(rows))`: a list of rows, one for each row given. `**step` stands for what "
        "every step takes: `name`, `input_batch_size`, `input_mappings` (`{a column that it reads: yours}`) and `output_mappings` "
        "(`{a column that it writes: the name it gets}`); and every task: `num_generations`, which asks several times, in rows "
        "of their own or, with `group_generations`, as lists; `add_raw_output` and `add_raw_input`, which keep what came back "
        "and what was sent in the column `distilabel_metadata`."
    )
}
HOOKS = (
    "missing",
    "respond",
    "turn",
    "by_itself",
    "check",
    "endpoint",
    "give_key",
    "keep",
    "load",
    "merged",
    "read",
    "system",
    "unload",
    "written",
)
"""Methods that a class has for the engine, or because other libraries have them."""
WIDE, LONGEST_DEFAULT = 100, 60
SPACES = re.compile(r"\s+")
MODULES = re.compile(r"\b[a-z_]+\.(?=[A-Z])")
EXAMPLE = re.compile(r"^>>> .*?(?=\n\s*\n(?!>>>)|\Z)", re.DOTALL | re.MULTILINE)


def reference() -> str:
    """The whole reference, as Markdown. Raises AssertionError for a public name that is in no group, or in two."""
    listed = [name for names in GROUPS.values() for name in names]
    assert sorted(listed) == sorted(functions.__all__), sorted(set(listed) ^ set(functions.__all__))
    parts = [TITLE, BEGIN]
    for title, names in GROUPS.items():
        parts.append(f"### {title}")
        if title in NOTES:
            parts.append(NOTES[title])
        parts += [entry(name, getattr(functions, name)) for name in names]
    return "\n\n".join(parts) + "\n"


def entry(name: str, thing: Any) -> str:
    """One public name: how it is called, what its docstring says, its settings, its methods."""
    parts = [f"#### {name}", f"```text\n{call(name, thing)}\n```", prose(inspect.getdoc(thing) or "")]
    if isinstance(thing, type):
        parts += filter(None, [settings(thing), methods(thing)])
    return "\n\n".join(parts)


def prose(docstring: str) -> str:
    """A docstring with its examples as code, and what would be a tag as text."""
    texts = [text.replace("<", "\\<") for text in EXAMPLE.split(docstring)]
    examples = [f"```pycon\n{example.rstrip()}\n```" for example in EXAMPLE.findall(docstring)]
    return "".join(part for pair in zip(texts, [*examples, ""], strict=True) for part in pair).strip()


def call(name: str, thing: Any) -> str:
    """The call as its definition has it, an argument a line where it is long."""
    function = thing if inspect.isfunction(thing) else _init(thing)
    returns = ""
    if function is not None:
        node = _definition(function)
        arguments = list(_arguments(node.args))
        if node.returns is not None and function is thing:
            returns = f" -> {_named(node.returns)}"
    elif dataclasses.is_dataclass(thing):
        arguments = ["*", *(f"{field.name}{_default(field)}" for field in _own(thing))]
        arguments += ["**step"] if len(_own(thing)) < len(dataclasses.fields(thing)) else []
    else:
        return name
    line = f"{name}({', '.join(arguments)}){returns}"
    return line if len(line) <= WIDE else "\n".join([f"{name}(", *(f"    {one}," for one in arguments), f"){returns}"])


def settings(thing: type) -> str:
    """The fields of a class that say what they do, as a table."""
    fields = dataclasses.fields(thing) if dataclasses.is_dataclass(thing) else ()
    rows = [f"| `{field.name}` | {field.metadata['help']} |" for field in fields if field.metadata.get("help")]
    return "\n".join(["| setting | what it does |", "| --- | --- |", *rows]) if rows else ""


def methods(thing: type) -> str:
    """The methods that the class itself has for its users, with the first paragraph of their docstrings."""
    lines = []
    for name, method in vars(thing).items():
        if inspect.isfunction(method) and not name.startswith("_") and name not in HOOKS and method.__doc__:
            first = " ".join((inspect.getdoc(method) or "").split("\n\n")[0].split())
            lines.append(f"- `{SPACES.sub(' ', call(name, method)).replace('( ', '(').replace(', )', ')')}`: {first}")
    return "\n".join(lines)


def _own(thing: Any) -> list[Any]:
    """The fields of a class, but for those that all steps have."""
    fields = [field for field in dataclasses.fields(thing) if field.init]
    steps = {field.name for field in dataclasses.fields(AskingStep)} - {"llm"}
    return [field for field in fields if not (issubclass(thing, Step) and field.name in steps)]


def _init(thing: type) -> Any:
    """The `__init__` that somebody wrote; None where there is none, or where it is a dataclass's."""
    found = getattr(thing, "__init__", None)
    if not inspect.isfunction(found) or found.__module__.partition(".")[0] not in ("app", "tasks", "feedback"):
        return None
    try:
        inspect.getsource(found)
    except OSError:
        return None
    return found


def _definition(function: Any) -> ast.FunctionDef | ast.AsyncFunctionDef:
    node = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return node


def _arguments(given: ast.arguments) -> Iterator[str]:
    """Each argument with its type and default, as it is written; `self` is left out."""
    positional = [argument for argument in given.args if argument.arg not in ("self", "cls")]
    defaults = [None] * (len(positional) - len(given.defaults)) + list(given.defaults)
    yield from (_argument(argument, default) for argument, default in zip(positional, defaults, strict=True))
    if given.vararg:
        yield f"*{_argument(given.vararg, None)}"
    elif given.kwonlyargs:
        yield "*"
    yield from (
        _argument(argument, default) for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    )
    if given.kwarg:
        yield f"**{given.kwarg.arg}"


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    kind = f": {_named(argument.annotation)}" if argument.annotation else ""
    equals = " = " if kind else "="
    return f"{argument.arg}{kind}" + (f"{equals}{ast.unparse(default)}" if default is not None else "")


def _named(annotation: ast.expr) -> str:
    """A type by its own name, whatever module it is in."""
    return MODULES.sub("", ast.unparse(annotation).replace("'", ""))


def _default(field: Any) -> str:
    if field.default is dataclasses.MISSING:
        return "" if field.default_factory is dataclasses.MISSING else "=..."
    shown = repr(field.default)
    return f"={shown if len(shown) <= LONGEST_DEFAULT else '...'}"


def document() -> str:
    """The document as it should be."""
    by_hand, *_ = PYTHON.read_text(encoding="utf-8").partition(f"\n{TITLE}\n")
    return f"{by_hand.rstrip()}\n\n{reference()}"


def main() -> int:
    text = document()
    if "--write" in sys.argv[1:]:
        PYTHON.write_text(text, encoding="utf-8")
    elif PYTHON.read_text(encoding="utf-8") != text:
        sys.stderr.write("app/docs/python.md is out of date: python -m tests.api_reference --write\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
