"""What reviews prove, on Insights: how good the set is, what the queue finds, which rows need nobody, minutes and reviewers."""

from collections.abc import Sequence
from dataclasses import replace

from markupsafe import Markup, escape

from app.errors import PageError
from app.review.insights import CONFIDENCE, Insights
from app.web import stats_tables
from app.web.html import fragments, plots
from app.web.html.fragments import count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Done
from app.web.pages.review import filters
from app.web.state import RunView
from app.web.stats import InsightsAt
from feedback.stats.acceptance import AcceptancePoint
from feedback.stats.measures import Measure
from feedback.stats.quality import QualityStatement

HOW_QUALITY = (
    "Only audit rows count: they were drawn at random before anybody saw one, and rows that were picked because they look wrong "
    "would make any set look bad. From 20 reviews on it is Wilson's interval for a finite set. From 50 on the labeller's "
    "ratings of all rows help (prediction-powered inference, Angelopoulos et al. 2023, in its tuned form), as far as they go with "
    "what people said: where they say nothing, they change nothing. What people decided on rows of the queue counts as known for "
    "those rows. So that you may look as often as you like, figures are stated at 20, 50, 100, 200, 400 reviews and so on, and "
    "the chance of an error is spread over these looks."
)
HOW_QUEUE = (
    "A decision is wrong where people decide otherwise than the labeller's rating would. Rows of the queue are compared with "
    "audit rows, which were drawn at random; intervals are Wilson's, at 95 %."
)
HOW_GUARANTEE = (
    "Rows are taken in the order of how little the labeller contradicts itself. Thresholds are tried in a fixed sequence, from "
    "the strictest on (Learn then Test, arXiv 2110.01052): at each, the most of the unreviewed rows that people would decide "
    "otherwise, as the audit rows inside have it, must stay under the risk; the last that holds is taken. You may look after every "
    "review, as the bound holds at all times together (arXiv 2006.04347). Audit rows that nobody could decide count as wrong. It "
    "holds for what your reviewers would say, not for what is true."
)
HOW_MINUTES = (
    "The time between two answers of one reviewer; pauses, answers that came in one go and second looks are left out. An "
    "estimate for other rows takes their length, the number of responses and who reviews into account."
)
LEAST_POINTS = 3
"""With fewer, a curve shows less than its table."""
WIDTH, HEIGHT = 560, 150
"""Of the curve, in units of its own."""


def panels(view: RunView) -> Markup:
    """The panels, in two columns; "" before anything was sent to be reviewed."""
    if view.run is None or not view.counts.sent:
        return Markup()
    figures = view.counted(InsightsAt(view.tab.insights.risk))
    if figures is None:
        return plots.counting("How good the set is")
    left = joined([_quality(figures), _guarantee(view, figures)])
    right = joined([_queue(figures), _minutes(figures), _people(figures)])
    return markup('<div class="stacks proof"><div>{}</div><div>{}</div></div>', left, right)


def _quality(figures: Insights) -> Markup:
    keeps, rating = figures.quality, figures.rating
    body = _finding(keeps.sentence)
    stated = [line for line in (_stated("kept by reviewers", keeps), _stated("mean rating", rating)) if line]
    if stated:
        body += fragments.table(["", "value", "interval", "audit reviews"], stated)
        body += _interval(keeps)
    if rating.value is not None:
        body += _finding(rating.sentence)
    body += _finding(figures.next.sentence)
    body += fragments.fold("How this is worked out", escape(HOW_QUALITY))
    line = f"{keeps.n:,} of {count(figures.audit, 'audit row')} decided"
    return fragments.panel("How good the set is", line, body)


def _stated(name: str, statement: QualityStatement) -> list[object]:
    return [] if statement.shown is None else [name, *statement.shown, f"{statement.stated_at:,}"]


def _interval(statement: QualityStatement) -> Markup:
    """The share on a line from 0 to 100 %, with its interval."""
    if statement.value is None or statement.low is None or statement.high is None:
        return Markup()
    label = " kept, ".join(statement.shown or ())
    return markup(
        '<div class="share-line" role="img" aria-label="{label}"><span class="dot-row">'
        '<u style="--a:{low:.3f};--b:{high:.3f}"></u><i style="--x:{value:.3f}"></i></span>'
        '<div class="ends" aria-hidden="true"><span>0 %</span><span>kept by your reviewers</span><span>100 %</span></div></div>',
        label=label,
        low=statement.low,
        high=statement.high,
        value=statement.value,
    )


def _queue(figures: Insights) -> Markup:
    gain = figures.gain
    body = _finding(gain.sentence)
    if gain.queue.n or gain.audit.n:
        rows = [
            [name, measure.shown, measure.interval, f"{measure.n:,}"]
            for name, measure in (("rows of the queue", gain.queue), ("rows at random", gain.audit))
        ]
        body += fragments.table(["wrong decisions of the labeller in", "share", "95% interval", "reviews"], rows)
    order = {
        "contradiction": "The queue is in the order of how strongly the labeller's other ratings, or the other order of a pair, "
        "contradict its decision.",
        "learned": f"The queue is in the order that was learned from {count(figures.order.fitted_on, 'review')}; one row in five "
        "is there by chance.",
        "random": "The queue goes on at random.",
    }[figures.order.method]
    body += fragments.note(order) + fragments.fold("How this is worked out", escape(HOW_QUEUE))
    return fragments.panel("What the queue finds", "beside rows at random", body)


def _guarantee(view: RunView, figures: Insights) -> Markup:
    able, given = figures.acceptance, figures.given
    stands = given is not None and not given.withdrawn
    body = Markup()
    if given is not None and stands:
        body += _finding(
            f"{count(given.rows, 'row')} {'is' if given.rows == 1 else 'are'} accepted without a reviewer, since "
            f"{given.created[:10]}, by {given.who}: at most {100 * given.risk:.3g}% of them would be decided otherwise "
            f"({given.confidence:.0%} sure, from {count(given.audit, 'audit review')})."
        )
        body += markup('<div class="do">{}</div>', fragments.button("Withdraw", "press", act="withdraw-acceptance"))
    else:
        if given is not None:
            body += fragments.notice(f"The acceptance of {count(given.rows, 'row')} ended. {given.reason}", "warn")
        body += _finding(able.sentence)
        body += _risks(view.tab.insights.risk)
        if able.rows:
            body += markup(
                '<div class="do">{}</div>',
                fragments.button(f"Accept {count(len(able.rows), 'row')}", "press", act="accept-rows"),
            )
    if len({point.share for point in able.curve}) >= LEAST_POINTS:
        body += _curve(able.curve, able.risk)
    body += fragments.fold("How this is worked out", escape(HOW_GUARANTEE))
    if able.curve and view.run is not None:
        body += plots.behind(stats_tables.of_guarantee(able.curve), view.run, stats_tables.guarantee_name(able.risk))
    return fragments.panel("Rows that need no review", f"{CONFIDENCE:.0%} sure, from the audit", body)


def _risks(chosen: float) -> Markup:
    """The risks to choose from."""
    choices = joined(
        markup(
            '<button type="button" aria-pressed="{}" {}>{} %</button>',
            str(abs(chosen - per_cent / 100) < 1e-9).lower(),
            fragments.attrs(act="risk", value=per_cent),
            per_cent,
        )
        for per_cent in stats_tables.RISKS
    )
    return markup(
        '<div class="risks" role="group" aria-label="Share that may be wrong"><span>may be wrong</span>{}</div>',
        choices,
    )


def _curve(curve: Sequence[AcceptancePoint], risk: float) -> Markup:
    """The most that is wrong among the accepted rows, by how many are accepted, with the risk as a line across."""
    top = max(min(max(point.bound for point in curve), 1.0), 2 * risk)
    points = " ".join(
        f"{point.share * WIDTH:.1f},{HEIGHT - min(point.bound, top) / top * HEIGHT:.1f}" for point in curve
    )
    across = HEIGHT - risk / top * HEIGHT
    taken = [point for point in curve if point.accepted]
    mark = Markup()
    if taken:
        last = taken[-1]
        mark = markup('<i style="--x:{:.4f};--y:{:.4f}"></i>', last.share, min(last.bound, top) / top)
    label = f"Upper bound of wrong rows by share accepted, from {curve[0].bound:.0%} to {curve[-1].bound:.0%}"
    return markup(
        '<figure class="curve" role="img" aria-label="{label}"><div class="plot-area"><span class="most">{top:.0%}</span>'
        '<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true">'
        '<line x1="0" x2="{width}" y1="{across:.1f}" y2="{across:.1f}"/><polyline points="{points}"/></svg>{mark}</div>'
        "<figcaption><span>0 %</span><span>unreviewed rows accepted → · most that is wrong ↑ · line: the risk of {risk:.0%}</span>"
        "<span>100 %</span></figcaption></figure>",
        label=label,
        top=top,
        width=WIDTH,
        height=HEIGHT,
        across=across,
        points=points,
        mark=mark,
        risk=risk,
    )


def _minutes(figures: Insights) -> Markup:
    body = _finding(figures.pace.sentence)
    if figures.progress:
        rows = [
            [
                each.reviewer,
                f"{each.done:,}",
                "–" if each.per_hour is None else f"{each.per_hour:,.0f}",
                f"{each.left:,}",
                "–" if each.hours_left is None else fragments.duration(each.hours_left * 3600),
                "–" if each.end is None else each.end[:10],
            ]
            for each in figures.progress
        ]
        body += fragments.table(
            ["reviewer", "answered", "rows an hour", "left, as shared now", "time left", "done by"], rows
        )
    body += fragments.fold("How this is worked out", escape(HOW_MINUTES))
    return fragments.panel("Minutes", f"from {count(figures.pace.n, 'timed review')}", body)


def _people(figures: Insights) -> Markup:
    """How reviewers compare; "" where no two reviewed the same row."""
    if not figures.pairs and not figures.waiting_second:
        return Markup()
    body = Markup()
    if figures.pairs:
        rows = [[f"{p.first} and {p.second}", *_told(p.same), *_told(p.ratings)[:1]] for p in figures.pairs]
        body += fragments.table(["reviewers", "same decision", "95% interval", "rows", "ratings that meet"], rows)
    for each in figures.mildness:
        if each.sentence:
            body += fragments.notice(each.sentence, "warn") if each.is_apart else fragments.note(each.sentence)
    if figures.waiting_second:
        number = len(figures.second_opinions)
        why = (
            f" On {count(number, 'row')}, one reviewer decided against the labeller and all of its signals."
            if number
            else ""
        )
        body += _finding(f"{count(figures.waiting_second, 'row waits', 'rows wait')} for a second reviewer.{why}")
        body += markup('<div class="do">{}</div>', fragments.button("Show them", "press", act="second-opinions"))
    return fragments.panel("Reviewers compared", "rows that two of them decided", body)


def _told(measure: Measure) -> list[str]:
    return [measure.shown, measure.interval, f"{measure.n:,}"]


def _finding(sentence: str) -> Markup:
    return markup('<p class="finding">{}</p>', sentence) if sentence else Markup()


# -- what can be done


def act_on(act: Act) -> Done | None:
    """Does what a button of these panels asks for; None for any other. Raises PageError, RunError."""
    match act.word:
        case "risk":
            per_cent = act.number("value", stats_tables.RISKS[0], stats_tables.RISKS[-1])
            if per_cent not in stats_tables.RISKS:
                raise PageError
            return Done(own=replace(act.tab.insights, risk=per_cent / 100))
        case "accept-rows":
            done = act.look.reviews.accept(act.state.reviewer(act.browser, deciding=True), act.tab.insights.risk)
            rows = count(done.acceptance.rows, "row")
            return Done(toast=f"{rows} accepted under a guarantee." if done.is_new else done.sentence)
        case "withdraw-acceptance":
            number = act.look.reviews.withdraw_acceptance(act.state.reviewer(act.browser, deciding=True))
            return Done(toast=f"{count(number, 'row is', 'rows are')} not accepted any more.")
        case "second-opinions":
            return filters.lead_to(act, {"sample": "second"})
    return None
