"""What a task by itself is: a step that asks a model, and keeps with each row what was sent, what came back and what failed."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from app.api.llms import LLM
from app.api.recording_model import RecordingModel
from app.api.session import Session, StopHandle, all_of, awaited, session
from app.api.steps import METADATA, Place, Rows, Step, behind, rows_of
from app.runs.runner import PAUSES, failure_text
from tasks.errors import InputError, SettingsError
from tasks.types import Dropped, Row

Made = list[dict[str, Any]] | str
"""What a task made of a row: the columns that it writes, of one row or of several; or why there is nothing."""
FAILURE = "failure_"
"""How the keys of a row's metadata begin that say why a step has no result."""


@dataclass(kw_only=True, eq=False)
class Task(Step):
    """A step that asks a model.

    llm: the model. num_generations: rows for each row of input, or with group_generations one row whose columns are lists.
    add_raw_output, add_raw_input: keep what came back and what was sent in the column distilabel_metadata.
    use_default_structured_output is accepted: an endpoint that can hold an answer to a JSON schema is always asked to.
    """

    llm: LLM | None = None
    num_generations: int = 1
    group_generations: bool = False
    add_raw_output: bool = True
    add_raw_input: bool = True
    use_default_structured_output: bool = False

    optional: ClassVar[tuple[str, ...]] = ("system_prompt", "messages")
    """Columns that it reads where they are there."""
    asks_once: ClassVar[bool] = True
    """Whether one chat makes a row, which is then kept with it."""
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_generations < 1:
            raise SettingsError("num_generations must be at least 1.")
        self._calls = 0
        self.load()
        for what, names, known in (
            ("input_mappings", self.input_mappings, [*self.inputs, *self.optional]),
            ("output_mappings", self.output_mappings, [*self.outputs, "model_name", METADATA]),
        ):
            if unknown := [name for name in names if name not in known]:
                raise SettingsError(f"{what} of {self.name} names '{unknown[0]}'. Known there: {', '.join(known)}.")

    @property
    def model(self) -> LLM:
        """Its model. Raises SettingsError where it was given none."""
        if self.llm is None:
            raise SettingsError(f"{self.name} has no model: give it one, as in llm=LocalLLM().")
        return self.llm

    async def made(self, row: dict[str, Any], model: RecordingModel) -> Made:
        """What the model makes of a row, by the task's own names of columns."""
        raise TypeError(f"{type(self).__name__} does not say how it makes rows")

    def by_itself(self) -> None:
        """Raises SettingsError for settings that only a recipe knows what to do with."""

    def process(self, inputs: Sequence[Mapping[str, Any]]) -> Iterator[Rows]:
        """One batch: a row for each row of `inputs`, in their order. Raises ClaywrightError and its kinds."""
        self.by_itself()
        rows = rows_of(inputs)
        for row in rows:
            self.read(row)

        async def work(hand: StopHandle) -> list[list[dict[str, Any]]]:
            async with session(hand, str(self._calls)) as open_session:
                return await all_of((self.give(open_session, row, (k,)) for k, row in enumerate(rows)), open_session)

        results = awaited(work)
        self._calls += 1
        yield Rows(itertools.chain.from_iterable(results))

    async def give(self, session: Session, row: dict[str, Any], index: Place) -> list[dict[str, Any]]:
        seen, before = self.read(row), behind(row)
        failed = next((key.removeprefix(FAILURE) for key in before if key.startswith(FAILURE)), "")
        lacking = [self.input_mappings.get(name, name) for name in self.inputs if seen[name] is None]
        if failed and lacking:
            why = f"there is no {lacking[0]}, as {failed} failed"
            return [self.written(row, self._nothing(session, why, {}, before))]
        draws = await all_of(
            (self._drawn(session, seen, (*index, k), before) for k in range(self.num_generations)), session
        )
        if not self.group_generations:
            return [self.written(row, columns) for rows in draws for columns in rows]
        grouped: dict[str, Any] = {}
        for columns in itertools.chain.from_iterable(draws):
            for name, value in columns.items():
                grouped.setdefault(name, []).append(value)
        return [self.written(row, {**grouped, "model_name": self.model.name})]

    async def _drawn(
        self, session: Session, row: dict[str, Any], index: Place, before: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """The columns of each row that one draw gives."""
        endpoint = await session.endpoint(self.model)
        scope = f"python/{session.draw}/{self.name}/{'.'.join(map(str, index))}" if self.seeded else "rating"
        bound = session.engine.bind(endpoint, scope, seeded=self.seeded, stage=self.name)
        model = RecordingModel(bound, self.system(row), session.draw, index)
        try:
            result = await self.made(row, model)
        except (*PAUSES, InputError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is costs this row alone, and is kept with it
            result = failure_text(error)
        metadata = model.behind(
            self.name, raw_input=self.add_raw_input, raw_output=self.add_raw_output, chats=self.asks_once
        )
        if isinstance(result, str):
            return [self._nothing(session, result, metadata, before)]
        for failure in model.failures:
            session.failures[self.name, failure] += 1
        metadata |= {f"{FAILURE}{self.name}": "; ".join(model.failures)} if model.failures else {}
        return [{**columns, "model_name": self.model.name, METADATA: {**before, **metadata}} for columns in result]

    def _nothing(
        self, session: Session, why: str, metadata: Mapping[str, Any], before: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The columns of a row that there is nothing for, with the reason."""
        session.failures[self.name, why] += 1
        known = {**before, **metadata, f"{FAILURE}{self.name}": why}
        return {**dict.fromkeys(self.outputs), "model_name": self.model.name, METADATA: known}

    def system(self, row: Mapping[str, Any]) -> str:
        """A system text for each chat of the task, beside its own prompt."""
        return ""


def reason(results: Sequence[Row | Dropped]) -> str:
    """Why there is no row in what a task made."""
    return (
        "; ".join(dict.fromkeys(result.reason for result in results if isinstance(result, Dropped)))
        or "nothing came of it"
    )
