"""Plots made to be read, in HTML alone: each says its numbers to a screen reader, and has them in a fold and as a file."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup

from app.store.runs import Run
from app.web import stats_tables
from app.web.html import fragments
from app.web.html.fragments import attrs, count
from app.web.html.markup import joined, markup
from feedback.stats.histograms import Histogram
from feedback.stats.length_bias import Band, ByLength

if TYPE_CHECKING:
    import pandas as pd

MOST = 12
"""So many plots stand side by side; there may be more models."""


def plot(title: str, line: str, body: Markup, table: "pd.DataFrame", run: Run, name: str, note: str = "") -> Markup:
    """A panel with a plot, a sentence on it, and its numbers to read and to take away."""
    caption = fragments.note(note) if note else Markup()
    return fragments.panel(title, line, body + caption + behind(table, run, name))


def behind(table: "pd.DataFrame", run: Run, name: str, title: str = "Numbers") -> Markup:
    """The numbers as a table in a fold, and links that give them as a file of each kind."""
    if table.empty:
        return Markup()
    links = joined(
        (
            markup(
                '<a class="get" href="{}" download="{}"><span class="sr">Download numbers of {}, as </span>{}</a>',
                f"numbers/{quote(run.id)}/{quote(name)}.{kind}",
                f"{run.id}-{name}.{kind}",
                name.replace("-", " "),
                label,
            )
            for kind, (label, _, _) in stats_tables.FILES.items()
        ),
        " ",
    )
    shown = fragments.table(list(table), stats_tables.shown(table))
    return markup(
        '<div class="numbers">{}<div class="gets"><span aria-hidden="true">Download</span> {}</div></div>',
        fragments.fold(title, shown),
        links,
    )


def counting(title: str) -> Markup:
    """What stands where numbers are on their way, as high as they will be."""
    return fragments.panel(title, "", markup('<div class="counting">{}</div>', fragments.note("Counting…")))


def multiples(
    scales: Mapping[str, Histogram],
    height: int = 56,
    *,
    long: bool = False,
    of: str = "",
    named: Callable[[str], str] = str,
) -> Markup:
    """Histograms side by side, each with its name and mean; `long` names have two lines. With `of`, the name of what each is
    of, a bar says that name and its own as it is pressed; `named` gives the names as they are shown.
    """

    def leads(name: str) -> Callable[[int], Markup] | None:
        return (lambda value: attrs(act="rated", of=of, name=name, value=value)) if of else None

    first = list(scales.items())[:MOST]
    cells = joined(
        markup(
            '<figure><figcaption><span title="{}">{}</span><b>{}</b></figcaption>{}</figure>',
            named(name),
            named(name),
            _mean(scale),
            fragments.bars(scale.counts, _label(named(name), scale), height, leads(name)),
        )
        for name, scale in first
    )
    return markup('<div class="multiples{}">{}</div>', " long" if long else "", cells)


def left_out(scales: Mapping[str, Histogram]) -> str:
    """How many of them are not drawn, in words."""
    return f"The {MOST} with the most ratings of {len(scales)}; all are in the numbers." if len(scales) > MOST else ""


def remarks(scales: Mapping[str, Histogram]) -> str:
    """What the bars do not show: what has no value, and what was between two of them."""
    each = list(scales.values())
    none, unrated, between = (
        sum(getattr(scale, name) for scale in each) for name in ("not_applicable", "unrated", "between")
    )
    sentences = []
    if unrated:
        sentences.append(f"{count(unrated, 'rating')} could not be read or asked for.")
    if none:
        sentences.append(f"{none:,} where the aspect does not apply.")
    if between:
        sentences.append(
            f"{count(between, 'rating')} with decimals: drawn at the nearest whole number, halves upwards (4.5 at 5); "
            "means are of the exact values."
        )
    return " ".join(sentences)


def _mean(scale: Histogram) -> str:
    return "–" if scale.mean is None else f"{scale.mean:.2f}"


def _label(name: str, scale: Histogram) -> str:
    return f"{name}, mean {_mean(scale)}" if scale.n else f"{name}, nothing rated"


def dots(stats: ByLength) -> Markup:
    """A line for each band of lengths: its mean as a dot on the scale, its 95 % interval as a bar, how many responses."""
    lines = joined(
        markup(
            '<div><span>{name}</span><span class="dot-row">{interval}<i style="--x:{at:.3f}"></i></span>'
            '<b>{mean:.2f}</b><em class="sure">{sure}</em><em>{n:,}</em></div>',
            name=band.name,
            interval=_interval(band.low, band.high, stats.levels),
            at=_at(band.mean, stats.levels),
            mean=band.mean,
            sure=_sure(band),
            n=band.n,
        )
        for band in stats.bands
    )
    description = "; ".join(
        f"{band.name} words: mean {band.mean:.2f}"
        + (f" ({_sure(band)})" if _sure(band) else "")
        + f", {count(band.n, 'response')}"
        for band in stats.bands
    )
    levels = stats.levels
    scale = joined(markup('<s style="--x:{:.3f}">{}</s>', _at(value, levels), value) for value in range(1, levels + 1))
    return markup(
        '<div class="dot-plot" role="img" aria-label="Mean rating by length. {}">'
        '<div class="heads"><span>words</span><span></span><span>mean</span><span class="sure">95% interval</span>'
        "<span>responses</span></div>"
        '{}<div class="scale"><span></span><span class="dot-row">{}</span></div></div>',
        description,
        lines,
        scale,
    )


def _sure(band: Band) -> str:
    return "" if band.low is None or band.high is None else f"{band.low:.2f} to {band.high:.2f}"


def _interval(low: float | None, high: float | None, levels: int) -> Markup:
    if low is None or high is None:
        return Markup()
    return markup('<u style="--a:{:.3f};--b:{:.3f}"></u>', _at(low, levels), _at(high, levels))


def _at(value: float, levels: int) -> float:
    """Where a rating lies on the line, 0 for the first level and 1 for the last."""
    return min(max((value - 1) / (levels - 1), 0.0), 1.0)


def heat(title: str, table: Sequence[Sequence[int]], names: Sequence[str] = (), of: str = "rating") -> Markup:
    """People's ratings by the labeller's, a line and a column a level, shaded by how many; an edge where both agree.

    Answers `of` another kind have `names` in place of levels.
    """
    top = max(max(line) for line in table) or 1
    names = names or [str(value) for value in range(1, len(table) + 1)]
    head = joined(markup('<th scope="col">{}</th>', name) for name in names)
    body = joined(
        markup(
            '<tr><th scope="row">{}</th>{}</tr>',
            names[value],
            joined(
                markup('<td {} style="--v:{:.3f}">{:,}</td>', "class=same" if column == value else "", n / top, n)
                for column, n in enumerate(line)
            ),
        )
        for value, line in enumerate(table)
    )
    return markup(
        '<figure class="crossed"><figcaption>{}</figcaption>'
        '<table class="heat"><caption>labeller →<span class="sr">, a column for each {}; people: a line for each</span>'
        '</caption><thead><tr><td><span class="down" aria-hidden="true">people ↓</span></td>{}</tr></thead>'
        "<tbody>{}</tbody></table></figure>",
        title,
        of,
        head,
        body,
    )
