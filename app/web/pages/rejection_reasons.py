"""Why rows were rejected, on Insights: the reasons that reviewers ticked, each with a way to its rows."""

from markupsafe import Markup

from app.errors import PageError
from app.store.row_search import Reason
from app.web import stats_tables
from app.web.html import fragments, plots
from app.web.html.fragments import attrs, count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Done
from app.web.pages.review import filters
from app.web.state import RunView

TITLE = "Why rows were rejected"


def panel(view: RunView) -> Markup:
    """A bar for each reason that was ticked with a rejection, as long as it has rows; the others beneath."""
    assert view.run is not None
    ticked = view.reviews.reasons()
    rejections, rows, with_reason = view.reviews.rejections()
    if not rejections:
        return fragments.panel(TITLE, "reasons that reviewers ticked", fragments.note("Nobody has rejected a row yet."))
    line = f"{count(rejections, 'rejection')} of {count(rows, 'row')}, {with_reason:,} with a reason"
    against = [reason for reason in ticked if reason.decision == "reject"]
    others = [reason for reason in ticked if reason.decision != "reject"]
    top = max((reason.rows for reason in ticked), default=1)
    body = _bars(against, top) or fragments.note("No reason was ticked with them.")
    if others:
        body += markup('<h3 class="sub">Ticked with other decisions</h3>{}', _bars(others, top, named=True))
    note = "Of what each reviewer said last. A row counts once for a reason, however many ticked it; several reasons can be ticked."
    return plots.plot(TITLE, line, body, stats_tables.of_reasons(ticked), view.run, "reasons", note)


def _bars(ticked: list[Reason], top: int, *, named: bool = False) -> Markup:
    items = joined(_bar(reason, top, filters.reason_label(reason) if named else reason.reason) for reason in ticked)
    return markup('<ul class="reason-bars">{}</ul>', items) if items else Markup()


def _bar(reason: Reason, top: int, name: str) -> Markup:
    times = f" ({count(reason.verdicts, 'time')})" if reason.verdicts != reason.rows else ""
    return markup(
        '<li><button type="button" {data}><span>{name}</span>'
        '<i aria-hidden="true" style="--f:{share:.3f}"></i><b>{rows}{times}</b></button></li>',
        data=attrs(act="reason", reason=reason.name),
        name=name,
        share=reason.rows / top,
        rows=count(reason.rows, "row"),
        times=times,
    )


def act_on(act: Act) -> Done | None:
    """The rows of a reason, on Review; None for a click on something else. Raises PageError."""
    if act.word != "reason":
        return None
    name = act.text("reason")
    if name not in [reason.name for reason in act.look.reviews.reasons()]:
        raise PageError
    return filters.lead_to(act, {"reason": name})
