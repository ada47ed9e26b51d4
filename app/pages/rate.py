"""Rate: what the labeller is asked, and how its ratings are distributed, as they grow."""

from collections import defaultdict

import gradio as gr

from app import draft, forecast, parts
from app.desk import Look, named_model
from app.draft import FormError
from app.forms import add_fields
from app.pages.board import Act, Board, Done, stop
from app.pages.cards import progress_card
from app.parts import count, t
from feedback.aspects import ASPECTS
from feedback.ultrafeedback import MOST_REPEATS, UltraFeedback

ORDERS = [("All responses in one prompt, shuffled", True), ("One response at a time", False)]


def build(board: Board) -> None:
    form = board.form
    with gr.Row(elem_classes="page-bar"):
        board.part(head)
        board.button(
            lambda look: "Stop" if _rating(look) else "", stop, forms=False, min_width=90, elem_id="stop-rating"
        )
        board.button(words, rate, primary=True, min_width=140, elem_id="rate")
    with gr.Row(elem_classes="cols"):
        with gr.Column(elem_classes=["side", "card"]):
            aspects = [(name.replace("-", " ").capitalize(), name) for name in ASPECTS]
            form.add(
                "rating.aspects",
                gr.CheckboxGroup(
                    aspects,
                    value=["helpfulness"],
                    label="Aspects",
                    interactive=True,
                    elem_classes="stack",
                    elem_id="aspects",
                ),
            )
            form.add(
                "rating.together",
                gr.Radio(ORDERS, value=True, label="Shown to the labeller", interactive=True, elem_classes="stack"),
            )
            form.add(
                "rating.repeats",
                gr.Slider(
                    1,
                    MOST_REPEATS,
                    value=1,
                    step=1,
                    label="Ask how many times",
                    info="the spread is the confidence",
                    interactive=True,
                ),
            )
            form.add(
                "rating.on", gr.Checkbox(True, label="Rate rows as they are made", interactive=True, elem_id="rate-on")
            )
            add_fields(board.form, "rating", UltraFeedback, ["types", "use_reference"], folded="More")
            board.part(cost)
            board.part(rubric)
        with gr.Column(elem_classes="mainc"):
            board.problem("rating", "rate")
            board.part(lambda look: progress_card(look) if _rating(look) else "")
            board.part(trouble)
            board.part(ratings)
            board.part(unreadable)


def _rating(look: Look) -> bool:
    return look.working and look.job is not None and look.job.what == "rate"


def _judge(look: Look) -> UltraFeedback | None:
    try:
        return draft.rating_of(look.filled)
    except FormError:
        return None


def trouble(look: Look) -> str:
    """Why the last rating ended."""
    job = look.job
    return parts.notice(job.trouble, "warn") if job is not None and job.what == "rate" and not look.busy else ""


def head(look: Look) -> str:
    return parts.page_head("Rate", "The labeller reads every response and gives 1 to 5 with a reason.")


def words(look: Look) -> str:
    """The primary action: rate what this judge has not rated."""
    if look.busy or not look.counts.get("answered"):
        return ""
    left = to_rate(look)
    return f"Rate {count(left, 'row')}" if left else ""


def to_rate(look: Look) -> int:
    """Rows that the judge as it is set up here has not rated."""
    answered = look.counts.get("answered", 0)
    judge, labeller, made = _judge(look), look.described("labeller"), look.recipe
    if made is None or judge is None or labeller is None:
        return answered
    return forecast.to_rate(look.counts, made, judge, labeller)


def cost(look: Look) -> str:
    judge = _judge(look)
    left = to_rate(look)
    if look.run is None or look.busy or judge is None or not left:
        return ""
    seen = look.desk.store.rows.page(look.run.id, 0, 3)
    if not seen:
        return ""
    calls = left * forecast.ratings_of(seen[0], judge)
    tokens = left * sum(forecast.tokens_of_rating(row, judge) for row in seen) / len(seen)
    return f'<p class="note">Rating {count(left, "row")}: {count(calls, "call")}, about {tokens:,.0f} tokens.</p>'


def rubric(look: Look) -> str:
    judge = _judge(look)
    if judge is None:
        return ""
    body = ""
    for name in judge.aspects:
        aspect = ASPECTS[name]
        scale = "".join(f"<li><b>{value}</b> {t(meaning)}</li>" for value, meaning in enumerate(aspect.scale, 1))
        body += f"<h3>{t(name)}</h3><p>{t(aspect.question)}</p><ol>{scale}</ol>"
    return parts.fold("What the numbers mean", body, kind="rubric")


def ratings(look: Look) -> str:
    """A histogram for each aspect."""
    if look.run is None:
        return parts.empty("Nothing to rate yet", "Make some rows first, on the page Generate.")
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * 5)
    number = 0
    for aspect, _, _, value, n in look.desk.store.ratings.histogram(look.run.id):
        number += n
        if value is not None:
            counts[aspect][min(max(round(value), 1), 5) - 1] += n
    if not number:
        if not look.counts["answered"]:
            return parts.empty("Nothing to rate yet", "Make some rows first, on the page Generate.")
        return (
            ""
            if _rating(look)
            else parts.empty("Not rated yet", f"{count(look.counts['answered'], 'row')} are there to be rated.")
        )
    trying = ""
    if look.recipe is not None and look.recipe.labeller.preset == "local":
        trying = parts.notice(
            "The built-in model rated: its ratings are for trying only, they are close to chance.", "warn"
        )
    line = f"{count(number, 'rating')} of {count(look.counts['rated'], 'row')}"
    if look.recipe is not None and look.recipe.rating is not None:
        line += f", by {named_model(look.recipe.labeller)}"
    return parts.panel("Ratings so far", line, trying + parts.multiples(counts))


def unreadable(look: Look) -> str:
    """Ratings that could not be read or asked for, with the reason."""
    if look.run is None or not look.counts["unrated"] + look.counts["failed_ratings"]:
        return ""
    found = look.desk.store.ratings.unreadable(look.run.id, 8)
    items = "".join(
        f"<li>{parts.pill('unrated' if r.status == 'unrated' else 'failed', 'warn')}<div><b>{t(instruction)}</b>"
        f"<span>Response {r.response + 1}, {t(r.aspect)}: {t(r.note or 'no rating in the answer')}</span></div>"
        f"{parts.fold('Raw answer', t(r.raw)) if r.raw else ''}</li>"
        for instruction, r in found
    )
    number = look.counts["unrated"] + look.counts["failed_ratings"]
    return parts.panel(
        "Look at these first", f"{count(number, 'rating')} could not be read", f'<ul class="looks">{items}</ul>'
    )


def rate(act: Act) -> Done:
    labeller = draft.model_of(draft.part(act.filled, "labeller"), "labeller")
    judge = draft.rating_of(act.filled)
    found = act.desk.store.runs.get(act.run_id)
    act.desk.jobs.rate(found, act.desk.keys(act.browser), judge, labeller)
    return Done()
