"""Rate: what the labeller is asked, how its ratings are distributed as they grow, and what to look at first."""

import gradio as gr

from app.runs import forecast, pricing
from app.web import form_values, stats, stats_tables
from app.web.form_fields import add_fields
from app.web.form_values import FormError
from app.web.html import fragments, plots
from app.web.html.fragments import count, t
from app.web.page_builder import Act, Board, Done, stop
from app.web.pages import rating_issues
from app.web.pages.row_cards import lead, progress_card
from app.web.state import RunView, named_model
from feedback.aspects import ASPECTS
from feedback.labeller.ultrafeedback import MOST_REPEATS, UltraFeedback
from feedback.stats.histograms import Scale, by_aspect
from tasks.models import catalogue

ORDERS = [("All responses in one prompt, shuffled", True), ("One response at a time", False)]


def build(board: Board) -> None:
    form = board.form
    with gr.Row(elem_classes="page-bar"):
        board.part(head)
        board.part(cost, scale=0, min_width=0)
        board.button(
            lambda look: "Stop" if _rating(look) else "", stop, forms=False, min_width=90, elem_id="stop-rating"
        )
        board.button(button_label, rate, primary=True, min_width=140, elem_id="rate")
    with gr.Row(elem_classes="cols"):
        with gr.Column(elem_classes="side"):
            with gr.Column(elem_classes="card"):
                aspects = [(fragments.title(name), name) for name in ASPECTS]
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
                        info="How far its answers lie apart shows how sure it is.",
                        interactive=True,
                    ),
                )
                form.add(
                    "rating.on",
                    gr.Checkbox(True, label="Rate rows as they are made", interactive=True, elem_id="rate-on"),
                )
                add_fields(board.form, "rating", UltraFeedback, ["types", "use_reference"], folded="More")
            board.part(rubric)
        with gr.Column(elem_classes="mainc"):
            board.problem("rating", "rate")
            board.part(lambda look: progress_card(look) if _rating(look) else "")
            board.part(trouble, board.follow)
            board.part(ratings)
            board.part(rating_issues.first, rating_issues.open_row)


def _rating(look: RunView) -> bool:
    return look.working and look.job is not None and look.job.what == "rate"


def _judge(look: RunView) -> UltraFeedback | None:
    try:
        return form_values.rating_of(look.filled)
    except FormError:
        return None


def trouble(look: RunView) -> str:
    """Why the last rating ended."""
    job = look.job
    if job is None or job.what != "rate" or look.busy:
        return ""
    return fragments.notice(job.trouble, "warn", lead(look))


def head(look: RunView) -> str:
    return fragments.page_head("Rate", "The labeller reads every response and gives 1 to 5 with a reason.")


def button_label(look: RunView) -> str:
    """The primary action: rate what this judge has not rated."""
    if look.busy or not look.counts.answered:
        return ""
    left = to_rate(look)
    return f"Rate {count(left, 'row')}" if left else ""


def to_rate(look: RunView) -> int:
    """Rows that the judge as it is set up here has not rated."""
    answered = look.counts.answered
    judge, labeller, recipe = _judge(look), look.described("labeller"), look.recipe
    if recipe is None or judge is None or labeller is None:
        return answered
    return forecast.to_rate(look.counts, recipe, judge, labeller)


def cost(look: RunView) -> str:
    """The calls, tokens and money that rating the rest takes, in a line beside the button; "" where nothing is left."""
    judge = _judge(look)
    left = to_rate(look)
    if look.run is None or look.busy or judge is None or not left:
        return ""
    seen = look.rows.page(0, 3)
    if not seen:
        return ""
    labeller = look.described("labeller")
    whole = sum(forecast.ratings_of(row, judge) for row in seen)
    calls = left * whole / len(seen)
    if labeller is not None:
        calls = forecast.calls_to_rate(seen, look.counts, look.recipe, judge, labeller)
    prompts, answers = forecast.tokens_of_ratings(seen, judge, calls / whole) if whole else (0.0, 0.0)
    items = [count(round(calls), "call"), f"about {prompts + answers:,.0f} tokens"]
    known = pricing.price(labeller) if labeller else None
    if known is not None and (dollars := known.of(prompts, answers)):
        source = f" ({catalogue.price_source()})" if labeller and labeller == labeller.unpriced else ""
        items.append(f"{pricing.format_dollars(dollars)}{source}")
    elif known is None:
        items.append("money with the labeller's prices under Models, More")
    return f'<p class="forecast" role="status">{t(" · ".join(items))}</p>'


def rubric(look: RunView) -> str:
    """What the numbers mean under the chosen aspects: in view where there is room, else in a fold."""
    judge = _judge(look)
    if judge is None:
        return ""
    each = "".join(f"<div>{_meaning(name)}</div>" for name in judge.aspects)
    body = f'<div class="rubrics">{each}</div>'
    title, line = "What the numbers mean", "the labeller and the reviewers read this"
    return (
        f'<div class="roomy">{fragments.panel(title, line, body)}</div>'
        f'<div class="narrow">{fragments.fold(title, body, kind="rubric panel")}</div>'
    )


def _meaning(name: str) -> str:
    aspect = ASPECTS[name]
    scale = "".join(f"<li><b>{value}</b> {t(meaning)}</li>" for value, meaning in enumerate(aspect.scale, 1))
    none = f"<li><b>–</b> does not apply: {t(aspect.not_applicable)}</li>" if aspect.not_applicable else ""
    return f"<h3>{t(fragments.title(name))}</h3><p>{t(aspect.question)}</p><ol>{scale}{none}</ol>"


def ratings(look: RunView) -> str:
    """A histogram for each aspect, as high before the first rating as after the last."""
    if look.run is None or not look.counts.answered:
        return fragments.empty("Nothing to rate yet", "Make some rows first, on the page Generate.")
    title = "Ratings so far"
    if (rating_counts := look.counted(stats.ratings)) is None:
        return plots.counting(title)
    scales = by_aspect(rating_counts)
    previewed = look.job is not None and look.job.what == "preview"
    judge = look.recipe.rating if look.recipe is not None and look.busy and not previewed else None
    if not rating_counts and judge is None:
        return fragments.empty("Not rated yet", f"{count(look.counts.answered, 'row')} are there to be rated.")
    if judge is not None:  # those that are still to come have their place
        scales = {name: scales.get(name, Scale()) for name in sorted({*scales, *judge.aspects})}
    trying = ""
    if look.recipe is not None and look.recipe.labeller.preset == "local":
        trying = fragments.notice(
            "The built-in model rated: its ratings are for trying only, they are close to chance.", "warn"
        )
    number = sum(scale.asked for scale in scales.values())
    line = f"{count(number, 'rating')} of {count(look.counts.rated, 'row')}"
    if look.recipe is not None and look.recipe.rating is not None:
        line += f", by {named_model(look.recipe.labeller)}"
    return plots.plot(
        title, line, trying + plots.multiples(scales, label=fragments.title), stats_tables.of_aspects(scales), look.run,
        "ratings-by-aspect", plots.remarks(scales),
    )  # fmt: skip


def rate(act: Act) -> Done:
    labeller = form_values.model_of(form_values.part(act.filled, "labeller"), "labeller")
    judge = form_values.rating_of(act.filled)
    act.state.jobs.rate(act.run, act.state.keys(act.browser), judge, labeller)
    return Done()
