"""Rows and progress as cards, on more than one page."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup, escape

from app.web import stats
from app.web.form_values import WITHOUT_ADDRESS
from app.web.html import fragments
from app.web.html.fragments import count
from app.web.html.markup import joined, markup
from app.web.state import PREVIEW_ROWS, RunView
from feedback.types import Checked
from tasks.columns.conversations import readable
from tasks.response_flags import MEANINGS, marks
from tasks.row_shape import columns, in_words
from tasks.types import Message, Response, Row


def row_card(
    row: Row,
    number: str,
    acts: Markup = Markup(),
    kind: str = "",
    raw: Markup = Markup(),
    results: Sequence[Checked] = (),
) -> Markup:
    """One row to read: where it comes from, what was asked, what was answered. `acts` are its buttons, `raw` is a fold, `results`
    those of checks.
    """
    nothing: tuple[Message, ...] = ({"role": "user", "content": ""},)
    *before, last = row.messages or nothing
    conversation = joined(fragments.bubble(m["role"], readable(m)) for m in before)
    conversation = markup('<div class="talk">{}</div>', conversation) if conversation else Markup()
    answers = joined(
        _answer(row, response, failed_checks(results, index)) for index, response in enumerate(row.responses)
    )
    if not row.responses:
        answers = Markup(
            '<div class="bubble assistant"><div class="who">assistant</div><div class="text note">No answer yet.</div></div>'
        )
    tokens = sum((r.prompt_tokens or 0) + (r.completion_tokens or 0) for r in row.responses)
    cost = markup('<span class="note">{}</span>', count(tokens, "token")) if tokens else Markup()
    return markup(
        '<article class="row-card {kind}" aria-label="Row {number}"><div class="row-top">'
        '<b class="no">{number}</b>{named}{source}<div class="acts">{cost}{acts}</div>{raw}</div>{conversation}'
        '<div class="pair">{last}<div class="answers">{answers}</div></div></article>',
        kind=kind,
        number=number,
        named=_named(row),
        source=_source(row),
        cost=cost,
        acts=acts,
        raw=raw,
        conversation=conversation,
        last=fragments.bubble(last["role"], readable(last)),
        answers=answers,
    )


def waiting_card(number: int, speaker: str = "", text: str = "") -> Markup:
    """A row that is being written: what `speaker`, the user or the assistant, says so far."""
    instruction, answer = (text, "") if speaker == "user" else ("", text)
    return markup(
        '<article class="row-card writing" aria-label="Row {}"><div class="row-top"><b class="no">{}</b>'
        '<div class="acts"><span class="note" role="status">writing…</span></div></div><div class="pair">'
        "{}{}</div></article>",
        number,
        number,
        fragments.bubble("user", instruction, raw=True),
        fragments.bubble("assistant", answer, raw=True),
    )


def being_written(view: RunView) -> list[tuple[str, str]]:
    """(who speaks, what was said so far) of each answer that is on its way, the oldest first."""
    execution = view.job.execution if view.job is not None else None
    if execution is None:
        return []
    calls = list(execution.engine.writing.values())
    return [("user" if kind == "complete" else "assistant", _without_json(text)) for kind, text in calls]


def _without_json(text: str) -> str:
    """Of an answer that is written as JSON, as far as it goes, its texts."""
    if not text.lstrip().startswith("{"):
        return text
    import jiter

    try:
        parsed = jiter.from_json(text.encode("utf-8", "replace"), partial_mode="trailing-strings")
    except ValueError:
        return ""
    return "\n".join(_texts(parsed))


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in _texts(item)]


def values_of(row: Row, text: str) -> Markup:
    """The values of a response with fields of its own, by name; nothing for any other."""
    cells = columns(row, text)
    if not cells:
        return Markup()
    return markup(
        '<dl class="values">{}</dl>',
        joined(
            markup('<div><dt dir="auto">{}</dt><dd class="text" dir="auto">{}</dd></div>', name, in_words(value) or "–")
            for name, value in cells.items()
        ),
    )


def _answer(row: Row, response: Response, failed: Markup) -> Markup:
    named, thinking = len(row.responses) > 1, Markup()
    if response.reasoning:
        thinking = fragments.fold(
            "Thinking", escape(response.reasoning), count(len(response.reasoning.split()), "word"), "thinking"
        )
    note = " · ".join(filter(None, [response.model if named else "", response.principle, *marks(response)]))
    return fragments.bubble("assistant", response.text, note, failed + thinking, body=values_of(row, response.text))


def failed_checks(results: Sequence[Checked], index: int) -> Markup:
    """The checks that a response fails, each with its reason at a press; "" where all pass."""
    items = joined(
        markup(
            '<details class="failed-check"><summary title="{reason}">fails {name}</summary><p dir="auto">{reason}</p></details>',
            name=result.check,
            reason=fragments.sentence(result.reason) + (". Rejected by that." if result.rejects else "."),
        )
        for result in results
        if result.response == index and not result.passed
    )
    return markup('<div class="failed-checks">{}</div>', items) if items else Markup()


def _named(row: Row) -> Markup:
    """The id that a row had where it comes from."""
    name = row.origin.get("id")
    return Markup() if name in (None, "") else markup('<span class="note">id {}</span>', name)


def _source(row: Row) -> Markup:
    """Where a row comes from: its document, its seed, its examples or its system prompt, folded."""
    origin = row.origin
    if passage := origin.get("passage"):
        facts = [str(origin[name]) for name in ("file", "place") if origin.get(name)]
        note = ", ".join([*facts, count(len(str(passage)), "character")])
        return fragments.fold(str(origin.get("title") or "Document"), escape(passage), note, "source")
    if seed := origin.get("seed"):
        return fragments.fold(f"From the seed: {fragments.clipped(str(seed), 60)}", escape(seed), kind="source")
    if examples := origin.get("examples"):
        return fragments.fold(
            f"From {count(len(examples), 'example')}", escape("\n".join(map(str, examples))), kind="source"
        )
    if system := origin.get("system_prompt"):
        return fragments.fold("System prompt", escape(system), str(origin.get("system_prompt_key") or ""), "source")
    return Markup()


def progress_card(view: RunView) -> Markup:
    """How far a run is, how fast, what failed and why."""
    run, counts, job = view.run, view.counts, view.job
    assert run is not None
    doing = job.what if view.working and job is not None else ""
    done, total = counts.answered, view.total
    of = f"of {total:,} rows" if total else "row" if done == 1 else "rows"
    if doing == "preview":
        total = min(total or PREVIEW_ROWS, PREVIEW_ROWS)
        of = f"of {count(total, 'row')}"
    elif doing == "rate" and job is not None:
        done, total = job.execution.progress.rated if job.execution else 0, counts.answered
        of = f"of {count(total, 'row')} rated"
    end, facts = _pace(view) if doing else ("", [])
    lost = (
        fragments.notice(f"{view.waiting} Stop ends it; what was written is kept.", "warn")
        if view.waiting
        else Markup()
    )
    rates = doing == "work" and view.recipe is not None and view.recipe.rating is not None
    if rates or (counts.rated and doing != "rate"):
        facts.append((f"{counts.rated:,}", "rated"))
    trouble = ""
    if not view.busy:
        failed = job is not None and job.what in ("preview", "work", "again") and job.trouble
        trouble = failed or (run.reason if run.reason not in ("interrupted", "stopped by you") else "")
    warning = fragments.notice(trouble, "warn", lead(view) if trouble else Markup())
    return markup(
        '<section class="progress" aria-label="Progress"><div class="progress-top"><p class="big"><b>{done:,}</b> {of}</p>'
        '<p class="eta {kind}" role="status" aria-live="polite">{end}</p></div>{lost}'
        "{track}{warning}{facts}{losses}{marks}</section>",
        done=done,
        of=of,
        kind="lost" if lost else "",
        end=end,
        lost=lost,
        track=fragments.track(done, total, "Rows made", counts.failed),
        warning=warning,
        facts=fragments.facts(facts, "Progress") if facts else Markup(),
        losses=_losses(view),
        marks=marked(view),
    )


def lead(view: RunView) -> Markup:
    """A button that goes to where the trouble of the last job is mended: a page, and the field there."""
    job = view.job
    page = job.mended_on if job is not None and job.trouble else ""
    if job is None or not page:
        return Markup()
    role, label = _role(view, job.stage), f"Open {page.capitalize()}"
    if not role:
        return fragments.button(label, "lead", act="place", page=page)
    name = f"{role}.{job.setting}"
    has_address = view.filled[f"{role}.preset"] not in WITHOUT_ADDRESS
    if name not in view.filled or (job.setting in ("url", "model", "key_env") and not has_address):
        name = f"{role}.preset"
    return fragments.button(f"{label} → {role.capitalize()}", "lead", act="place", page=page, field=name)


def _role(view: RunView, stage: str) -> str:
    """The part of the page Models that has the model of a stage; "" where that is no single one."""
    if stage == "answer":
        return "" if view.recipe is not None and view.recipe.responders else "generator"
    return {"generate": "generator", "rate": "labeller"}.get(stage, "")


def _pace(view: RunView) -> tuple[str, list[tuple[object, str]]]:
    """How long it still takes, in words; and numbers of the work, each with what it counts."""
    job = view.job
    if job is None or job.execution is None:
        return (job.saying if job else "") or "Starting", []
    tally = job.execution.engine.tally
    seconds = max(time.time() - job.began, 0.001)
    rate = job.what == "rate" or (view.total is not None and view.counts.answered >= view.total)
    rows_done = job.execution.progress.rated if rate else view.counts.answered - job.before.answered
    facts: list[tuple[object, str]] = [
        (f"{rows_done / seconds * 60:.1f}" if rows_done else "–", "rows a minute"),
        (f"{tally.sent:,}", "calls"),
        (f"{tally.prompt_tokens + tally.completion_tokens:,}", "tokens"),
    ]
    if tally.recalled:
        facts.append((f"{tally.recalled:,}", "remembered"))
    if job.stopping:
        return "Stopping: waiting for what was sent", facts
    if view.waiting:
        return "Waiting for an answer", facts
    seconds_left = _left(view, seconds)
    if seconds_left is None:
        return job.saying if not rows_done else "", facts
    return f"about {fragments.duration(seconds_left)} left" if seconds_left > 0 else "Nearly there", facts


def _left(view: RunView, seconds: float) -> float | None:
    """Seconds until the job's rows are made and rated, by what both took so far; None before there is anything to go by."""
    job, recipe = view.job, view.recipe
    assert job is not None and job.execution is not None
    if job.what == "preview" and view.total is not None:
        return _of(
            seconds,
            view.counts.answered - job.before.answered,
            min(view.total, PREVIEW_ROWS) - view.counts.answered,
        )
    rates = job.execution.judge is not None
    answered = view.counts.answered - job.before.answered
    to_make = max((view.total or 0) - view.counts.answered, 0) if job.what == "work" else 0
    rated = job.execution.progress.rated if rates else 0
    to_rate = view.counts.answered - (rated if job.what == "rate" else view.counts.rated) + to_make if rates else 0
    if not rates or recipe is None:
        return _of(seconds, answered, to_make)
    tallies = job.execution.engine.tallies.items()
    of_rating = sum((tally.seconds for (stage, _), tally in tallies if stage == "rate"), 0.0)
    of_making = sum((tally.seconds for (stage, _), tally in tallies if stage != "rate"), 0.0)
    a_row = of_making / answered if answered else 0.0
    if not rated and not answered:
        return None
    a_rating = of_rating / rated if rated else a_row
    done, left = of_making + of_rating, to_make * a_row + to_rate * a_rating
    return seconds * left / done if done > 0 else _of(seconds, answered + rated, to_make + to_rate)


def _of(seconds: float, done: int, left: int) -> float | None:
    return seconds * max(left, 0) / done if done > 0 else None


def marked(view: RunView) -> Markup:
    """How many responses have a mark, and what that means; counted where nothing is being written."""
    if view.run is None or view.busy:
        return Markup()
    counts = view.counted(stats.marked) or {}
    return joined(
        fragments.note(f"{count(n, 'response')} marked “{mark}”: {MEANINGS[mark]}.") for mark, n in counts.items()
    )


def _losses(view: RunView) -> Markup:
    """What failed or was dropped, by reason, with a button for what can be tried again."""
    run = view.run
    assert run is not None
    failures = Counter(why for _, why in view.rows.failures())
    drops = view.rows.drop_reasons()
    if not failures and not drops:
        return Markup()
    again = Markup() if view.busy else Markup("<span class=note>can be tried again</span>")
    items = joined(markup("<li><span>{}</span><b>{}</b>{}</li>", why, n, again) for why, n in failures.most_common(8))
    items += joined(
        markup("<li><span>{}</span><b>{}</b><span class=note>dropped</span></li>", why, n)
        for why, n in list(drops.items())[:8]
    )
    button = Markup()
    if failures and not view.busy:
        label = f"Try the {failures.total()} that failed again"
        rest = view.standing in ("paused", "stopped", "interrupted")
        button = fragments.button(f"Resume, and t{label[1:]}" if rest else label, act="retry")
    return markup('<div class="fails"><h3>Failed or dropped</h3><ul>{}</ul>{}</div>', items, button)
