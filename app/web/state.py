"""What the pages act through and look at: the runs, the jobs, the services, and what each browser has in hand.

A `RunView` is one glance at a run for one browser; pages only show it. Nothing here knows Gradio.
"""

import asyncio
import contextlib
import copy
import re
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from app import config, dataset_import
from app.api_keys import HUB_TOKEN, KeyRing, TypedKeys, is_variable, private_endpoints, shared_variables
from app.config import Settings
from app.errors import PageError, PeopleError, RunError
from app.file_locks import exists, expanded, read_regular
from app.inputs import pasted, uploads
from app.inputs.files import within
from app.inputs.inputs import Inputs
from app.inputs.known_inputs import version_of
from app.recipe import Recipe, example, known_rubrics, recipe_of, recipe_text
from app.review import argilla, reviewed_rows
from app.review.argilla import Invited
from app.review.reviewed_rows import Foreseen
from app.runs import permissions, prompt_preview, run_recipes
from app.runs.cost import forecast, pricing
from app.runs.cost.forecast import Forecast
from app.runs.model_check import ModelCheck, try_out
from app.runs.new_runs import draft_run
from app.runs.permissions import Need, Permissions
from app.runs.prompt_preview import Prompt
from app.runs.run_recipes import same_rows
from app.runs.units import most_rows, number_of_units
from app.services import Say
from app.store import maintenance
from app.store.cache import Cache
from app.store.lease import at_work, standing
from app.store.people.people import Person
from app.store.reviews.verdicts import IN_THE_APP
from app.store.runs import Listed, Run, RunCounts
from app.store.store import Store
from app.web import form_values
from app.web.form_values import TYPED, FormError, FormValues
from app.web.jobs import Job, Jobs
from app.web.run_reviews import RunReviews, person_id
from app.web.run_rows import RunRows
from app.web.saved import Saved
from app.web.security.access import PERSON, Uploads
from app.web.service_monitor import ServiceMonitor, ServiceStatus
from app.web.stats import Find, T
from app.web.tab_state import NEW_TAB, TabState
from app.workspace import Workspace
from feedback.argilla.client import Server
from feedback.argilla.urls import tidy
from feedback.errors import ExportError
from feedback.exports.selection import Export
from feedback.rubrics import STANDARD, Rubric, Rubrics
from feedback.stats.rubric_check import RubricCheck
from tasks.errors import ClaywrightError, InputError, SettingsError
from tasks.models.spec import ModelSpec
from tasks.types import Row

PREVIEW_ROWS = 3
LONG = 0.05
"""Seconds: statistics that took longer are not looked for again for three times as long, whatever was written meanwhile."""
MOST_STATISTICS, MOST_EXPORTS, MOST_INPUTS, MOST_WORKSPACES = 1000, 100, 1000, 100
"""Answers that are remembered."""
COUNT_FOR = 60.0
"""Seconds after which the rows of an input are counted no further."""
REVIEWERS_BELIEVED = 60.0
"""Seconds for which it is not asked again who reviews."""
COUNT_WITHIN = 0.2
"""Seconds that a glance waits for how many rows an input holds."""


@dataclass(frozen=True)
class RubricTrial:
    """What came of drafting or checking a rubric."""

    result: Rubric | RubricCheck | None = None
    trouble: str = ""
    asking: bool = False


@dataclass
class AppState:
    """One for the process. Everything that belongs to one browser is kept under that browser's name."""

    store: Store
    settings: Settings
    jobs: Jobs
    services: ServiceMonitor
    ring: KeyRing = field(default_factory=KeyRing)
    trials: dict[tuple[str, str, str], ModelCheck] = field(default_factory=dict)
    """By browser, endpoint and the key's variable."""
    stops: dict[tuple[str, str, str], Callable[[], None]] = field(default_factory=dict)
    """What ends a trial that goes on."""
    models: dict[tuple[str, str, str], tuple[str, ...]] = field(default_factory=dict)
    """The names of the models at an address, by browser, address and the key's variable."""
    listing: set[object] = field(default_factory=set)
    """One for each list of models that is asked for."""
    chose_argilla: bool = False
    """True while rows go to an Argilla that was typed into the page."""
    rubric_trials: dict[str, RubricTrial] = field(default_factory=dict)
    """The last rubric that was drafted or checked, by browser."""
    statistics: Cache[str, Any] = field(
        default_factory=lambda: Cache(MOST_STATISTICS, holds=lambda took: 3 * took if took > LONG else 0.0)
    )
    """What `counted` found out, by what it is of which run."""
    exports: Cache[tuple[str, Export], Foreseen] = field(
        default_factory=lambda: Cache(MOST_EXPORTS, holds=lambda took: 10 * took)
    )
    """What exports would hold, by run and settings."""
    uploads: Uploads = field(default_factory=Uploads)
    person: Person | None = None
    """Whose this is; None for whoever works alone, and for the process."""
    _whole: "AppState | None" = None
    """What this was made from, where it is a person's own."""
    _filled: dict[str, FormValues] = field(default_factory=dict)
    _expected: Cache[str, int | None] = field(default_factory=lambda: Cache(MOST_INPUTS, at_once=4))
    """Rows that an input gives, by task and input."""
    _reviewers: Cache[tuple[str | None, str], list[str]] = field(
        default_factory=lambda: Cache(MOST_WORKSPACES, holds=lambda took: REVIEWERS_BELIEVED)
    )
    """Names, by Argilla and workspace."""
    _starting: threading.Lock = field(default_factory=threading.Lock)
    _filling: threading.RLock = field(default_factory=threading.RLock)

    # -- whose it is

    def of(self, browser: str) -> "AppState":
        """The same for the person whose browser it is: with the runs that they may see, under their name.

        Raises PeopleError for one who is not there any more.
        """
        if not browser.startswith(PERSON):
            return self
        own = copy.copy(self)
        own.person, own._whole = self.store.people.get(browser.removeprefix(PERSON)), self
        own.store, own.settings = self.store.seen_by(own.person), replace(self.settings, owner=own.person.name)
        return own

    def works_on(self, run: Run) -> bool:
        """True where the person may change what is in a run that they see."""
        return self.store.runs.may_work(run)

    def to_work(self, run: Run) -> None:
        """Raises PeopleError where a run is the person's to read only."""
        if not self.works_on(run):
            raise PeopleError(
                f"The run {run.name} is shared with you to read. Ask {run.owner} to let you work with it."
            )

    def owns(self, run: Run) -> bool:
        """True where the person may also delete a run that they see, and share it."""
        return self.store.runs.owns(run)

    def owned(self, run_id: str) -> Run:
        """The run of that id, where it is theirs. Raises PeopleError where it is not, or nobody else could see it, and RunError;
        of one that they may not see, as if there was none.
        """
        run = self.store.runs.get(run_id)
        if self.person is None:
            raise PeopleError("You work alone here: nobody else sees your runs.")
        if not self.owns(run):
            raise PeopleError(f"The run {run.name} is shared with you. Only {run.owner} shares it.")
        return run

    def note(self, did: str, run: str = "", detail: str = "") -> None:
        """Keeps who did what, in a team."""
        if self.person is not None:
            self.store.action_log.add(self.person.name, did, run, detail)

    @property
    def administers(self) -> bool:
        """True for an admin, and for whoever works alone."""
        return self.person is None or self.person.is_admin

    def only_admins(self, what: str) -> None:
        """Raises PeopleError for a person of a team who is no admin."""
        if not self.administers:
            raise PeopleError(f"Only an admin {what}.")

    # -- what a browser has in its forms

    @cached_property
    def usual(self) -> FormValues:
        """What the forms hold at the beginning: as for the built-in example, and nobody's name."""
        return {**form_values.fill(example()), "reviewer.name": ""}

    def filled(self, browser: str) -> FormValues:
        """What the browser's forms hold: as they were left, else as for the built-in example."""
        with self._filling:
            if browser not in self._filled:
                defaults = self.usual
                self._filled[browser] = {**defaults, **form_values.kept(self.store.form_drafts.get(browser), defaults)}
            return self._filled[browser]

    def keep(self, browser: str, changes: FormValues) -> None:
        """Keeps what was changed in the forms. A key that was pasted where a variable's name belongs counts as typed."""
        with self._filling:
            before = self.filled(browser)
            filled = {**before, **form_values.kept(changes, self.usual)}
            filled["argilla.url"] = re.sub(r"//[^/@]*@", "//", str(filled.get("argilla.url") or ""))  # never a password
            for name in [name for name in changes if name.endswith(".key_env")]:
                if (stray := str(filled[name] or "").strip()) and stray != TYPED and not is_variable(stray):
                    filled[name] = TYPED
                    role = name.partition(".")[0]
                    with contextlib.suppress(FormError):
                        self.keys(browser).type(form_values.model_of(form_values.part(filled, role), role), stray)
            if filled != before:
                self._filled[browser] = filled
                # what is looked for on Review lasts as long as the app
                lasting = {name: value for name, value in filled.items() if not name.startswith("browse.")}
                if form_values.differing(lasting, before):
                    self.store.form_drafts.keep(browser, lasting)

    def forget(self, browser: str, names: Collection[str]) -> None:
        """These fields are as at the beginning again, for they can't be shown as they were left."""
        defaults = self.usual
        self.keep(browser, {name: defaults[name] for name in names if name in defaults})

    def reviewer(self, browser: str, *, deciding: bool = False) -> str:
        """Under which name this browser's verdicts are kept; "" for one that has to be asked for it.

        The first browser of a data folder that is `deciding` is its owner's, who is known.
        """
        if self.person is not None:
            return self.person.name + IN_THE_APP
        with self._filling:
            name = str(self.filled(browser).get("reviewer.name") or "")
            if not name and not self.store.form_drafts.reviewers():
                name = self.settings.owner
                if deciding:
                    self.keep(browser, {"reviewer.name": name})
        return name + IN_THE_APP if name else ""

    def knows(self, browser: str) -> bool:
        """True for a browser whose forms were ever changed."""
        return bool(self.store.form_drafts.get(browser))

    def keys(self, browser: str) -> TypedKeys:
        """What was typed there, and the keys of the environment: of a team's, for admins and those that are shared."""
        if self.administers:
            return self.ring.of(browser)
        return self.ring.of(browser, shared_variables(), private_endpoints())

    def check_hub_token(self) -> None:
        """Raises PeopleError for a person who may not use the token with which this machine is known to the Hub."""
        if not self.administers and HUB_TOKEN not in shared_variables():
            raise PeopleError(
                "The Hub is reached with this machine's token, which is for admins. Ask one to let others use it too:"
                f" CLAYWRIGHT_SHARED_KEYS={HUB_TOKEN}."
            )

    def allow(self, needs: Sequence[Need]) -> None:
        """Lets recipes send keys, and read files, of this machine. Raises PeopleError for who may not say so."""
        self.only_admins("lets recipes use keys and files of this machine")
        self.permissions.allow(needs)

    def recipe(self, filled: FormValues) -> Recipe:
        """The recipe that the forms describe; pasted text is kept as a file. Raises FormError."""
        described = form_values.recipe_from(self.with_input(filled))
        self.check_paths(described.inputs, permissions.models_of(described))
        return described

    def check_paths(self, inputs: Inputs, specs: Sequence[ModelSpec] = ()) -> None:
        """Raises FormError for a file that a recipe from elsewhere names, and that nobody allowed it to read."""
        needs = (self.permissions.needed_path(path, None) for path in permissions.read_by(inputs, specs))
        if need := next(filter(None, needs), None):
            raise FormError("inputs", f"This {need.sentence}. Allow it above, or upload the file.")
        if inputs.dataset and not self.administers and not exists(inputs.dataset):
            from huggingface_hub import get_token

            try:
                if get_token():
                    self.check_hub_token()
            except PeopleError as error:
                raise FormError("inputs", str(error)) from error

    @property
    def permissions(self) -> Permissions:
        return Permissions(self.settings.data)

    def needs(self, browser: str, filled: FormValues) -> list[Need]:
        """What the forms would send or read, as a recipe from elsewhere can fill them, and that nobody allowed yet."""
        roles = ("generator", "labeller", "embedder")
        described = form_values.parts_from(filled, [*roles, "responders", "inputs"])
        specs = [described[role] for role in roles if described.get(role)]
        specs += described.get("responders", ())
        needs = [self.permissions.needed_key(spec, self.keys(browser)) for spec in specs]
        paths = permissions.read_by(described.get("inputs", Inputs()), specs)
        needs += [self.permissions.needed_path(path, None) for path in paths]
        return list(dict.fromkeys(filter(None, needs)))

    def with_input(self, filled: FormValues) -> FormValues:
        """The same with pasted text kept as a file, where it counts. Raises FormError."""
        task = form_values.task_of(filled)
        if task.draws or filled["inputs.source"] != "paste":
            return filled
        try:
            text, separator = (str(filled[f"inputs.{name}"] or "") for name in ("text", "separator"))
            path = uploads.keep_text(text, task.required_columns()[:2], self.settings, separator)
        except InputError as error:
            raise form_values.of_input(filled, error) from error
        return {**filled, "inputs.path": str(path)}

    def as_pasted(self, filled: FormValues) -> FormValues:
        """The forms of a run, with pasted text where it was pasted rather than as the file that it is kept in."""
        path = Path(str(filled.get("inputs.path") or ""))
        if (
            filled.get("inputs.source") != "upload"
            or path.stem != "pasted"
            or path.parent.parent != self.settings.data / "inputs"
        ):
            return filled
        try:
            content = read_regular(path, form_values.MOST_CHARACTERS).decode("utf-8").rstrip("\n")
            texts = [text for text in (pasted.as_lines(content), content) if text]
            for text in texts:  # as it was typed if that comes to the same rows, else as it is kept
                again = {**filled, "inputs.source": "paste", "inputs.text": text}
                if self.with_input(again)["inputs.path"] == str(path):
                    return again
        except (OSError, UnicodeDecodeError, ClaywrightError):
            pass
        return filled

    def use_argilla(self, url: str, key: str) -> None:
        """Rows go to that Argilla from now on, until Claywright ends; the key stays in this process. Without an address
        it is again what the environment says. Raises ArgillaError, and PeopleError for who may not.
        """
        self.only_admins("says to which Argilla rows go")
        named = config.settings(self.settings.data)
        chosen = replace(named, argilla_url=tidy(url), argilla_key=key.strip(), argilla_workspace="") if url else named
        if url:
            with Server(chosen.argilla_url, chosen.argilla_key or ""):
                pass
        whole = self._whole or self
        whole.settings = self.jobs.settings = self.services.settings = chosen
        whole.chose_argilla = bool(url)
        self.services.argilla = ServiceStatus("starting")

    def invite(self, name: str, workspace: str, to: str, *, anew: bool = False) -> Invited:
        """Lets somebody review in a workspace of Argilla. Raises SettingsError, ArgillaError, and PeopleError for who may not."""
        self.only_admins("adds reviewers and makes their links, as those sign in to Argilla")
        invited = argilla.invite(self.settings, name, workspace, to, anew=anew)
        at = self.settings.argilla_url, workspace
        self._reviewers.change(at, lambda names: sorted({*(names or ()), invited.name}))
        return invited

    def reviewers(self, workspace: str) -> list[str]:
        """Who may review in a workspace of Argilla, as was told within the last minute; [] while it is not known."""
        settings = self.settings
        at = settings.argilla_url, workspace
        return self._reviewers.ask(at, lambda: argilla.reviewers_of(settings, workspace), COUNT_WITHIN) or []

    def with_records(self, filled: FormValues, say: Say) -> FormValues:
        """The same with the records of the dataset in Argilla kept as a file, as they are now. Raises FormError."""
        name, workspace = (str(filled[f"inputs.{part}"] or "") for part in ("argilla", "workspace"))
        try:
            self.only_admins("reads datasets of Argilla, as all that was sent is there")
            where = argilla.argilla(self.settings, lambda message: None)
            path = dataset_import.snapshot(where, name, workspace, self.settings, say)
        except ClaywrightError as error:
            raise form_values.of_input(filled, error) from error
        return {**filled, "inputs.snapshot": str(path)}

    @property
    def saved(self) -> Saved:
        """What is kept under a name."""
        return Saved(self.store)

    def with_run(self, filled: FormValues) -> FormValues:
        """The same with the rows of another run kept as a file, as they are now. Raises FormError."""
        try:
            run = self.store.runs.get(str(filled["inputs.run"]))
            return {**filled, "inputs.snapshot": str(dataset_import.rows_of(self.store, run, self.settings))}
        except ClaywrightError as error:
            raise form_values.of_input(filled, error) from error

    # -- runs

    def runs(self) -> list[Run]:
        """All runs, the newest first."""
        return self.store.runs.all()

    def run(self, run_id: str) -> Run:
        """Raises RunError where there is none of that id."""
        return self.store.runs.get(run_id)

    def row(self, run_id: str, row_id: str) -> Row:
        """A row of that run, whatever became of it. Raises RunError where there is none of that id."""
        row, run = self.store.rows.get(row_id), self.store.runs.known(run_id)
        if run is None or self.store.runs.of_row(row.id) != run:
            raise RunError(f"There is no row '{row.id}' in this run.")
        return row

    def newest(self) -> Run | None:
        runs = self.runs()
        return runs[0] if runs else None

    def listed_runs(self) -> dict[str, Listed]:
        """How many rows each run has and whether any was sent, by the run's id."""
        return self.store.runs.listed()

    def counts(self, run: Run) -> RunCounts:
        """How many rows, ratings and verdicts a run has."""
        return self.store.runs.counts(run.id)

    def standing(self, run: Run) -> str:
        """draft, running, paused, stopped, interrupted or done."""
        return standing(run)

    def busy(self, run: Run) -> bool:
        """True while a job of this process or another process works on a run."""
        job = self.jobs.of(run.id)
        return (job is not None and job.state == "working") or at_work(run)

    def amend(self, run: Run, **parts: Any) -> Run:
        """The run with other parts of its recipe, of those that decide nothing about its rows: review, merge, embedder."""
        return run_recipes.amend(self.store, run, **parts)

    def rename_run(self, run: Run, name: str) -> None:
        """Gives a run another name; its id stays. Raises PeopleError where it is not theirs to change."""
        self.to_work(run)
        run_recipes.rename(self.store, run, name)

    def delete_run(self, run: Run) -> None:
        """Takes a run away with all that belongs to it. Raises RunError while something works on it, and
        PeopleError where it is not theirs.
        """
        if not self.owns(run):
            raise PeopleError(f"The run {run.name} is shared with you. Only {run.owner} deletes it.")
        if (job := self.jobs.of(run.id)) is not None and job.state == "working":
            raise RunError(f"The run {run.name} is being worked on. Stop that first, or wait for it.")
        maintenance.delete(self.store, run)

    def first_prompt(self, recipe: Recipe, browser: str) -> Prompt | None:
        """The prompt that a recipe would send first; None for one that asks no model. Raises ClaywrightError, TimeoutError."""
        return prompt_preview.prompt(self.store, self.settings, recipe, lambda message: None, self.keys(browser))

    def try_rubric(self, browser: str, work: Callable[[Workspace], Awaitable[Rubric | RubricCheck]]) -> None:
        """Drafts or checks a rubric beside the page, which shows what came of it; the one that went on is passed over."""
        asking = RubricTrial(asking=True)
        self.rubric_trials[browser] = asking
        workspace = Workspace(self.settings, self.store, self.keys(browser))

        def at_work() -> None:
            try:
                came = RubricTrial(result=asyncio.run(_awaited(work(workspace))))
            except ClaywrightError as error:
                came = RubricTrial(trouble=str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, the page must not wait for ever
                came = RubricTrial(trouble=f"It broke off: {error}. Try once more.")
            if self.rubric_trials.get(browser) is asking:
                self.rubric_trials[browser] = came

        threading.Thread(target=at_work, name="rubric", daemon=True).start()

    async def try_out(self, spec: ModelSpec, browser: str, heard: Callable[[str], None]) -> ModelCheck:
        """What a model can do, and one short answer of it, of which `heard` is given the text so far."""
        return await try_out(spec, self.store, self.settings, lambda message: None, self.keys(browser), heard)

    def begin(self, filled: FormValues, run_id: str) -> tuple[Run, Recipe]:
        """The run to work for what the forms say: the draft that is there if it makes the same rows, else a new one.

        Raises FormError, InputError and their kinds.
        """
        with self._starting:
            if run_id and (job := self.jobs.of(run_id)) is not None and job.state == "working":
                raise RunError("This run is being worked on. Stop that first, or wait for it.")
            recipe = self.recipe(filled)
            try:
                old = self.store.runs.get(run_id) if run_id else None
                taken = {
                    run.name for run in self.store.runs.all() if old is None or old.state != "draft" or run.id != old.id
                }
                recipe = replace(recipe, name=form_values.fresh_name(recipe.name, taken))
                return draft_run(Workspace(self.settings, self.store, inputs=self.jobs.inputs), recipe, old), recipe
            except FormError:
                raise
            except InputError as error:
                raise form_values.of_input(filled, error) from error

    def expected(self, recipe: Recipe) -> int | None:
        """How many rows a recipe gives at most. Its input is read once, and not waited for for long."""
        if recipe.task.draws or recipe.task.endless or not recipe.inputs.given:
            return recipe.rows
        known = recipe_text(Recipe(task=recipe.task, inputs=recipe.inputs))
        version = version_of(expanded(recipe.inputs.path)) if recipe.inputs.path else "a dataset"
        most = self._expected.ask(known, lambda: _number_of_rows(recipe), COUNT_WITHIN, version)
        return recipe.rows if most is None else most if recipe.rows is None else min(most, recipe.rows)

    @property
    def counting(self) -> bool:
        """True while an input or what is in the store is being counted."""
        return self.statistics.busy or self._expected.busy or self._reviewers.busy

    @property
    def trying(self) -> bool:
        """True while a model is tried out."""
        of_rubrics = any(trial.asking for trial in list(self.rubric_trials.values()))
        return bool(self.listing) or of_rubrics or any(trial.asking for trial in list(self.trials.values()))

    def foreseen(self, run: Run, to: Export) -> Foreseen:
        """What an export would hold. It is believed for ten times as long as it took to find out, whatever is written meanwhile."""
        return self.exports.get((run.id, to), lambda: reviewed_rows.foresee(self.store, run, to), self.store.db.version)

    def counted(self, run: Run, find: Find[T], wait: float | None = None) -> T | None:
        """What `find` tells of a run, found out in a thread, and anew only where something was written.

        What is known by now where that takes longer than `wait` seconds; None where that is nothing.
        """
        name = f"{find.__name__} of {run.id}"
        return self.statistics.ask(name, lambda: find(self.store, run), wait, self.store.db.version)

    def look(self, browser: str, run_id: str, tab: TabState = NEW_TAB) -> "RunView":
        """The view of a run ("": of a new one) by a browser whose tab stands like that."""
        try:
            run = self.store.runs.get(run_id) if run_id else None
        except RunError:
            run = None
        return RunView(self, browser, self.filled(browser), run, self.jobs.of(run.id) if run else None, tab)


async def _awaited(work: Awaitable[T]) -> T:
    return await work


def person_name(reviewer: str) -> str:
    """A reviewer's name, without where they decided."""
    return reviewer.removesuffix(IN_THE_APP)


def _number_of_rows(recipe: Recipe) -> int | None:
    """How many rows a recipe gives at most, whose input is read to its end; None where that fails."""
    recipe = replace(recipe, rows=None)
    try:
        return most_rows(recipe, number_of_units(recipe, still=within(COUNT_FOR)))
    except (ClaywrightError, OSError):
        return None


@dataclass
class RunView:
    """A glance at one run (None: a new one) by one browser, for a tab that stands like `tab`."""

    state: AppState
    browser: str
    filled: FormValues
    run: Run | None
    job: Job | None
    tab: TabState
    until: float = field(default_factory=lambda: time.monotonic() + COUNT_WITHIN)
    """How long this glance waits for what is found out beside it."""

    @cached_property
    def rubrics(self) -> Rubrics:
        """Those of the run that is shown, and the six that come along."""
        return known_rubrics(self.run) if self.run is not None else STANDARD

    @cached_property
    def recipe(self) -> Recipe | None:
        """What the run is made from; None for a new one, and for one that this version can't read."""
        try:
            return recipe_of(self.run) if self.run else None
        except SettingsError:
            return None

    @cached_property
    def counts(self) -> RunCounts:
        return self.state.counts(self.run) if self.run else RunCounts()

    @cached_property
    def rows(self) -> RunRows:
        """The rows of the run. Raises PageError where none is shown."""
        majority = self.recipe is None or self.recipe.merge.decision == "majority"
        return RunRows(self.state.store, self._shown_run(), majority)

    @cached_property
    def reviews(self) -> RunReviews:
        """What was sent of the run, and what people said of it. Raises PageError where none is shown."""
        return RunReviews(self.state.store, self._shown_run(), self.state.settings)

    def _shown_run(self) -> Run:
        if self.run is None:
            raise PageError
        return self.run

    @cached_property
    def reviewer(self) -> str:
        """The name under which verdicts given in this browser are kept; "" where that is not known yet."""
        return self.state.reviewer(self.browser)

    @property
    def person(self) -> str:
        """Whoever looks, as a reviewer's id."""
        return person_id(self.reviewer)

    @cached_property
    def last_export(self) -> dict[str, Any] | None:
        """The newest file that was exported of the run (path, format, rows, created); None where there is none."""
        return self.state.store.runs.last_export(self.run.id) if self.run else None

    def forecast(self, recipe: Recipe, rows: int) -> Forecast | None:
        """What it takes to give the run so many rows by a recipe; None before its first row."""
        return forecast.forecast(self.state.store, self._shown_run(), recipe, rows, self.recipe)

    def keep_prices(self, recipe: Recipe) -> None:
        """The run's models cost what a recipe says from now on, also what they took already."""
        if self.recipe is not None:
            run_recipes.keep(self.state.store, self._shown_run(), pricing.priced(self.recipe, recipe))

    def counted(self, find: Find[T]) -> T | None:
        """What `find` tells of the run; what it told before where that takes long, None where it never did."""
        return self.state.counted(self.run, find, max(0.0, self.until - time.monotonic())) if self.run else None

    @cached_property
    def standing(self) -> str:
        """draft, running, paused, stopped, interrupted or done; "new" without a run."""
        return standing(self.run) if self.run else "new"

    @property
    def working(self) -> bool:
        """True while a job of this process works on the run."""
        return self.job is not None and self.job.state == "working"

    @property
    def waiting(self) -> str:
        """What the job waits for, in a sentence; "" while answers come."""
        return self.job.waiting if self.working and self.job is not None else ""

    @property
    def elsewhere(self) -> bool:
        """True while another process works on it."""
        return self.run is not None and not self.working and at_work(self.run)

    @property
    def busy(self) -> bool:
        return self.working or self.elsewhere

    @cached_property
    def unsent(self) -> int:
        """Rows that a push would send, as the forms say it."""
        if self.run is None:
            return 0
        pulled = self.job.pulled if self.job is not None else None
        if pulled is not None and pulled.missing:
            return self.counts.answered
        try:
            return self.reviews.waiting(form_values.review_of(self.filled))
        except FormError:
            return self.counts.answered

    @cached_property
    def total(self) -> int | None:
        """How many rows the run is to have; None if that can't be told."""
        return self.state.expected(self.recipe) if self.recipe else None

    @cached_property
    def wanted(self) -> Recipe | None:
        """What the forms describe; None if that can't be run."""
        try:
            return self.state.recipe(self.filled)
        except (ClaywrightError, OSError):
            return None

    @cached_property
    def same(self) -> bool:
        """True if the forms describe a run that begins with the rows of this one."""
        return self.recipe is not None and self.wanted is not None and same_rows(self.recipe, self.wanted)

    @cached_property
    def foreseen(self) -> Foreseen:
        """What an export would hold, as the forms say. Raises FormError."""
        if self.run is None or self.recipe is None:
            return Foreseen([], 0, 0)
        try:
            return self.state.foreseen(self.run, form_values.export_of(self.filled))
        except ExportError as error:
            raise FormError("export", str(error), "export.checks") from error

    def model(self, role: str) -> ModelSpec | None:
        """The generator or labeller that works, or the one that the forms describe; None if that can't be."""
        if self.working and self.recipe is not None:
            return self.recipe.generator if role == "generator" else self.recipe.labeller
        return self.described(role)

    def described(self, role: str) -> ModelSpec | None:
        """The model that a part of the forms describes; None if that can't be."""
        try:
            return form_values.model_of(form_values.part(self.filled, role), role)
        except FormError:
            return None

    def trial(self, spec: ModelSpec) -> ModelCheck | None:
        """What came of this browser's last trial of that model."""
        return self.state.trials.get((self.browser, spec.with_addresses, spec.key_variable))


def named_model(spec: ModelSpec) -> str:
    """A model as people know it."""
    return "built-in model" if spec.preset == "local" else spec.model or spec.preset or spec.address
