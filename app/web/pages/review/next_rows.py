"""Which rows to review next and why: a list for so many minutes, how far it is, and a word at each row that waits."""

from collections.abc import Sequence
from dataclasses import replace

from markupsafe import Markup

from app.errors import PageError
from app.review.argilla import opening
from app.review.review_queue import in_words
from app.web.html import fragments
from app.web.html.fragments import count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Done
from app.web.pages.review import argilla, filters
from app.web.state import RunView
from feedback.argilla.push import list_path
from feedback.comparisons import doubt_in_words
from feedback.reviewed_row import ReviewedRow
from feedback.stats.review_order import ReviewOrder, why
from feedback.stats.row_signals import Population

MINUTES = (10, 20, 30, 60)
LIST = "list"


def menu(view: RunView) -> Markup:
    """The choice of how long one wants to review, and the list that was picked last; "" where nothing was sent."""
    if view.run is None or not view.counts.sent:
        return Markup()
    choices = joined(fragments.button(f"{minutes} min", act="minutes", value=minutes) for minutes in MINUTES)
    return markup(
        '<details class="minutes"><summary>Review for …</summary><div class="menu"><div class="choices" role="group" '
        'aria-label="Minutes">{}</div>{}</div></details>',
        choices,
        _last(view),
    )


def _last(view: RunView) -> Markup:
    """How far the newest list is, with the ways to it."""
    picked = view.reviews.review_list(view.reviewer)
    if picked is None:
        return fragments.note("The next rows that fit into that time, as one list here and in Argilla.")
    line = fragments.note(_how_far(view, picked.minutes, picked.rows))
    shows = fragments.button("Show the list here", act="show-list")
    sent, url = argilla.pushes(view), view.state.services.argilla.url
    way = Markup()
    if sent and url:
        path = list_path(str(sent[0]["dataset_id"]), view.run.id if view.run else "", picked.batch)
        way = fragments.link("Open the list in Argilla", opening(view.state.settings, f"{url}{path}"))
    return markup('<div class="last">{}{}{}</div>', line, shows, way)


def progress(view: RunView) -> str:
    """How far the list is that is shown, in a sentence; "" where another one is, or none."""
    if view.run is None or view.filled.get("browse.sample") != LIST:
        return ""
    picked = view.reviews.review_list(view.reviewer)
    return "" if picked is None else _how_far(view, picked.minutes, picked.rows)


def _how_far(view: RunView, minutes: float, rows: Sequence[str]) -> str:
    return f"{minutes:g} minutes: {len(view.reviews.answered_among(rows))} of {count(len(rows), 'row')} done."


def reason(view: RunView, judged: ReviewedRow, *, hidden: bool) -> Markup:
    """Why a row that waits is where it is in the queue, in words; "" for one that was answered, or was not sent."""
    if view.run is None or not judged.unseen:
        return Markup()
    signals = view.reviews.signals(judged.row.id)
    if signals is None:
        return Markup()
    if judged.row.id in view.reviews.audit_among([judged.row.id]):
        return _why_here("an audit row, drawn at random before anybody saw one")
    if hidden:
        return Markup()
    last = view.reviews.queue_order()
    random = last.random if last is not None else frozenset()
    if signals.rating is None and judged.row.id not in random and (doubtful := doubt_in_words(judged.comparisons)):
        return _why_here(doubtful)
    order = ReviewOrder(last.method if last is not None else "contradiction", (), {}, random)
    first = (
        next(iter(view.recipe.rating.keys), "") if view.recipe is not None and view.recipe.rating is not None else ""
    )
    sentence = why(
        order, Population.from_signals({judged.row.id: signals}), judged.row.id,
        aspect=view.rubrics.title(first) if first else "the rating", levels=view.rubrics.scale(first),
        reason=last.reasons.get(judged.row.id) if last is not None else None,
    )  # fmt: skip
    return _why_here(sentence)


def _why_here(sentence: str) -> Markup:
    return markup('<p class="note why-here"><b>Why here:</b> {}.</p>', sentence.rstrip(".")) if sentence else Markup()


def act_on(act: Act) -> Done | None:
    """Picks a list, or shows it; None for a click on something else. Raises PageError, RunError."""
    if act.word == "minutes":
        minutes = act.number("value", MINUTES[0], MINUTES[-1])
        if minutes not in MINUTES:
            raise PageError
        picked = act.look.reviews.add_list(minutes, act.state.reviewer(act.browser))
        act.state.jobs.tell_queue(act.run)
        return replace(_shown(act), toast=in_words(picked))
    if act.word == "show-list":
        return _shown(act)
    return None


def _shown(act: Act) -> Done:
    """The list on this page, and nothing else."""
    return filters.lead_to(act, {"sample": LIST})
