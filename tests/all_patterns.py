"""Every regular expression of the app, and how it is used: those of modules, and those written in a call."""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from tasks.text.patterns import LazyPattern
from tests.conftest import ROOT

METHODS = ("search", "match", "fullmatch", "finditer", "findall", "sub", "subn", "split")
EVERY = ("search", "match", "fullmatch", "finditer")
"""How one may be used that is handed on."""


@dataclass(frozen=True)
class Used:
    """A pattern: where it is, and the methods that are called on it."""

    where: str
    pattern: re.Pattern[Any]
    methods: tuple[str, ...]


def sources() -> Iterator[tuple[Path, ModuleType]]:
    """The files of the three packages; local services and the build's hook run elsewhere."""
    for package in ("tasks", "feedback", "app"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "local" in parts[:-1] or path.name in ("build_hook.py", "__main__.py"):
                continue
            yield path, importlib.import_module(".".join(parts).removesuffix(".__init__"))


@cache
def patterns() -> tuple[list[Used], list[str]]:
    """All patterns, and the calls whose pattern is put together where it is used: "app/x.py: re.search"."""
    found: dict[re.Pattern[Any], tuple[set[str], set[str]]] = {}
    other = []

    def note(where: str, pattern: re.Pattern[Any], *methods: str) -> None:
        places, used = found.setdefault(pattern, (set(), set()))
        places.add(where)
        used.update(methods)

    for path, module in sources():
        name = str(path.relative_to(ROOT))
        tree = ast.parse(path.read_text(encoding="utf-8"))
        called = set()
        for variable, value in vars(module).items():
            if (pattern := _compiled(value)) is not None:
                note(f"{name}: {variable}", pattern)
            for inner in _inside(value):
                note(f"{name}: {variable}", inner, *EVERY)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "lazy_pattern":
                assert node in _of_module(tree), f"{name}: a lazy pattern of a call is compiled at each of them"
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            on, method = node.func.value, node.func.attr
            if isinstance(on, ast.Name) and on.id == "re" and method in (*METHODS, "compile"):
                given = node.args[0]
                if isinstance(given, ast.Constant):
                    if method != "compile":
                        note(f"{name}: {method}({given.value!r})", re.compile(given.value, _flags(node)), method)
                elif method != "compile" or node not in _of_module(tree):
                    other.append(f"{name}: re.{method}")
            elif method in METHODS and (pattern := _compiled(_value(module, on))) is not None:
                called.add(on)
                note(f"{name}: {ast.unparse(on)}", pattern, method)
        for node in ast.walk(tree):
            loaded = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node not in called
            if loaded and (pattern := _compiled(_value(module, node))) is not None:
                note(f"{name}: {ast.unparse(node)}", pattern, *EVERY)
    return [Used(", ".join(sorted(p)), one, tuple(sorted(m))) for one, (p, m) in found.items()], sorted(other)


def _compiled(value: Any) -> re.Pattern[Any] | None:
    """A pattern, also one that is compiled at its first use; None for anything else."""
    if isinstance(value, LazyPattern):
        return value.compiled()
    return value if isinstance(value, re.Pattern) else None


def _inside(value: Any) -> Iterator[re.Pattern[Any]]:
    """The patterns in a table of a module: in tuples, lists, dicts and dataclasses."""
    parts: list[Any] = []
    if isinstance(value, tuple | list):
        parts = list(value)
    elif isinstance(value, dict):
        parts = list(value.values())
    elif is_dataclass(value) and not isinstance(value, type):
        parts = [getattr(value, field.name) for field in fields(value)]
    for part in parts:
        if (pattern := _compiled(part)) is not None:
            yield pattern
        else:
            yield from _inside(part)


def _of_module(tree: ast.Module) -> set[ast.AST]:
    """What is worked out when the module is imported."""
    inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node for statement in tree.body if not isinstance(statement, inner) for node in ast.walk(statement)}


def _value(module: ModuleType, node: ast.AST) -> Any:
    """What a name, or the name of a module's name, stands for; None for a local one."""
    if isinstance(node, ast.Name):
        return vars(module).get(node.id)
    if isinstance(node, ast.Attribute) and isinstance(inside := _value(module, node.value), ModuleType):
        return vars(inside).get(node.attr)
    return None


def _flags(call: ast.Call) -> int:
    names = {
        n.attr for part in [*call.args[1:], *call.keywords] for n in ast.walk(part) if isinstance(n, ast.Attribute)
    }
    return sum(int(getattr(re, name)) for name in names if name in ("I", "M", "S", "IGNORECASE", "MULTILINE", "DOTALL"))


def use(pattern: re.Pattern[Any], method: str, text: str) -> None:
    """Uses it on a text to the end."""
    given: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
    if method in ("sub", "subn"):
        pattern.sub(given[:0], given)
    elif method == "finditer":
        for _ in pattern.finditer(given):
            pass
    else:
        getattr(pattern, method)(given)


# -- whether a pattern's time grows faster than its text

ALPHABET = frozenset(map(chr, range(128))) | set("éÉß名、–—•☆★：’“\xa0\u2028\ufe0f")
WHOLE = {
    "CATEGORY_DIGIT": r"\d", "CATEGORY_NOT_DIGIT": r"\D", "CATEGORY_SPACE": r"\s", "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w", "CATEGORY_NOT_WORD": r"\W",
}  # fmt: skip
Chars = frozenset[str]


@dataclass(frozen=True)
class Atom:
    """One step of a way through a pattern: `kind` is "one" or "many" characters, or a guard that takes none."""

    kind: str
    chars: Chars = frozenset()
    possessive: bool = False


def slow(pattern: re.Pattern[Any], methods: tuple[str, ...]) -> set[str]:
    """Why a pattern may take more than linear time; nothing if it does not look so. It knows sets of characters, not meaning.

    "nested": a repeat in a repeat that can share its characters. "adjacent": two repeats that can, one after the other, and
    something behind them that may be missing. "leading": a search that begins anew at each character of a repeat.
    """
    found: set[str] = set()
    tree = re._parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)  # type: ignore[attr-defined]
    searched = bool(set(methods) - {"match", "fullmatch"})
    behind = [Atom("guard end")] if "fullmatch" in methods else []
    for way in _ways(list(tree), pattern.flags, found):
        found |= _adjacent([*way, *behind])
        if searched and _leading(way):
            found.add("leading")
    return found


def _adjacent(way: list[Atom]) -> set[str]:
    for i, one in enumerate(way):
        if one.kind != "many" or one.possessive:
            continue
        shared = one.chars
        for j in range(i + 1, len(way)):
            if way[j].kind == "many" and shared & way[j].chars and _may_fail(way[j + 1 :]):
                return {"adjacent"}
            if way[j].kind == "one" and not (shared := shared & way[j].chars):
                break
    return set()


def _leading(way: list[Atom]) -> bool:
    before: list[Atom] = []
    for at, atom in enumerate(way):
        if atom.kind == "many" and _may_fail(way[at + 1 :]) and not any(_keeps_out(b, atom.chars) for b in before):
            return True
        before.append(atom)
    return False


def _keeps_out(atom: Atom, chars: Chars) -> bool:
    """True if what stands before a repeat can not be found within the repeat's own characters."""
    if atom.kind == "guard start":
        return True
    if atom.kind == "guard line":
        return "\n" not in chars
    if atom.kind == "guard not behind":
        return chars <= atom.chars
    if atom.kind == "guard word":
        words = {c for c in ALPHABET if re.match(r"\w", c)}
        return chars <= words or not chars & words
    return atom.kind in ("one", "guard behind") and not chars & atom.chars


def _may_fail(rest: list[Atom]) -> bool:
    return any(atom.kind != "many" for atom in rest)


MOST_WAYS = 3000


def _ways(nodes: list[Any], flags: int, found: set[str]) -> Iterator[list[Atom]]:
    """The ways through a sequence: each alternative, each option with and without; a bounded repeat counts as one."""
    ways: list[list[Atom]] = [[]]
    for op, value in nodes:
        steps = _steps(str(op), value, flags, found)
        ways = list(islice(([*way, *more] for way in ways for more in steps), MOST_WAYS))
    yield from ways


def _steps(op: str, value: Any, flags: int, found: set[str]) -> list[list[Atom]]:
    if op in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, inner = value
        inside = list(_ways(list(inner), flags, found))
        if most <= 1000:
            return [[], *inside] if least == 0 else inside
        chars = frozenset(c for way in inside for atom in way for c in atom.chars if "guard" not in atom.kind)
        if op != "POSSESSIVE_REPEAT" and any(map(_shares, inside)):
            found.add("nested")
        many = Atom("many", chars, op == "POSSESSIVE_REPEAT")
        return [[*way, many] for way in inside] if least else [[many]]
    if op == "SUBPATTERN":
        return list(_ways(list(value[-1]), flags | value[1], found))
    if op == "ATOMIC_GROUP":
        return list(_ways(list(value), flags, found))
    if op == "BRANCH":
        return [way for branch in value[1] for way in _ways(list(branch), flags, found)]
    if op == "GROUPREF_EXISTS":
        return [way for branch in value[1:] for way in _ways(list(branch or []), flags, found)]
    if op == "GROUPREF":
        return [[Atom("one", ALPHABET)]]
    if op in ("ASSERT", "ASSERT_NOT"):
        inside = list(_ways(list(value[1]), flags, found))
        only = inside[0][0].chars if len(inside) == 1 and len(inside[0]) == 1 else frozenset()
        if value[0] < 0:
            return [[Atom("guard behind" if op == "ASSERT" else "guard not behind", only)]]
        return [[*way, Atom("guard ahead")] for way in inside]
    if op == "AT":
        at = str(value)
        kinds = {"AT_BEGINNING_STRING": "guard start", "AT_BOUNDARY": "guard word"}
        if at == "AT_BEGINNING":
            return [[Atom("guard line" if flags & re.M else "guard start")]]
        return [[Atom(kinds.get(at, "guard end"))]]
    return [[Atom("one", _chars(op, value, flags))]]


def _shares(way: list[Atom]) -> bool:
    """True if all of a repeated way can be taken by a repeat inside it, too."""
    return any(
        atom.kind == "many"
        and not atom.possessive
        and all(other.chars & atom.chars for other in way if other.kind in ("one", "many"))
        for atom in way
    )


def _chars(op: str, value: Any, flags: int) -> Chars:
    """The characters that one step takes."""
    if op == "ANY":
        return ALPHABET if flags & re.S else ALPHABET - {"\n"}
    if op == "NOT_LITERAL":
        return ALPHABET - _cased(chr(value), flags)
    if op == "LITERAL":
        return _cased(chr(value), flags)
    if op == "CATEGORY":
        return frozenset(c for c in ALPHABET if re.match(WHOLE[str(value)], c))
    if op == "RANGE":
        return frozenset(c for c in ALPHABET if any(value[0] <= ord(x) <= value[1] for x in _cased(c, flags)))
    if op == "IN":
        negated = str(value[0][0]) == "NEGATE"
        taken = frozenset(c for kind, what in value[negated:] for c in _chars(str(kind), what, flags))
        return ALPHABET - taken if negated else taken
    raise AssertionError(op)


def _cased(char: str, flags: int) -> Chars:
    return (
        frozenset(c for c in (char, char.lower(), char.upper()) if len(c) == 1) if flags & re.I else frozenset({char})
    )
