"""The card (README.md) of a dataset on the Hub, written from the run. What people write into it stays.

Ours is what stands between two marks, one such part for each run and format, and a few entries of the header.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from feedback.errors import ExportError
from feedback.exports.record_formats import Line
from feedback.exports.selection import Export
from feedback.exports.train_test_split import TEST, TRAIN
from feedback.reviewed_row import ReviewedRow
from feedback.rubrics import STANDARD_LEVELS, WHOLE_ROW, on_five
from feedback.types import left_out

HEADER = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
MARK = re.compile(r"<!-- claywright: (\S+) (\S+) (\S+) (\S+) -->")
TAGS = ("claywright", "synthetic")

THE_INSTRUCTION = "the instruction"
"""In place of a model's name, where the instruction was rated."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a card says of a run. `recipe` is without secrets and without paths of this machine; models are named for people."""

    run: str
    name: str
    task: str
    recipe: Mapping[str, Any]
    generator: str
    responders: Sequence[str] = ()
    labeller: str = ""
    rule: str = ""
    """How what several reviewers say is merged."""
    checks: Sequence[str] = ()
    """The checks of the run, a sentence for each."""
    for_trying: bool = False
    """The built-in model rated."""
    quality: Sequence[str] = ()
    """What the reviews prove of the whole run by now, a sentence for each figure."""


@dataclass
class Summary:
    """What the rows of one export come to, those that are there already among them; rows are added one by one."""

    rows: int = 0
    instructions: int = 0
    responses: int = 0
    """Rows with a corrected instruction, with a corrected response."""
    rated: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    """(number, sum) of the labeller's ratings by model that answered and aspect."""
    people: dict[str, list[float]] = field(default_factory=dict)
    """The same of those that people gave or changed, on 1 to 5, by model that answered."""
    scales: dict[str, tuple[str, int]] = field(default_factory=dict)
    """(what the rubric is called, its levels) by aspect. What was rated when it had other levels is left out."""
    pairs: int = 0
    changed: int = 0
    won_by_first: int = 0
    won_by_second: int = 0
    """Pairs that the labeller compared in both orders; those in which its preference changed with the order; those that the first
    place won in both orders, and the second one.
    """
    accepted: int = 0
    unknown: int = 0
    """Ratings that people only accepted as suggested; those among them of which it is not known."""

    failed: Counter[str] = field(default_factory=Counter)
    """Responses that fail each check."""
    rejected: int = 0
    """Rows that a check rejected, and nobody approved."""

    def add(self, judged: ReviewedRow, lines: Sequence[Line]) -> None:
        self.rows += 1
        self.failed.update(result.check for result in judged.checks if not result.passed)
        self.rejected += judged.guarantee is None and judged.decision != judged.peoples_decision
        self.instructions += judged.corrected_instruction() is not None
        self.responses += judged.corrected_response() is not None
        for rating in judged.ratings:
            if rating.value is None or rating.response >= len(judged.row.responses):
                continue
            of_row = rating.response == WHOLE_ROW
            model = THE_INSTRUCTION if of_row else judged.row.responses[rating.response].model
            levels = judged.rubrics.scale(rating.aspect)
            self.scales[rating.aspect] = judged.rubrics.name(rating.aspect), levels
            if rating.levels == levels:
                _count(self.rated, (model, rating.aspect), rating.value)
        scale = judged.scale
        for index, response in enumerate(judged.row.responses):
            for value in judged.said_of(index):
                _count(self.people, response.model, on_five(value, scale.levels))
        compared = judged.comparisons
        self.pairs += len(compared)
        self.changed += sum(c.changed for c in compared)
        self.won_by_first += sum(c.won_by_first for c in compared)
        self.won_by_second += sum(c.won_by_second for c in compared)
        self.accepted += sum(len(verdict.accepted_ratings) for verdict in judged.submitted)
        self.unknown += sum(len(verdict.unknown_ratings) for verdict in judged.submitted)


@dataclass
class Held:
    """What a dataset holds of one run in one format, read from its lines: as things stood when each was added."""

    rows: dict[str, str] = field(default_factory=dict)
    """The decision of each row, by its id."""
    lines: Counter[str] = field(default_factory=Counter)
    """Lines for training and for testing."""
    settled: set[str] = field(default_factory=set)
    """Rows whose reviewers came to nothing, and that somebody settled."""
    reviewers: set[str] = field(default_factory=set)
    guaranteed: Counter[tuple[float, float, int]] = field(default_factory=Counter)
    """Rows that were accepted without a reviewer, by risk, confidence and the audit reviews that this rests on."""
    newest: str = ""

    def add(self, line: Line, part: str) -> None:
        is_new = line["row_id"] not in self.rows
        self.rows[line["row_id"]] = line["decision"] or ""
        self.lines[part] += 1
        if line.get("settled_by"):
            self.settled.add(line["row_id"])
        self.reviewers.update(line["reviewers"])
        if line.get("decision_by") == "guarantee" and is_new:
            self.guaranteed[line["guarantee_risk"], line["guarantee_confidence"], line["guarantee_audit"]] += 1
        self.newest = max(self.newest, line["reviewed_at"] or "")

    def with_lines(self, lines: Iterable[Line], part: str) -> Iterator[Line]:
        """The same lines, each added on its way."""
        for line in lines:
            self.add(line, part)
            yield line

    @property
    def decisions(self) -> Counter[str]:
        """Rows by decision: approve, reject, unsure, "" for those that nobody reviewed."""
        return Counter(self.rows.values())


def _count(sums: dict[Any, list[float]], name: Any, value: float) -> None:
    entry = sums.setdefault(name, [0, 0.0])
    entry[0] += 1
    entry[1] += value


def card(
    old: str, repo: str, to: Export, about: Facts, summary: Summary, held: Held, added: int,
    configs: Mapping[str, Sequence[str]],
) -> str:  # fmt: skip
    """The card with the part of this run and format new, all else as it was. `configs` are the splits of each format.

    Raises ExportError for a card whose header can't be read.
    """
    header, text = _parted(old)
    if not old:
        text = _opening(to, about)
    tags = header[1].get("tags") or []
    entries = {
        "configs": _configs(header[1].get("configs"), configs),
        "tags": [*tags, *(tag for tag in TAGS if tag not in tags)] if isinstance(tags, list) else tags,
        **({"license": to.license} if to.license else {}),
    }
    section = part(repo, to, about, summary, held, added)
    _, end = _marks(to, about)
    pattern = re.compile(rf"<!-- claywright: {re.escape(f'{about.run} {to.format} ')}.*?{re.escape(end)}\n?", re.DOTALL)
    body, replaced = pattern.subn(lambda _: section, text, count=1)
    if not replaced:
        body = f"{text.rstrip()}\n\n{section}"
    return f"---\n{_headed(header, entries)}---\n\n{body.lstrip()}"


def shares(text: str, form: str) -> set[str]:
    """How earlier exports of a format were split: "SHARE SEED" of each."""
    return {f"{share} {seed}" for _, exported_form, share, seed in MARK.findall(text) if exported_form == form}


def share(to: Export) -> str:
    """How an export is split, as `shares` gives it."""
    return f"test_share={to.test_share:g} seed={to.seed if to.test_share else 0}"


def is_ours(text: str) -> bool:
    return MARK.search(text) is not None


def _marks(to: Export, about: Facts) -> tuple[str, str]:
    name = f"{about.run} {to.format}"
    return f"<!-- claywright: {name} {share(to)} -->", f"<!-- /claywright: {name} -->"


def _opening(to: Export, about: Facts) -> str:
    licence = f"`{to.license}`" if to.license else "To be filled in, here and as `license` in the header above."
    return (
        f"# {_one_line(about.name)}\n\nMade by models, reviewed by people, with Claywright: the parts below say of each run "
        "what made it, how it was rated and who reviewed it. What you write outside of their marks stays.\n\n"
        f"## Licence\n\n{licence}\n"
    )


def part(repo: str, to: Export, about: Facts, summary: Summary, held: Held, added: int) -> str:
    """What the card says of one run in one format, between its marks: all that is `held`, and the `added` rows of the last
    export.
    """
    begin, end = _marks(to, about)
    recipe = json.dumps(about.recipe, indent=2, ensure_ascii=False).replace("<!--", "<\\u0021--")
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", recipe)), 3)
    answering = ", ".join(f"`{_one_line(name)}`" for name in about.responders) or "those of the input"
    models = [f"- generator: `{_one_line(about.generator)}`", f"- answers: {answering}"]
    if about.labeller:
        models.append(f"- labeller: `{_one_line(about.labeller)}`")
    sections = [
        f"## {_one_line(about.name)}: {to.form.label}",
        f'```python\nload_dataset("{repo}", "{to.format}")\n```',
        f"{_rows(to, summary, held, added)} Every line names its row, run, prompt, decision and reviewers.",
        f"### Recipe\n\n{fence}json\n{recipe}\n{fence}",
        "### Models\n\n" + "\n".join(models),
        f"### Ratings\n\n{_ratings(summary)}",
        f"### Review\n\n{_review(about, summary, held)}",
    ]
    if summary.pairs:
        sections.append(f"### Comparisons\n\n{_comparisons(summary)}")
    if about.checks:
        sections.append(f"### Checks\n\n{_checks(to, about, summary)}")
    if about.for_trying:
        sections.append(
            "### Limitations\n\nThe labeller is Claywright's small built-in model, for trying only: its ratings are close to "
            "chance."
        )
    return "\n\n".join([begin, *sections, end]) + "\n"


def _rows(to: Export, summary: Summary, held: Held, added: int) -> str:
    split = f", {to.test_share:.0%} of the origins for testing" if to.test_share else ""
    chosen = [f"decision: {to.decision or 'approved' + (' and rejected' if to.form.rejected else '')}"]
    chosen += ["decided so by one chosen reviewer"] if to.reviewer else []
    chosen += [f"best response rated {to.least_rating:g} or more"] if to.least_rating is not None else []
    chosen += [f"instructions less than {to.similarity:g} similar (ROUGE-L)"] if to.similarity is not None else []
    if to.format == "preference":
        chosen.append(f"ratings of a pair at least {to.margin:g} apart")
    unseen = held.decisions[""]
    marked = f" **{unseen} of them were not reviewed by anybody** (`reviewed` is false)." if unseen else ""
    lines = f"{sum(held.lines.values())} lines: {held.lines[TRAIN]} for training, {held.lines[TEST]} for testing"
    last = f"Added last: {added} of the {summary.rows} rows that the last export took ({'; '.join(chosen)}{split})."
    return f"{len(held.rows)} rows of the run are here ({lines}).{marked} {last}"


def _ratings(summary: Summary) -> str:
    aspects = sorted({aspect for _, aspect in summary.rated})
    models = sorted({model for model, _ in summary.rated} | summary.people.keys())
    if not models:
        return "Nothing was rated in the last export."

    def mean(entry: list[float] | None) -> str:
        return f"{entry[1] / entry[0]:.2f} ({entry[0]:g})" if entry else ""

    lines = [
        f"| answers of | {' | '.join([*(_named(summary, aspect) for aspect in aspects), 'people'])} |",
        f"| --- |{' --- |' * (len(aspects) + 1)}",
        *(
            f"| {_one_line(model) or 'unknown'} | "
            + " | ".join([*(mean(summary.rated.get((model, a))) for a in aspects), mean(summary.people.get(model))])
            + " |"
            for model in models
        ),
    ]
    note = left_out(summary.accepted, summary.unknown)
    return (
        f"Mean ratings of the {summary.rows} rows of the last export, 1 to 5 where nothing else is said, by the labeller and by "
        "people (number of ratings):\n\n" + "\n".join(lines) + (f"\n\n{note}" if note else "")
    )


def _named(summary: Summary, aspect: str) -> str:
    """A rubric's name, with its scale where that is not the usual one."""
    name, levels = summary.scales.get(aspect, (aspect, STANDARD_LEVELS))
    return _one_line(name) if levels == STANDARD_LEVELS else f"{_one_line(name)}, 1 to {levels}"


def _comparisons(summary: Summary) -> str:
    def of_pairs(number: int) -> str:
        return f"{number / summary.pairs:.0%} ({number})"

    bias = (summary.won_by_first - summary.won_by_second) / summary.pairs
    return (
        f"The labeller was asked which of two responses is better, in both orders, about {summary.pairs} pairs of the last "
        "export. A response is preferred where both orders say so. The preference changed with the order in "
        f"{of_pairs(summary.changed)}: these count as ties. The first place won in both orders in "
        f"{of_pairs(summary.won_by_first)}, the second in {of_pairs(summary.won_by_second)}: a position bias of {bias:+.0%}. "
        "Rankings of more than two responses are by the model of Bradley and Terry."
    )


def _review(about: Facts, summary: Summary, held: Held) -> str:
    tally, people = held.decisions, len(held.reviewers)
    settled = (
        f" Of {len(held.settled)} the reviewers came to nothing; each was settled by one person."
        if held.settled
        else ""
    )
    until = f", the last time on {held.newest[:10]}" if held.newest else ""
    without = "".join(
        f" Of these, {rows} {'was' if rows == 1 else 'were'} accepted without a reviewer: at most {100 * risk:g}% of such rows "
        f"would be decided otherwise by the reviewers ({confidence:.0%} sure, from {audit} audit reviews)."
        for (risk, confidence, audit), rows in sorted(held.guaranteed.items())
    )
    proved = f"\n\n{' '.join(map(_one_line, about.quality))}" if about.quality else ""
    rule = f" {about.rule}" if about.rule else ""
    return (
        f"{people} reviewer{'s' if people != 1 else ''}{until}: {tally['approve']} rows approved, {tally['reject']} rejected, "
        f"{tally['unsure']} undecided, {tally['']} not reviewed, as they were when they were added.{settled}{without} Corrected in "
        f"the last export: {summary.instructions} instructions, {summary.responses} responses.{rule}{proved}"
    )


def _checks(to: Export, about: Facts, summary: Summary) -> str:
    rule = f" Only rows whose response passes {', '.join(map(_one_line, to.check_names))}." if to.check_names else ""
    rejected = f" {summary.rejected} of the rows are here as rejected by a check." if summary.rejected else ""
    failed = "; ".join(f"{_one_line(name)}: {number}" for name, number in sorted(summary.failed.items()))
    counts = f" Responses of the last export's {summary.rows} rows that fail: {failed or 'none'}."
    checks = "\n".join(f"- {_one_line(sentence)}" for sentence in about.checks)
    return f"Responses were checked without a model.{rule}{rejected}{counts}\n\n{checks}"


def _one_line(text: str) -> str:
    """A name as it can stand in a line of Markdown."""
    return re.sub(r"[`|<>\s]+", " ", text).strip()


def _configs(old: Any, ours: Mapping[str, Sequence[str]]) -> list[Any]:
    """The header's configurations: ours as they are now, others as they were."""
    kept = [config for config in old or [] if not (isinstance(config, dict) and config.get("config_name") in ours)]
    configs: list[Any] = [
        {
            "config_name": form,
            "data_files": [{"split": split, "path": f"{form}/{split}-*.parquet"} for split in splits],
        }
        for form, splits in ours.items()
    ]
    if configs and not any(isinstance(config, dict) and config.get("default") for config in kept):
        configs[0]["default"] = True
    return [*kept, *configs]


def _parted(old: str) -> tuple[tuple[str, dict[str, Any]], str]:
    """((the header as text, its values), what follows it) of a card."""
    import yaml

    if (match := HEADER.match(old)) is None:
        return ("", {}), old.removeprefix("\ufeff")
    try:
        values = yaml.safe_load(match.group(1)) or {}
    except yaml.YAMLError as error:
        raise ExportError(f"The card's header can't be read: {_one_line(str(error))}. Mend it on the Hub.") from error
    if not isinstance(values, dict):
        raise ExportError("The header of the dataset's card is no list of entries. Mend it on the Hub.")
    return (match.group(1), values), old[match.end() :]


def _headed(header: tuple[str, dict[str, Any]], entries: Mapping[str, Any]) -> str:
    """The header with these `entries`; others stay as they are written, with their comments, where that can be."""
    import yaml

    text, values = header
    for name, value in entries.items():
        if values.get(name) == value:
            continue
        new = yaml.safe_dump({name: value}, sort_keys=False, allow_unicode=True)
        entry = re.compile(rf"^{name}[ \t]*:.*\n(?:(?:[ \t\-].*)?\n)*", re.MULTILINE)
        text, replaced = entry.subn(lambda _, new=new: new, text, count=1)  # type: ignore[misc]  # a lambda's default has no type
        if not replaced:
            text = f"{text.rstrip()}\n{new}".lstrip()
    merged = {**values, **entries}
    try:
        kept = yaml.safe_load(text) == merged
    except yaml.YAMLError:
        kept = False
    return text if kept else str(yaml.safe_dump(merged, sort_keys=False, allow_unicode=True))
