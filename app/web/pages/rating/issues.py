"""What to look at first on Rate: ratings that could not be read, then responses whose ratings contradict one another."""

from markupsafe import Markup, escape

from app.store.ratings import Wide
from app.web import stats
from app.web.html import fragments
from app.web.html.fragments import count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Done, reads
from app.web.pages.review import filters
from app.web.pages.review.verdict import letter_of
from app.web.state import RunView
from feedback.rubrics import STANDARD_LEVELS, WHOLE_ROW, on_five
from feedback.types import Rating

UNREADABLE = 6
COVERED = "people judge them before they see what the labeller said."


def first(view: RunView) -> Markup:
    """The unreadable ones, then the widest, each with why and a way to its row."""
    if view.run is None:
        return Markup()
    bad = view.counts.unrated + view.counts.failed_ratings
    wide, far = view.counted(stats.wide) or ([], 0)
    if not bad and not far:
        return Markup()
    unreadable = view.rows.unreadable(UNREADABLE) if bad else []
    listed = [*(_unreadable(view, *issue) for issue in unreadable), *(_wide(view, issue) for issue in wide)]
    reasons = []
    if bad:
        reasons.append(f"{count(bad, 'rating')} could not be read or asked for")
    if far:
        reasons.append(f"{count(far, 'row')} with ratings far apart")
    covered = view.reviews.number_blind()
    if listed and (bad > len(unreadable) or far > len(wide)):
        reasons.append("the first are here")
    items = markup('<ul class="looks firsts">{}</ul>', joined(listed)) if listed else Markup()
    if covered:
        items += fragments.note(
            f"{count(covered, 'row')} of the blind audit {'is' if covered == 1 else 'are'} not listed here: {COVERED}"
        )
    return fragments.panel("Look at these first", "; ".join(reasons), items)


@reads
def open_row(act: Act) -> Done:
    """The row on the page Review."""
    row = act.row()
    return Done(row=row.id, offset=0, fill={**act.filled, **filters.nothing()}, page="review")


def _unreadable(view: RunView, row: str, instruction: str, rating: Rating) -> Markup:
    why = f"{_which(view, row, rating.response)}, {view.rubrics.name(rating.aspect)}: {rating.note or 'no rating in the answer'}"
    raw = fragments.fold("Raw answer", escape(rating.raw)) if rating.raw else Markup()
    return _item(
        fragments.pill("unrated" if rating.status == "unrated" else "failed", "bad"), instruction, why, raw, row
    )


def _which(view: RunView, row: str, response: int) -> str:
    return "The instruction" if response == WHOLE_ROW else f"Response {letter_of(view, row, response)}"


def _wide(view: RunView, issue: Wide) -> Markup:
    name = {"repeats": "wide spread", "labellers": "labellers differ", "aspects": "aspects differ"}[issue.why]
    return _item(
        fragments.pill(name, "warn"),
        issue.instruction,
        f"{_which(view, issue.row, issue.response)}: {_why(view, issue)}",
        Markup(),
        issue.row,
    )


def _why(view: RunView, issue: Wide) -> str:
    """What was said, in words."""
    if issue.why == "labellers":
        one, another = (_of_levels(f"{value:.2g}", issue.levels) for value in (issue.low, issue.high))
        return f"one labeller gave {one} for {view.rubrics.name(issue.aspect)}, another {another}."
    ratings = [r for r in view.rows.ratings(issue.row) if r.response == issue.response and r.value is not None]
    if issue.why == "repeats":
        values = [f"{r.value:g}" for r in sorted(ratings, key=lambda r: r.repeat) if r.aspect == issue.aspect]
        given = f"{', '.join(values[:-1])} and {values[-1]}"
        return f"asked {len(values)} times for {view.rubrics.name(issue.aspect)}, the labeller gave {given}."
    ordered = sorted(ratings, key=lambda r: on_five(r.value or 0, r.levels))
    low, high = ordered[0], ordered[-1]
    most, least = (_of_levels(f"{rating.value:g}", rating.levels) for rating in (high, low))
    return f"{most} for {view.rubrics.name(high.aspect)}, but {least} for {view.rubrics.name(low.aspect)}."


def _of_levels(value: str, levels: int) -> str:
    return value if levels == STANDARD_LEVELS else f"{value} of {levels}"


def _item(pill: Markup, instruction: str, why: str, raw: Markup, row: str) -> Markup:
    excerpt = " ".join(instruction.split())[:200]
    open_it = fragments.button("Open", act="open", row=row)
    return markup(
        "<li>{pill}<div><b>{excerpt}</b><span>{why}</span>{raw}</div>{open_it}</li>",
        pill=pill,
        excerpt=excerpt,
        why=why,
        raw=raw,
        open_it=open_it,
    )
