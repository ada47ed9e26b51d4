"""The page's HTML is written in one way: literals in `markup` and `Markup`. Anything else is text, and shown as it is."""

import ast
import re
from collections.abc import Iterator
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from app.web.html.fragments import attrs
from app.web.html.markup import joined, markup
from tests.conftest import ROOT

TAG = re.compile(r"<(?:[a-zA-Z/]|$)")
MAKERS = {"markup", "Markup"}
ATTRIBUTES = {"attrs", "leads", "_direction", "joined", *MAKERS}
"""Functions that give whole attributes, quoted."""
REASONS = {
    "app/web/html/markup.py: Markup(text % tuple(map(_escaped, filled)))": "a literal, and values that are escaped",
    "app/web/html/markup.py: Markup(between.join(map(_escaped, pieces)))": "pieces that are escaped, a literal between them",
    "app/web/html/markup.py: Markup": "asked whether a value is HTML already",
    "app/web/html/markdown.py: Markup(body)": "what our Markdown parser rendered, with no HTML of the text's own",
    "app/web/html/search_hits.py: Markup(''.join(pieces))": "what was Markup, taken apart at its tags",
    "app/web/html/markdown.py: tokens[at].markup": "a field of the parser's tokens",
    "app/web/html/search_hits.py: '</'": "how the end of an element begins, in what was Markup",
    "app/web/html/markdown.py: '<math'": "where formulas begin in what was rendered",
    "app/web/html/markdown.py: '{}' is tag": "the parser's names of elements",
    "app/web/html/markdown.py: '{}' is tokens[at].tag": "the parser's names of elements",
    "app/web/html/markdown.py: '{}' is level + 1": "a number",
    "app/web/html/formulas.py: '{0}' is element.tag": "one of ELEMENTS",
    "app/web/server.py: f\"{language.choice()}<script>{(STATIC / 'clicks.js').read_text(encoding='utf-8')}</script>\"": "ours",
    "app/web/html/language.py: f\"<script>({_code('choice.js')})();</script>\"": "a script of our own",
    "app/web/html/language.py: Markup(f\"<script>({_code('choice.js')})();</script>\")": "a script of our own",
    'app/web/form_values.py: "<class \'"': "how Python writes a type",
    "app/web/form_values.py: \"<class 'str'>\"": "how Python writes a type",
}
"""What is no literal of HTML, or holds a tag and is none, and why it may stand there."""
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def faults(code: str) -> set[str]:
    """Whatever could put a text on the page as HTML, and templates that do not fit their values."""
    tree = ast.parse(code)
    return {*_literals(tree), *_makers(tree), *(set(_misfits(tree)) or _holes(tree))}


def _literals(tree: ast.Module) -> Iterator[str]:
    """Tags in texts that are no Markup: in f-strings, templates and parts that are added up."""
    known: set[int] = set()  # docstrings, patterns, and literals of Markup
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            known.add(id(node.value))
        elif isinstance(node, ast.Call) and (_name(node.func) in MAKERS or ast.unparse(node.func) == "re.compile"):
            known |= {id(argument) for argument in node.args[:1]}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            known |= {id(part) for part in node.values}
            parts = [part.value if isinstance(part, ast.Constant) else "x" for part in node.values]
            if TAG.search("".join(map(str, parts))):
                yield ast.unparse(node)
    for node in ast.walk(tree):
        if _is_literal(node) and id(node) not in known and TAG.search(ast.literal_eval(node)):
            yield ast.unparse(node)


def _makers(tree: ast.Module) -> Iterator[str]:
    """`markup` and `Markup` of anything but a literal, the same between what is `joined`; both under another name or handed on."""
    known: set[int] = set()  # in annotations and calls
    for node in ast.walk(tree):
        annotations = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        known |= {id(inner) for annotation in annotations if annotation for inner in ast.walk(annotation)}
        if isinstance(node, ast.Call) and _name(node.func) in MAKERS:
            known.add(id(node.func))
            is_empty = _name(node.func) == "Markup" and not node.args and not node.keywords
            if not is_empty and not (node.args and _is_literal(node.args[0])):
                yield ast.unparse(node)
        elif isinstance(node, ast.Call) and _name(node.func) == "joined":
            between = [*node.args[1:], *(keyword.value for keyword in node.keywords if keyword.arg != "pieces")]
            if not all(map(_is_literal, between)):
                yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom) and any(name.name in MAKERS and name.asname for name in node.names):
            yield ast.unparse(node)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and _name(node) in MAKERS and id(node) not in known:
            yield ast.unparse(node)
        elif "__html__" in (getattr(node, "name", ""), getattr(node, "attr", ""), getattr(node, "id", "")):
            yield "__html__"


def _holes(tree: ast.Module) -> Iterator[str]:
    """Values within a tag without quotes around them, unless they are whole attributes: a space in them begins another one."""
    for scope in ast.walk(tree):
        if not isinstance(scope, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        calls = [node for node in _within(scope) if isinstance(node, ast.Call) and _name(node.func) == "markup"]
        for call in calls:
            if call.args and _is_literal(call.args[0]):
                for name in _unquoted(str(ast.literal_eval(call.args[0]))):
                    value = _value(call, name)
                    if not _is_attributes(value, scope):
                        yield f"'{{{name.partition('#')[0]}}}' is {ast.unparse(value)}"


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function, without those of the functions in it."""
    for node in ast.iter_child_nodes(scope):
        yield node
        if not isinstance(node, FUNCTIONS):
            yield from _within(node)


def _unquoted(template: str) -> Iterator[str]:
    """The holes within a tag that have no quotes around them; an automatic one as "#" and its number."""
    inside, number = "", 0
    for text, name, _, _ in Formatter().parse(template):
        for sign in text:
            if not inside:
                inside = "<" if sign == "<" else ""
            elif inside == "<":
                inside = "" if sign == ">" else sign if sign in "\"'" else "<"
            elif sign == inside:
                inside = "<"
        if name is not None:
            if inside == "<":
                yield name or f"#{number}"
            number += not name


def _misfits(tree: ast.Module) -> Iterator[str]:
    """Templates that have another number of holes, or other names, than there are values."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and _name(call.func) == "markup" and call.args and _is_literal(call.args[0]):
            holes = [hole for hole in Formatter().parse(str(ast.literal_eval(call.args[0]))) if hole[1] is not None]
            names = [str(name) for _, name, _, _ in holes]
            numbers = {name for name in names if name.isdigit()}
            named = {name for name in names if name} - numbers
            given = {str(keyword.arg) for keyword in call.keywords}
            converted = any(conversion for *_, conversion in holes)
            if converted or named != given or len(call.args) - 1 != (len(numbers) or names.count("")):
                yield ast.unparse(call)


def _value(call: ast.Call, name: str) -> ast.expr:
    if name.startswith("#") or name.isdigit():
        return call.args[1 + int(name.strip("#"))]
    return next(keyword.value for keyword in call.keywords if keyword.arg == name)


def _is_attributes(value: ast.expr, scope: ast.AST) -> bool:
    """True for what is Markup or a literal whichever way it comes about, as far as the function tells."""
    if isinstance(value, ast.IfExp):
        return _is_attributes(value.body, scope) and _is_attributes(value.orelse, scope)
    if isinstance(value, ast.Name):
        given = [
            node.value
            for node in _within(scope)
            if isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == value.id for target in node.targets)
        ]
        return bool(given) and all(_is_attributes(each, scope) for each in given)
    return _is_literal(value) or (isinstance(value, ast.Call) and _name(value.func) in ATTRIBUTES)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_literal(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_html_is_written_in_one_way() -> None:
    paths = sorted((ROOT / "app" / "web").rglob("*.py"))
    there = {
        f"{path.relative_to(ROOT)}: {fault}" for path in paths for fault in faults(path.read_text(encoding="utf-8"))
    }
    assert there == REASONS.keys()


@pytest.mark.parametrize(
    "code",
    [
        "f'<b>{text}</b>'", "f'<{tag}>'", "f'{text}</b>'", "f'{text}<br>'", "'<b>' + text", "'<' + tag", "'<b>%s</b>' % text",
        "'<b>{}</b>'.format(text)", "'<br>'.join(texts)", "text += '<br>'", "TEMPLATE = '<b>{}</b>'\nTEMPLATE.format(text)",
        "Markup(text)", "Markup(f'<b>{text}</b>')", "Markup('<b>%s</b>' % text)", "Markup('<b>' + text)", "markup(text)",
        "markup(f'<b>{text}</b>')", "markup(template=text)", "joined(pieces, text)", "joined(pieces, between=text)",
        "markupsafe.Markup(text)", "Markup(object=text)", "map(Markup, texts)",
        "from markupsafe import Markup as M\nM(text)", "make = Markup\nmake(text)", "class Text(Markup):\n    pass",
        "class Text(str):\n    def __html__(self):\n        return self", "markup('<b class={}>', text)", "markup('<b {}>', text)",
        "markup('<b>{}</b>', text, text)",
        "markup('<b>{}{}</b>', text)", "markup('<b>{text}</b>', other=text)", "markup('<b>{!r}</b>', text)",
        "markup('<b title=\"a\" {}>{}</b>', text, 'b')", "markup('<b {kind}>', kind=text)", "markup('<b {}>', f'a {text}')",
        "def f(kind):\n    return markup('<b {}>', kind)",
        "def f(text):\n    kind = 'open'\n    if text:\n        kind = text\n    return markup('<b {}>', kind)",
        "def f(text):\n    return markup('<b {}>', 'open' if text else text)",
    ],
)  # fmt: skip
def test_another_way_is_noticed(code: str) -> None:
    assert faults(code)


def test_the_one_way_is_none_of_them() -> None:
    code = '''
def f(text: str, body: Markup, rows: "list[Markup]") -> Markup:
    """Shows `<b>`."""
    kind = Markup(' aria-current="page"') if text else Markup()
    return markup('<b class="{}" {}{}>{}</b>', text, attrs(act=text), kind, f"{text} < 3") + joined(rows, " ")
'''
    assert not faults(code)


@given(st.text(), st.text())
def test_a_value_is_shown_as_it_is(text: str, other: str) -> None:
    html = markup('<b title="{other}">{}</b>', text, other=other)
    assert html == f'<b title="{escape(other)}">{escape(text)}</b>' and isinstance(html, Markup)
    assert html.count("<") == 2 and html.count('"') == 2


def test_html_in_a_value_stays_and_numbers_have_a_format() -> None:
    assert markup("<p>{}{}</p>", Markup("<br>"), "<br>") == "<p><br>&lt;br&gt;</p>"
    assert (
        markup('<i style="--f:{:.3f}">{:,} {} {}</i>', 0.5, 1200, None, True)
        == '<i style="--f:0.500">1,200 None True</i>'
    )
    assert (
        markup("<{0}>{1}</{0}>{{}}", "b", "&") == "<b>&amp;</b>{}" and joined(["<", Markup("<b>")], " ") == "&lt; <b>"
    )
    assert attrs(word='a" onclick="b', number=3) == 'data-word="a&#34; onclick=&#34;b" data-number="3"'
