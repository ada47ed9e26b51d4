"""Plots made to be read, in HTML alone: each says its numbers to a screen reader, and has them in a fold and as a file."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from app.store.runs import Run
from app.web import stats_tables
from app.web.html import fragments
from app.web.html.fragments import attrs, count, t
from feedback.stats.histograms import Scale
from feedback.stats.length_bias import Band, ByLength

if TYPE_CHECKING:
    import pandas as pd

MOST = 12
"""So many plots stand side by side; there may be more models."""


def plot(title: str, line: str, body: str, table: "pd.DataFrame", run: Run, name: str, note: str = "") -> str:
    """A panel with a plot, a sentence on it, and its numbers to read and to take away."""
    caption = fragments.note(note) if note else ""
    return fragments.panel(title, line, f"{body}{caption}{behind(table, run, name)}")


def behind(table: "pd.DataFrame", run: Run, name: str, title: str = "Numbers") -> str:
    """The numbers as a table in a fold, and links that give them as a file of each kind."""
    if table.empty:
        return ""
    links = " ".join(
        f'<a class="get" href="{t(f"/numbers/{quote(run.id)}/{quote(name)}.{kind}")}" download="{t(f"{run.id}-{name}.{kind}")}">'
        f'<span class="sr">Download numbers of {t(name.replace("-", " "))}, as </span>{label}</a>'
        for kind, (label, _, _) in stats_tables.FILES.items()
    )
    shown = fragments.table(list(table), stats_tables.shown(table))
    return (
        f'<div class="numbers">{fragments.fold(title, shown)}<div class="gets"><span aria-hidden="true">Download</span> {links}'
        "</div></div>"
    )


def counting(title: str) -> str:
    """What stands where numbers are on their way, as high as they will be."""
    return fragments.panel(title, "", f'<div class="counting">{fragments.note("Counting…")}</div>')


def multiples(
    scales: Mapping[str, Scale],
    height: int = 56,
    *,
    long: bool = False,
    of: str = "",
    label: Callable[[str], str] = str,
) -> str:
    """Histograms side by side, each with its name, as `label` shows it, and its mean; `long` names have two lines.

    With `of`, the name of what each is of, a bar says that name and its own as it is pressed.
    """

    def leads(name: str) -> Callable[[int], str] | None:
        return (lambda value: attrs(act="rated", of=of, name=name, value=value)) if of else None

    first = list(scales.items())[:MOST]
    cells = "".join(
        f'<figure><figcaption><span title="{t(label(name))}">{t(label(name))}</span><b>{_mean(scale)}</b></figcaption>'
        f"{fragments.bars(scale.five, _label(label(name), scale), height, leads(name))}</figure>"
        for name, scale in first
    )
    return f'<div class="multiples{" long" if long else ""}">{cells}</div>'


def left_out(scales: Mapping[str, Scale]) -> str:
    """How many of them are not drawn, in words."""
    return f"The {MOST} with the most ratings of {len(scales)}; all are in the numbers." if len(scales) > MOST else ""


def remarks(scales: Mapping[str, Scale]) -> str:
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


def _mean(scale: Scale) -> str:
    return "–" if scale.mean is None else f"{scale.mean:.2f}"


def _label(name: str, scale: Scale) -> str:
    return f"{name}, mean {_mean(scale)}" if scale.n else f"{name}, nothing rated"


def dots(stats: ByLength) -> str:
    """A line for each band of lengths: its mean as a dot on 1 to 5, its 95 % interval as a bar, how many responses."""
    lines = "".join(
        f'<div><span>{t(band.name)}</span><span class="dot-row">{_interval(band.low, band.high)}'
        f'<i style="--x:{_at(band.mean):.3f}"></i></span>'
        f'<b>{band.mean:.2f}</b><em class="sure">{_sure(band)}</em><em>{band.n:,}</em></div>'
        for band in stats.bands
    )
    description = "; ".join(
        f"{band.name} words: mean {band.mean:.2f}"
        + (f" ({_sure(band)})" if _sure(band) else "")
        + f", {count(band.n, 'response')}"
        for band in stats.bands
    )
    scale = "".join(f'<s style="--x:{_at(value):.3f}">{value}</s>' for value in range(1, 6))
    return (
        f'<div class="dot-plot" role="img" aria-label="Mean rating by length. {t(description)}">'
        '<div class="heads"><span>words</span><span></span><span>mean</span><span class="sure">95% interval</span>'
        "<span>responses</span></div>"
        f'{lines}<div class="scale"><span></span><span class="dot-row">{scale}</span></div></div>'
    )


def _sure(band: Band) -> str:
    return "" if band.low is None or band.high is None else f"{band.low:.2f} to {band.high:.2f}"


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f'<u style="--a:{_at(low):.3f};--b:{_at(high):.3f}"></u>'


def _at(value: float) -> float:
    """Where a rating lies on the line, 0 for 1 and 1 for 5."""
    return min(max((value - 1) / 4, 0.0), 1.0)


def heat(title: str, table: Sequence[Sequence[int]]) -> str:
    """People's ratings by the labeller's: 5 lines, 5 columns, shaded by how many; where both agree has an edge."""
    top = max(max(line) for line in table) or 1
    head = "".join(f'<th scope="col">{value}</th>' for value in range(1, 6))
    body = "".join(
        f'<tr><th scope="row">{value}</th>'
        + "".join(
            f'<td {"class=same" if column == value else ""} style="--v:{n / top:.3f}">{n:,}</td>'
            for column, n in enumerate(line, 1)
        )
        + "</tr>"
        for value, line in enumerate(table, 1)
    )
    return (
        f'<figure class="crossed"><figcaption>{t(title)}</figcaption><span class="down" aria-hidden="true">people ↓</span>'
        f'<table class="heat"><caption>labeller →<span class="sr">, a column for each rating; people: a line for each</span>'
        f"</caption><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></figure>"
    )
