"""Markdown of models and people as HTML that shows all of it, and loads and runs nothing.

Headings, lists, tables, code, emphasis and formulas are rendered. Tags are shown as text, links and images as their words with
their address behind them, a formula that can't be drawn as its source. Nothing of a text may vanish from a curator's sight:
what is rendered has the letters and digits of its text, each of them in its order; else the text is shown as it is.
"""

import html
import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from app.web.html.formulas import SOURCE, drawn
from app.web.html.markup import markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

LONGEST = 50_000
"""Characters of a text up to which it is rendered."""
MOST_TIMES = 12
"""How many times as long as its text what is rendered may be: tables of empty cells grow without bound."""
DEEPEST = 20
MOST_LINES = 60
"""Lines of a formula; what has more is none."""
MOST_FORMULAS = 200
"""Formulas of a text that are drawn."""
NUMBERS = re.compile(r'<li value="([0-9]+)">')
TAGS = re.compile(r"<[^<>]*>")
BLANK_LINE = re.compile(r"\n[ \t]*\n")
INLINE = {"$$": "$$", "$": "$", "\\(": "\\)", "\\[": "\\]"}
BLOCK = {"$$": "$$", "\\[": "\\]"}


def plain(text: str) -> Markup:
    """The text as it is, with its direction."""
    return markup('<div class="text" dir="auto">{}</div>', text)


@lru_cache(512)
def rendered(text: str) -> Markup:
    """The text as HTML; as it is where it is too long, or where rendering would lose something of it."""
    if len(text) > LONGEST:
        return plain(text)
    body = _parser().render(text)
    if len(_sources(body)) > MOST_TIMES * (len(text) + 100) or _letters(_text_of(body)) != _letters(text):
        return plain(text)
    return markup('<div class="text rendered" dir="auto">{}</div>', _of_parser(body))


def document(text: str, topic: str) -> Markup:
    """A document of ours as HTML, without its title: other than in `rendered`, it has headings that links can lead to, and links.

    Links to other documents and within this one have the document as `data-doc` and the heading's id as `data-at`; those to
    https addresses open beside the app; others are words.
    """
    body = _parser(is_ours=True).render(text, {"topic": topic})
    return markup('<div class="text rendered" lang="en" translate="no">{}</div>', _of_parser(body))


def _of_parser(body: str) -> Markup:
    """What the parser rendered: it knows no HTML in a text, its own rules escape what they show, and so do those below."""
    return Markup(body)


def _text_of(body: str) -> str:
    return html.unescape(TAGS.sub("", NUMBERS.sub(r"\1", _sources(body))))


def _sources(body: str) -> str:
    """What is rendered, with formulas as their sources."""
    before, *others = body.split("<math")
    return before + "".join(other.partition(f'"{SOURCE}">')[2] for other in others)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


@cache
def _parser(*, is_ours: bool = False) -> "MarkdownIt":
    from markdown_it import MarkdownIt

    class Parser(MarkdownIt):
        """Addresses stay as they were written: they are shown, and never followed."""

        def normalizeLink(self, url: str) -> str:  # noqa: N802 - the library's names
            return url

        def normalizeLinkText(self, link: str) -> str:  # noqa: N802 - the library's names
            return link

        def validateLink(self, url: str) -> bool:  # noqa: N802 - the library's names
            return True

    parser = Parser("commonmark", {"html": False, "breaks": not is_ours, "maxNesting": DEEPEST})
    parser.enable(["table", "strikethrough"]).disable(["reference", "entity", "html_block", "html_inline"])
    parser.inline.ruler.before("escape", "formula", _formula)
    parser.block.ruler.before(
        "fence", "formula", _formula_block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    for name, rule in (RULES | OUR_RULES if is_ours else RULES).items():
        parser.add_render_rule(name, _as_text(rule))
    return parser


# -- formulas


def _formula(state: "StateInline", silent: bool) -> bool:
    """A formula between dollars or escaped brackets: `$x$`, but not "$5 and $10"."""
    start = state.pos
    opening = next((mark for mark in INLINE if state.src.startswith(mark, start)), "")
    if not opening:
        return False
    begin, closing = start + len(opening), INLINE[opening]
    known, part = state.env.setdefault("last", {}), (state.src, closing)  # each part of a text has its own source
    if part not in known:
        known[part] = state.src.rfind(closing)
    if begin > (last := known[part]):
        return False
    end = state.src.find(closing, begin, last + len(closing))
    content = state.src[begin:end]
    if end < 0 or end + len(closing) > state.posMax or not content.strip() or BLANK_LINE.search(content):
        return False
    after = state.src[end + len(closing) : end + len(closing) + 1]
    if opening == "$" and (content[0].isspace() or content[-1].isspace() or after.isdigit()):
        return False
    if not silent:
        state.push("formula", "code", 0).content = content
    state.pos = end + len(closing)
    return True


def _formula_block(state: "StateBlock", first: int, last: int, silent: bool) -> bool:
    """Lines from one that begins with `$$` or an escaped bracket to one that ends with its like."""
    if state.is_code_block(first):
        return False
    begin = state.bMarks[first] + state.tShift[first]
    opening = next((mark for mark in BLOCK if state.src.startswith(mark, begin)), "")
    if not opening:
        return False
    closing, lines = BLOCK[opening], list[str]()
    for number in range(first, min(last, first + MOST_LINES)):
        line = state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]].rstrip()
        line = line[len(opening) :] if number == first else line
        if number > first and (not line or state.sCount[number] < state.blkIndent):
            return False
        if line.endswith(closing):
            content = "\n".join([*lines, line[: -len(closing)]])
            if closing in content or not content.strip():
                return False
            if not silent:
                state.line = number + 1
                token = state.push("formula_block", "pre", 0)
                token.content, token.map = content.strip("\n"), [first, number + 1]
            return True
        lines.append(line)
    return False


# -- how tokens look


def _as_text(rule: Callable[..., Markup]) -> Any:
    """The rule for the parser, which adds up what rules return: `Markup` would escape what the others return."""
    return lambda self, tokens, at, options, env: str(rule(self, tokens, at, options, env))


def _opens(tag: str) -> Any:
    return lambda self, tokens, at, options, env: markup("<{}{}>", tag, _direction(tokens[at]))


def _direction(token: "Token") -> Markup:
    """Each part of a text has its own direction; what is in a part has that of the part."""
    return Markup(' dir="auto"') if token.level == 0 else Markup()


def _heading(self: Any, tokens: "Sequence[Token]", at: int, options: Any, env: Any) -> Markup:
    return markup('<p class="heading {}"{}>', tokens[at].tag, _direction(tokens[at]))


def _item(self: Any, tokens: "Sequence[Token]", at: int, options: Any, env: Any) -> Markup:
    return markup('<li value="{}">', tokens[at].info) if tokens[at].info else Markup("<li>")


def _code(self: Any, tokens: "Sequence[Token]", at: int, options: Any, env: Any) -> Markup:
    token = tokens[at]
    name = token.info.strip()
    language = markup('<span class="language">{}</span>', name) if name else Markup()
    return markup('{}<pre class="sideways" dir="ltr"><code>{}</code></pre>', language, token.content)


def _link(self: Any, tokens: "Sequence[Token]", at: int, options: Any, env: Any) -> Markup:
    is_shown = tokens[at].markup == "autolink"
    env.setdefault("links", []).append(Markup() if is_shown else _target(tokens[at], "href"))
    return Markup('<span class="link">')


def _link_ends(self: Any, tokens: "Sequence[Token]", at: int, options: Any, env: Any) -> Markup:
    return markup("</span>{}", env["links"].pop())


def _image(self: Any, tokens: "Sequence[Token]", at: int, options: Any, env: Any) -> Markup:
    alt = _of_parser(self.render(tokens[at].children or [], options, env))
    return markup('<span class="link image">{}</span>{}', alt, _target(tokens[at], "src"))


def _target(token: "Token", name: str) -> Markup:
    address, title = (str(token.attrGet(part) or "") for part in (name, "title"))
    shown = " ".join(filter(None, [address, title and f"“{title}”"]))
    return markup(' <span class="target" dir="ltr">({})</span>', shown) if shown else Markup()


def _cell(self: Any, tokens: "Sequence[Token]", at: int, options: Any, env: Any) -> Markup:
    style = str(tokens[at].attrGet("style") or "")
    side = style.removeprefix("text-align:") if style in ("text-align:right", "text-align:center") else ""
    kind = markup(' class="{}"', side) if side else Markup()
    return markup('<{} dir="auto"{}>', tokens[at].tag, kind)


def _formula_drawn(self: Any, tokens: "Sequence[Token]", at: int, options: Any, env: Any) -> Markup:
    source, is_block = tokens[at].content, tokens[at].type == "formula_block"
    env["formulas"] = env.get("formulas", 0) + 1
    shown = drawn(source, is_block=is_block) if env["formulas"] <= MOST_FORMULAS else Markup()
    if shown:
        return markup('<div class="formula sideways" dir="ltr">{}</div>', shown) if is_block else shown
    if is_block:
        return markup('<pre class="formula sideways" dir="ltr">{}</pre>', source)
    return markup('<code class="formula" dir="ltr">{}</code>', source)


RULES: dict[str, Any] = {
    "paragraph_open": lambda self, tokens, at, options, env: (
        Markup() if tokens[at].hidden else markup("<p{}>", _direction(tokens[at]))
    ),
    "paragraph_close": lambda self, tokens, at, options, env: Markup("\n") if tokens[at].hidden else Markup("</p>\n"),
    "heading_open": _heading,
    "heading_close": lambda self, tokens, at, options, env: Markup("</p>\n"),
    "blockquote_open": _opens("blockquote"),
    "bullet_list_open": _opens("ul"),
    "ordered_list_open": _opens("ol"),
    "list_item_open": _item,
    "fence": _code,
    "code_block": _code,
    "formula": _formula_drawn,
    "formula_block": _formula_drawn,
    "link_open": _link,
    "link_close": _link_ends,
    "image": _image,
    "table_open": lambda self, tokens, at, options, env: markup(
        '<div class="sideways"{}><table>', _direction(tokens[at])
    ),
    "table_close": lambda self, tokens, at, options, env: Markup("</table></div>\n"),
    "th_open": _cell,
    "td_open": _cell,
}


# -- documents of ours


def anchor(heading: str) -> str:
    """The id of a heading, as GitHub makes it."""
    return NOT_IN_IDS.sub("", heading.lower()).replace(" ", "-")


def _our_heading(self: Any, tokens: "Sequence[Token]", at: int, options: Any, env: Any) -> Markup:
    level = int(tokens[at].tag[1])
    if level == 1:  # the title stands over the document already
        return Markup("<div hidden>")
    return markup('<h{} id="{}" tabindex="-1">', level + 1, anchor(tokens[at + 1].content))


def _our_heading_ends(self: Any, tokens: "Sequence[Token]", at: int, options: Any, env: Any) -> Markup:
    level = int(tokens[at].tag[1])
    return Markup("</div>\n") if level == 1 else markup("</h{}>\n", level + 1)


def _our_link(self: Any, tokens: "Sequence[Token]", at: int, options: Any, env: Any) -> Markup:
    address = str(tokens[at].attrGet("href") or "")
    links = env.setdefault("links", [])
    if link := TO_DOCUMENT.fullmatch(address):
        links.append(Markup("</a>"))
        topic, heading = link[1] or env["topic"], link[2] or ""
        return markup('<a href="#{}" data-doc="{}" data-at="{}">', topic, topic, heading)
    if address.startswith("https://"):
        links.append(Markup('<span aria-hidden="true"> ↗</span></a>'))
        return markup('<a href="{}" target="_blank" rel="noopener noreferrer">', address)
    links.append(Markup("</span>"))
    return Markup("<span>")


NOT_IN_IDS = re.compile(r"[^\w -]")
TO_DOCUMENT = re.compile(r"(?:([a-z]+)\.md)?(?:#([\w-]+))?")
OUR_RULES: dict[str, Any] = {
    "heading_open": _our_heading,
    "heading_close": _our_heading_ends,
    "link_open": _our_link,
    "link_close": lambda self, tokens, at, options, env: env["links"].pop(),
}
