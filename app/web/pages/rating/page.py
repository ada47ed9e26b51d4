"""Rate: what the labeller is asked, how its ratings are distributed as they grow, and what to look at first."""

import gradio as gr
from markupsafe import Markup

from app.runs.cost import forecast, pricing
from app.web import form_values, stats, stats_tables
from app.web.form_fields import add_fields
from app.web.form_values import FormError
from app.web.html import fragments, plots
from app.web.html.fragments import count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done, stop
from app.web.pages import insights
from app.web.pages.rating import checks, issues, rubrics
from app.web.pages.review import verdict
from app.web.pages.row_cards import lead, progress_card
from app.web.state import RunView, named_model
from feedback.labeller.ultrafeedback import METHODS, MOST_REPEATS, UltraFeedback
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
            lambda view: "Stop" if _rating(view) else "", stop, forms=False, min_width=90, elem_id="stop-rating"
        )
        board.button(checks.button_label, checks.check_rows, min_width=130, elem_id="check-rows")
        board.button(button_label, rate, primary=True, min_width=140, elem_id="rate")
    with gr.Row(elem_classes="cols"):
        with gr.Column(elem_classes="side"):
            with gr.Column(elem_classes="card"):
                form.add(
                    "rating.method",
                    gr.Radio(
                        [(label, method) for method, label in METHODS.items()],
                        value="rating",
                        label="How the labeller judges",
                        info="Pairs are compared in both orders: more calls, and no numbers.",
                        interactive=True,
                        elem_classes="stack",
                        elem_id="rating-method",
                    ),
                )
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
                together = gr.Radio(
                    ORDERS, value=True, label="Shown to the labeller", interactive=True, elem_classes="stack"
                )
                form.add("rating.together", together)
                board.dress(together, lambda view: gr.update(visible=view.filled.get("rating.method") != "pairwise"))
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
            board.part(lambda view: progress_card(view) if _rating(view) else Markup())
            board.part(trouble, board.follow)
            board.part(earlier)
            board.part(ratings)
            board.part(issues.first, issues.open_row)


def _rating(view: RunView) -> bool:
    return view.working and view.job is not None and view.job.what in ("rate", "check")


def _judge(view: RunView) -> UltraFeedback | None:
    try:
        return form_values.rating_of(view.filled)
    except FormError:
        return None


def trouble(view: RunView) -> Markup:
    """Why the last rating ended."""
    job = view.job
    if job is None or job.what not in ("rate", "check") or view.busy:
        return Markup()
    return fragments.notice(job.trouble, "warn", lead(view))


def head(view: RunView) -> Markup:
    return fragments.page_head("Rate", "The labeller reads every response and rates or compares it, with a reason.")


def button_label(view: RunView) -> str:
    """The primary action: rate what this judge has not rated."""
    if view.busy or not view.counts.answered:
        return ""
    left = to_rate(view)
    return f"Rate {count(left, 'row')}" if left else ""


def to_rate(view: RunView) -> int:
    """Rows that the judge as it is set up here has not rated."""
    answered = view.counts.answered
    judge, labeller, recipe = _judge(view), view.described("labeller"), view.recipe
    if recipe is None or judge is None or labeller is None:
        return answered
    return forecast.to_rate(view.counts, recipe, judge, labeller)


def cost(view: RunView) -> Markup:
    """The calls, tokens and money that rating the rest takes, in a line beside the button; "" where nothing is left."""
    judge = _judge(view)
    left = to_rate(view)
    if view.run is None or view.busy or judge is None or not left:
        return Markup()
    seen = view.rows.page(0, 3)
    if not seen:
        return Markup()
    labeller = view.described("labeller")
    whole = sum(forecast.ratings_of(row, judge) for row in seen)
    calls = left * whole / len(seen)
    if labeller is not None:
        calls = forecast.calls_to_rate(seen, view.counts, view.recipe, judge, labeller)
    prompts, answers = forecast.tokens_of_ratings(seen, judge, calls / whole) if whole else (0.0, 0.0)
    items = [count(round(calls), "call"), f"about {prompts + answers:,.0f} tokens"]
    known = pricing.price(labeller) if labeller else None
    if known is not None and (dollars := known.of(prompts, answers)):
        source = f" ({catalogue.price_source()})" if labeller and labeller == labeller.unpriced else ""
        items.append(f"{pricing.format_dollars(dollars)}{source}")
    elif known is None:
        items.append("money with the labeller's prices under Models, More")
    return markup('<p class="forecast" role="status">{}</p>', " · ".join(items))


def rubric(view: RunView) -> Markup:
    """What the numbers mean under the chosen aspects: in view where there is room, else in a fold."""
    judge = _judge(view)
    if judge is None:
        return Markup()
    each = joined(markup("<div>{}</div>", _meaning(judge.known[key])) for key in judge.keys)
    body = markup('<div class="rubrics">{}</div>', each)
    title = "What is compared" if judge.method == "pairwise" else "What the numbers mean"
    line = "the labeller and the reviewers read this"
    return markup(
        '<div class="roomy">{}</div><div class="narrow">{}</div>',
        fragments.panel(title, line, body),
        fragments.fold(title, body, kind="rubric panel"),
    )


def _meaning(rubric: Rubric) -> Markup:
    scale = joined(markup("<li><b>{}</b> {}</li>", value, meaning) for value, meaning in enumerate(rubric.levels, 1))
    none = markup("<li><b>–</b> does not apply: {}</li>", rubric.not_applicable) if rubric.not_applicable else Markup()
    return markup("<h3>{}</h3><p>{}</p><ol>{}{}</ol>", rubric.name.replace("-", " "), rubric.question, scale, none)


def earlier(view: RunView) -> Markup:
    """Which rows were rated by an earlier version of a rubric, and what to press; "" for none."""
    judge = _judge(view)
    if view.run is None or judge is None or not judge.rubrics or view.busy:
        return Markup()
    known = judge.known
    rated_rows = view.counted(stats.versions) or []
    old = [
        f"{count(rows, 'row')} by another version of “{known.title(key)}”"
        for key, rubric, rows in rated_rows
        if rubric and key in judge.keys and rubric != known[key].hash
    ]
    if not old:
        return Markup()
    sentence = (
        f"Rated so far: {', '.join(old)}. “Rate” asks only what changed; until then those ratings count as they are."
    )
    return fragments.notice(sentence, "warn")


def ratings(view: RunView) -> Markup:
    """A histogram for each aspect, as high before the first rating as after the last."""
    if view.run is None or not view.counts.answered:
        return fragments.empty("Nothing to rate yet", "Make some rows first, on the page Generate.")
    title = "Ratings so far"
    if (rating_counts := view.counted(stats.ratings)) is None:
        return plots.counting(title)
    scales = by_aspect(rating_counts)
    previewed = view.job is not None and view.job.what == "preview"
    judge = view.recipe.rating if view.recipe is not None and view.busy and not previewed else None
    compared = insights.which_is_better(view) if verdict.compares(view) else Markup()
    if not rating_counts and compared:
        return compared
    if not rating_counts and judge is None:
        return fragments.empty("Not rated yet", f"{count(view.counts.answered, 'row')} are there to be rated.")
    if judge is not None:  # those that are still to come have their place
        levels = {key: judge.known[key].scale for key in judge.keys if judge.method == "rating"}
        scales = {key: scales.get(key) or Histogram([0] * levels[key]) for key in sorted({*scales, *levels})}
    trying = Markup()
    if view.recipe is not None and view.recipe.labeller.preset == "local":
        trying = fragments.notice(
            "The built-in model rated: its ratings are for trying only, they are close to chance.", "warn"
        )
    number = sum(scale.asked for scale in scales.values())
    line = f"{count(number, 'rating')} of {count(view.counts.rated, 'row')}"
    if view.recipe is not None and view.recipe.rating is not None:
        line += f", by {named_model(view.recipe.labeller)}"
    return compared + plots.plot(
        title, line, trying + plots.multiples(scales, named=view.rubrics.title), stats_tables.of_aspects(scales), view.run,
        "ratings-by-aspect",
        plots.remarks(scales),
    )  # fmt: skip


def rate(act: Act) -> Done:
    labeller = form_values.model_of(form_values.part(act.filled, "labeller"), "labeller")
    judge = form_values.rating_of(act.filled)
    act.state.jobs.rate(act.run, act.state.keys(act.browser), judge, labeller)
    return Done()
