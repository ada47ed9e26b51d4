"""The public Python API, as `from claywright import ...` hands it out.

The loop by a recipe: `Recipe`, then `run`, `rate`, `push`, `pull`, `agreement`, `export`, `publish`. And the classes that
people know from elsewhere (the modules beside this one): models, tasks by themselves, pipelines.

>>> made = run(Recipe(task=Magpie(), generator=ScriptedLLM(), rows=2))
>>> export(made.id, "rows.jsonl", unreviewed=True).written
2
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import recipe, workflow
from app.api.checkpoints import DatasetCheckpoint
from app.api.legacy_tasks import ProcessLLM, TextGenerationTask, UltraFeedbackTask
from app.api.llms import (
    LLM,
    GivenKeys,
    InferenceEndpointsLLM,
    LLMPool,
    LocalLLM,
    OpenAILLM,
    ScriptedLLM,
    TransformersLLM,
)
from app.api.pipeline import Distiset, InstructionResponsePipeline, Pipeline, pipeline
from app.api.progress import Follower, Progress, told
from app.api.prompt import Prompt
from app.api.session import LOG, StopHandle, awaited
from app.api.steps import GroupColumns, KeepColumns, LoadDataFromDicts, LoadDataFromHub, Rows
from app.api.task_step import Task as AskingStep
from app.api.tasks import EvolInstruct, Genstruct, Magpie, MagpieGenerator, SelfInstruct, TextGeneration
from app.api.ultrafeedback import UltraFeedback
from app.config import Settings, settings
from app.errors import RunError
from app.inputs.inputs import Inputs, fingerprint
from app.inputs.inputs import rows as input_rows
from app.recipe import BUILT_IN, load, recipe_text
from app.review import acceptance, argilla, dataframes
from app.review.acceptance import Accepted
from app.review.insights import RISK, Insights, insights_of
from app.review.pull import Pulled
from app.review.reviewed_rows import agreement_of
from app.runs.permissions import Permissions, from_options
from app.runs.row_checks import Standing, standings
from app.runs.run_recipes import amend
from app.runs.run_work import Watch
from app.runs.runner import RunExecutor
from app.store import maintenance, runs
from app.store.lease import standing
from app.store.store import Store
from app.workspace import Workspace
from feedback.argilla.push import Pushed
from feedback.checks import Check as Checking
from feedback.exports.hub import Published
from feedback.exports.selection import Export, Exported
from feedback.labeller.ultrafeedback import UltraFeedback as Judge
from feedback.rubrics import RatedExample, Rubric
from feedback.stats.agreement import Agreement
from tasks import ExistingRows, InstructionResponse
from tasks.answering import Answers
from tasks.base import Task
from tasks.errors import SettingsError
from tasks.models.spec import ModelSpec
from tasks.settings import build

__all__ = [
    "LLM", "Answers", "Check", "CustomDataset", "DatasetCheckpoint", "Distiset", "EvolInstruct", "ExistingRows", "Genstruct",
    "GroupColumns", "InferenceEndpointsLLM", "Inputs", "InstructionResponse", "InstructionResponsePipeline",
    "KeepColumns", "LLMPool", "LoadDataFromDicts", "LoadDataFromHub", "LocalLLM", "Magpie", "MagpieGenerator",
    "OpenAILLM", "Pipeline", "ProcessLLM", "Prompt", "RatedExample", "Recipe", "Rows", "Rubric", "ScriptedLLM", "SelfInstruct",
    "TextGeneration", "TextGenerationTask", "TransformersLLM", "UltraFeedback", "UltraFeedbackTask", "accept", "agreement", "check",
    "delete", "export", "insights", "pipeline",
    "publish", "pull", "push", "rate", "read", "rows", "run",
]  # fmt: skip

if TYPE_CHECKING:
    import pandas as pd

    from app.api.custom_dataset import CustomDataset

MakesRows = TextGeneration | Magpie | SelfInstruct | Genstruct | EvolInstruct
Model = ModelSpec | LLM


def __getattr__(name: str) -> Any:
    if name == "CustomDataset":  # a class of a heavy library's kind
        from app.api.custom_dataset import CustomDataset

        return CustomDataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@dataclass(frozen=True, slots=True)
class Run(runs.Run):
    """A run as it stands after work on it: its id, state (draft, running, paused, stopped, done) and the reason of a pause."""

    data: Path | None = None
    """The data folder that it is in."""

    def to_pandas(self, *, per: dataframes.Per = "response") -> "pd.DataFrame":
        """The rows of the run, as `rows` gives them.

        >>> run(Recipe(task=Magpie(), generator=ScriptedLLM(), rows=2)).to_pandas().shape[0]
        2
        """
        return rows(self, per=per)


class Recipe(recipe.Recipe):
    """Everything that makes a dataset, as an object: the same as a recipe file holds.

    task: Magpie(...), SelfInstruct(...), Genstruct(...), EvolInstruct(...), TextGeneration(...), InstructionResponse(...) or
    ExistingRows(...). generator, responders, labeller: models; the built-in one unless said here, or as llm of the task or of
    the rating. rating: UltraFeedback(...), None for none. inputs: where the rows come from that the task works on. answers:
    how many responses each row is to have. rows: how many of them. checks: Check(...) and more, of each response. parts: the
    other tables of a recipe (review, merge, export, budget, embedder, name, seed). Keys of models stay beside it, in memory.
    Raises SettingsError.

    >>> Recipe(task=Magpie(n_turns=2), generator=ScriptedLLM(), rows=5, rating=UltraFeedback(aspect="honesty")).dump()["task"]
    {'kind': 'magpie', 'n_turns': 2}
    """

    def __init__(
        self, *, task: Task | MakesRows, generator: Model | None = None, responders: Sequence[Model] = (),
        labeller: Model | None = None, rating: Judge | UltraFeedback | None = None, inputs: Inputs | None = None,
        answers: Answers | None = None, rows: int | None = None, checks: Sequence[Checking | Mapping[str, Any]] = (),
        **parts: Any,
    ) -> None:  # fmt: skip
        keys = GivenKeys()
        generator_spec = _spec_of(_model_of(generator, task, "generator") or BUILT_IN, keys)
        judging = _model_of(labeller, rating, "labeller")
        super().__init__(
            task=task if isinstance(task, Task) else task.task,
            generator=generator_spec,
            responders=tuple(_spec_of(model, keys) for model in responders),
            labeller=generator_spec if judging is None else _spec_of(judging, keys),
            rating=rating.judge if isinstance(rating, UltraFeedback) else rating,
            inputs=inputs or Inputs(),
            answers=answers,
            rows=rows,
            checks=recipe.checks_of(list(checks)),
            **parts,
        )
        object.__setattr__(self, "keys", keys)


def _model_of(model: Model | None, step: object, what: str) -> Model | None:
    """The model of a recipe's part: given by itself or with the step. Raises SettingsError for both, and for what is a step's."""
    if not isinstance(step, AskingStep):
        return model
    if step.input_mappings or step.output_mappings or step.group_generations:
        raise SettingsError(
            "Mappings and groups are of steps; a recipe names columns as Inputs(columns={ours: yours})."
        )
    if model is not None and step.llm is not None and model is not step.llm:
        raise SettingsError(f"Two models are given for one part: {what}={model!r} and llm={step.llm!r}. Leave one out.")
    return model if model is not None else step.llm


def _spec_of(model: Model, keys: GivenKeys) -> ModelSpec:
    if not isinstance(model, LLM):
        return model
    if isinstance(model, ScriptedLLM) and (model.script or model.latency):
        raise SettingsError(
            "A recipe holds no script: ScriptedLLM(script) is for tasks by themselves and for pipelines."
        )
    keys.take(model.keys, model.spec)
    return model.spec


def run(
    recipe: recipe.Recipe | str | Path,
    *,
    data: Path | None = None,
    progress: Progress | bool = False,
    anew: bool = False,
    allow_keys: Mapping[str, str] | None = None,
    allow_paths: Sequence[str | Path] = (),
    allow_commands: Sequence[str] = (),
) -> Run:
    """Makes, answers and rates the rows of a recipe (or of the recipe file of that name); nothing is sent anywhere.

    An unfinished run of the very same recipe is gone on with, unless `anew`: after Ctrl-C, a crash or a refused key, call it
    again. data: the data folder, by default that of the command line. progress: True for a bar, or a function of (rows done,
    rows expected or None). allow_keys, allow_paths: {variable: host} and files that a recipe file may use beyond its providers
    and its own folder; allow_commands: what its [cluster] may run; all remembered in the data folder. Returns the run: its id,
    state and reason. Raises ClaywrightError and its kinds; RunError while another process works on a run of this recipe.

    >>> run(Recipe(task=Magpie(), generator=ScriptedLLM(), rows=2)).state
    'done'
    """
    app_settings = settings(data)
    file = Path(recipe) if isinstance(recipe, str | Path) else None
    loaded = load(Path(recipe)) if isinstance(recipe, str | Path) else recipe
    keys = getattr(loaded, "keys", None) or GivenKeys(written_here=file is None)
    permissions = Permissions(app_settings.data)
    pairs = [f"{name}={host}" for name, host in (allow_keys or {}).items()]
    permissions.allow(from_options(pairs, allow_paths, allow_commands))
    if file is not None:
        permissions.check(loaded, keys, file.parent)

    def work(store: Store, watch: Watch) -> Coroutine[Any, Any, runs.Run]:
        workspace = Workspace(app_settings, store, keys, LOG.info)
        unfinished = None if anew else _unfinished(store, loaded)
        if unfinished is not None:
            return workflow.generate(workspace, unfinished, watch)
        return workflow.generate(workspace, workflow.start(workspace, loaded), watch, recipe=loaded)

    return _worked(app_settings, work, progress)


def rate(
    run_id: str, rating: Judge | UltraFeedback | None = None, *, labeller: Model | None = None, data: Path | None = None,
    progress: Progress | bool = False,
) -> Run:  # fmt: skip
    """Rates the rows of a run, by `rating` and `labeller` or as its recipe says; what was rated so before is not paid again.

    >>> made = run(Recipe(task=Magpie(), generator=ScriptedLLM(), rows=2))
    >>> rate(made.id, UltraFeedback(aspect="honesty"), labeller=ScriptedLLM(model="judge")).id == made.id
    True
    """
    app_settings = settings(data)
    judge = rating.judge if isinstance(rating, UltraFeedback) else rating
    judging = _model_of(labeller, rating, "labeller")
    keys = GivenKeys(written_here=judging is not None)
    spec = None if judging is None else _spec_of(judging, keys)

    def work(store: Store, watch: Watch) -> Coroutine[Any, Any, runs.Run]:
        workspace = Workspace(app_settings, store, keys, LOG.info)
        return workflow.rate(workspace, store.runs.get(run_id), watch, rating=judge, labeller=spec)

    return _worked(app_settings, work, progress)


def Check(kind: str, **settings_: Any) -> Checking:  # noqa: N802 - it reads as the classes of a recipe's other parts do
    """A check of responses without a model, for a recipe or for `check`: its kind and settings are those of [[checks]].

    Kinds: contains, regex, json-schema, length, language and more; `claywright docs checks` lists them. name: what it is called.
    reject=True: what fails counts as rejected, unless people approve it. Raises SettingsError.

    >>> Check("length", least=5).called
    'length'
    """
    return recipe.check_of({**settings_, "kind": kind})


def check(
    run_id: str, checks: Sequence[Checking | Mapping[str, Any]] | None = None, *, data: Path | None = None,
    progress: Progress | bool = False,
) -> list[Standing]:  # fmt: skip
    """Checks the responses of a run, by `checks` from now on or as its recipe says; what was checked so before is not again.

    Returns for each check how many responses passed and failed, and how many rows have one that failed. Raises SettingsError.

    >>> made = run(Recipe(task=Magpie(), generator=ScriptedLLM(), rows=2))
    >>> [(counted.check, counted.passed) for counted in check(made.id, [Check("length", least=1)])]
    [('length', 2)]
    """
    app_settings = settings(data)
    with Store(app_settings.data) as store, told(progress, "rows") as tell:
        current_run = store.runs.get(run_id)
        if checks is not None:
            current_run = amend(store, current_run, checks=recipe.checks_of(list(checks)))
        total = store.runs.counts(current_run.id).answered
        workflow.check(Workspace(app_settings, store), current_run, lambda rows: tell(rows, total))
        return standings(store, current_run)


def push(run_id: str, dataset: str = "", *, data: Path | None = None, progress: Progress | bool = False) -> Pushed:
    """Sends the rows of a run to Argilla, as `dataset` or under the run's own name; what is there is not sent again.

    Argilla is the one of ARGILLA_API_URL and ARGILLA_API_KEY, else the embedded one. Returns how many rows were sent and how
    many were there unchanged. Raises ArgillaError and its kinds. An example with review and export is in `claywright docs python`.
    """
    app_settings = settings(data)
    with Store(app_settings.data) as store, told(progress, "sent") as tell:
        where = argilla.argilla(app_settings, LOG.info)
        return workflow.push(
            Workspace(app_settings, store, report=LOG.info),
            store.runs.get(run_id),
            where,
            lambda pushed, total: tell(pushed.sent + pushed.unchanged, total),
            dataset=dataset,
        ).pushed


def pull(run_id: str, *, data: Path | None = None, progress: Progress | bool = False) -> Pulled:
    """Brings back what people said of a run's rows: how many new answers, and how many rows are approved or rejected now.

    progress is told how many new answers there are. Raises RunError where it was not sent yet, ArgillaError and its kinds.
    """
    app_settings = settings(data)
    with Store(app_settings.data) as store, told(progress, "answers") as tell:
        where = argilla.argilla(app_settings, LOG.info)
        return workflow.pull(
            Workspace(app_settings, store), store.runs.get(run_id), where, lambda pulled: tell(pulled.new, None)
        )


def agreement(run_id: str, *, data: Path | None = None) -> Agreement:
    """How well reviewers agree with each other and with the labeller, by the audit rows of a run that was pulled."""
    app_settings = settings(data)
    with Store(app_settings.data) as store:
        return agreement_of(store, store.runs.get(run_id))


def insights(run_id: str, *, risk: float = RISK, data: Path | None = None) -> Insights:
    """What the reviews of a run that was pulled prove: the quality of the set, what the queue finds, the rows that need nobody at
    that risk (the share of them that may be decided otherwise), minutes, reviewers. Each figure has its sentence.

    Raises SettingsError for a risk that is no share.
    """
    app_settings = settings(data)
    with Store(app_settings.data) as store:
        return insights_of(store, store.runs.get(run_id), risk)


def accept(run_id: str, *, risk: float = RISK, data: Path | None = None) -> Accepted:
    """Accepts the rows that need no reviewer at that risk: the labeller's decision on them stands, and is exported as such, until
    later reviews speak against it. Raises RunError where there are none yet, SettingsError.
    """
    app_settings = settings(data)
    with Store(app_settings.data) as store:
        return acceptance.accept(store, store.runs.get(run_id), app_settings.owner, risk)


def export(
    run_id: str,
    path: str | Path = "",
    *,
    data: Path | None = None,
    progress: Progress | bool = False,
    overwrite: bool = False,
    **settings_: Any,
) -> Exported:
    """Writes the approved rows of a run to `path`: .jsonl, .parquet, .csv, .xlsx, or a folder for datasets.load_from_disk.

    Settings are those of [export] in a recipe: `format`, `unreviewed`, `decision`, `test_share` and so on. progress is told
    how many rows were looked at. What is there already is replaced where it is as an export of this run left it, or with
    overwrite=True. Raises ExportError, SettingsError.

    >>> made = run(Recipe(task=Magpie(), generator=ScriptedLLM(), rows=2))
    >>> export(made.id, "talks.jsonl", unreviewed=True, format="sft").written
    2
    """
    app_settings = settings(data)
    to = build(Export, {**settings_, "path": str(path)}, "export")
    with Store(app_settings.data) as store, told(progress, "rows") as tell:
        run = store.runs.get(run_id)
        total = store.runs.counts(run.id).answered
        return workflow.export(
            Workspace(app_settings, store), run, to, lambda rows: tell(rows, total), overwrite=overwrite
        )


def publish(run_id: str, hub: str, *, data: Path | None = None, **settings_: Any) -> Published:
    """Adds the approved rows of a run to the dataset `hub` (owner/name) on the Hugging Face Hub, private unless said."""
    app_settings = settings(data)
    to = build(Export, {**settings_, "hub": hub}, "export")
    with Store(app_settings.data) as store:
        return workflow.publish(Workspace(app_settings, store, report=LOG.info), store.runs.get(run_id), to)


def rows(run: runs.Run | str, *, per: dataframes.Per = "response", data: Path | None = None) -> "pd.DataFrame":
    """The answered rows of a run (or of the run of that id) as a DataFrame: a line for each response; or per="row", a line for
    each row with its best response.

    Columns: row_id, instruction, messages, response, model, marks and more of the response; the labeller's `rating`,
    `rating.ASPECT` and `rationale.ASPECT`; people's own `people.rating`, `people.rating.ASPECT`, `people.rank`,
    what they only accepted as suggested (`people.accepted`, `people.accepted.ASPECT`), `decision`,
    `reviewers`, `corrected_instruction`, `corrected_response`. Types are nullable, what is missing is pd.NA.

    >>> made = run(Recipe(task=Magpie(), generator=ScriptedLLM(), rows=2, rating=UltraFeedback(aspect="honesty")))
    >>> rows(made)["rating.honesty"].dtype
    Float64Dtype()
    """
    app_settings = settings(data or getattr(run, "data", None))
    with Store(app_settings.data) as store:
        return dataframes.of_run(store, store.runs.get(run if isinstance(run, str) else run.id), per)


def delete(run: runs.Run | str, *, forget: bool = False, data: Path | None = None) -> None:
    """Deletes a run (or the one of that id) for good: its rows, ratings and what people said of them; what is in Argilla stays.

    With `forget` what its models answered goes too. Raises RunError while something works on it.

    >>> trial = run(Recipe(task=Magpie(), generator=ScriptedLLM(), rows=2))
    >>> delete(trial)
    """
    app_settings = settings(data or getattr(run, "data", None))
    with Store(app_settings.data) as store:
        maintenance.delete(store, store.runs.get(run if isinstance(run, str) else run.id), forget=forget)


def read(path: str | Path, **options: Any) -> "pd.DataFrame":
    """The rows of any file that can be the input of a run, or of a folder or zip of them, as a DataFrame.

    Options are those of Inputs: `columns` ({ours: theirs}), `skip`, `limit` and so on. Types are nullable. Raises InputError,
    SettingsError.

    >>> made = run(Recipe(task=Magpie(), generator=ScriptedLLM(), rows=2))
    >>> path = export(made.id, "plain.jsonl", unreviewed=True, format="plain").path
    >>> read(path, limit=1)["reviewed"].to_list()
    [False]
    """
    return dataframes.of_rows(input_rows(build(Inputs, {**options, "path": str(path)}, "read"), say=LOG.info))


def _unfinished(store: Store, recipe: recipe.Recipe) -> runs.Run | None:
    """The newest run of the very same recipe that was not worked to its end and that nobody works on."""
    text = recipe_text(recipe)
    same_recipe = [run for run in store.runs.all() if run.recipe == text]
    content = fingerprint(recipe.inputs) if same_recipe else ""
    alike = [(run, standing(run)) for run in same_recipe if run.inputs == content]
    if busy := next((run for run, standing in alike if standing == "running"), None):
        raise RunError(
            f"Another process works on the run {busy.id} of this recipe. Wait for it, or make a run of its own: anew=True."
        )
    return next((run for run, standing in alike if standing in ("stopped", "paused", "interrupted")), None)


def _worked(
    app_settings: Settings, work: Callable[[Store, Watch], Coroutine[Any, Any, runs.Run]], progress: Progress | bool
) -> Run:
    async def working(hand: StopHandle) -> Run:
        with Store(app_settings.data) as store, told(progress, "rows") as tell:
            follower = Follower(tell)

            def watch(execution: RunExecutor, total: int | None) -> None:
                hand.gently = execution.stop
                follower.follow(execution, total, store.runs.counts(execution.run.id))

            done = await work(store, watch)
            counts = store.runs.counts(done.id)
            tell(counts.answered, counts.answered)
            return Run(**{f.name: getattr(done, f.name) for f in fields(done)}, data=app_settings.data)

    return awaited(working)
