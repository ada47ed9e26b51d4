"""Rate: what the labeller is asked, how its ratings are distributed as they grow, and what to look at first."""

import gradio as gr
from markupsafe import Markup

from app.runs import forecast, pricing
from app.web import form_values, stats, stats_tables
from app.web.form_fields import add_fields
from app.web.form_values import FormError
from app.web.html import fragments, plots
from app.web.html.fragments import count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done, stop
from app.web.pages import checks
from app.web.pages.rating import issues, rubrics
from app.web.pages.row_cards import lead, progress_card
from app.web.state import RunView, named_model
from feedback.labeller.ultrafeedback import MOST_REPEATS, UltraFeedback
from feedback.rubrics import Rubric
from feedback.stats.histograms import Histogram, by_aspect
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
        board.button(checks.button_label, checks.check_rows, min_width=130, elem_id="check-rows")
        board.button(button_label, rate, primary=True, min_width=140, elem_id="rate")
    with gr.Row(elem_classes="cols"):
        with gr.Column(elem_classes="side"):
            with gr.Column(elem_classes="card"):
                board.dress(
                    form.add(
                        "rating.aspects",
                        gr.CheckboxGroup(
                            rubrics.STANDARD_CHOICES,
                            value=["helpfulness"],
                            label="Aspects",
                            interactive=True,
                            elem_classes="stack",
                            elem_id="aspects",
                        ),
                    ),
                    rubrics.aspect_choices,
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
                board.part(rubrics.listed, rubrics.change)
                add_fields(board.form, "rating", UltraFeedback, ["types", "use_reference"], folded="More")
            checks.build(board)
            board.part(rubric)
        with gr.Column(elem_classes="mainc"):
            board.problem("rating", "rate")
            rubrics.build(board)
            board.part(lambda look: progress_card(look) if _rating(look) else Markup())
            board.part(trouble, board.follow)
            board.part(earlier)
            board.part(ratings)
            board.part(issues.first, issues.open_row)


def _rating(look: RunView) -> bool:
    return look.working and look.job is not None and look.job.what in ("rate", "check")


def _judge(look: RunView) -> UltraFeedback | None:
    try:
        return form_values.rating_of(look.filled)
    except FormError:
        return None


def trouble(look: RunView) -> Markup:
    """Why the last rating ended."""
    job = look.job
    if job is None or job.what not in ("rate", "check") or look.busy:
        return Markup()
    return fragments.notice(job.trouble, "warn", lead(look))


def head(look: RunView) -> Markup:
    return fragments.page_head("Rate", "The labeller reads every response and rates it, with a reason.")


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


def cost(look: RunView) -> Markup:
    """The calls, tokens and money that rating the rest takes, in a line beside the button; "" where nothing is left."""
    judge = _judge(look)
    left = to_rate(look)
    if look.run is None or look.busy or judge is None or not left:
        return Markup()
    seen = look.rows.page(0, 3)
    if not seen:
        return Markup()
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
    return markup('<p class="forecast" role="status">{}</p>', " · ".join(items))


def rubric(look: RunView) -> Markup:
    """What the numbers mean under the chosen aspects: in view where there is room, else in a fold."""
    judge = _judge(look)
    if judge is None:
        return Markup()
    each = joined(markup("<div>{}</div>", _meaning(judge.known[key])) for key in judge.keys)
    body = markup('<div class="rubrics">{}</div>', each)
    title, line = "What the numbers mean", "the labeller and the reviewers read this"
    return markup(
        '<div class="roomy">{}</div><div class="narrow">{}</div>',
        fragments.panel(title, line, body),
        fragments.fold(title, body, kind="rubric panel"),
    )


def _meaning(rubric: Rubric) -> Markup:
    scale = joined(markup("<li><b>{}</b> {}</li>", value, meaning) for value, meaning in enumerate(rubric.levels, 1))
    none = markup("<li><b>–</b> does not apply: {}</li>", rubric.not_applicable) if rubric.not_applicable else Markup()
    return markup("<h3>{}</h3><p>{}</p><ol>{}{}</ol>", rubric.name.replace("-", " "), rubric.question, scale, none)


def earlier(look: RunView) -> Markup:
    """Which rows were rated by an earlier version of a rubric, and what to press; "" for none."""
    judge = _judge(look)
    if look.run is None or judge is None or not judge.rubrics or look.busy:
        return Markup()
    known = judge.known
    rated_rows = look.counted(stats.versions) or []
    old = [
        f"{count(rows, 'row')} by another version of “{known.name(key)}”"
        for key, rubric, rows in rated_rows
        if rubric and key in judge.keys and rubric != known[key].hash
    ]
    if not old:
        return Markup()
    sentence = (
        f"Rated so far: {', '.join(old)}. “Rate” asks only what changed; until then those ratings count as they are."
    )
    return fragments.notice(sentence, "warn")


def ratings(look: RunView) -> Markup:
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
        levels = {key: judge.known[key].scale for key in judge.keys}
        scales = {key: scales.get(key) or Histogram([0] * levels[key]) for key in sorted({*scales, *levels})}
    trying = Markup()
    if look.recipe is not None and look.recipe.labeller.preset == "local":
        trying = fragments.notice(
            "The built-in model rated: its ratings are for trying only, they are close to chance.", "warn"
        )
    number = sum(scale.asked for scale in scales.values())
    line = f"{count(number, 'rating')} of {count(look.counts.rated, 'row')}"
    if look.recipe is not None and look.recipe.rating is not None:
        line += f", by {named_model(look.recipe.labeller)}"
    return plots.plot(
        title, line, trying + plots.multiples(scales, named=look.rubrics.name), stats_tables.of_aspects(scales), look.run,
        "ratings-by-aspect",
        plots.remarks(scales),
    )  # fmt: skip


def rate(act: Act) -> Done:
    labeller = form_values.model_of(form_values.part(act.filled, "labeller"), "labeller")
    judge = form_values.rating_of(act.filled)
    act.state.jobs.rate(act.run, act.state.keys(act.browser), judge, labeller)
    return Done()
