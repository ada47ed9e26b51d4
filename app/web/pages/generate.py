"""Generate: what to make, from which input; a preview of the first rows; the run, with its progress and its failures."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
from markupsafe import Markup

from app.errors import RunError
from app.recipe import recipe_of, recipe_text
from app.runs.cost import pricing
from app.web.form_fields import add_fields
from app.web.html import fragments
from app.web.html.fragments import count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done, reads, stop
from app.web.pages import consent, inputs, row_edits, run_switcher
from app.web.pages.row_cards import being_written, marked, progress_card, row_card, waiting_card
from app.web.state import PREVIEW_ROWS, RunView
from app.web.tab_state import FirstPrompt
from feedback.types import Checked
from tasks import TASKS
from tasks.answering import Answers
from tasks.engine.budget import Budget
from tasks.types import Response, Row

LATEST = 3
EXPORTING = {
    "file": "Rows are being written into a file.",
    "hub": "Rows are on their way to the Hub.",
    "argilla": "Finished rows are on their way to Argilla.",
}
RESUMABLE = ("paused", "stopped", "interrupted")


def build(board: Board) -> None:
    with gr.Row(elem_classes="page-bar"):
        board.part(head)
        board.part(facts, scale=0, min_width=0)
        board.button(stop_words, stop, forms=False, min_width=90, elem_id="stop")
        board.button(again_words, run_switcher.new_run, forms=False, min_width=90, elem_id="new-run")
        board.button(preview_words, preview, min_width=120, elem_id="preview")
        board.button(resume_words, resume, primary=True, min_width=130, elem_id="resume")
        board.button(run_words, run, primary=True, min_width=130, elem_id="run")
        board.button(next_words, go_on, forms=False, primary=True, min_width=130, elem_id="next")
    with gr.Row(elem_classes="cols"):
        with gr.Column(elem_classes=["side", "card"]):
            _settings(board)
        with gr.Column(elem_classes="mainc"):
            consent.build(board)
            board.problem("task", "answers", "budget", "generate")
            board.part(progress, lambda act: board.follow(act) if act.word == "place" else retry(act))
            board.part(cards, on_cards)
            row_edits.build(board)


def _settings(board: Board) -> None:
    form = board.form
    form.add("name", gr.Textbox("dataset", label="Name of the run", max_lines=1, interactive=True))
    choices = [(f"{task.title}\n{task.summary}", kind) for kind, task in TASKS.items()]
    form.add(
        "task.kind",
        gr.Radio(
            choices,
            value=next(iter(TASKS)),
            label="What to make",
            elem_classes="tasks",
            interactive=True,
            elem_id="task",
        ),
    )
    with gr.Column() as input_fields:
        inputs.build(board)
    board.show_while(input_fields, lambda view: not TASKS[view.filled["task.kind"]].draws)
    with gr.Row():
        rows = form.add(
            "rows", gr.Number(8, label="Rows", precision=0, interactive=True, min_width=100, elem_id="rows")
        )
        board.dress(
            rows,
            lambda view: gr.update(placeholder="" if TASKS[view.filled["task.kind"]].draws else "all"),
        )
        form.add(
            "answers.n",
            gr.Number(
                None,
                label="Responses per row",
                precision=0,
                interactive=True,
                min_width=100,
                placeholder="one",
            ),
        )
    for kind, task in TASKS.items():
        with gr.Column(visible=False) as own:
            add_fields(form, kind, task, folded=f"Settings of {task.title}")
        board.dress(own, _only_for(kind))
    with gr.Accordion("Budget", open=False, elem_classes="more"):
        add_fields(form, "budget", Budget)
    with gr.Accordion("More", open=False, elem_classes="more"):
        form.add(
            "seed",
            gr.Number(None, label="Seed", info="Empty: another run makes other rows.", precision=0, interactive=True),
        )
        add_fields(form, "answers", Answers, ["system_prompt", "principles"])
        with gr.Row():
            form.add(
                "inputs.skip",
                gr.Number(0, label="Input rows to skip", precision=0, interactive=True, min_width=100),
            )
            form.add(
                "inputs.limit", gr.Number(None, label="Most input rows", precision=0, interactive=True, min_width=100)
            )
    prompt_button = gr.Button(
        "Prompt that will be sent", variant="secondary", size="sm", elem_id="first-prompt", elem_classes="quiet"
    )
    board.act(prompt_button.click, show_prompt, forms=True)
    board.part(prompt)


def _only_for(kind: str) -> Callable[[RunView], Any]:
    return lambda view: gr.update(visible=view.filled["task.kind"] == kind)


# -- what the page says


def head(view: RunView) -> Markup:
    return fragments.page_head("Generate", _line(view))


def _line(view: RunView) -> str:
    answered = view.counts.answered
    if view.working and view.job is not None:
        if view.job.what == "preview":
            first = min(PREVIEW_ROWS, view.total or PREVIEW_ROWS)
            return view.job.saying or f"Writing the first {'row' if first == 1 else f'{first} rows'}."
        if view.job.what == "work":
            return "Running, also when this page is closed. Changes on the left are for the next run."
        if view.job.what == "export":
            return EXPORTING[view.job.into]
        return {
            "check": "Responses are being checked.",
            "rate": "The labeller is at work.",
            "again": "Drawing one row anew.",
            "push": "Rows are on their way to Argilla.",
            "pull": "Asking Argilla.",
        }[view.job.what]
    if view.elsewhere:
        return "Another process works on this run. It is shown here as it grows."
    match view.standing:
        case "draft" if answered and not view.same:
            return "Made with other settings: preview again to see what these give."
        case "draft" if answered:
            return "Look at these rows, then run the rest. They are kept, and not paid for again."
        case "paused":
            return "Paused. What was made is kept."
        case "stopped" | "interrupted":
            return f"{view.standing.capitalize()} after {count(answered, 'row')}. Everything made is kept."
        case "done":
            return f"Done: {count(answered, 'row')}." + (
                "" if view.same else " The settings on the left are for a new run."
            )
    first, rest = first_rows(view), _rows(view)
    then = "then run." if rest is not None and rest <= first else "then run the rest."
    return f"Try {count(first, 'row')}, look at {'it' if first == 1 else 'them'}, {then}"


def _rows(view: RunView) -> int | None:
    """How many rows the forms give at most; None where that can't be told."""
    if view.wanted is None:
        return None
    known = (view.state.expected(view.wanted), inputs.most_rows(view, view.wanted.task))
    return min((rows for rows in known if rows), default=None)


def first_rows(view: RunView) -> int:
    """How many rows a preview writes: no more than there are to be."""
    return min(PREVIEW_ROWS, _rows(view) or PREVIEW_ROWS)


def facts(view: RunView) -> Markup:
    """The forecast, once there is something to tell it from."""
    if view.busy or view.run is None or view.standing != "draft" or view.wanted is None or not view.same:
        return Markup()
    rows = view.state.expected(view.wanted)
    estimate = view.forecast(view.wanted, rows) if rows else None
    if estimate is None or not estimate.calls:
        return Markup()
    items = [count(estimate.calls, "call")]
    if estimate.tokens is not None and estimate.seconds is not None:
        items += [f"{_range(estimate.tokens, estimate.spread)} tokens", _time(estimate.seconds, estimate.spread)]
    if estimate.dollars:
        most = pricing.format_dollars(estimate.dollars * (1 + (estimate.spread or 0)))
        known = pricing.format_dollars(estimate.dollars)
        items.append(known if most == known else f"{known}, likely at most {most}")
        if source := pricing.price_source(view.wanted):
            items[-1] += f" ({source})"
    what = f"{count(estimate.rows, 'more row', 'more rows')}: " if estimate.rows else ""
    return markup('<p class="forecast" role="status">{}{}</p>', what, " · ".join(items))


def _range(tokens: int, spread: float | None) -> str:
    """As “5,200”, or from how many to how many: “4,800–5,600”; “up to 14,000” where there may be next to none."""
    if not spread or round(tokens * spread) < 1:
        return f"{tokens:,}"
    least, most = (float(f"{max(0.0, tokens * (1 + sign * spread)):.2g}") for sign in (-1, 1))
    return f"up to {most:,.0f}" if least < tokens / 10 else f"{least:,.0f}–{most:,.0f}"


def _time(seconds: float, spread: float | None) -> str:
    least, most = (fragments.duration(seconds * max(0.0, 1 + sign * (spread or 0.0))) for sign in (-1, 1))
    if least == most:
        return f"about {most}"
    if (spread or 0.0) > 0.9:
        return f"up to {most}"
    (low, unit), (high, other) = least.split(" "), most.split(" ")
    return f"{low}–{high} {other}" if unit.rstrip("s") == other.rstrip("s") else f"{least} to {most}"


def stop_words(view: RunView) -> str:
    return "Stop" if view.working and view.job is not None and view.job.what != "pull" else ""


def preview_words(view: RunView) -> str:
    if view.busy:
        return ""
    if view.standing in RESUMABLE:
        return ""
    if view.same and (view.standing != "draft" or view.counts.answered):
        return ""
    return f"Preview {count(first_rows(view), 'row')}"


def again_words(view: RunView) -> str:
    ended = view.standing in RESUMABLE or (view.standing == "done" and view.same)
    return "New run" if ended and not view.busy else ""


def resume_words(view: RunView) -> str:
    """A run that was cut off goes on as the same run, whatever the forms say by now."""
    if view.busy or view.standing not in RESUMABLE:
        return ""
    left = (view.total or 0) - view.counts.answered
    return f"Resume, {count(left, 'row')} to go" if left > 0 else "Resume"


def run_words(view: RunView) -> str:
    """The primary action, with its number."""
    if view.busy or view.standing in RESUMABLE:
        return ""
    answered = view.counts.answered
    if view.standing == "done" and view.same:
        rows = view.state.expected(view.wanted) if view.wanted else None
        return f"Make {count(rows - answered, 'more row', 'more rows')}" if rows and rows > answered else ""
    rows = _rows(view)
    return f"Run {count(rows, 'row')}" if rows else "Run"


def next_step(view: RunView) -> tuple[str, str]:
    """(what is to be done with the rows of a run that is done, the page where); nothing for any other run."""
    if view.busy or view.run is None or view.standing != "done" or not view.same or run_words(view):
        return "", ""
    counts, recipe = view.counts, view.recipe
    unrated = counts.answered - counts.rated
    if recipe is not None and recipe.rating is not None and unrated > 0:
        return f"Rate {count(unrated, 'row')}", "rate"
    if counts.reviewed < counts.answered:
        return f"Review {count(counts.answered - counts.reviewed, 'row')}", "review"
    return (f"Export {count(counts.approved, 'row')}", "export") if counts.approved else ("", "")


def next_words(view: RunView) -> str:
    return next_step(view)[0]


@reads
def go_on(act: Act) -> Done:
    return Done(page=next_step(act.look)[1])


def progress(view: RunView) -> Markup:
    if view.run is None:
        return Markup()
    if view.working and view.job is not None and view.job.what == "again":
        return Markup()
    failed = view.job is not None and view.job.what in ("preview", "work", "again") and view.job.trouble
    troubled = failed or view.run.reason or view.counts.failed or view.counts.dropped
    if not troubled and (previewing(view) or (not view.busy and view.standing in ("draft", "done"))):
        return marked(view)
    return progress_card(view)


def _results(view: RunView, rows: Sequence[Row]) -> dict[str, list[Checked]]:
    """What the run's checks said of rows."""
    return view.rows.checks([row.id for row in rows], view.recipe.checks if view.recipe is not None else ())


def cards(view: RunView) -> Markup:
    """Rows of the run: the first ones, or those that came last while it runs."""
    if view.run is None:
        return _nothing(view)
    first = previewing(view)
    if view.busy and not first and view.job is not None and view.job.what != "again":
        rows = view.rows.latest(LATEST)
        numbers = view.rows.numbers([row.id for row in rows])
        results = _results(view, rows)
        latest = joined(row_card(row, str(numbers[row.id]), results=results.get(row.id, ())) for row in rows)
        return markup('<h3 class="between">Latest rows</h3>{}', latest) if rows else Markup()
    first_rows = view.rows.first(PREVIEW_ROWS)
    writing = being_written(view) if first else []
    shown = Markup()
    numbers = view.rows.numbers([row.id for row, _ in first_rows])
    results = _results(view, [row for row, _ in first_rows])
    for row, dropped in first_rows:
        if writing and not row.responses and not dropped:
            row = replace(row, responses=(Response(writing.pop(0)[1], ""),))
        shown += row_edits.card(view, row, numbers[row.id], dropped, results.get(row.id, ()))
    if first:
        preview_size = min(PREVIEW_ROWS, view.total or PREVIEW_ROWS)
        for number in range(len(first_rows) + 1, preview_size + 1):
            shown += waiting_card(number, *(writing.pop(0) if writing else ()))
    if not shown:
        return Markup() if view.counts.failed or view.counts.dropped or view.run.reason else _nothing(view)
    if first or (view.standing == "draft" and view.same):
        return shown
    title = "First rows" if view.same or view.standing != "draft" else "Rows made with other settings"
    return markup('<h3 class="between">{}</h3>{}', title, shown)


def previewing(view: RunView) -> bool:
    return view.working and view.job is not None and view.job.what == "preview"


def _nothing(view: RunView) -> Markup:
    task = TASKS[view.filled["task.kind"]]
    source = "from nothing but the model" if task.draws else "from your input"
    local = view.filled["generator.preset"] == "local"
    first = first_rows(view)
    return fragments.empty(
        "No rows yet",
        f"Preview writes {count(first, 'row')} {source}, so that you can judge {'it' if first == 1 else 'them'} before "
        "the rest is made.",
        "Takes some seconds with the built-in model, which is for trying only." if local else "",
        fragments.button("Try it", "press", act="try") if local and task.draws else Markup(),
    )


def prompt(view: RunView) -> Markup:
    """The prompt that was asked for, while the settings are those that it was made from."""
    shown = view.tab.generate.prompt
    if shown is None or view.wanted is None or recipe_text(view.wanted) != shown.recipe:
        return Markup()
    if not shown.messages:
        return fragments.note("No model is asked: the rows are taken as they are.")
    conversation = joined(fragments.bubble(role, content, raw=True) for role, content in shown.messages)
    return markup('<div class="prompt" role="group" aria-label="Prompt that will be sent">{}</div>', conversation)


# -- what can be done


def on_cards(act: Act) -> Done:
    return preview(act) if act.word == "try" else row_edits.change(act)


@reads
def show_prompt(act: Act) -> Done:
    """Shows the first prompt; pressed again, it goes."""
    recipe = act.state.recipe(act.filled)
    serialized = recipe_text(recipe)
    shown = act.tab.generate.prompt
    if shown is not None and shown.recipe == serialized:
        return Done(own=replace(act.tab.generate, prompt=None))
    try:
        first_prompt = act.state.first_prompt(recipe, act.browser)
    except TimeoutError:
        raise RunError("The model's endpoint did not say in time what it can. Test it on the page Models.") from None
    messages = tuple(first_prompt.said) if first_prompt else ()
    return Done(own=replace(act.tab.generate, prompt=FirstPrompt(messages, serialized)))


def preview(act: Act) -> Done:
    started, recipe = act.state.begin({**act.filled}, act.run_id)
    act.state.jobs.preview(started, act.state.keys(act.browser), PREVIEW_ROWS)
    return Done(run=started.id, row="", offset=0, fill={**act.filled, "name": recipe.name})


def resume(act: Act) -> Done:
    """Goes on with the run that is shown: with more rows or another labeller, if the forms say so, else as it was."""
    view = act.look
    if view.run is not None:
        act.state.jobs.work(view.run, act.state.keys(act.browser), view.wanted if view.same else view.recipe)
    return Done()


def run(act: Act) -> Done:
    """Runs what the forms describe; more of the run that is shown, if that is the same."""
    view = act.look
    if view.run is not None and view.standing != "draft" and view.same:
        act.state.jobs.work(view.run, act.state.keys(act.browser), view.wanted)
        return Done(run=view.run.id)
    started, recipe = act.state.begin(act.filled, act.run_id)
    act.state.jobs.work(started, act.state.keys(act.browser), recipe)
    return Done(run=started.id, row="", offset=0, fill={**act.filled, "name": recipe.name})


def retry(act: Act) -> Done:
    """Works what failed again; of a run that is not done, the rest as well."""
    run = act.run
    if run.state == "draft":
        act.state.jobs.preview(run, act.state.keys(act.browser), PREVIEW_ROWS)
        return Done()
    act.state.jobs.work(run, act.state.keys(act.browser), recipe_of(run), retry_failed=True)
    return Done()
