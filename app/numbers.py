"""The numbers behind the plots of Insights, as tables: shown in a fold, and handed out as CSV."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app import figures, money
from app.desk import Desk
from app.errors import RunError
from app.money import Price
from app.tables.runs import Run
from app.workflow import recipe_of
from feedback.agreement import Agreement
from feedback.lengths import ByLength
from feedback.measures import Measure
from feedback.scales import Said, Scale, by_aspect, by_both, by_model
from feedback.writers import protected
from tasks.errors import SettingsError
from tasks.marks import MEANINGS
from tasks.served import Tally

Cell = str | int | float | None
ALL = "all aspects"
SCALE = ("1", "2", "3", "4", "5", "mean", "rated", "does not apply", "unrated")
DOLLARS = "US dollars"
SPENT = (
    "for", "model", "calls", "remembered", "prompt tokens", "answer tokens", "remembered tokens", "seconds of all calls",
    DOLLARS,
)  # fmt: skip


@dataclass(frozen=True)
class Numbers:
    """A table. Numbers are numbers; None is what can't be said."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    @property
    def csv(self) -> str:
        """RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
        file = io.StringIO(newline="")
        writer = csv.writer(file)
        writer.writerow([protected(name) for name in self.head])
        writer.writerows([_exact(value) for value in row] for row in self.rows)
        return file.getvalue()

    @property
    def shown(self) -> list[list[str]]:
        """The rows in words: two decimals, thousands, a real minus sign; money to a hundredth of a cent."""
        return [
            [
                f"{value:,.4f}" if name == DOLLARS and value is not None else in_words(value)
                for name, value in zip(self.head, row, strict=True)
            ]
            for row in self.rows
        ]


def in_words(value: Cell) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{round(value, 2) + 0.0:,.2f}".replace("-", "−")
    return f"{value:,}" if isinstance(value, int) else value


def _exact(value: Cell) -> Cell:
    return round(value, 6) if isinstance(value, float) else protected(value)


def of_aspects(scales: Mapping[str, Scale]) -> Numbers:
    return Numbers(("aspect", *SCALE), [(aspect, *_scale(one)) for aspect, one in scales.items()])


def of_models(said: Sequence[Said]) -> Numbers:
    """For each model all aspects together, then each."""
    each, together = by_both(said), by_model(said)
    aspects = list(by_aspect(said))
    rows: list[Sequence[Cell]] = []
    for model, scale in together.items():
        if len(aspects) > 1:
            rows.append((model, ALL, *_scale(scale)))
        rows += [(model, aspect, *_scale(each[model, aspect])) for aspect in aspects if (model, aspect) in each]
    return Numbers(("model", "aspect", *SCALE), rows)


def _scale(scale: Scale) -> tuple[Cell, ...]:
    return (*scale.five, scale.mean, scale.n, scale.not_applicable, scale.unrated)


def of_lengths(found: Mapping[str, ByLength]) -> Numbers:
    """For each aspect its bands, and the rank correlation of length and rating."""
    rows: list[Sequence[Cell]] = []
    for aspect, one in found.items():
        name = aspect or ALL
        rows += [(name, band.name, band.n, band.mean, band.low, band.high, None) for band in one.bands]
        mean = sum(band.mean * band.n for band in one.bands) / one.n if one.n else None
        rows.append((name, "all lengths", one.n, mean, None, None, one.correlation))
    return Numbers(
        ("aspect", "words", "responses", "mean rating", "95% from", "95% to", "rank correlation with length"), rows
    )


def of_people(found: Agreement) -> Numbers:
    """The measures of people and labeller, for each aspect."""
    rows = [(aspect, *_measure(one)) for aspect, measures in found.labeller.items() for one in measures]
    return Numbers(("aspect", "measure", "value", "95% from", "95% to", "reviews", "note"), rows)


def of_reviewers(found: Agreement) -> Numbers:
    """Krippendorff's alpha of the decision and of each aspect."""
    rows = [_measure(one) for one in found.reviewers]
    return Numbers(("alpha of", "value", "95% from", "95% to", "judged by two or more", "note"), rows)


def _measure(one: Measure) -> tuple[Cell, ...]:
    note = one.shown if one.missing else one.note
    return (one.name, one.value, one.low, one.high, one.n, note)


def of_tables(found: Agreement) -> Numbers:
    """People's rating by the labeller's, for each aspect."""
    rows: list[Sequence[Cell]] = []
    for aspect, table in found.tables.items():
        rows += [(aspect, value, *line) for value, line in enumerate(table, 1)]
    return Numbers(("aspect", "people said", *(f"labeller said {value}" for value in range(1, 6))), rows)


def of_cost(lines: Sequence[tuple[str, str, Tally]], known: Mapping[str, Price]) -> Numbers:
    """What each stage and model took, and all of it; in money where the `known` prices tell."""
    costs = [money.cost(known, model, tally) for _, model, tally in lines]
    rows = [(stage, model, *_tally(tally), cost) for (stage, model, tally), cost in zip(lines, costs, strict=True)]
    if len(lines) > 1:
        rows.append(("all", "", *_tally(figures.added(*(tally for _, _, tally in lines))), money.total(costs)))
    return Numbers(SPENT, rows)


def _tally(tally: Tally) -> tuple[Cell, ...]:
    return (
        tally.sent, tally.recalled, tally.prompt_tokens, tally.completion_tokens, tally.remembered_tokens, float(tally.seconds),
    )  # fmt: skip


def of_drops(drops: Mapping[str, int]) -> Numbers:
    return Numbers(("reason", "answers"), list(drops.items()))


def of_marks(marked: Mapping[str, int]) -> Numbers:
    return Numbers(("mark", "what it means", "responses"), [(mark, MEANINGS[mark], n) for mark, n in marked.items()])


def spent(desk: Desk, run: Run) -> list[tuple[str, str, Tally]]:
    """What the run took until now, the job at work included."""
    job = desk.jobs.of(run.id)
    at_work = job.execution if job is not None and job.state == "working" else None
    return figures.spent(desk.store, run, at_work.engine.tallies if at_work else None)


def _prices(run: Run) -> dict[str, Price]:
    try:
        return money.prices(recipe_of(run))
    except SettingsError:  # of another version
        return {}


def _agreement(desk: Desk, run: Run) -> Agreement:
    return desk.counted(run, figures.agreement) or Agreement()


TABLES: dict[str, Callable[[Desk, Run], Numbers]] = {
    "ratings-by-aspect": lambda desk, run: of_aspects(by_aspect(desk.counted(run, figures.ratings) or [])),
    "ratings-by-model": lambda desk, run: of_models(desk.counted(run, figures.ratings) or []),
    "ratings-by-length": lambda desk, run: of_lengths(desk.counted(run, figures.lengths) or {}),
    "people-and-labeller": lambda desk, run: of_people(_agreement(desk, run)),
    "people-by-labeller": lambda desk, run: of_tables(_agreement(desk, run)),
    "reviewers": lambda desk, run: of_reviewers(_agreement(desk, run)),
    "cost": lambda desk, run: of_cost(spent(desk, run), _prices(run)),
    "dropped": lambda desk, run: of_drops(desk.store.runs.drop_reasons(run.id)),
    "marked": lambda desk, run: of_marks(desk.counted(run, figures.marked) or {}),
}
"""By the name that a download has."""


def download(desk: Desk, run_id: str, name: str) -> str | None:
    """One of the tables as CSV; None where there is no such run or table."""
    try:
        run = desk.store.runs.get(run_id)
    except RunError:
        return None
    return TABLES[name](desk, run).csv if run.id == run_id and name in TABLES else None
