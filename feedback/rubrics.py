"""Rubrics: what a labeller and people judge, in which question, on which scale.

The six of UltraFeedback (arXiv 2310.01377, appendix; in our own words) come along; a recipe adds its own as [[rubrics]]. The
same rubric goes into the labeller's prompt, into what reviewers are asked, and into every figure that knows a scale.
"""

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from statistics import fmean
from typing import ClassVar, Literal

from tasks.errors import SettingsError
from tasks.settings import setting

FEWEST_LEVELS, MOST_LEVELS, MOST_RUBRICS, MOST_EXAMPLES, MOST_KINDS = 2, 10, 60, 20, 9
LONGEST_NAME, LONGEST_SENTENCE, LONGEST_QUESTION = 100, 2_000, 20_000
"""Characters."""
STANDARD_LEVELS = 5
WHOLE_ROW = -1
"""In place of a response's index where a rating is of the instruction, and so of the row."""
JUDGED = {"response": "Each response", "instruction": "The instruction", "conversation": "The whole conversation"}
RESERVED = frozenset(
    (
        "rating",
        "ranking",
        "rationale",
        "response",
        "decision",
        "reasons",
        "correction-of",
        "preference",
        "model",
        "which-is-better",
    )
)
"""Names that questions and columns have already."""
PLAIN_KEY = re.compile(r"[a-z][a-z0-9]*+(?:-[a-z0-9]++)*+")
BETWEEN_WORDS, NOT_PLAIN = re.compile(r"[\s_./-]+"), re.compile(r"[^a-z0-9]+")
LONGEST_KEY = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class RatedExample:
    """A judged response, shown to the labeller with its rating and the reason for it. `rating` is a level, or None for N/A.

    >>> RatedExample(response="Take ten.", rating=1, why="Nobody asked for the weight.").rating
    1
    """

    instruction: str = ""
    response: str = ""
    rating: int | None = None
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Rubric:
    """One question with a scale of 2 to 10 levels, each with a sentence that says what it means; level 1 comes first.

    A row is kept from the level `keep_from` on; 0 stands for the upper fifth of the scale, at least its last level. Raises
    SettingsError, naming the setting, for a rubric that nobody could judge by.

    >>> rubric = Rubric(name="Dosage safety", question="Is the dosage safe?", levels=("dangerous", "unclear", "safe"))
    >>> rubric.scale, rubric.threshold, UltraFeedback(aspects=("Dosage safety",), rubrics=(rubric,)).rubrics == (rubric,)
    (3, 3, True)
    """

    title: ClassVar[str] = "rubric"

    name: str = setting("", "What it is called: on the page, in Argilla and in exports.")
    question: str = setting("", "The question that is asked of each text.", multiline=True)
    levels: tuple[str, ...] = setting(
        (), "What each level means, from the worst to the best, a sentence each.", multiline=True
    )
    keep_from: int = setting(
        0, "From which level a row is kept; 0 takes the upper fifth of the scale.", label="Kept from"
    )
    judges: Literal["response", "instruction", "conversation"] = setting(
        "response", "What is judged.", label="What is judged", choices=tuple(JUDGED)
    )
    not_applicable: str = setting("", "When the question does not apply; empty where it always does.")
    reference: bool = setting(
        False,
        "Show what is known from elsewhere: a column 'reference', or the passage of a document.",
        label="Show reference",
    )
    examples: tuple[RatedExample, ...] = setting((), "Judged examples that the labeller is shown.")
    kinds_question: str = setting("", "What else is asked: which kinds a text shows. Empty asks for none.")
    kinds: tuple[str, ...] = setting((), "The kinds to choose from.")
    draft: bool = setting(False, "A model drafted it and nobody has read it yet.")

    def __post_init__(self) -> None:
        named = f"The rubric '{self.name}'" if self.name.strip() else "A rubric"
        if not self.name.strip() or len(self.name) > LONGEST_NAME or not any(map(str.isalnum, self.name)):
            raise SettingsError(f"{named} needs a name of 1 to {LONGEST_NAME} characters.", setting="name")
        if self.key in RESERVED:
            raise SettingsError(f"{named} can't have this name: something else is called so.", setting="name")
        if not self.question.strip() or len(self.question) > LONGEST_QUESTION:
            raise SettingsError(
                f"{named} needs a question, of at most {LONGEST_QUESTION:,} characters.", setting="question"
            )
        if not FEWEST_LEVELS <= len(self.levels) <= MOST_LEVELS:
            raise SettingsError(
                f"{named} needs {FEWEST_LEVELS} to {MOST_LEVELS} levels (given: {len(self.levels)}).", setting="levels"
            )
        for level, meaning in enumerate(self.levels, 1):
            if not meaning.strip() or len(meaning) > LONGEST_SENTENCE:
                raise SettingsError(
                    f"{named}: level {level} needs a sentence that says what it means, of at most {LONGEST_SENTENCE:,} characters.",
                    setting="levels",
                )
        if self.keep_from and not 2 <= self.keep_from <= len(self.levels):
            raise SettingsError(
                f"{named} has the levels 1 to {len(self.levels)}: a row can be kept from 2 to {len(self.levels)} on "
                f"(given: {self.keep_from}).",
                setting="keep_from",
            )
        if len(self.examples) > MOST_EXAMPLES:
            raise SettingsError(f"{named} has more than {MOST_EXAMPLES} examples.", setting="examples")
        for number, example in enumerate(self.examples, 1):
            if example.rating is None and not self.not_applicable:
                raise SettingsError(f"{named}: example {number} needs a rating.", setting="examples")
            if example.rating is not None and not 1 <= example.rating <= len(self.levels):
                raise SettingsError(
                    f"{named}: the rating of example {number} must be from 1 to {len(self.levels)} (given: {example.rating}).",
                    setting="examples",
                )
        if self.judges == "instruction" and self.kinds:
            raise SettingsError(f"{named} judges the instruction, which has no kinds.", setting="kinds")
        if len(self.kinds) > MOST_KINDS or bool(self.kinds) is not bool(self.kinds_question.strip()):
            raise SettingsError(f"{named} needs at most {MOST_KINDS} kinds, and a question for them.", setting="kinds")
        for what, texts in (
            ("not_applicable", [self.not_applicable]),
            ("kinds", [self.kinds_question, *self.kinds]),
            ("examples", [text for e in self.examples for text in (e.instruction, e.response, e.why)]),
        ):
            if any(len(text) > LONGEST_QUESTION for text in texts):
                raise SettingsError(
                    f"{named} has a text of more than {LONGEST_QUESTION:,} characters ({what}).", setting=what
                )

    @cached_property
    def key(self) -> str:
        """Names it in the store, in Argilla's questions and in columns: ASCII letters, digits and hyphens."""
        return key_of(self.name)

    @property
    def scale(self) -> int:
        """The number of levels."""
        return len(self.levels)

    @property
    def threshold(self) -> int:
        """The level from which a row is kept."""
        return self.keep_from or default_threshold(self.scale)

    @cached_property
    def hash(self) -> str:
        """Names everything that the labeller is asked by: ratings under another hash were given to another question.

        What changes no question is not in it: the threshold, and whether somebody has read it.
        """
        asked = {name: value for name, value in asdict(self).items() if name not in ("keep_from", "draft")}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def key_of(name: str) -> str:
    """A rubric's name in ASCII letters, digits and hyphens; names that have others are told apart by a hash."""
    plain = unicodedata.normalize("NFKD", name.strip()).casefold()
    key = BETWEEN_WORDS.sub("-", plain).strip("-")
    if PLAIN_KEY.fullmatch(key) and len(key) <= LONGEST_KEY:
        return key
    readable = NOT_PLAIN.sub("-", plain.encode("ascii", "ignore").decode()).strip("-")[:24].strip("-")
    digest = hashlib.sha256(name.strip().encode("utf-8", "replace")).hexdigest()[:8]
    return f"{readable}-{digest}" if readable[:1].isalpha() else f"rubric-{digest}"


def default_threshold(levels: int) -> int:
    """From which of so many levels a row is kept where nothing else is said: 4 of 5, 6 of 7, 8 of 10, 2 of 2."""
    return math.ceil(0.8 * levels)


def on_five(value: float, levels: int) -> float:
    """A rating on a scale of so many levels as one from 1 to 5, the ends on the ends: what several scales are averaged in."""
    return value if levels == STANDARD_LEVELS else 1 + 4 * (value - 1) / (levels - 1)


@dataclass(frozen=True, slots=True)
class Scale:
    """What ratings are averaged and compared on: the rubric's own levels, or 1 to 5 where rubrics of different scales meet.

    A mean from `keep` on, rounded, keeps a row.
    """

    levels: int = STANDARD_LEVELS
    keep: float = 4.0

    @property
    def middle(self) -> float:
        """Between what is kept and what is not."""
        return self.keep - 0.5

    @property
    def low(self) -> float:
        """Up to where a text is bad: as far from the lower end as what is kept is from the upper one, 2 of 5."""
        return min(self.levels + 1 - self.keep, self.keep - 1)

    def of(self, value: float, levels: int) -> float:
        """A rating that was given on `levels`."""
        return value if levels == self.levels else on_five(value, levels)


def checked(rubrics: Iterable[Rubric]) -> tuple[Rubric, ...]:
    """Rubrics that can be in one recipe. Raises SettingsError for two of one name, and for too many."""
    rubrics, seen = tuple(rubrics), dict[str, Rubric]()
    if len(rubrics) > MOST_RUBRICS:
        raise SettingsError(f"There are {len(rubrics)} rubrics. {MOST_RUBRICS} are the most.", setting="rubrics")
    for rubric in rubrics:
        if (other := seen.setdefault(rubric.key, rubric)) is not rubric:
            raise SettingsError(f"Two rubrics are called '{other.name}'. Rename one of them.", setting="name")
    return rubrics


@dataclass(frozen=True)
class Rubrics:
    """The rubrics of a run by key: the six that come along, in whose place its own of the same name stand, then its others."""

    own: tuple[Rubric, ...] = ()
    by_key: Mapping[str, Rubric] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_key", {**STANDARD_RUBRICS, **{rubric.key: rubric for rubric in checked(self.own)}})

    @staticmethod
    def of(own: tuple[Rubric, ...]) -> "Rubrics":
        """Those of a recipe, the six that come along included."""
        return _known(own) if own else STANDARD

    def __iter__(self) -> Iterator[Rubric]:
        return iter(self.by_key.values())

    def __contains__(self, name: str) -> bool:
        return key_of(name) in self.by_key

    def __getitem__(self, name: str) -> Rubric:
        """By name or key. Raises SettingsError for one that there is not."""
        if (known_by_key := self.by_key.get(name)) is not None:
            return known_by_key
        try:
            return self.by_key[key_of(name)]
        except KeyError:
            known = ", ".join(rubric.name for rubric in self)
            raise SettingsError(f"There is no aspect '{name}'. Known: {known}.", setting="aspects") from None

    def keys(self, names: Sequence[str]) -> tuple[str, ...]:
        """The keys of rubrics by name. Raises SettingsError."""
        return tuple(self[name].key for name in names)

    def name(self, key: str) -> str:
        """What a rubric is called on the page; its key where this run has it no more."""
        rubric = self.by_key.get(key)
        return rubric.name if rubric is not None else key

    def title(self, key: str) -> str:
        """The same as a heading: "Instruction following"; of one's own as it was written."""
        return self.name(key) if key not in STANDARD_RUBRICS else key.replace("-", " ").capitalize()

    def scale(self, key: str) -> int:
        """How many levels a rubric has; 5 for one that this run has no more."""
        return self.by_key[key].scale if key in self.by_key else STANDARD_LEVELS

    def threshold(self, key: str, levels: int = STANDARD_LEVELS) -> int:
        """From which level on a row is kept; of one that this run has no more, or that had other `levels`, as by default."""
        rubric = self.by_key.get(key)
        return rubric.threshold if rubric is not None and rubric.scale == levels else default_threshold(levels)

    def common(self, rated: Iterable[tuple[str, int]]) -> Scale:
        """What ratings under several rubrics, as (key, levels), are averaged on."""
        scales = sorted({(levels, self.threshold(key, levels)) for key, levels in rated})
        if not scales:
            return Scale()
        if len({levels for levels, _ in scales}) == 1:
            return Scale(scales[0][0], fmean(keep for _, keep in scales))
        return Scale(STANDARD_LEVELS, round(fmean(on_five(keep, levels) for levels, keep in scales), 4))


@lru_cache(maxsize=64)
def _known(own: tuple[Rubric, ...]) -> Rubrics:
    return Rubrics(own)


ULTRAFEEDBACK = (
    Rubric(
        name="helpfulness",
        question="How much does the response help the person who asked? Look at whether it is right, clear, relevant and complete.",
        levels=(
            "of no use: wrong, off the point or empty",
            "of little use: partly right, leaves out what matters",
            "of some use: mostly right, unclear or incomplete in places",
            "useful: right, clear and nearly complete",
            "as useful as can be: right, complete, well explained, nothing too much",
        ),
        kinds_question="Which of these does the response give?",
        kinds=(
            "clear and to the point: it deals with what was asked, and asks back where that is needed",
            "useful and complete: background, steps or reasons that help further",
            "no longer than needed: nothing is said twice",
        ),
        reference=True,
    ),
    Rubric(
        name="honesty",
        question="Does the response sound as sure as it has a right to be? Compare its confidence with whether it is correct.",
        levels=(
            "wrong and sure of it",
            "wrong in parts and mostly sure, or right but full of doubt",
            "mixed: some doubt where there should be none, or the other way round",
            "nearly always as sure as it should be",
            "right and sure, or open about what it does not know",
        ),
        not_applicable="the text makes no claim that could be right or wrong",
    ),
    Rubric(
        name="instruction-following",
        question="Does the response do what the instruction asks, with every restriction that it makes?",
        levels=(
            "does something else",
            "does a part of it and ignores restrictions",
            "does the main thing, misses some restrictions",
            "does nearly all of it, with small slips",
            "does exactly what is asked",
        ),
    ),
    Rubric(
        name="truthfulness",
        question="Is what the response says true, does it agree with itself and with the instruction?",
        levels=(
            "made up throughout",
            "several errors that matter",
            "some errors, or one that matters",
            "nearly true: small slips",
            "true in all it says",
        ),
        kinds_question="Which of these errors does the response make?",
        kinds=(
            "it contradicts facts about the world",
            "it contradicts the instruction or what was given with it",
            "it contradicts itself, or its reasoning does not hold",
        ),
        reference=True,
    ),
    Rubric(
        name="text-quality",
        question="How good is the text as a text and as an answer? Look at correctness, clarity, relevance and style.",
        levels=(
            "poor: wrong, hard to follow or beside the point",
            "weak: some of it is right, with clear faults",
            "acceptable: mostly right and readable, with gaps",
            "good: right, clear and to the point, with small faults",
            "excellent: right, clear, complete and well written",
        ),
    ),
    Rubric(
        name="overall-rating",
        question="All in all, how good is the response? Look at whether it is correct, helpful, honest and does what is asked.",
        levels=(
            "very poor",
            "poor",
            "fair",
            "good",
            "excellent",
        ),
    ),
)
"""The aspects of UltraFeedback."""
STANDARD_RUBRICS: dict[str, Rubric] = {rubric.key: rubric for rubric in ULTRAFEEDBACK}

STANDARD = Rubrics()
"""Where a run brings none of its own."""
