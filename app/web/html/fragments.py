"""Small pieces of HTML that the pages are made of. What is typed `Markup` is HTML; any other text is shown as it is."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from app import docs
from app.web.html import markdown
from app.web.html.markup import joined, markup

BOWL = Markup(
    '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 8.5c0-2 3.6-3.5 8-3.5s8 1.5 8 3.5c0 1.3-1.5 2.1-2.4 3.2-.8 1-.6 2.2-1'
    ' 3.6-.6 2.2-2.3 3.7-4.6 3.7s-4-1.5-4.6-3.7c-.4-1.4-.2-2.6-1-3.6C5.5 10.600 4 9.800 4 8.5Z"/>'
    '<path class="lip" d="M6.500 8.500c0 .9 2.500 1.600 5.500 1.600s5.500-.7 5.500-1.600"/></svg>'
)


def attrs(**data: object) -> Markup:
    return joined((markup('data-{}="{}"', name, value) for name, value in data.items()), " ")


def button(label: str, kind: str = "", **data: object) -> Markup:
    """A quiet button; `data` reaches the page's handler."""
    return markup('<button type="button" class="{}" {}>{}</button>', kind, attrs(**data), label)


def link(label: str, address: str) -> Markup:
    """A link that opens beside the app."""
    sign = Markup('<span aria-hidden="true"> ↗</span>')
    return markup('<a class="out" href="{}" target="_blank" rel="noopener noreferrer">{}{}</a>', address, label, sign)


def pill(word: str, tone: str = "plain") -> Markup:
    return markup('<span class="pill {}">{}</span>', tone, word)


def page_head(title: str, line: str) -> Markup:
    """A page's title, the way to its document, and what the page is about."""
    topic = docs.PAGES[title.lower()]
    how = markup(
        '<button type="button" class="how-it-works" aria-haspopup="dialog" data-help="{}">How this works</button>',
        topic,
    )
    return markup('<div class="page-head"><div><h1>{}</h1>{}</div><p>{}</p></div>', title, how, line)


def _to_document(topic: str, *, is_shown: bool) -> Markup:
    current = Markup(' aria-current="page"') if is_shown else Markup()
    return markup('<li><a href="#{}" data-doc="{}" data-at=""{}>{}</a></li>', topic, topic, current, docs.title(topic))


def help_panel(topic: str) -> Markup:
    """What the help shows of a topic: its document, and the way to the others. Raises DocumentationError."""
    title, body = docs.title(topic), markdown.document(docs.text(topic), topic)
    others = joined(_to_document(name, is_shown=name == topic) for name in docs.TOPICS)
    return markup(
        '<div class="drawer-head edged"><div><h2 id="help-title" tabindex="-1">{}</h2></div>'
        '<button type="button" data-close>Close</button></div>'
        '<details class="documents"><summary>All documents</summary><ul>{}</ul></details>{}',
        title,
        others,
        body,
    )


def card_head(title: str, line: str, side: Markup = Markup()) -> Markup:
    return markup('<div class="card-head"><div><h2>{}</h2><p>{}</p></div>{}</div>', title, line, side)


def panel(title: str, line: str, body: Markup) -> Markup:
    return markup(
        '<section class="panel"><div class="panel-head"><h2>{}</h2><p>{}</p></div>{}</section>', title, line, body
    )


def sentence(text: str) -> str:
    """Words with a capital before them."""
    return text[:1].upper() + text[1:]


def problem(sentence: str, press: Markup = Markup()) -> Markup:
    """What is wrong and what to do, where it is wrong; nothing for nothing. `press` leads to where it is mended."""
    more = markup(" {}", press) if press else press
    return markup('<p class="field-error" role="alert">{}{}</p>', sentence, more) if sentence else Markup()


def note(sentence: str) -> Markup:
    """A sentence in the second line's voice."""
    return markup('<p class="note">{}</p>', sentence)


def notice(sentence: str, tone: str = "info", press: Markup = Markup()) -> Markup:
    """`press` is a button that leads on."""
    more = markup(" {}", press) if press else press
    return markup('<p class="notice {}" role="status">{}{}</p>', tone, sentence, more) if sentence else Markup()


def facts(cells: Iterable[tuple[object, str]], label: str) -> Markup:
    """Numbers with a word under each."""
    inner = joined(markup('<div><b>{}</b><span title="{}">{}</span></div>', value, word, word) for value, word in cells)
    return markup('<div class="facts-row" role="group" aria-label="{}">{}</div>', label, inner)


def prose(text: str, *, raw: bool = False) -> Markup:
    """A text of a model or a person as it reads, or as it is; where it is too long for its place, with a way to all of it."""
    body = markdown.plain(text) if raw else markdown.rendered(text)
    return markup(
        '<div class="clip">{}<button type="button" class="all" aria-expanded="false">All of it</button></div>', body
    )


def bubble(
    role: str, text: str, note: str = "", extra: Markup = Markup(), *, raw: bool = False, body: Markup = Markup()
) -> Markup:
    """What somebody says; `body` stands in place of its text."""
    side = markup('<span class="note">{}</span>', note) if note else Markup()
    who = markup('<div class="who">{}{}</div>', role, side)
    return markup('<div class="bubble {}">{}{}{}</div>', role, who, extra, body or prose(text, raw=raw))


def fold(title: str, body: Markup, note: str = "", kind: str = "") -> Markup:
    """A closed part with a title."""
    side = markup('<span class="note">{}</span>', note) if note else Markup()
    return markup(
        '<details class="fold {}"><summary>{}{}</summary><div class="text">{}</div></details>', kind, title, side, body
    )


def empty(title: str, line: str, hint: str = "", press: Markup = Markup()) -> Markup:
    """What stands where there is nothing yet: what is missing and what to press."""
    return markup(
        '<div class="empty">{bowl}<h2>{title}</h2><p>{line}</p><p class="note">{hint}</p>{press}</div>',
        bowl=BOWL,
        title=title,
        line=line,
        hint=hint,
        press=press,
    )


def track(done: int, total: int | None, label: str, failed: int = 0) -> Markup:
    """A bar for what is done, striped for what failed."""
    whole = max(total or done, 1)
    parts = markup('<i style="--f:{:.3f}"></i>', min(done / whole, 1)) + (
        markup('<i class="fail" style="--f:{:.3f}"></i>', min(failed / whole, 1)) if failed else Markup()
    )
    return markup(
        '<div class="track" role="progressbar" aria-valuemin="0" aria-valuemax="{}" aria-valuenow="{}"'
        ' aria-label="{}">{}</div>',
        whole,
        min(done, whole),
        label,
        parts,
    )


def title(name: str) -> str:
    """A name with hyphens as it is shown: "Instruction following"."""
    return name.replace("-", " ").capitalize()


def bars(counts: Sequence[int], label: str, height: int = 56, leads: Callable[[int], Markup] | None = None) -> Markup:
    """A histogram of ratings by level. With `leads`, which gives a rating's attributes, each bar is a button."""
    top = max(counts) or 1
    axis = joined(markup("<s>{}</s>", value) for value in range(1, len(counts) + 1))
    if leads is None:
        columns = joined(markup('<i style="--h:{:.3f}"><u>{:,}</u></i>', count / top, count) for count in counts)
        description = ", ".join(f"{count} rated {value}" for value, count in enumerate(counts, 1))
        kind = markup('role="img" aria-label="{}: {}"', label, description)
    else:
        columns = joined(
            markup(
                '<button type="button" style="--h:{:.3f}" {}><u>{:,}<span class="sr"> rated {}, show '
                "the rows</span></u></button>",
                count / top,
                leads(value),
                count,
                value,
            )
            if count
            else markup('<i style="--h:0"><u>0<span class="sr"> rated {}</span></u></i>', value)
            for value, count in enumerate(counts, 1)
        )
        kind = markup('role="group" aria-label="{}"', label)
    return markup(
        '<div class="bars" {} style="--bars:{}px;--levels:{}">'
        '<div class="plot">{}</div><div class="axis" aria-hidden="true">{}</div></div>',
        kind,
        height,
        len(counts),
        columns,
        axis,
    )


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> Markup:
    top = joined(markup("<th>{}</th>", name) for name in head)
    body = joined(markup("<tr>{}</tr>", joined(markup("<td>{}</td>", cell) for cell in row)) for row in rows)
    return markup('<table class="nums"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', top, body)


def tone(rating: float | None) -> str:
    return "none" if rating is None else "low" if rating < 2.5 else "mid" if rating < 3.5 else "high"


def count(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun: 1 row, 2 rows, 1,200 rows."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def clipped(text: str, most: int) -> str:
    """The text in one line, cut between words and with a mark where it is longer than `most` characters."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    whole = line[:most].rpartition(" ")[0] if " " in line[most // 2 : most] else line[:most]
    return f"{whole.rstrip(' ,;:.')} …"


def duration(seconds: float) -> str:
    """A time in words, as people would say it."""
    if seconds < 50:
        return count(max(1, round(seconds)), "second")
    if seconds < 3000:
        return count(max(1, round(seconds / 60)), "minute")
    hours = seconds / 3600
    return f"{hours:.1f} hours" if hours < 10 else count(round(hours), "hour")


def ago(when: str) -> str:
    """How long ago an ISO time was."""
    return ago_seconds((datetime.now(UTC) - datetime.fromisoformat(when)).total_seconds())


def ago_seconds(seconds: float) -> str:
    """So many seconds, as how long ago something was."""
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{count(int(seconds // 60), 'minute')} ago"
    if seconds < 86400:
        return f"{count(int(seconds // 3600), 'hour')} ago"
    return "yesterday" if seconds < 2 * 86400 else f"{count(int(seconds // 86400), 'day')} ago"
