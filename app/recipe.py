"""A recipe: everything that makes a dataset reproducible, as one TOML or JSON document. Secrets are never in it.

name = "tides"
rows = 20
[generator]
preset = "local"
[task]
kind = "magpie"
[rating]
aspects = ["helpfulness"]
"""

import difflib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.file_locks import expanded, read_regular
from app.inputs.inputs import MOST_ROWS, Inputs
from app.store.columns import dumps
from app.store.runs import Run
from feedback.argilla.dataset_settings import Review
from feedback.checks import Check, check_kinds
from feedback.exports.selection import Export
from feedback.labeller.ultrafeedback import UltraFeedback
from feedback.reviewed_row import MergeRule
from feedback.rubrics import STANDARD, Rubric, Rubrics, checked
from tasks import TASKS, Task
from tasks.answering import Answers
from tasks.cluster.settings import Cluster
from tasks.engine.budget import Budget
from tasks.errors import SettingsError
from tasks.models.spec import CLUSTER, UNNAMED_ON_CLUSTER, ModelSpec, bare
from tasks.settings import build
from tasks.types import without_surrogates

LARGEST_FILE = 1_000_000
"""Bytes of a file that can be a recipe."""
LONGEST_NAME, MOST_RESPONDERS, MOST_CHECKS = 200, 64, 40
BUILT_IN = ModelSpec(preset="local", temperature=1.0, max_tokens=96, concurrency=8, extra={"top_k": 0, "min_p": 0.05})

BRIEFLY, LONG_ENOUGH = "You are a helpful assistant. Answer in one or two short sentences.", 384
"""What makes the answers of the built-in model end, and end soon, in the example."""
SERVES_NONE = f'[cluster] serves no model: set preset = "{CLUSTER}" in [generator] or [labeller], and there the model.'
DEEPEST = 30
"""Parts of a name, as in task.system_prompt.maths. The reader of TOML looks through all of them again for each one."""
PIECE = re.compile(
    r"""
    \"{3}(?:[^"\\]++|\\.|\"(?!\"\"))*+\"{3,5}  # texts in quotes: of several lines,
    | '{3}(?:[^']++|'(?!''))*+'{3,5}
    | "(?:[^"\\\n]++|\\.)*+"  # and of one
    | '[^'\n]*+'
    | \#[^\n]*+
    | [^"'\#.\n=,{}\[\]]++
    | .
    """,
    re.DOTALL | re.VERBOSE,
)
"""A text in quotes, a comment, plain characters, or a sign."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """`rows` is the number of rows wanted, None for all that the inputs give. Without `rating` nothing is rated.

    With an `embedder`, records in Argilla get a vector of their instruction, for "find similar". `cluster` serves the models that
    have that for a preset.
    """

    task: Task
    name: str = "dataset"
    rows: int | None = None
    seed: int | None = None
    generator: ModelSpec = BUILT_IN
    responders: tuple[ModelSpec, ...] = ()
    labeller: ModelSpec = BUILT_IN
    checks: tuple[Check, ...] = ()
    embedder: ModelSpec | None = None
    cluster: Cluster | None = None
    inputs: Inputs = field(default_factory=Inputs)
    answers: Answers | None = None
    rubrics: tuple[Rubric, ...] = ()
    rating: UltraFeedback | None = None
    budget: Budget = field(default_factory=Budget)
    review: Review = field(default_factory=Review)
    merge: MergeRule = field(default_factory=MergeRule)
    export: Export = field(default_factory=Export)

    def __post_init__(self) -> None:
        self._share_rubrics()
        if not self.task.draws and not self.inputs.given:
            raise SettingsError(
                f"{self.task.title} works on input: name a file as path (or a dataset) in [inputs]. "
                f"It needs the columns {', '.join(self.task.required_columns()) or 'instruction'}.",
                setting="inputs",
            )
        if len(self.name) > LONGEST_NAME:
            raise SettingsError(f"name takes {LONGEST_NAME} characters at most.", setting="name")
        if len(self.responders) > MOST_RESPONDERS:
            raise SettingsError(
                f"There are {len(self.responders)} response models. {MOST_RESPONDERS} are the most.",
                setting="responders",
            )
        names = [check.called for check in with_own_names(self.checks)]
        if unknown := [name for name in self.export.check_names if name not in names]:
            raise SettingsError(
                f"[export] checks names '{unknown[0]}', and no check is called so. Known: {', '.join(names) or 'none'}.",
                setting="export.checks",
            )
        if self.embedder is not None and self.embedder.urls:
            raise SettingsError(
                "[embedder] takes one url: several urls are for models that write or rate.",
                setting="embedder.urls",
                page="The model for “find similar” takes one address.",
            )
        self._check_cluster()
        if self.rows is not None and not 1 <= self.rows <= MOST_ROWS:
            raise SettingsError(f"rows must be at least 1, and at most {MOST_ROWS:,}.", setting="rows")
        if self.seed is not None and not -(2**63) <= self.seed < 2**63:
            raise SettingsError("seed must be a whole number of at most 64 bits.", setting="seed")
        if self.rows is None and (self.task.endless or (self.task.draws and not self.inputs.given)):
            raise SettingsError(f"{self.task.title} draws for ever: say how many rows you want.", setting="rows")

    def _check_cluster(self) -> None:
        if self.embedder is not None and self.embedder.preset == CLUSTER:
            raise SettingsError(
                "[embedder] can't be on the cluster: that serves models that write or rate.", setting="embedder.preset"
            )
        served = self.on_cluster
        if served and self.cluster is None:
            raise SettingsError(
                f'{served[0].model} has preset = "{CLUSTER}", and nothing says where that is: add a table [cluster].',
                page=f"{served[0].model} is served on a cluster, which only the command line starts.",
            )
        _one_model([spec.model for spec in served])

    @property
    def on_cluster(self) -> list[ModelSpec]:
        """The models that the cluster serves: one, in one or several roles."""
        return [spec for spec in (self.generator, *self.responders, self.labeller) if spec.preset == CLUSTER]

    def _share_rubrics(self) -> None:
        """Those of the recipe are those of its parts too: of two of one name that of the rating counts, without
        a rating that of the review: they are what was written last.
        """
        of_parts = [*self.rubrics, *self.review.rubrics]
        of_parts += self.rating.rubrics if self.rating is not None else ()
        rubrics = checked({rubric.key: rubric for rubric in of_parts}.values())
        object.__setattr__(self, "rubrics", rubrics)
        if self.rating is not None and self.rating.rubrics != rubrics:
            object.__setattr__(self, "rating", replace(self.rating, rubrics=rubrics))
        if self.review.rubrics != rubrics:
            object.__setattr__(self, "review", replace(self.review, rubrics=rubrics))

    @property
    def known_rubrics(self) -> Rubrics:
        """The recipe's own rubrics and those that come along."""
        return Rubrics.of(self.rubrics)

    @property
    def answering(self) -> Answers:
        """How rows are answered: as the recipe says, else once where the task gives no response."""
        if self.answers is not None:
            return self.answers
        return Answers(n=1 if self.task.wants_answers else 0)

    @property
    def kind(self) -> str:
        return kind_of(self.task)

    def dump(self) -> dict[str, Any]:
        """The recipe as plain values, settings that are at their default left out."""
        return plain({f.name: getattr(self, f.name) for f in fields(self)})


def _one_model(names: Sequence[str]) -> None:
    """Raises SettingsError where the models that a cluster is to serve are several."""
    if others := [name for name in names if name != names[0]]:
        raise SettingsError(
            f"[cluster] serves one model, and the recipe names {names[0]} and {others[0]}. Serve one of them elsewhere."
        )


def kind_of(task: Task) -> str:
    """A task as recipes name it."""
    return next(kind for kind, known in TASKS.items() if type(task) is known)


def plain(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a recipe that are there, as plain values, settings that are at their default left out."""
    values = {key: parts[key] for key in ("name", "rows", "seed") if parts.get(key) is not None}
    if "generator" in parts:
        values["generator"] = changed(parts["generator"])
    if parts.get("responders"):
        values["responders"] = [changed(spec) for spec in parts["responders"]]
    if parts.get("checks"):
        values["checks"] = [{"kind": check.kind, **changed(check)} for check in parts["checks"]]
    if "labeller" in parts and (parts.get("rating") is not None or parts["labeller"] != parts.get("generator")):
        values["labeller"] = changed(parts["labeller"])
    if parts.get("embedder") is not None:
        values["embedder"] = changed(parts["embedder"])
    if parts.get("cluster") is not None:
        values["cluster"] = changed(parts["cluster"])
    if parts.get("rubrics"):
        values["rubrics"] = [changed(rubric) for rubric in parts["rubrics"]]
    if "task" in parts:
        values["task"] = {"kind": kind_of(parts["task"]), **changed(parts["task"])}
    for key in ("inputs", "answers", "rating", "budget", "review", "merge", "export"):
        part = parts.get(key)
        if part is None:
            continue
        settings = changed(part)
        settings.pop("rubrics", None)  # they stand by themselves
        if key == "rating" and parts.get("rubrics"):  # without any, all of those would be meant
            settings["aspects"] = part.aspects
        if key in ("answers", "rating") or settings:
            values[key] = settings
    return values


def changed(part: Any) -> dict[str, Any]:
    """The settings of `part` that differ from their defaults."""
    values = asdict(part)
    defaults = {f.name: f.default_factory() for f in fields(part) if callable(f.default_factory)}
    return {f.name: values[f.name] for f in fields(part) if values[f.name] != defaults.get(f.name, f.default)}


def load(path: Path) -> Recipe:
    """The recipe in a file; paths in it count from the file's folder. Raises SettingsError."""
    try:
        data = read_regular(path, LARGEST_FILE)
    except OSError as error:
        raise SettingsError(f"The recipe {path} can't be read: {error.strerror}.") from error
    return _at(path, decoded(data, f"The recipe {path}", as_json=path.suffix.lower() == ".json"))


def load_if_recipe(path: Path) -> Recipe | None:
    """The recipe in a file; None for one without a task, as of rubrics alone. Raises SettingsError."""
    try:
        data = read_regular(path, LARGEST_FILE)
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}.") from error
    values = tables(data, path.name, as_json=path.suffix.lower() == ".json")
    return _at(path, parse(values)) if "task" in values else None


def _at(path: Path, recipe: Recipe) -> Recipe:
    """The recipe with the path of its inputs counted from its file's folder."""
    if recipe.inputs.path:
        recipe = replace(
            recipe,
            inputs=replace(recipe.inputs, path=str(path.parent.absolute() / expanded(recipe.inputs.path))),
        )
    return recipe


def decoded(data: bytes, called: str, *, as_json: bool) -> Recipe:
    """The recipe in a file's bytes; `called` is the file as sentences name it. Raises SettingsError."""
    recipe = parse(tables(data, called, as_json=as_json))
    if recipe.cluster is not None and not recipe.on_cluster:
        raise SettingsError(SERVES_NONE)
    return recipe


def tables(data: bytes, called: str, *, as_json: bool) -> dict[str, Any]:
    """The tables in a file's bytes, TOML or JSON; `called` is the file as sentences name it. Raises SettingsError."""
    if len(data) > LARGEST_FILE:
        raise SettingsError(
            f"{called} is longer than {LARGEST_FILE // 10**6} MB. A recipe names its inputs, it does not hold them."
        )
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        if not as_json and deep(text):
            raise SettingsError(
                f"{called} has a name of more than {DEEPEST} parts with dots between. None needs so many."
            )
        values = json.loads(text) if as_json else tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise SettingsError(f"{called} is not a text in UTF-8. Save it as UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{called} can't be read as {'JSON' if as_json else 'TOML'}: {error}.") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{called} must hold tables like [task] and [generator].")
    return values


def parse(values: Mapping[str, Any]) -> Recipe:
    """A recipe from plain values, as `dump` gives them. Raises SettingsError, naming the table."""
    values = _attached(dict(values))
    task = _table(values, "task", required=True)
    kind = task.pop("kind", None)
    if not isinstance(kind, str) or kind not in TASKS:
        raise SettingsError(f"[task] needs a kind that is one of: {', '.join(TASKS)} (given: {kind!r}).")
    parts: dict[str, Any] = {"task": build(TASKS[kind], task, "[task]")}
    classes = {
        "generator": ModelSpec, "labeller": ModelSpec, "embedder": ModelSpec, "cluster": Cluster, "inputs": Inputs,
        "answers": Answers, "rating": UltraFeedback, "budget": Budget, "review": Review, "merge": MergeRule, "export": Export,
    }  # fmt: skip
    rubrics = rubrics_of(values)
    parts["rubrics"] = rubrics
    for key, cls in classes.items():
        if key in values:
            table = _table(values, key)
            if key in ("rating", "review") and rubrics and "rubrics" not in table:
                table["rubrics"] = rubrics
                if key == "rating":
                    table.setdefault("aspects", [rubric.name for rubric in rubrics])
            parts[key] = build(cls, table, f"[{key}]")
    responders = values.pop("responders", [])
    if not isinstance(responders, list) or not all(isinstance(spec, dict) for spec in responders):
        raise SettingsError("Response models are written as tables [[responders]], with two brackets.")
    parts["responders"] = tuple(build(ModelSpec, spec, "[[responders]]") for spec in responders)
    parts["checks"] = checks_of(values.pop("checks", []))
    if "labeller" not in parts and "generator" in parts:
        parts["labeller"] = parts["generator"]
    for key in ("name", "rows", "seed"):
        if key in values:
            parts[key] = values.pop(key)
    if values:
        known = "name, rows, seed, [task], [[responders]], [[rubrics]], [[checks]], " + ", ".join(
            f"[{key}]" for key in classes
        )
        unknown = str(next(iter(values)))
        matches = difflib.get_close_matches(
            unknown, ["name", "rows", "seed", "task", "responders", "rubrics", "checks", *classes], 1
        )
        raise SettingsError(
            f"A recipe has no '{unknown}'. " + (f"Did you mean '{matches[0]}'?" if matches else f"Known: {known}.")
        )
    for key, kinds in (("name", str), ("rows", int), ("seed", int)):
        if key in parts and (not isinstance(parts[key], kinds) or isinstance(parts[key], bool)):
            raise SettingsError(
                f"{key} must be {'a text' if kinds is str else 'a whole number'} (given: {parts[key]!r})."
            )
    return Recipe(**parts)


def _attached(values: dict[str, Any]) -> dict[str, Any]:
    """The values with the addresses that [cluster] attaches as urls of the models that it serves. Raises SettingsError."""
    table = values.get("cluster")
    if not isinstance(table, Mapping) or "attach" not in table:
        return values
    attach = build(Cluster, table, "[cluster]").attach
    if not attach:
        raise SettingsError("[cluster] attach holds no address: leave it out, or name a server.", setting="attach")
    build(ModelSpec, {"urls": attach, "model": "any"}, "[cluster] attach")
    served: list[str] = []

    def at_them(spec: Any) -> Any:
        if not isinstance(spec, Mapping) or spec.get("preset") != CLUSTER:
            return spec
        if "url" in spec or "urls" in spec:
            raise SettingsError(
                f'A model with preset = "{CLUSTER}" is served at the addresses that [cluster] attaches: leave out url and urls.',
                setting="preset",
            )
        if not spec.get("model"):
            raise SettingsError(UNNAMED_ON_CLUSTER, setting="model")
        served.append(str(spec["model"]))
        return {**spec, "preset": "", "urls": attach}

    changed: dict[str, Any] = {key: at_them(values[key]) for key in ("generator", "labeller") if key in values}
    if isinstance(responders := values.get("responders"), list):
        changed["responders"] = [at_them(spec) for spec in responders]
    if not served:
        raise SettingsError(SERVES_NONE)
    _one_model(served)
    return {key: part for key, part in {**values, **changed}.items() if key != "cluster"}


def checks_of(tables: Any) -> tuple[Check, ...]:
    """Checks from plain values, each with its `kind`. Raises SettingsError."""
    if not isinstance(tables, (list, tuple)) or not all(isinstance(table, (Mapping, Check)) for table in tables):
        raise SettingsError("Checks are written as tables [[checks]], with two brackets.", setting="checks")
    return tuple(table if isinstance(table, Check) else check_of(table) for table in tables)


def with_own_names(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """The same checks. Raises SettingsError where they are too many, or two are called the same."""
    names = [check.called for check in checks]
    if len(names) > MOST_CHECKS:
        raise SettingsError(f"There are {len(names)} checks. {MOST_CHECKS} are the most.", setting="checks")
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise SettingsError(f"Two checks are called '{twice}'. Give each a name of its own.", setting="checks")
    return checks


def check_of(table: Mapping[str, Any]) -> Check:
    """A check from plain values, with its `kind`. Raises SettingsError."""
    settings = dict(table)
    kind = settings.pop("kind", None)
    if not isinstance(kind, str) or kind not in check_kinds():
        near = difflib.get_close_matches(str(kind), check_kinds(), 1)
        hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(check_kinds())}."
        raise SettingsError(f"[[checks]] needs a kind that there is (given: {kind!r}). {hint}", setting="kind")
    return build(check_kinds()[kind], settings, "[[checks]]")


def rubrics_of(values: dict[str, Any]) -> tuple[Rubric, ...]:
    """Takes the rubrics out of plain values. Raises SettingsError."""
    listed = values.pop("rubrics", [])
    if not isinstance(listed, list) or not all(isinstance(table, dict) for table in listed):
        raise SettingsError("Rubrics are written as tables [[rubrics]], with two brackets.")
    return checked(build(Rubric, table, "[[rubrics]]") for table in listed)


def load_rubrics(path: Path) -> tuple[Rubric, ...]:
    """The rubrics in a TOML or JSON file: tables [[rubrics]], as in a recipe, or one rubric by itself. Raises SettingsError."""
    if path.suffix.lower() not in (".toml", ".json"):
        raise SettingsError(f"{path.name} holds no rubrics: its name should end in .toml or .json.")
    try:
        data = read_regular(path, LARGEST_FILE)
    except OSError as error:
        raise SettingsError(f"{path.name} can't be read: {error.strerror}.") from error
    values = tables(data, path.name, as_json=path.suffix.lower() == ".json")
    listed = values.get("rubrics", [] if "task" in values else [values])
    if not (rubrics := rubrics_of({"rubrics": listed})):
        raise SettingsError(f"{path.name} holds no rubrics.")
    return rubrics


@lru_cache(maxsize=8)  # a glance of the page reads that of its run several times
def read(text: str) -> Recipe:
    """The recipe that a run keeps, as JSON. Its addresses lose the secrets that earlier versions kept in them."""
    values = json.loads(text)
    if isinstance(values, dict):
        named = [values.get(key) for key in ("generator", "labeller", "embedder")]
        for spec in [*named, *(values.get("responders") or [])]:
            if isinstance(spec, dict) and isinstance(spec.get("url"), str):
                spec["url"] = bare(spec["url"])
    return parse(values)


def recipe_of(run: Run) -> Recipe:
    """Raises SettingsError for one that this version can't read."""
    return read(run.recipe)


def known_rubrics(run: Run) -> Rubrics:
    """The rubrics of a run; those that come along where this version can't read its recipe."""
    try:
        return recipe_of(run).known_rubrics
    except SettingsError:
        return STANDARD


def recipe_text(recipe: Recipe) -> str:
    """As the store keeps it: JSON, the same for the same recipe."""
    return dumps(recipe.dump())


def _table(values: dict[str, Any], key: str, *, required: bool = False) -> dict[str, Any]:
    table = values.pop(key, None)
    if table is None and required:
        raise SettingsError(f"A recipe needs a table [{key}].")
    if not isinstance(table, dict):
        raise SettingsError(f"[{key}] must be a table of settings (given: {table!r}).")
    return dict(table)


def example() -> Recipe:
    """What `claywright run` does without a recipe: eight talks from the built-in model, rated by it."""
    return parse(
        {
            "name": "example",
            "rows": 8,
            "generator": {**changed(BUILT_IN), "max_tokens": LONG_ENOUGH},
            "labeller": {"preset": "local", "concurrency": 8, "temperature": 0.0},
            "task": {"kind": "magpie", "max_instruction_tokens": 120, "system_prompt": BRIEFLY},
            "rating": {"aspects": ["helpfulness"]},
        }
    )


def deep(text: str) -> bool:
    """True for TOML with a name of more parts than any setting has. Takes one look at each character."""
    dots, at = 0, 0
    while (piece := PIECE.match(text, at)) is not None:
        if piece[0] == ".":
            dots += 1
            if dots >= DEEPEST:
                return True
        elif piece[0] in ("\n", "=", ",", "{", "}", "[", "]"):
            dots = 0
        elif piece[0] in ('"', "'"):  # a text that does not end, which the reader will say
            return False
        at = piece.end()
    return False


def to_toml(plain: Mapping[str, Any]) -> str:
    """Plain values of a recipe as a file. What TOML has no way to say is left out, and named in the first line."""
    import tomli_w

    left: list[str] = []
    values = _as_toml(plain, "", left)
    text = tomli_w.dumps(values, multiline_strings=not _returns(values))
    return (
        f"# left out, as TOML knows no empty value: {without_surrogates(', '.join(left))!r}\n" if left else ""
    ) + text


def _as_toml(value: Any, path: str, left: list[str]) -> Any:
    """The value without None in it, and without halves of characters."""
    if isinstance(value, Mapping):
        names = {str(name): f"{path}.{name}".lstrip(".") for name in value}
        left.extend(names[str(name)] for name, inner in value.items() if inner is None)
        return {
            without_surrogates(str(name)): _as_toml(inner, names[str(name)], left)
            for name, inner in value.items()
            if inner is not None
        }
    if isinstance(value, (list, tuple)):
        left.extend(path for inner in value if inner is None)
        return [_as_toml(inner, path, left) for inner in value if inner is not None]
    return without_surrogates(value) if isinstance(value, str) else value


def _returns(value: Any) -> bool:
    """True if a text in it holds a carriage return, which a text of several lines would lose."""
    if isinstance(value, Mapping):
        return any(_returns(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_returns(inner) for inner in value)
    return isinstance(value, str) and "\r" in value
