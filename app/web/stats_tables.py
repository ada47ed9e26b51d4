"""The numbers behind the plots of Insights, as DataFrames: shown in a fold, and handed out as CSV, Excel or Parquet."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from app.errors import RunError
from app.recipe import recipe_of
from app.review.dataframes import of_columns
from app.runs.cost import pricing
from app.runs.cost.pricing import Price
from app.runs.row_checks import Standing
from app.store.row_search import Reason
from app.store.runs import Run
from app.store.usage import Served
from app.web import stats as web_stats
from app.web.state import AppState
from feedback.exports.writers import protected
from feedback.rubrics import STANDARD_LEVELS
from feedback.stats.acceptance import AcceptancePoint
from feedback.stats.agreement import DECISION, Agreement
from feedback.stats.histograms import Histogram, Said, by_aspect, by_both, by_model
from feedback.stats.length_bias import ByLength
from feedback.stats.measures import Measure
from feedback.stats.pairwise import PairwiseFigures, figures
from tasks.engine.retries import Tally
from tasks.errors import SettingsError
from tasks.response_flags import MEANINGS

if TYPE_CHECKING:
    import pandas as pd

Cell = str | int | float | None
ALL = "all aspects"
OF_A_SCALE = ("mean", "rated", "does not apply", "unrated")
DOLLARS = "US dollars"
SPENT = (
    "for", "model", "calls", "remembered", "prompt tokens", "answer tokens", "remembered tokens", "seconds of all calls",
    DOLLARS,
)  # fmt: skip

SERVED = ("server", "calls", "prompt tokens", "answer tokens", "tokens a second")


def table(names: Sequence[str], rows: Sequence[Sequence[Cell]]) -> "pd.DataFrame":
    """Rows under the names of their columns. Numbers are numbers; None is what can't be said."""
    return of_columns({name: [row[k] for row in rows] for k, name in enumerate(names)})


def cells(numbers: "pd.DataFrame") -> list[list[Cell]]:
    """The rows again, as values of Python."""
    import pandas as pd

    return [[None if value is pd.NA else value for value in row] for row in numbers.to_dict("split")["data"]]


def shown(numbers: "pd.DataFrame") -> list[list[str]]:
    """The rows in words: two decimals, thousands, a real minus sign; money to a hundredth of a cent."""
    return [
        [
            f"{value:,.4f}" if name == DOLLARS and value is not None else in_words(value)
            for name, value in zip(numbers, row, strict=True)
        ]
        for row in cells(numbers)
    ]


def in_words(value: Cell) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{round(value, 2) + 0.0:,.2f}".replace("-", "−")
    return f"{value:,}" if isinstance(value, int) else value


def as_csv(numbers: "pd.DataFrame") -> bytes:
    """RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    rows = numbers.round(6).map(protected).rename(columns=protected)
    return rows.to_csv(index=False, lineterminator="\r\n").encode()


def as_excel(numbers: "pd.DataFrame") -> bytes:
    """One sheet; texts are never formulas or links."""
    file = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False}
    numbers.to_excel(file, index=False, engine="xlsxwriter", engine_kwargs={"options": options})
    return file.getvalue()


def as_parquet(numbers: "pd.DataFrame") -> bytes:
    file = io.BytesIO()
    numbers.to_parquet(file, index=False)
    return file.getvalue()


FILES: dict[str, tuple[str, str, Callable[["pd.DataFrame"], bytes]]] = {
    "csv": ("CSV", "text/csv; charset=utf-8", as_csv),
    "xlsx": ("Excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", as_excel),
    "parquet": ("Parquet", "application/vnd.apache.parquet", as_parquet),
}
"""Kinds of downloads by their ending: what people call it, its media type, how it is written."""


def of_aspects(scales: Mapping[str, Histogram]) -> "pd.DataFrame":
    """For each aspect how often each level was given."""
    levels = _most_levels(scales.values())
    return table(
        ("aspect", *_levels(levels), *OF_A_SCALE),
        [(aspect, *_scale(scale, levels)) for aspect, scale in scales.items()],
    )


def _most_levels(scales: Iterable[Histogram]) -> int:
    return max((scale.levels for scale in scales), default=STANDARD_LEVELS)


def _levels(levels: int) -> list[str]:
    return [str(level) for level in range(1, levels + 1)]


def of_models(rating_counts: Sequence[Said]) -> "pd.DataFrame":
    """For each model all aspects together, then each."""
    each, together = by_both(rating_counts), by_model(rating_counts)
    aspects = list(by_aspect(rating_counts))
    levels = _most_levels([*each.values(), *together.values()])
    rows: list[Sequence[Cell]] = []
    for model, scale in together.items():
        if len(aspects) > 1:
            rows.append((model, ALL, *_scale(scale, levels)))
        rows += [(model, aspect, *_scale(each[model, aspect], levels)) for aspect in aspects if (model, aspect) in each]
    return table(("model", "aspect", *_levels(levels), *OF_A_SCALE), rows)


def _scale(scale: Histogram, levels: int) -> tuple[Cell, ...]:
    beyond = [None] * (levels - scale.levels)
    return (*scale.counts, *beyond, scale.mean, scale.n, scale.not_applicable, scale.unrated)


def of_lengths(lengths: Mapping[str, ByLength]) -> "pd.DataFrame":
    """For each aspect its bands, and the rank correlation of length and rating."""
    rows: list[Sequence[Cell]] = []
    for aspect, stats in lengths.items():
        name = aspect or ALL
        rows += [(name, band.name, band.n, band.mean, band.low, band.high, None) for band in stats.bands]
        mean = sum(band.mean * band.n for band in stats.bands) / stats.n if stats.n else None
        rows.append((name, "all lengths", stats.n, mean, None, None, stats.correlation))
    return table(
        ("aspect", "words", "responses", "mean rating", "95% from", "95% to", "rank correlation with length"), rows
    )


def of_people(agreement: Agreement) -> "pd.DataFrame":
    """The measures of people and labeller, for each aspect."""
    rows = [
        (aspect, *_measure(measure), 0 if measure.name == DECISION else agreement.accepted.get(aspect, 0))
        for aspect, measures in agreement.labeller.items()
        for measure in measures
    ]
    return table(
        ("aspect", "measure", "value", "95% from", "95% to", "reviews or ratings", "note", "only accepted"), rows
    )


def of_reviewers(agreement: Agreement) -> "pd.DataFrame":
    """Krippendorff's alpha of the decision, of each aspect, and of which response is better."""
    better = agreement.which_is_better
    rows = [_measure(measure) for measure in [*agreement.reviewers, *([better.reviewers] if better else [])]]
    return table(("alpha of", "value", "95% from", "95% to", "judged by two or more", "note"), rows)


def _measure(measure: Measure) -> tuple[Cell, ...]:
    note = measure.shown if measure.missing else measure.note
    return (measure.name, measure.value, measure.low, measure.high, measure.n, note)


def of_tables(agreement: Agreement) -> "pd.DataFrame":
    """People's rating by the labeller's, for each aspect."""
    rows: list[Sequence[Cell]] = []
    levels = max(map(len, agreement.tables.values()), default=STANDARD_LEVELS)
    for aspect, counts in agreement.tables.items():
        rows += [(aspect, value, *line, *[None] * (levels - len(line))) for value, line in enumerate(counts, 1)]
    return table(("aspect", "people said", *(f"labeller said {level}" for level in _levels(levels))), rows)


def of_preferences(agreement: Agreement) -> "pd.DataFrame":
    """The measures of people and labeller on which response is better."""
    better = agreement.which_is_better
    rows = [(*_measure(measure), better.accepted) for measure in better.measures] if better else []
    return table(("measure", "value", "95% from", "95% to", "answers", "note", "only accepted"), rows)


def of_preferences_crossed(agreement: Agreement) -> "pd.DataFrame":
    """What people prefer by what the labeller does."""
    better = agreement.which_is_better
    names = better.names if better else ()
    rows: list[Sequence[Cell]] = []
    if better is not None:
        rows += [(name, *line) for name, line in zip(names, better.table, strict=False)]
    return table(("people said", *(f"labeller said {name}" for name in names)), rows)


def of_cost(lines: Sequence[tuple[str, str, Tally]], known: Mapping[str, Price]) -> "pd.DataFrame":
    """What each stage and model took, and all of it; in money where the `known` prices tell."""
    costs = [pricing.cost(known, model, tally) for _, model, tally in lines]
    rows = [(stage, model, *_tally(tally), cost) for (stage, model, tally), cost in zip(lines, costs, strict=True)]
    if len(lines) > 1:
        rows.append(("all", "", *_tally(web_stats.added(*(tally for _, _, tally in lines))), pricing.total(costs)))
    return table(SPENT, rows)


def of_servers(served: Sequence[Served]) -> "pd.DataFrame":
    """What each server of models with several addresses answered."""
    return table(
        SERVED,
        [
            (each.server, each.answered, each.prompt_tokens, each.completion_tokens, float(each.tokens_a_second))
            for each in served
        ],
    )


def _tally(tally: Tally) -> tuple[Cell, ...]:
    return (
        tally.sent, tally.recalled, tally.prompt_tokens, tally.completion_tokens, tally.remembered_tokens, float(tally.seconds),
    )  # fmt: skip


def of_drops(drops: Mapping[str, int]) -> "pd.DataFrame":
    return table(("reason", "answers"), list(drops.items()))


def of_reasons(ticked: Sequence[Reason]) -> "pd.DataFrame":
    """The reasons that reviewers ticked, by the decision that they came with."""
    return table(
        ("decision", "reason", "reviews", "rows"),
        [(reason.decision, reason.reason, reason.verdicts, reason.rows) for reason in ticked],
    )


def of_comparisons(figures: PairwiseFigures) -> "pd.DataFrame":
    """Shares of comparisons with their intervals, then each model's wins."""
    measures = [figures.bias, figures.changed, figures.first, figures.second]
    return table(
        ("what", "share", "low", "high", "comparisons", "won", "ties", "lost"),
        [
            *((m.name, m.value, m.low, m.high, m.n, None, None, None) for m in measures),
            *(
                (f"won by {w.model}", w.won.value, w.won.low, w.won.high, w.won.n, w.wins, w.ties, w.losses)
                for w in figures.models
            ),
        ],
    )


def of_marks(marked: Mapping[str, int]) -> "pd.DataFrame":
    return table(("mark", "what it means", "responses"), [(mark, MEANINGS[mark], n) for mark, n in marked.items()])


def of_checks(standings: Sequence[Standing]) -> "pd.DataFrame":
    return table(
        ("check", "kind", "rejects", "passed", "failed", "rows that fail"),
        [(s.check, s.kind, s.rejects, s.passed, s.failed, s.rows) for s in standings],
    )


def of_guarantee(curve: Sequence[AcceptancePoint]) -> "pd.DataFrame":
    """Each threshold of the rows that need nobody: how many rows, how many audit reviews inside, the most that is wrong."""
    return table(
        (
            "doubt up to",
            "unreviewed rows",
            "share of them",
            "audit reviews",
            "decided otherwise",
            "at most wrong",
            "holds",
        ),
        [(p.threshold, p.rows, p.share, p.n, p.disagreements, p.bound, "yes" if p.accepted else "no") for p in curve],
    )


def spent(state: AppState, run: Run) -> list[tuple[str, str, Tally]]:
    """What the run took until now, the job at work included."""
    job = state.jobs.of(run.id)
    at_work = job.execution if job is not None and job.state == "working" else None
    return web_stats.spent(state.store, run, at_work.engine.tallies if at_work else None)


def served(state: AppState, run: Run) -> list[Served]:
    """What each server answered until now, of models that have several."""
    return state.store.usage.served(run.id)


def _prices(run: Run) -> dict[str, Price]:
    try:
        return pricing.prices(recipe_of(run))
    except SettingsError:  # of another version
        return {}


def _agreement(state: AppState, run: Run) -> Agreement:
    return state.counted(run, web_stats.agreement) or Agreement()


RISKS = (1, 2, 5, 10, 20)
"""The shares of accepted rows that may be wrong, to choose from, in per cent."""


def guarantee_name(risk: float) -> str:
    """The name of the table behind the guarantee's curve at a risk of `RISKS`."""
    return f"guarantee-at-{round(100 * risk)}-percent"


def _guarantee(per_cent: int) -> "tuple[str, Callable[[AppState, Run], pd.DataFrame]]":
    risk = per_cent / 100

    def table(state: AppState, run: Run) -> "pd.DataFrame":
        figures = state.counted(run, web_stats.InsightsAt(risk))
        return of_guarantee(figures.acceptance.curve if figures is not None else ())

    return guarantee_name(risk), table


TABLES: dict[str, Callable[[AppState, Run], "pd.DataFrame"]] = {
    "ratings-by-aspect": lambda state, run: of_aspects(by_aspect(state.counted(run, web_stats.ratings) or [])),
    "ratings-by-model": lambda state, run: of_models(state.counted(run, web_stats.ratings) or []),
    "ratings-by-length": lambda state, run: of_lengths(state.counted(run, web_stats.lengths) or {}),
    "people-and-labeller": lambda state, run: of_people(_agreement(state, run)),
    "people-by-labeller": lambda state, run: of_tables(_agreement(state, run)),
    "preferences": lambda state, run: of_preferences(_agreement(state, run)),
    "preferences-by-labeller": lambda state, run: of_preferences_crossed(_agreement(state, run)),
    "reviewers": lambda state, run: of_reviewers(_agreement(state, run)),
    "cost": lambda state, run: of_cost(spent(state, run), _prices(run)),
    "servers": lambda state, run: of_servers(served(state, run)),
    "dropped": lambda state, run: of_drops(state.store.runs.drop_reasons(run.id)),
    "reasons": lambda state, run: of_reasons(state.store.row_search.reasons(run.id)),
    "which-is-better": lambda state, run: of_comparisons(state.counted(run, web_stats.which_is_better) or figures([])),
    "marked": lambda state, run: of_marks(state.counted(run, web_stats.marked) or {}),
    "checks": lambda state, run: of_checks(state.counted(run, web_stats.checks) or []),
    **dict(map(_guarantee, RISKS)),
}
"""By the name that a download has."""


def download(state: AppState, run_id: str, name: str, kind: str) -> tuple[bytes, str] | None:
    """(one of the tables as a file, its media type); None where there is no such run, table or kind."""
    try:
        run = state.store.runs.get(run_id)
    except RunError:
        return None
    if run.id != run_id or name not in TABLES or kind not in FILES:
        return None
    _, media_type, write = FILES[kind]
    return write(TABLES[name](state, run)), media_type
