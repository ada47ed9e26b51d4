"""Small pieces of HTML that the pages are made of. Whatever a model, a file or a person wrote goes through `t`."""

import html
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from app import docs
from app.web.html import markdown

BOWL = (
    '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 8.5c0-2 3.6-3.5 8-3.5s8 1.5 8 3.5c0 1.3-1.5 2.1-2.4 3.2-.8 1-.6 2.2-1'
    ' 3.6-.6 2.2-2.3 3.7-4.6 3.7s-4-1.5-4.6-3.7c-.4-1.4-.2-2.6-1-3.6C5.5 10.600 4 9.800 4 8.5Z"/>'
    '<path class="lip" d="M6.500 8.500c0 .9 2.500 1.600 5.500 1.600s5.500-.7 5.500-1.600"/></svg>'
)


def t(text: object) -> str:
    """Any text as HTML that shows exactly that text."""
    return html.escape(str(text), quote=True)


def attrs(**data: object) -> str:
    return " ".join(f'data-{name}="{t(value)}"' for name, value in data.items())


def button(label: str, kind: str = "", **data: object) -> str:
    """A quiet button; `data` reaches the page's handler."""
    return f'<button type="button" class="{kind}" {attrs(**data)}>{t(label)}</button>'


def link(label: str, address: str) -> str:
    """A link that opens beside the app."""
    sign = '<span aria-hidden="true"> ↗</span>'
    return f'<a class="out" href="{t(address)}" target="_blank" rel="noopener noreferrer">{t(label)}{sign}</a>'


def pill(word: str, tone: str = "plain") -> str:
    return f'<span class="pill {tone}">{t(word)}</span>'


def page_head(title: str, line: str) -> str:
    """A page's title, the way to its document, and what the page is about."""
    topic = docs.PAGES[title.lower()]
    how = (
        f'<button type="button" class="how-it-works" aria-haspopup="dialog" data-help="{topic}">How this works</button>'
    )
    return f'<div class="page-head"><div><h1>{t(title)}</h1>{how}</div><p>{t(line)}</p></div>'


def _to_document(topic: str, *, is_shown: bool) -> str:
    current = ' aria-current="page"' if is_shown else ""
    return f'<li><a href="#{topic}" data-doc="{topic}" data-at=""{current}>{t(docs.title(topic))}</a></li>'


def help_panel(topic: str) -> str:
    """What the help shows of a topic: its document, and the way to the others. Raises DocumentationError."""
    title, body = docs.title(topic), markdown.document(docs.text(topic), topic)
    others = "".join(_to_document(name, is_shown=name == topic) for name in docs.TOPICS)
    return (
        f'<div class="drawer-head edged"><div><h2 id="help-title" tabindex="-1">{t(title)}</h2></div>'
        '<button type="button" data-close>Close</button></div>'
        f'<details class="documents"><summary>All documents</summary><ul>{others}</ul></details>{body}'
    )


def card_head(title: str, line: str, side: str = "") -> str:
    return f'<div class="card-head"><div><h2>{t(title)}</h2><p>{t(line)}</p></div>{side}</div>'


def panel(title: str, line: str, body: str) -> str:
    return f'<section class="panel"><div class="panel-head"><h2>{t(title)}</h2><p>{t(line)}</p></div>{body}</section>'


def sentence(text: str) -> str:
    """Words with a capital before them."""
    return text[:1].upper() + text[1:]


def problem(sentence: str, press: str = "") -> str:
    """What is wrong and what to do, where it is wrong; nothing for nothing. `press` is HTML: what leads to where it is mended."""
    return f'<p class="field-error" role="alert">{t(sentence)} {press}</p>'.replace(" </p>", "</p>") if sentence else ""


def note(sentence: str) -> str:
    """A sentence in the second line's voice."""
    return f'<p class="note">{t(sentence)}</p>'


def notice(sentence: str, tone: str = "info", press: str = "") -> str:
    """`press` is HTML: a button that leads on."""
    more = f" {press}" if press else ""
    return f'<p class="notice {tone}" role="status">{t(sentence)}{more}</p>' if sentence else ""


def facts(cells: Iterable[tuple[object, str]], label: str) -> str:
    """Numbers with a word under each."""
    inner = "".join(f'<div><b>{t(value)}</b><span title="{t(word)}">{t(word)}</span></div>' for value, word in cells)
    return f'<div class="facts-row" role="group" aria-label="{t(label)}">{inner}</div>'


def prose(text: str, *, raw: bool = False) -> str:
    """A text of a model or a person as it reads, or as it is; where it is too long for its place, with a way to all of it."""
    body = markdown.plain(text) if raw else markdown.rendered(text)
    return f'<div class="clip">{body}<button type="button" class="all" aria-expanded="false">All of it</button></div>'


def bubble(role: str, text: str, note: str = "", extra: str = "", *, raw: bool = False) -> str:
    side = f'<span class="note">{t(note)}</span>' if note else ""
    who = f'<div class="who">{t(role)}{side}</div>'
    return f'<div class="bubble {t(role)}">{who}{extra}{prose(text, raw=raw)}</div>'


def fold(title: str, body: str, note: str = "", kind: str = "") -> str:
    """A closed part with a title. `body` is HTML."""
    side = f'<span class="note">{t(note)}</span>' if note else ""
    return f'<details class="fold {kind}"><summary>{t(title)}{side}</summary><div class="text">{body}</div></details>'


def empty(title: str, line: str, hint: str = "", press: str = "") -> str:
    """What stands where there is nothing yet: what is missing and what to press; `press` is HTML."""
    return f'<div class="empty">{BOWL}<h2>{t(title)}</h2><p>{t(line)}</p><p class="note">{t(hint)}</p>{press}</div>'


def track(done: int, total: int | None, label: str, failed: int = 0) -> str:
    """A bar for what is done, striped for what failed."""
    whole = max(total or done, 1)
    parts = f'<i style="--f:{min(done / whole, 1):.3f}"></i>' + (
        f'<i class="fail" style="--f:{min(failed / whole, 1):.3f}"></i>' if failed else ""
    )
    return (
        f'<div class="track" role="progressbar" aria-valuemin="0" aria-valuemax="{whole}" aria-valuenow="{min(done, whole)}"'
        f' aria-label="{t(label)}">{parts}</div>'
    )


def title(name: str) -> str:
    """A name with hyphens as it is shown: "Instruction following"."""
    return name.replace("-", " ").capitalize()


def bars(counts: Sequence[int], label: str, height: int = 56, leads: Callable[[int], str] | None = None) -> str:
    """A histogram of ratings 1 to 5. With `leads`, which gives a rating's attributes, each bar is a button."""
    top = max(counts) or 1
    axis = "".join(f"<s>{value}</s>" for value in range(1, 6))
    if leads is None:
        columns = "".join(f'<i style="--h:{count / top:.3f}"><u>{count:,}</u></i>' for count in counts)
        description = ", ".join(f"{count} rated {value}" for value, count in enumerate(counts, 1))
        kind = f'role="img" aria-label="{t(label)}: {t(description)}"'
    else:
        columns = "".join(
            f'<button type="button" style="--h:{count / top:.3f}" {leads(value)}><u>{count:,}<span class="sr"> rated {value}, show '
            "the rows</span></u></button>"
            if count
            else f'<i style="--h:0"><u>0<span class="sr"> rated {value}</span></u></i>'
            for value, count in enumerate(counts, 1)
        )
        kind = f'role="group" aria-label="{t(label)}"'
    return (
        f'<div class="bars" {kind} style="--bars:{height}px">'
        f'<div class="plot">{columns}</div><div class="axis" aria-hidden="true">{axis}</div></div>'
    )


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    top = "".join(f"<th>{t(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{t(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table class="nums"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


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
    seconds = (datetime.now(UTC) - datetime.fromisoformat(when)).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{count(int(seconds // 60), 'minute')} ago"
    if seconds < 86400:
        return f"{count(int(seconds // 3600), 'hour')} ago"
    return "yesterday" if seconds < 2 * 86400 else f"{count(int(seconds // 86400), 'day')} ago"
