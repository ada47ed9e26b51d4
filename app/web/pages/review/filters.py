"""Which rows the page Review shows: search, filters and order, as fields over the rows."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, cast

import gradio as gr
from markupsafe import Markup

from app.store.row_search import FILTERS, ORDERS, RATED, SPREAD, VALUES, Reason, RowQuery
from app.web.html import fragments
from app.web.html.fragments import count
from app.web.page_builder import Act, Board, Done, reads
from app.web.state import RunView
from feedback.argilla.dataset_settings import in_words
from feedback.rubrics import STANDARD_LEVELS
from tasks.response_flags import MEANINGS

Choices = list[tuple[str, str]]
STATUS: Choices = [
    ("Any status", ""), ("Waiting for people", "waiting"), ("Approved", "approve"), ("Corrected", "corrected"),
    ("Rejected", "reject"), ("Undecided", "unsure"), ("Settled by somebody", "settled"), ("Not sent", "unsent"),
]  # fmt: skip
RATING: Choices = [
    ("Any rating", ""), ("Lowest under 2.5", "low"), ("Lowest 2.5 to 3.5", "middle"), ("Lowest 3.5 and more", "high"),
    ("Ratings missing", "missing"),
]  # fmt: skip
VALUE: Choices = [
    ("Any single rating", ""),
    *((f"Some response rated {value}", value) for value in [*VALUES][:STANDARD_LEVELS]),
]
WIDE: Choices = [
    ("Any spread", ""), ("Responses 1 or more apart", "apart"), ("Responses 2 or more apart", "far"),
    ("Asked again, rated otherwise", "repeats"),
]  # fmt: skip
MARK: Choices = [("Any mark", ""), *((fragments.sentence(mark), mark) for mark in MEANINGS)]
SAMPLE: Choices = [
    ("Audit and queue", ""), ("Audit", "audit"), ("Queue", "queue"), ("Your review list", "list"),
    ("Accepted without a reviewer", "guarantee"), ("Waits for a second reviewer", "second"),
]  # fmt: skip
OWN_ORDER, QUEUE_ORDER = "own", "queue"
RATED_ORDERS: Choices = [
    ("Lowest rated first", "lowest"), ("Highest rated first", "highest"), ("Responses widest apart first", "apart"),
    ("Least sure first", "spread"),
]  # fmt: skip
DECIDED = {"approve": "Approved", "reject": "Rejected", "unsure": "Unsure"}
FIRST: dict[str, tuple[str, Choices]] = {
    "status": ("Status", STATUS), "rating": ("Rating", RATING), "model": ("Model", [("Any model", "")]),
    "order": ("Order", [("In their order", ""), *RATED_ORDERS]),
}  # fmt: skip
MORE: dict[str, tuple[str, Choices]] = {
    "aspect": ("Aspect", [("All aspects", "")]), "value": ("Single rating", VALUE), "spread": ("Spread", WIDE),
    "mark": ("Mark", MARK), "check": ("Check", [("Checked or not", "")]),
    "sample": ("Sample", SAMPLE), "reviewer": ("Reviewer", [("Any reviewer", "")]),
    "reason": ("Reason", [("Any reason", "")]),
}  # fmt: skip
LABELS = {name: label for name, (label, _) in {**FIRST, **MORE}.items()}


def build(board: Board) -> None:
    form = board.form
    with gr.Row(elem_classes="filters", elem_id="filters") as bar:
        text = gr.Textbox(
            "", label="Search prompts and responses", placeholder="Search prompts and responses", show_label=False,
            container=False, interactive=True, scale=3, min_width=180, elem_id="search",
        )  # fmt: skip
        form.add("browse.text", text)
        board.act(text.submit, asked, forms=True)
        _fields(board, FIRST)
        board.button(more_label, more, min_width=136, elem_id="more-filters")
        board.button(
            lambda view: "Clear filters" if chosen(view) else "", clear, min_width=110, elem_id="clear-filters"
        )
    with gr.Row(elem_classes="filters", elem_id="filters-more", visible=False) as second:
        _fields(board, MORE)
    for name in FILTERS:
        board.changes(f"browse.{name}", asked)
    board.dress(bar, lambda view: gr.update(visible=bool(view.counts.answered)))
    board.dress(second, lambda view: gr.update(visible=bool(view.counts.answered and view.tab.review.filters)))
    board.part(left_out)


def _fields(board: Board, named: dict[str, tuple[str, Choices]]) -> None:
    choosing = _choosing()
    for name, (label, choices) in named.items():
        field = gr.Dropdown(
            cast(Any, choices), value="", label=label, show_label=False, container=False, interactive=True, scale=1,
            min_width=110, filterable=False,
        )  # fmt: skip
        board.form.add(f"browse.{name}", field)
        if name in choosing:
            board.dress(field, choosing[name])


def _choosing() -> dict[str, Callable[[RunView], Any]]:
    """What the fields whose choices depend on the run are dressed by."""
    return {
        "aspect": aspects, "model": models, "order": orders, "reviewer": reviewers, "reason": reasons, "sample": samples,
        "rating": bands, "value": levels, "spread": spreads, "check": checks,
    }  # fmt: skip


@reads
def asked(act: Act) -> Done:
    """Something else is looked for: from the first row on, but for one whose correction is being written."""
    return Done(row=None if act.tab.review.correcting else "", offset=0)


@reads
def more(act: Act) -> Done:
    """Shows the filters of the second line, or takes them away; what is chosen there stays."""
    return Done(own=replace(act.tab.review, filters=not act.tab.review.filters))


def more_label(view: RunView) -> str:
    if view.tab.review.filters:
        return "Fewer filters"
    number = sum(name in MORE for name in chosen(view))
    return f"More filters ({number})" if number else "More filters"


@reads
def clear(act: Act) -> Done:
    """Everything is shown again, in the order that is chosen."""
    order = str(act.filled.get("browse.order") or "")
    return Done(fill={**act.filled, **nothing(), "browse.order": order}, offset=0)


def act_on(act: Act) -> Done | None:
    """Does what a button among the rows asks of the filters; None for one that is not about them."""
    return clear(act) if act.word == "clear-filters" else None


def lead_to(act: Act, fields: Mapping[str, str]) -> Done:
    """The page Review with these filters and no others."""
    fill = {**act.filled, **nothing(), **{f"browse.{name}": value for name, value in fields.items()}}
    return Done(row="", offset=0, page="review", fill=fill, own=replace(act.tab.review, filters=True))


def nothing() -> dict[str, str]:
    """The fields where nothing is looked for."""
    return {f"browse.{name}": "" for name in FILTERS}


# -- what there is to choose


def aspects(view: RunView) -> Any:
    names = view.rows.aspects() if view.run else []
    return gr.update(choices=[("All aspects", ""), *((in_words(view.rubrics.title(name)), name) for name in names)])


def scale(view: RunView) -> int:
    """The levels of the aspect that is chosen, or of all of them; 5 where they differ."""
    scales = _scales(view)
    return scales.pop() if len(scales) == 1 else STANDARD_LEVELS


def _scales(view: RunView) -> set[int]:
    names = view.rows.aspects() if view.run else []
    chosen_aspect = str(view.filled.get("browse.aspect") or "")
    return {view.rubrics.scale(name) for name in ([chosen_aspect] if chosen_aspect in names else names)}


def _step(view: RunView) -> float:
    """The points of the scale that are one of 1 to 5."""
    return (scale(view) - 1) / (STANDARD_LEVELS - 1)


def bands(view: RunView) -> Any:
    """Low, middle and high ratings, with the ends that they have on the scale."""
    low, high = (f"{1 + (end - 1) * _step(view):g}" for end in (2.5, 3.5))
    names = [f"Lowest under {low}", f"Lowest {low} to {high}", f"Lowest {high} and more"]
    (any_rating, *_, missing), values = RATING, ("low", "middle", "high")
    return gr.update(choices=[any_rating, *zip(names, values, strict=True), missing])


def spreads(view: RunView) -> Any:
    """How far ratings lie apart, in points of the scale."""
    any_spread, (_, apart), (_, far), repeats = WIDE
    ends = [(f"Responses {points * _step(view):g} or more apart", value) for points, value in ((1, apart), (2, far))]
    return gr.update(choices=[any_spread, *ends, repeats])


def levels(view: RunView) -> Any:
    """Each level of the scale."""
    each = [(f"Some response rated {value}", str(value)) for value in range(1, scale(view) + 1)]
    return gr.update(choices=[VALUE[0], *each])


def models(view: RunView) -> Any:
    names = view.rows.models() if view.run else []
    return gr.update(choices=[("Any model", ""), *((name, name) for name in names)])


def orders(view: RunView) -> Any:
    """The usual order first: that of the queue, once rows were sent to people."""
    default_orders: Choices = [("In their order", "")]
    if view.counts.sent:
        default_orders = [("As in the queue", ""), ("In their order", OWN_ORDER)]
    return gr.update(choices=[*default_orders, *RATED_ORDERS])


def reviewers(view: RunView) -> Any:
    names = view.reviews.reviewers() if view.run else []
    return gr.update(choices=[("Any reviewer", ""), *((name, name) for name in names)], visible=bool(names))


def reasons(view: RunView) -> Any:
    names = view.reviews.reasons() if view.run else []
    return gr.update(
        choices=[("Any reason", ""), *((reason_label(reason), reason.name) for reason in names)],
        visible=bool(names),
    )


def reason_label(reason: Reason) -> str:
    return f"{DECIDED.get(reason.decision, reason.decision)}: {reason.reason}"


def checks(view: RunView) -> Any:
    known = checks_of(view)
    return gr.update(choices=[("Checked or not", ""), *known], visible=bool(known))


def checks_of(view: RunView) -> Choices:
    """(name, identity) of the checks of the run; before them all together, where there are several."""
    own = view.recipe.checks if view.recipe is not None else ()
    every = [("any check", " ".join(check.identity for check in own))] if len(own) > 1 else []
    return [(f"Fails {name}", value) for name, value in [*every, *((check.called, check.identity) for check in own)]]


def samples(view: RunView) -> Any:
    """Audit and queue, and the lists that there are."""
    known = {"", "audit", "queue", *(view.reviews.lists() if view.run is not None and view.counts.sent else ())}
    choices = [(label, value) for label, value in SAMPLE if value in known]
    return gr.update(choices=choices, visible=bool(view.counts.sent))


# -- what is asked for


def wanted(view: RunView) -> RowQuery:
    """What the fields ask for; what the run does not have counts for nothing."""
    fields = {name: str(view.filled.get(f"browse.{name}") or "") for name in FILTERS}
    known: dict[str, Collection[str]] = {
        "rating": RATED, "value": VALUES, "spread": SPREAD, "mark": MEANINGS, "order": [*ORDERS, OWN_ORDER],
        "status": [value for _, value in STATUS], "sample": [value for _, value in SAMPLE],
    }  # fmt: skip
    if view.run is not None:
        finds = (("aspect", view.rows.aspects), ("model", view.rows.models), ("reviewer", view.reviews.reviewers))
        for name, find in finds:
            known[name] = find() if fields[name] else []
        known["check"] = [value for _, value in checks_of(view)] if fields["check"] else []
        known["reason"] = [item.name for item in view.reviews.reasons()] if fields["reason"] else []
    for name, values in known.items():
        fields[name] = fields[name] if fields[name] in values else ""
    if not fields["order"] and view.counts.sent:
        fields["order"] = QUEUE_ORDER
    fields["order"] = "" if fields["order"] == OWN_ORDER else fields["order"]
    on_five = bool(fields["value"]) and len(_scales(view)) > 1
    return RowQuery(**cast(Any, fields), person=view.person, on_five=on_five)


def chosen(view: RunView) -> list[str]:
    """The names of what is looked for, without the order."""
    return [name for name in wanted(view).parts if name != "order"] if view.run is not None else []


def left_out(view: RunView) -> Markup:
    """A sentence on what the filters or the order do with rows whose ratings are covered; "" where they do nothing."""
    if view.run is None or not view.counts.answered:
        return Markup()
    filters = wanted(view)
    by_ratings = filters.order in [value for _, value in RATED_ORDERS]
    if not filters.tells and not by_ratings:
        return Markup()
    number = view.reviews.number_covered(view.person)
    if not number:
        return Markup()
    rows = f"{count(number, 'row')} of the blind audit that you have not decided yet"
    if filters.tells:
        what = f"{'is' if number == 1 else 'are'} left out: the filter would tell what the labeller or others said of them."
    else:
        what = f"{'comes' if number == 1 else 'come'} last: their ratings are covered until you have decided them."
    return fragments.note(f"{rows} {what}")


def none_fits(view: RunView) -> str:
    """The sentence where no row fits: what is asked for, and how many would fit without each of it."""
    looked_for = wanted(view)
    names = chosen(view)
    labels = {name: _described(view, name, getattr(looked_for, name)) for name in names}
    if len(names) < 2:
        return f"Nothing is found by {next(iter(labels.values()), 'that')}. Choose something else, or clear it."
    counts = {}
    for name in names:
        if looked_for.text and name != "text":
            continue  # texts would be read anew for each
        fits = view.rows.count(looked_for.without(name))
        if fits:
            counts[name] = fits
    sentence = f"No row has all of this: {'; '.join(labels.values())}."
    if not counts:
        return f"{sentence} Clear some of it."
    best = sorted(counts, key=lambda name: -counts[name])[:3]
    return f"{sentence} " + " ".join(f"Without {labels[name]}: {count(counts[name], 'row')}." for name in best)


def _described(view: RunView, name: str, value: str) -> str:
    """A filter as it is named on the page."""
    if name == "text":
        return f"the text “{value.strip()[:80]}”"
    choices = {**FIRST, **MORE}[name][1]
    if name in (choosing := _choosing()):
        choices = choosing[name](view).get("choices", choices)
    label = next((label for label, known in choices if known == value), value)
    return f"{LABELS[name].lower()} “{label}”"
