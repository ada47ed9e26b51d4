"""The labeller by itself: UltraFeedback as a step, which rates the texts of each row."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from app.api.recording_model import RecordingModel
from app.api.steps import texts_of
from app.api.task_step import Made, Task
from app.store.rows import content_hash
from feedback.labeller.ultrafeedback import UltraFeedback as Judge
from feedback.rubrics import Rubric
from feedback.types import Rating
from tasks.base import text
from tasks.errors import SettingsError
from tasks.types import Response, Row


@dataclass(kw_only=True, eq=False)
class UltraFeedback(Task):
    """Rates every text that was generated for an instruction, from 1 to 5, with a rationale (Cui et al. 2023, arXiv 2310.01377).

    Columns in: `instruction` (str), `generations` (list of str). Columns out: `ratings` (list of int or float, None where
    there is none) and `rationales` (list of str), one for each text; under helpfulness and truthfulness also `types` (the
    kinds, by number: list of int) with `rationales` of them, and `rationales-for-ratings`; `model_name`. aspect: helpfulness,
    honesty, instruction-following, truthfulness, overall-rating or text-quality. In a recipe, `aspects` may name several,
    and together, repeats, types and use_reference are as [rating] has them.

    >>> row = next(UltraFeedback(llm=ScriptedLLM()).process([{"instruction": "2+2?", "generations": ["4", "a car"]}]))[0]
    >>> len(row["ratings"]), len(row["rationales"])
    (2, 2)
    """

    aspect: str = "overall-rating"
    aspects: tuple[str, ...] = ()
    together: bool = True
    repeats: int = 1
    types: bool = False
    use_reference: bool = True
    rubrics: tuple[Rubric, ...] = ()

    seeded: ClassVar[bool] = False
    optional: ClassVar[tuple[str, ...]] = ()

    @property
    def judge(self) -> Judge:
        """The same as a recipe has it."""
        return Judge(
            aspects=self.aspects or (self.aspect,), together=self.together, repeats=self.repeats, types=self.types,
            use_reference=self.use_reference, rubrics=self.rubrics,
        )  # fmt: skip

    @property
    def inputs(self) -> list[str]:
        return ["instruction", "generations"]

    @property
    def typed(self) -> bool:
        return bool(self.judge.known[self.aspect].kinds)

    @property
    def outputs(self) -> list[str]:
        return ["types", "rationales", "ratings", "rationales-for-ratings"] if self.typed else ["ratings", "rationales"]

    def load(self) -> None:
        self._one = replace(self.judge, aspects=(self.aspect,), types=self.typed, repeats=1)

    def by_itself(self) -> None:
        if self.aspects or self.repeats > 1:
            raise SettingsError(
                "aspects and repeats are for recipes: by itself it rates one aspect, num_generations times."
            )

    async def made(self, row: dict[str, Any], model: RecordingModel) -> Made:
        texts = texts_of(row["generations"])
        there = [index for index, content in enumerate(texts) if content]
        if not there:
            return "there is no text to rate"
        responses = tuple(Response(texts[index], "") for index in there)
        rated_row = Row(({"role": "user", "content": text(row["instruction"])},), responses)
        rated_row = replace(rated_row, id=content_hash(rated_row))
        questions = [replace(question, repeat=model.again) for question in self._one.questions(rated_row)]
        ratings = [rating for question in questions for rating in await self._one.rate(rated_row, question, model)]
        by_index = {there[rating.response]: rating for rating in ratings}
        if all(rating.status == "failed" for rating in ratings):
            return ratings[0].note
        missing = {index: "there is no text" for index in range(len(texts)) if index not in by_index}
        missing |= {
            index: judgement.note for index, judgement in by_index.items() if judgement.status in ("unrated", "failed")
        }
        model.failures += [f"text {index + 1} is unrated: {why}" for index, why in sorted(missing.items())]
        by_text = [by_index.get(index) for index in range(len(texts))]
        why = [judgement and (judgement.rationale or judgement.note or None) for judgement in by_text]
        columns = {
            "ratings": [_number(judgement) for judgement in by_text],
            "rationales": [judgement and (judgement.types_rationale or None) for judgement in by_text] if self.typed else why,
            "types": [None if judgement is None or judgement.types is None else list(judgement.types) for judgement in by_text],
            "rationales-for-ratings": why,
        }  # fmt: skip
        return [{name: columns[name] for name in self.outputs}]


def _number(rating: Rating | None) -> int | float | None:
    if rating is None or rating.value is None:
        return None
    return int(rating.value) if rating.value.is_integer() else rating.value
