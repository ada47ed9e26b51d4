"""What the page's forms hold, as a recipe and back. Pure: no page, no store.

`FormValues` is one flat mapping of names to plain values, as the forms' fields give them: "generator.model", "magpie.n_turns".
Keys are never in it.
"""

import contextlib
import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, replace
from functools import lru_cache
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from app.api_keys import variable_for
from app.inputs.inputs import Inputs
from app.inputs.pasted import LINES
from app.recipe import LONGEST_NAME, Recipe, changed, with_own_names
from app.recipe import checks_of as recipe_checks
from app.store.row_search import FILTERS
from app.web.field_lines import field_lines, read_fields
from feedback.argilla.dataset_settings import Review
from feedback.checks import Check, check_kinds
from feedback.checks.base import NOT_SETTINGS
from feedback.exports.selection import Export
from feedback.labeller.ultrafeedback import UltraFeedback
from feedback.reviewed_row import MergeRule
from feedback.rubrics import Rubric
from tasks import TASKS, Task
from tasks.answering import Answers
from tasks.engine.budget import Budget
from tasks.errors import ClaywrightError, InputError, SettingsError
from tasks.models.spec import CLUSTER, ModelSpec
from tasks.row_shape import Field as RowField
from tasks.settings import build
from tasks.types import without_surrogates

T = TypeVar("T")
FormValues = dict[str, Any]
ROLES = ("generator", "labeller")
WITHOUT_ADDRESS = ("local", "scripted")
"""The presets that have no address and no key."""
FIRST_ADDRESS = "More addresses are servers of one model: choose “Another address”, and give the first one as Address."
ON_A_CLUSTER = "Its model is served on a cluster, which only the command line starts:"
OWN_ADDRESS, TYPED = "url", "typed"
"""Choices that are no preset and no variable: an address of one's own, a key that is typed."""
ROWS = {False: "approved", True: "unreviewed"}
"""Choices of which rows to export."""
AUDITS: dict[str, bool | str] = {"auto": "auto", "blind": True, "open": False}
"""Choices of how the audit goes: by the number of rows, without suggestions, with them."""
NOWHERE = "http://localhost"
HUB, ARGILLA = "hub", "argilla"
"""The choice of a dataset on the Hub, where an export could be a file."""
INPUT_FIELDS = {"paste": "text", "upload": "path", "dataset": "dataset", "argilla": "argilla", "run": "run"}
"""The field that names the input, by its source."""
SLOTS = 5
"""Columns that can be mapped in the form."""
MOST_CHARACTERS = 5_000_000
"""In one field; more of it is a file."""
LARGEST = 2**53
"""What a browser's numbers are exact below."""
RATING = {
    "aspects": ["helpfulness"],
    "together": True,
    "repeats": 1,
    "types": False,
    "use_reference": True,
    "method": "rating",
}
PLACE = re.compile(r"^\[+([a-z]+)\]+:? ?")
KINDS = {"int": "a whole number", "float": "a number", "dict": 'JSON: names and values in braces, as { "top_k": 20 }'}
"""What a setting of a type must be."""
WORD = re.compile(r"\w+")


class FormError(SettingsError):
    """A setting that can't be used; `place` says in which part of the forms: generator, task, inputs, rating ...

    `field` is the form's field at which it is mended, "" where no single one is. `missing`: nothing is there yet, which is
    wrong only when it is needed.
    """

    def __init__(self, section: str, message: str, field: str = "", *, missing: bool = False) -> None:
        super().__init__(message)
        self.place, self.field, self.missing = section, field, missing


def default_of(field: "Field[Any]") -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def is_lines(field: "Field[Any]") -> bool:
    """True for a setting that is several texts: a form shows one a line."""
    return str(field.type) == "tuple[str, ...]"


def is_row_fields(field: "Field[Any]") -> bool:
    """True for a setting that is the fields of a row: a form shows one a line."""
    return "row_shape.Field" in str(field.type)


def label_of(field: "Field[Any]") -> str:
    """What a setting is called on the page."""
    return str(field.metadata.get("label") or field.name.replace("_", " ").capitalize())


def shown(value: Any) -> Any:
    """A setting as a form's field shows it."""
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        return "\n".join(value)
    if isinstance(value, tuple) and all(isinstance(item, RowField) for item in value):
        return field_lines(value)
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return value


def given(field: "Field[Any]", value: Any) -> Any:
    """What a form's field holds, as the setting takes it. Emptied numbers mean the default."""
    default = default_of(field)
    if is_lines(field) and isinstance(value, str):
        return tuple(filter(None, (line.strip() for line in value.splitlines())))
    if value is None or (value == "" and not isinstance(default, str)):
        return default
    if isinstance(value, str) and is_row_fields(field):
        return tuple(read_fields(value))
    kind = str(field.type)
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "[") and kind != "<class 'str'>":
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            if "str |" in kind:  # a text that only begins like JSON
                return value
            raise SettingsError(f"{field.name} is not JSON: {error}.", setting=field.name) from error
    if isinstance(value, float) and value.is_integer() and "int" in str(field.type):
        return int(value)
    return value


def checked(name: str, value: Any) -> Any:
    """What a field of the page holds, as it can be kept and shown again: halves of characters become question marks.

    Raises FormError for a text that is too long, for a number that no browser shows exactly, and for what is no plain value.
    """
    if isinstance(value, str):
        if len(value) > MOST_CHARACTERS:
            raise FormError(name, f"is longer than {MOST_CHARACTERS:,} characters. Upload it as a file.")
        return without_surrogates(value)
    if isinstance(value, int | float) and not abs(value) < LARGEST:  # not a number is not below either
        raise FormError(name, "must be a smaller number.")
    if isinstance(value, list | tuple):
        return [checked(name, item) for item in value]
    if isinstance(value, dict):
        return {str(key): checked(name, item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | float):
        return value
    raise FormError(name, "can't hold this.")


def kept(filled: Mapping[str, Any], defaults: FormValues) -> FormValues:
    """What was kept of the forms, without what no field can hold: names that are none, values of another kind than usual."""
    usable: FormValues = {}
    for name, value in filled.items():
        if name in defaults and (value is None or defaults[name] is None or _kind(value) is _kind(defaults[name])):
            with contextlib.suppress(FormError, RecursionError):
                usable[name] = checked(name, value)
    return usable


def _kind(value: Any) -> type:
    """Numbers are of one kind, lists too: JSON keeps no more of it."""
    return float if type(value) is int else list if isinstance(value, tuple) else type(value)


def fill(recipe: Recipe) -> FormValues:
    """The forms as they stand for a recipe."""
    filled: FormValues = {"name": recipe.name, "rows": recipe.rows, "seed": recipe.seed}
    for role in ROLES:
        filled.update(prefixed(role, fill_model(getattr(recipe, role))))
    filled.update(prefixed("new", fill_model(ModelSpec(preset="openai"))))
    embedder = fill_model(recipe.embedder or ModelSpec(url=NOWHERE))
    filled.update(prefixed("embedder", {**embedder, "url": embedder["url"] if recipe.embedder else ""}))
    filled["answers.by"] = "others" if recipe.responders else "generator"
    filled["responders"] = [changed(spec) for spec in recipe.responders]
    filled["task.kind"] = recipe.kind
    for kind, task in TASKS.items():
        own = recipe.task if kind == recipe.kind else None
        filled.update(
            prefixed(kind, {f.name: shown(getattr(own, f.name) if own else default_of(f)) for f in fields(task)})
        )
    filled.update(prefixed("inputs", {
        "source": "dataset" if recipe.inputs.dataset else "upload" if recipe.inputs.path else "paste",
        "path": recipe.inputs.path, "text": "", "dataset": recipe.inputs.dataset, "config": recipe.inputs.config,
        "split": recipe.inputs.split, "skip": recipe.inputs.skip, "limit": recipe.inputs.limit, "found": {},
        **asdict(recipe.inputs.options),
        "columns": dict(recipe.inputs.columns),
        "argilla": "", "workspace": "", "snapshot": "", "run": "",
        "drawn_from": recipe.task.draws and recipe.inputs.given,
        **{f"column{k}": "" for k in range(SLOTS)},
        **{f"column{k}": recipe.inputs.columns.get(name, "") for k, name in enumerate(columns_of(recipe.task)[:SLOTS])},
    }))  # fmt: skip
    filled["answers.n"] = recipe.answers.n if recipe.answers else None
    filled["answers.system_prompt"] = recipe.answers.system_prompt if recipe.answers else ""
    filled["answers.principles"] = shown(recipe.answers.principles) if recipe.answers else ""
    filled["checks"] = [plain_check(check) for check in recipe.checks]
    filled.update(no_check())
    judge = recipe.rating
    filled["rubrics"] = [changed(rubric) for rubric in recipe.rubrics]
    filled["rating.on"] = judge is not None
    judged = asdict(judge) if judge else RATING
    filled.update(prefixed("rating", {name: judged[name] for name in RATING}))
    filled["rating.aspects"] = _choices(recipe, filled["rating.aspects"])
    reviewed = {
        **asdict(recipe.review), "aspects": _choices(recipe, recipe.review.aspects), "reasons": shown(recipe.review.reasons),
        "blind_audit": next(word for word, value in AUDITS.items() if value == recipe.review.blind_audit),
    }  # fmt: skip
    del reviewed["rubrics"]
    filled.update(prefixed("review", reviewed))
    filled.update(prefixed("merge", asdict(recipe.merge)))
    filled.update(prefixed("budget", asdict(recipe.budget)))
    filled["argilla.url"] = ""
    filled.update(dict.fromkeys((f"browse.{name}" for name in FILTERS), ""))
    out = recipe.export
    checks = out.checks if isinstance(out.checks, str) else ", ".join(out.checks)
    kind = HUB if out.hub else ARGILLA if out.argilla else "jsonl"
    filled.update(
        prefixed("export", {**asdict(out), "checks": checks, "unreviewed": ROWS[out.unreviewed], "kind": kind})
    )
    del filled["export.path"]
    return filled


def _choices(recipe: Recipe, aspects: Iterable[str]) -> list[str]:
    """Aspects as the page's choices have them, however the recipe writes them: one of the six by its key, others by name."""
    rubrics = [recipe.known_rubrics[aspect] for aspect in aspects]
    own = {rubric.key for rubric in recipe.rubrics}
    return [rubric.name if rubric.key in own else rubric.key for rubric in rubrics]


def fill_model(spec: ModelSpec) -> FormValues:
    """A model's part of the forms."""
    key, (url, *more) = spec.key_variable, spec.urls or (spec.url,)
    preset = "" if spec.preset == CLUSTER else spec.preset  # the page starts no cluster: it asks for an address
    return {
        **{f.name: shown(getattr(spec, f.name)) for f in fields(ModelSpec)},
        "url": url,
        "urls": shown(tuple(more)),
        "preset": preset or OWN_ADDRESS,
        "key_env": TYPED if url and key == variable_for(url) else key,
    }


def model_of(filled: Mapping[str, Any], section: str) -> ModelSpec:
    """The model that a part of the forms describes. Raises FormError."""
    values = dict(filled)
    preset = "" if values["preset"] == OWN_ADDRESS else str(values["preset"])
    url, key = str(values.get("url") or "").strip(), str(values.get("key_env") or "").strip()
    if not preset and not url:
        raise FormError(
            section,
            "The address is missing: that of an OpenAI-compatible endpoint, as http://localhost:8000/v1.",
            f"{section}.url",
            missing=True,
        )
    where = {"url": url}
    if more := str(values.get("urls") or "").strip():
        if not url:
            raise FormError(section, FIRST_ADDRESS, f"{section}.url")
        where = {"url": "", "urls": f"{url}\n{more}"}
    spec = _part_again(
        ModelSpec, {**values, "preset": preset, **where, "key_env": "" if key == TYPED else key}, section
    )
    own = replace(spec, key_env="").key_variable
    if key == TYPED and not own and url:
        return replace(spec, key_env=variable_for(url))
    return replace(spec, key_env="") if key == own else spec


def columns_of(task: Task) -> tuple[str, ...]:
    """The input columns that a task knows: those it needs, then those it can use."""
    return tuple(dict.fromkeys([*task.required_columns(), *task.optional_columns]))


def task_of(filled: FormValues) -> Task:
    """The task that is chosen. Raises FormError."""
    kind = filled.get("task.kind")
    if kind not in TASKS:
        raise FormError("task", "Choose what to make.", "task.kind")
    return _part(TASKS[kind], part(filled, kind), "task", kind)


def inputs_of(filled: FormValues, task: Task) -> Inputs:
    """The input that is named; pasted text counts when it has been kept as a file. Raises FormError."""
    if task.draws and not filled.get("inputs.drawn_from"):
        return Inputs()
    source, slots = filled.get("inputs.source"), columns_of(task)[:SLOTS]
    mapping = {
        task_column: column
        for task_column, column in (filled.get("inputs.columns") or {}).items()
        if task_column not in slots
    }
    for k, task_column in enumerate(slots):
        if (column := filled.get(f"inputs.column{k}")) and column != task_column:
            mapping[task_column] = column
    where = {name: str(filled.get(f"inputs.{name}") or "").strip() for name in ("dataset", "config", "split")}
    where["split"] = where["split"] or "train"
    if source != "dataset":
        where = {"path": str(filled.get("inputs.snapshot" if source in ("argilla", "run") else "inputs.path") or "")}
    if not (where.get("path") or where.get("dataset")):
        missing = {
            "dataset": "Name a dataset.",
            "upload": "Upload a file or several.",
            "paste": "Paste some input.",
            "argilla": "Name a dataset in Argilla.",
            "run": "Choose a run.",
        }
        raise FormError(
            "inputs",
            f"{task.title} works on input. {missing.get(str(source), '')}".strip(),
            input_field(filled),
            missing=True,
        )
    others = {name: filled.get(f"inputs.{name}") for name in ("skip", "limit")}
    if "path" in where and source not in ("argilla", "run"):
        others |= {
            name: str(filled.get(f"inputs.{name}") or "").strip(" ") for name in ("separator", "sheet", "encoding")
        }
        others["separator"] = "" if others["separator"] == LINES else others["separator"]
        others["header"] = filled.get("inputs.header") is not False
    return _part(Inputs, {**where, "columns": mapping, **others}, "inputs")


def input_field(filled: FormValues) -> str:
    """The field that names the input, as its source is chosen."""
    source = str(filled.get("inputs.source"))
    return f"inputs.{INPUT_FIELDS.get(source, 'text')}"


def of_input(filled: FormValues, error: ClaywrightError) -> "FormError":
    """What is wrong with the input, at the column that is at fault or at the field that names the input."""
    at, column = input_field(filled), error.column if isinstance(error, InputError) else ""
    with contextlib.suppress(FormError):
        task = task_of(filled)
        if task.shape is not None and column in task.shape.kinds:  # an answer's column has the name of one of the input
            at = f"{filled['task.kind']}.{'fields' if task.shape.fields else 'schema'}"
        columns = columns_of(task)[:SLOTS]
        if column in columns and (filled.get("inputs.found") or {}).get("columns"):
            at = f"inputs.column{columns.index(column)}"
    return FormError("inputs", str(error), at)


def rating_of(filled: FormValues) -> UltraFeedback:
    """The judge that is set up, whether it rates as rows are made or not. Raises FormError."""
    values = part(filled, "rating")
    return _part(UltraFeedback, {**{name: values[name] for name in RATING}, "rubrics": rubrics_of(filled)}, "rating")


def rubrics_of(filled: FormValues) -> tuple[Rubric, ...]:
    """The rubrics of one's own. Raises FormError."""
    return tuple(_part(Rubric, values, "rating", "rubric") for values in filled.get("rubrics") or [])


def no_check() -> FormValues:
    """The fields of another check as they are before anything is said of it."""
    filled: FormValues = {"check.kind": next(iter(check_kinds())), "check.name": "", "check.reject": False}
    for kind, check in check_kinds().items():
        for f in fields(check):
            if f.name not in NOT_SETTINGS:
                several = is_lines(f) and f.metadata.get("choices")
                filled[f"check.{kind}.{f.name}"] = list(default_of(f)) if several else shown(default_of(f))
    return filled


def check_of(filled: FormValues) -> Check:
    """The check that the fields of another one describe. Raises FormError."""
    kind = str(filled.get("check.kind"))
    if kind not in check_kinds():
        raise FormError("check", "Choose what to check.", "check.kind")
    common = {name: filled.get(f"check.{name}") for name in NOT_SETTINGS}
    try:
        return _part(check_kinds()[kind], {**part(filled, f"check.{kind}"), **common}, "check", f"check.{kind}")
    except FormError as error:
        name = error.field.rpartition(".")[2]
        raise FormError("check", str(error), f"check.{name}" if name in NOT_SETTINGS else error.field) from error


def plain_check(check: Check) -> FormValues:
    """A check as the list of them keeps it."""
    return {"kind": check.kind, **json.loads(json.dumps(changed(check)))}


def checks_of(filled: FormValues) -> tuple[Check, ...]:
    """The checks that are listed. Raises FormError."""
    try:
        return with_own_names(recipe_checks(filled.get("checks") or []))
    except SettingsError as error:
        raise FormError("checks", error.page or PLACE.sub("", str(error)).removeprefix(": ")) from error


def review_of(filled: FormValues) -> Review:
    """How rows are sent to Argilla. Raises FormError."""
    values = part(filled, "review")
    audit = AUDITS.get(str(values.get("blind_audit")), "auto")
    return _part_again(Review, {**values, "blind_audit": audit, "rubrics": rubrics_of(filled)}, "review")


def budget_of(filled: FormValues) -> Budget:
    """The most that work on a run may use. Raises FormError."""
    return _part(Budget, part(filled, "budget"), "budget")


def merging_of(filled: FormValues) -> MergeRule:
    """How several reviewers' verdicts become one. Raises FormError."""
    return _part(MergeRule, part(filled, "merge"), "merge")


def embedder_of(filled: FormValues) -> ModelSpec | None:
    """What makes vectors for "find similar"; None where no model is named. Raises FormError."""
    values = part(filled, "embedder")
    if not str(values.get("url") or "").strip() and not str(values.get("model") or "").strip():
        return None
    return model_of(values, "embedder")


def export_of(filled: FormValues) -> Export:
    """Which rows go out, in which format, to which dataset of the Hub or of Argilla; a file is another matter.

    Raises FormError.
    """
    values = part(filled, "export")
    where = {kind: str(values.get(kind) or "").strip() if values["kind"] == kind else "" for kind in (HUB, ARGILLA)}
    try:
        unreviewed = values["unreviewed"] == ROWS[True]
        return _part(Export, {**values, "unreviewed": unreviewed, **where}, "export")
    except FormError as error:
        section = "hub" if error.field == "export.hub" else "export"
        raise FormError(section, str(error), error.field) from error


def recipe_from(filled: FormValues) -> Recipe:
    """The recipe that the forms describe. Raises FormError."""
    try:
        return _together({name: make(filled) for name, make in MAKERS.items()}, filled)
    except FormError:
        raise
    except (SettingsError, ValueError, OverflowError) as error:
        raise FormError("task", str(error)) from error


def _together(parts: Mapping[str, Any], filled: FormValues) -> Recipe:
    """The recipe of these parts. Raises FormError."""
    try:
        return Recipe(**parts)
    except SettingsError as error:
        message = error.page or _labelled(Recipe, str(error))
        raise FormError("task", message, input_field(filled) if error.setting == "inputs" else error.setting) from error


def unusable(filled: FormValues) -> dict[str, str]:
    """What is wrong with what the fields hold, by field; not what is only missing, and not about models that are not used."""
    problems: dict[str, str] = {}
    parts: dict[str, Any] = {}
    if filled.get("inputs.source") == "upload" and (error := (filled.get("inputs.found") or {}).get("error")):
        problems["inputs.path"] = str(error)
    makers = dict(MAKERS)
    if filled.get("answers.by") == "others":
        makers["new"] = lambda filled: model_of(part(filled, "new"), "new")
    for name, make in makers.items():
        try:
            parts[name] = make(filled)
        except FormError as error:
            if error.field and not error.missing:
                problems.setdefault(error.field, str(error))
        except (SettingsError, ValueError, OverflowError):
            continue
    if MAKERS.keys() <= parts.keys():
        try:
            _together({name: parts[name] for name in MAKERS}, filled)
        except FormError as error:
            if error.field and not error.missing:
                problems.setdefault(error.field, str(error))
    return problems


def parts_from(filled: FormValues, names: Iterable[str] | None = None) -> dict[str, Any]:
    """The parts of a recipe that the forms describe, all or those of these names, without those that can't be used."""
    parts = {}
    for name in MAKERS if names is None else names:
        with contextlib.suppress(SettingsError, ValueError, OverflowError):
            parts[name] = MAKERS[name](filled)
    return parts


def answers_of(filled: FormValues) -> Answers | None:
    """How rows are answered; None where nothing is said of it. Raises FormError."""
    if not any(
        (filled.get("answers.n") is not None, filled.get("answers.system_prompt"), filled.get("answers.principles"))
    ):
        return None
    number = 1 if filled["answers.n"] is None else filled["answers.n"]
    return _part(Answers, {**part(filled, "answers"), "n": number}, "answers")


def responders_of(filled: FormValues) -> tuple[ModelSpec, ...]:
    """The models that answer, where those are not the generator. Raises FormError."""
    listed = filled.get("responders") or [] if filled.get("answers.by") == "others" else []
    return tuple(_part(ModelSpec, values, "responders") for values in listed)


MAKERS: dict[str, Callable[[FormValues], Any]] = {
    "task": task_of,
    "answers": answers_of,
    "name": lambda filled: str(filled.get("name") or "").strip() or "dataset",
    "rows": lambda filled: _whole(filled, "rows"),
    "seed": lambda filled: _whole(filled, "seed"),
    "generator": lambda filled: model_of(part(filled, "generator"), "generator"),
    "responders": responders_of,
    "labeller": lambda filled: model_of(part(filled, "labeller"), "labeller"),
    "inputs": lambda filled: inputs_of(filled, task_of(filled)),
    "rubrics": rubrics_of,
    "checks": checks_of,
    "rating": lambda filled: rating_of(filled) if filled.get("rating.on") else None,
    "budget": budget_of,
    "embedder": embedder_of,
    "review": review_of,
    "merge": merging_of,
    "export": export_of,
}
"""Each part of a recipe from what the forms hold. In the order in which what is wrong is said."""


def _whole(filled: FormValues, name: str) -> int | None:
    value = filled.get(name)
    if isinstance(value, float) and not math.isfinite(value):
        raise FormError("task", f"{name.capitalize()} must be a whole number.", name)
    return None if value is None else int(value)


def fresh_name(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind it where another run has it: "tides 2"."""
    name = name.strip() or "dataset"
    stem, number = re.sub(r" \d{1,4}$", "", name), 2
    while name in taken:
        ending = f" {number}"
        name, number = stem[: LONGEST_NAME - len(ending)] + ending, number + 1
    return name


def differing(filled: FormValues, from_: FormValues) -> FormValues:
    """What the forms hold that is not in `from_`, or otherwise there."""
    return {name: value for name, value in filled.items() if name not in from_ or from_[name] != value}


def prefixed(prefix: str, values: Mapping[str, Any]) -> FormValues:
    return {f"{prefix}.{name}": value for name, value in values.items()}


def part(filled: Mapping[str, Any], prefix: str) -> FormValues:
    """The values whose names begin with `prefix.`, without it."""
    return {short: filled[name] for name, short in _names_of_part(prefix, tuple(filled))}


@lru_cache(maxsize=256)
def _names_of_part(prefix: str, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Those that begin with `prefix.`, each with what is behind it. The forms' names are many, and the same at every glance."""
    return tuple((name, name.removeprefix(f"{prefix}.")) for name in names if name.startswith(f"{prefix}."))


def _part(cls: type[T], values: Mapping[str, Any], section: str, prefix: str = "") -> T:
    """Raises FormError in the page's words. `prefix` is that of the form's fields, where it is not the place's name."""
    try:
        known = {f.name: given(f, values[f.name]) for f in fields(cast(Any, cls)) if f.name in values}
        return build(cls, known, "")
    except FormError:
        raise
    except SettingsError as error:
        at = f"{prefix or section}.{error.setting}" if error.setting else ""
        message = error.page or _of_another_kind(cls, error) or _labelled(cls, str(error))
        raise FormError(section, message, at) from error


@dataclass(frozen=True, slots=True)
class _Values:
    """What a part of the forms holds; alike where it is written alike."""

    written: str
    values: Mapping[str, Any] = field(compare=False)


def _part_again(cls: type[T], values: Mapping[str, Any], section: str) -> T:
    """The same as `_part`, for small parts that each glance asks for: what came of the last ones is remembered."""
    return cast(T, _remembered_part(cast(Any, cls), _Values(repr(values), values), section))


@lru_cache(maxsize=128)
def _remembered_part(cls: Any, values: _Values, section: str) -> Any:
    return _part(cls, values.values, section)


def _of_another_kind(cls: type, error: SettingsError) -> str:
    """What is wrong with a value that is no number, say, where one is wanted; "" for anything else."""
    setting = next((f for f in fields(cast(Any, cls)) if f.name == error.setting), None)
    if setting is None or not isinstance(error.__cause__, ValidationError):
        return ""
    kind = next(
        (noun for name, noun in KINDS.items() if str(setting.type).removeprefix("<class '").startswith(name)), ""
    )
    _, _, value = str(error).rpartition(" (given: ")
    return f"{label_of(setting)} must be {kind} (given: {value}" if kind and value else ""


def _labelled(cls: type, message: str) -> str:
    """What is wrong with a setting, with labels as the page shows them where a recipe file has names."""
    message = PLACE.sub("", message).removeprefix(": ")
    labels = {f.name: label_of(f) for f in fields(cast(Any, cls))}
    first = WORD.match(message)
    if first and first[0] in labels:
        message = labels[first[0]] + message[first.end() :]
    return WORD.sub(lambda word: labels.get(word[0], word[0]) if "_" in word[0] else word[0], message)
