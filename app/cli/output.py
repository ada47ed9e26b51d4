"""What the terminal shows: words on standard error, results on standard output, a bar where somebody looks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import signal
import sys
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from app.runs.row_checks import standings
from app.runs.runner import RunExecutor
from app.store.runs import Run
from app.store.store import Store
from feedback.rubrics import STANDARD, Rubrics

if TYPE_CHECKING:
    from app.review.insights import Insights
    from feedback.argilla.push import Pushed
    from feedback.exports.hub import Published
    from feedback.exports.selection import Exported
    from feedback.exports.to_argilla import Finished
    from feedback.stats.agreement import Agreement
    from feedback.stats.measures import Measure

PLAIN_EVERY = 10.0
FEW_FILES = 2
"""So many files are named one by one."""


CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What moves the cursor, colours, renames the window or turns the writing round. Names and errors come from elsewhere."""


def visible(text: str) -> str:
    """The text with its control characters written out, but for line ends and tabs."""
    return CONTROLS.sub(lambda match: ascii(match[0])[1:-1], text)


class Visible(logging.Formatter):
    """Messages of loggers, which may repeat what comes from elsewhere, too."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def say(message: str) -> None:
    """A sentence for the person at the terminal."""
    sys.stderr.write(f"{visible(message)}\n")
    sys.stderr.flush()


def show(line: str) -> None:
    """A line of the result."""
    sys.stdout.write(f"{visible(line)}\n")
    sys.stdout.flush()


def show_json(values: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(values, default=str)}\n")  # which writes all of them out
    sys.stdout.flush()


class Watched:
    """Follows a run while it is worked: a bar for rows and one for ratings, or a plain line now and then."""

    def __init__(self, store: Store, run: Run) -> None:
        self.store = store
        self.run = run
        self.execution: RunExecutor | None = None
        self.total: int | None = None
        self.before = store.runs.counts(run.id)
        self._task: asyncio.Task[None] | None = None

    def __call__(self, execution: RunExecutor, total: int | None) -> None:
        self.execution, self.total = execution, total
        if self._task is None:
            follow = self._bars if sys.stderr.isatty() else self._lines
            self._task = asyncio.get_running_loop().create_task(follow(execution))

    async def _bars(self, execution: RunExecutor) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description:<8}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
            rows = bars.add_task("rows", total=None, note="")
            rated = bars.add_task("rated", total=None, note="", visible=execution.judge is not None)
            while True:
                done = execution.progress
                lost = f"{done.dropped} dropped, {done.failed} failed" if done.dropped or done.failed else ""
                note = visible(execution.engine.waiting or lost)
                bars.update(rows, total=self.total, completed=self.before.answered + done.answered, note=note)
                bars.update(rated, total=self.total, completed=self.before.rated + done.rated)
                await asyncio.sleep(0.2)

    async def _lines(self, execution: RunExecutor) -> None:
        while True:
            await asyncio.sleep(PLAIN_EVERY)
            done = execution.progress
            have = self.before.answered + done.answered
            rows = f"{have} of {self.total} rows" if self.total else f"{done.answered} rows"
            lost = f"{done.dropped} dropped, {done.failed} failed"
            say(f"{rows}, {self.before.rated + done.rated} rated, {lost}. {execution.engine.waiting}".rstrip())


def work(coroutine: Coroutine[Any, Any, Run], watched: Watched) -> Run:
    """Runs it. Ctrl-C (or SIGTERM) stops it once what was sent is answered; a second one at once."""

    async def inside() -> Run:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(coroutine)
        interrupts = 0

        def stop() -> None:
            nonlocal interrupts
            interrupts += 1
            if interrupts == 1 and watched.execution is not None:
                say("Stopping: calls that were sent are waited for and kept. Once more to stop at once.")
                watched.execution.stop()
            else:
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt there
                loop.add_signal_handler(number, stop)
        try:
            return await task
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    return asyncio.run(inside())


def servers_of(store: Store, run: Run) -> list[dict[str, Any]]:
    """What each server answered, of models that have several addresses."""
    return [
        {
            "server": served.server,
            "calls": served.answered,
            "prompt_tokens": served.prompt_tokens,
            "completion_tokens": served.completion_tokens,
            "tokens_a_second": round(served.tokens_a_second, 1),
        }
        for served in store.usage.served(run.id)
    ]


def checks_of(store: Store, run: Run) -> list[dict[str, Any]]:
    """How the responses of a run fare under its checks."""
    return [asdict(standing) for standing in standings(store, run)]


def checks(counted: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The same in lines."""
    for entry in counted:
        looked_at, rejects = entry["passed"] + entry["failed"], " (rejects what fails)" if entry["rejects"] else ""
        yield f"check {entry['check']}{rejects}: {entry['failed']} of {looked_at} responses failed"


def agreement(agreement: Agreement, rubrics: Rubrics = STANDARD) -> Iterator[str]:
    """The measures, a line each, with their interval and what they count."""
    yield (
        f"{agreement.reviewed} of {agreement.rows} audit rows reviewed, {agreement.reviews} times in all, "
        f"{agreement.blind} of them without the labeller's ratings in sight; no other rows count here"
    )
    for aspect, measures in agreement.labeller.items():
        yield f"people and labeller, {rubrics.name(aspect)}"
        yield from (f"  {_measured(measure)}" for measure in measures)
        if note := agreement.left_out(aspect):
            yield f"  {note}"
    better = agreement.which_is_better
    if better is not None:
        yield "people and labeller, which response is better"
        yield from (f"  {_measured(measure)}" for measure in better.measures)
        for name, counts in zip(better.names, better.table, strict=False):
            by_labeller = ", ".join(f"{other} {n} times" for other, n in zip(better.names, counts, strict=True) if n)
            if by_labeller:
                yield f"  people say {name}, the labeller: {by_labeller}"
        if better.left_out:
            yield f"  {better.left_out}"
    yield "reviewers with each other (Krippendorff's alpha)"
    between = [*agreement.reviewers, *([better.reviewers] if better is not None else [])]
    yield from (f"  {_measured(replace(measure, name=rubrics.name(measure.name)))}" for measure in between)
    if note := agreement.left_out():
        yield f"  {note}"
    for aspect, counts in agreement.spread.items():
        yield f"  {rubrics.name(aspect)}: ratings of {sum(counts)} responses lie " + ", ".join(
            f"{apart} apart {n} times" for apart, n in enumerate(counts) if n
        )


def insights(figures: Insights) -> Iterator[str]:
    """What reviews prove, a sentence a line."""
    yield figures.quality.sentence
    if figures.rating.value is not None:
        yield figures.rating.sentence
    yield figures.gain.sentence
    if figures.given is not None and not figures.given.withdrawn:
        yield f"{figures.given.rows:,} rows are accepted under a guarantee, since {figures.given.created[:10]}."
    else:
        yield figures.acceptance.sentence
        if figures.given is not None:
            yield f"An acceptance of {figures.given.rows:,} rows ended: {figures.given.reason}"
    yield figures.next.sentence
    yield figures.pace.sentence
    yield from (f"  {each.sentence}" for each in figures.progress)
    for pair in figures.pairs:
        yield f"{pair.first} and {pair.second}: {_measured(pair.same)}; {_measured(pair.ratings)}"
    yield from (each.sentence for each in figures.mildness if each.is_apart)
    if figures.waiting_second:
        yield f"{figures.waiting_second:,} rows wait for a second reviewer."


def _measured(measure: Measure) -> str:
    interval = f" ({measure.interval})" if measure.interval else ""
    return f"{measure.name}: {measure.shown}{interval}, n = {measure.n}"


@contextlib.contextmanager
def sending() -> Iterator[Any]:
    """Gives a watcher for a push: shows how far it is and how fast."""
    began = time.monotonic()
    last_report = began

    def watch(done: Pushed, total: int) -> None:
        nonlocal last_report
        now = time.monotonic()
        if now - last_report >= (0.5 if sys.stderr.isatty() else PLAIN_EVERY):
            last_report = now
            speed = done.sent / max(now - began, 0.001)
            say(f"sent {done.sent + done.unchanged} of {total} ({speed:.0f} a second)")

    yield watch


def exported(done: Exported) -> str:
    """What an export wrote."""
    files = " and ".join(map(str, done.files))
    if len(done.files) > FEW_FILES:
        files = f"{len(done.files)} files, {done.files[0]} to {done.files[-1].name}"
    message = f"{done.written} lines written to {files}"
    if len(done.parts) > 1:
        message += f" ({', '.join(f'{number} for {part}ing' for part, number in done.parts.items())})"
    if done.left_out:
        message += f"\nLeft out, as only lines for testing have it: {', '.join(done.left_out)}. Parquet keeps it."
    for path in done.kept:
        message += f"\n{path} is of an earlier export and was changed since; it stays there beside the new files."
    if done.warning:
        message += f"\n{done.warning} With --protect-formulas an apostrophe stands before each."
    return message + _passed(done.passed_over, done.reasons, done.alike)


def finished(done: Finished) -> str:
    message = (
        f"{done.records} records are in Argilla, dataset '{done.dataset}' in workspace '{done.workspace}': {done.url}"
    )
    message += f"\n{done.taken_out} that the run no longer gives were taken out" if done.taken_out else ""
    return message + "".join(f"\nArgilla refused {name}: {why}" for name, why in done.refused[:10])


def published(sent: Published) -> str:
    """What was added to a dataset on the Hub."""
    message = f"{sent.added} lines added to {sent.url} ({'private' if sent.private else 'public'})"
    if sent.there:
        message += f"\n{sent.there} rows were there already"
        message += f"; {sent.changed} of them have changed since and stay there as they were" if sent.changed else ""
    if sent.gone:
        message += (
            f"\n{sent.gone} rows of the run are there and would not go out now (rejected since, say); they stay there"
        )
    return message + _passed(sent.passed_over, sent.reasons, sent.alike)


def _passed(passed_over: int, reasons: Mapping[str, int], alike: int) -> str:
    from feedback.exports.selection import why_not

    message = f"\n{passed_over} chosen rows give no line in this format{why_not(reasons)}" if passed_over else ""
    return message + (f"\n{alike} rows are like an earlier one" if alike else "")
