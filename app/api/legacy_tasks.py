"""What a generator and a labeller are to do: tasks that write texts, and tasks that rate them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from app.api.llms import LLM, LLMPool, OpenAILLM
from app.api.prompt import Prompt
from feedback.labeller.ultrafeedback import UltraFeedback as Judge
from tasks.errors import SettingsError, Unsupported

FROM_GENERATOR = ("generation_model", "generation_prompt", "raw_generation_responses")
FROM_LABELLER = ("labelling_model", "labelling_prompt", "raw_labelling_response", "rating", "rationale")
FAILURES = "failures"
"""The column that says what could not be had, where something could not."""
"""Columns that a generator and a labeller give, and that of what failed."""
SUBTASKS = {
    "text-quality": "text-quality", "overall-quality": "text-quality", "helpfulness": "helpfulness",
    "truthfulness": "truthfulness", "honesty": "honesty", "instruction-following": "instruction-following",
}  # fmt: skip


@dataclass
class TextGenerationTask:
    """Has a model answer the column `input` of each row.

    system_prompt: what every prompt begins with. principles_distribution: "balanced", or {a principle: its share}, for what
    each text is told to value besides. A subclass may form the prompt (`generate_prompt`) and read the answer
    (`parse_output`: a text, or a dict of columns) in its own way, and work on other columns (`input_args_names`).

    >>> TextGenerationTask("Be brief.").generate_prompt("Name a river.").format_as("openai")[0]
    {'role': 'system', 'content': 'Be brief.'}
    """

    system_prompt: str = ""
    principles_distribution: str | dict[str, float] | None = None

    @property
    def input_args_names(self) -> list[str]:
        """The columns that a prompt is made from."""
        return ["input"]

    @property
    def output_args_names(self) -> list[str]:
        """The columns that answers give, where nothing else is read from them."""
        return ["generations"]

    def generate_prompt(self, input: str) -> Prompt:
        """The prompt of one row."""
        return Prompt(self.system_prompt, input)

    def parse_output(self, output: str) -> Any:
        """What is kept of an answer."""
        return {"generations": output}


@dataclass
class UltraFeedbackTask:
    """Has a labeller rate the texts of each row from 1 to 5, with a rationale (Cui et al. 2023, arXiv 2310.01377).

    Columns in: `input`, `generations`. Columns out: `rating` (list of float), `rationale` (list of str). Made by one of
    for_text_quality, for_overall_quality, for_helpfulness, for_truthfulness, for_honesty, for_instruction_following. The
    wording of the scales is Claywright's own.

    >>> UltraFeedbackTask.for_honesty().aspect
    'honesty'
    """

    aspect: str = "text-quality"
    system_prompt: str = ""

    input_args_names: ClassVar[list[str]] = ["input", "generations"]
    output_args_names: ClassVar[list[str]] = ["rating", "rationale"]

    @classmethod
    def for_text_quality(cls, system_prompt: str = "", **wording: Any) -> "UltraFeedbackTask":
        """How good a text is, all in all."""
        return cls._made("text-quality", system_prompt, wording)

    for_overall_quality = for_text_quality

    @classmethod
    def for_helpfulness(cls, system_prompt: str = "", **wording: Any) -> "UltraFeedbackTask":
        """How much it helps who asked."""
        return cls._made("helpfulness", system_prompt, wording)

    @classmethod
    def for_truthfulness(cls, system_prompt: str = "", **wording: Any) -> "UltraFeedbackTask":
        """Whether what it says is true."""
        return cls._made("truthfulness", system_prompt, wording)

    @classmethod
    def for_honesty(cls, system_prompt: str = "", **wording: Any) -> "UltraFeedbackTask":
        """Whether it is as sure as it has a right to be."""
        return cls._made("honesty", system_prompt, wording)

    @classmethod
    def for_instruction_following(cls, system_prompt: str = "", **wording: Any) -> "UltraFeedbackTask":
        """Whether it does what was asked."""
        return cls._made("instruction-following", system_prompt, wording)

    @classmethod
    def _made(cls, aspect: str, system_prompt: str, wording: Mapping[str, Any]) -> "UltraFeedbackTask":
        if wording:
            raise Unsupported(
                f"The wording of the scales is Claywright's own: {', '.join(wording)} can't be given. Leave it out, or tell "
                "the labeller what to look at as system_prompt."
            )
        return cls(aspect, system_prompt)

    @property
    def judge(self) -> Judge:
        """The same as a recipe has it."""
        return Judge(aspects=(self.aspect,))


def ProcessLLM(task: Any, load_llm_fn: Callable[[Any], LLM]) -> LLM:  # noqa: N802 - known by this name
    """The model that `load_llm_fn` makes for a task. No process is started for it: models are asked, not loaded.

    >>> ProcessLLM(TextGenerationTask(), lambda task: ScriptedLLM(task=task)).name
    'scripted'
    """
    return load_llm_fn(task)


def check(generator: LLM | LLMPool | None, labeller: LLM | None) -> None:
    """Raises SettingsError where a model of a pipeline does not say what it is to do."""
    for llm in generator.llms if isinstance(generator, LLMPool) else [generator] if generator is not None else []:
        if llm.task is None:
            raise SettingsError("The generator needs a task: task=TextGenerationTask().")
        if not hasattr(llm.task, "generate_prompt"):
            raise SettingsError("The generator's task has to write: task=TextGenerationTask(), say.")
    if labeller is not None and labeller.task is None:
        raise SettingsError("The labeller needs a task: task=UltraFeedbackTask.for_honesty().")
    if labeller is not None and not isinstance(labeller.task, UltraFeedbackTask):
        raise SettingsError("The labeller's task has to rate: task=UltraFeedbackTask.for_honesty(), say.")


def labeller_for(task: str, subtask: str | None, model: str, options: Mapping[str, Any]) -> LLM:
    """The labeller that a kind of pipeline has by itself. Raises SettingsError."""
    if task != "preference":
        raise SettingsError(f"There is no pipeline for '{task}'. Known: preference.")
    if subtask is not None and subtask not in SUBTASKS:
        raise SettingsError(f"There is no subtask '{subtask}'. Known: {', '.join(SUBTASKS)}.")
    aspect = SUBTASKS[subtask or "text-quality"]
    defaults = {"max_new_tokens": 256, "num_threads": 4, "temperature": 0.0}
    return OpenAILLM(model, task=UltraFeedbackTask(aspect), **{**defaults, **options})
