"""What a dataset's card on the Hub says of a run: nothing that is secret, nothing that belongs to this machine alone."""

import json
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from app.recipe import Recipe
from app.review.argilla import for_trying
from app.store.runs import Run
from feedback.argilla.dataset_settings import Review
from feedback.checks.base import NOT_SETTINGS, Check
from feedback.exports.dataset_card import Facts
from feedback.exports.selection import Export
from feedback.reviewed_row import LATEST
from tasks.cluster.settings import Cluster
from tasks.models.spec import ModelSpec

NUMBERS = {
    "top_k", "min_p", "top_a", "typical_p", "tfs_z", "mirostat", "mirostat_mode", "mirostat_tau", "mirostat_eta",
    "presence_penalty", "frequency_penalty", "repetition_penalty", "repeat_penalty", "repeat_last_n",
    "length_penalty", "no_repeat_ngram_size", "temperature", "top_p", "seed", "n", "best_of", "max_tokens",
    "max_completion_tokens", "min_tokens", "xtc_probability", "xtc_threshold", "dry_multiplier", "dry_base",
    "dry_allowed_length", "logprobs", "top_logprobs", "do_sample", "ignore_eos", "dimensions",
}  # fmt: skip
LONGEST_SETTING = 200
"""Characters of a check's setting that are shown."""
TEXTS = {"stop", "reasoning_effort"}
"""Fields of a request that are published, where they hold numbers, or texts: how a model samples. Others may be secret."""


def facts(run: Run, recipe: Recipe) -> Facts:
    """What a dataset's card says of a run: its recipe without what belongs to this machine alone, or names reviewers."""
    shown = replace(
        recipe,
        inputs=replace(recipe.inputs, path=_name(recipe.inputs.path), dataset=_dataset(recipe.inputs.dataset)),
        generator=_public(recipe.generator),
        responders=tuple(_public(spec) for spec in recipe.responders),
        labeller=_public(recipe.labeller),
        embedder=None if recipe.embedder is None else _public(recipe.embedder),
        cluster=None if recipe.cluster is None else Cluster(),
        review=replace(recipe.review, dataset=Review().dataset, workspace=Review().workspace),
        merge=replace(recipe.merge, text=LATEST),
        export=Export(),
    )
    makes = recipe.task.calls_model or recipe.answering.n > 0
    answering = recipe.responders or ((recipe.generator,) if makes else ())
    people = recipe.merge
    text = "the latest" if people.text == LATEST else "that of one chosen reviewer, else the latest"
    return Facts(
        run=run.id,
        name=run.name,
        task=recipe.kind,
        recipe=shown.dump(),
        generator=_named(recipe.generator) if recipe.task.calls_model else "none: the rows are input",
        responders=[_named(spec) for spec in answering],
        labeller=_named(recipe.labeller) if recipe.rating else "",
        rule=f"Decisions of several reviewers are merged by {people.decision}; of several corrections, {text} counts.",
        checks=[
            f"{check.called}: {check.summary}{_settings(check)}"
            + (" What fails is rejected unless people approve it." if check.reject else "")
            for check in recipe.checks
        ],
        for_trying=for_trying(recipe),
    )


def _settings(check: Check) -> str:
    """What is set of a check otherwise than by default, as " (most: 5)"; long values are cut."""
    values = {field.name: (getattr(check, field.name), field.default) for field in fields(check)}
    shown = {
        name: json.dumps(value, ensure_ascii=False, default=str)
        for name, (value, default) in values.items()
        if name not in NOT_SETTINGS and value != default
    }
    texts = [
        f"{name}: {value[:LONGEST_SETTING]}{'…' if len(value) > LONGEST_SETTING else ''}"
        for name, value in shown.items()
    ]
    return f" ({', '.join(texts)})" if texts else ""


def _public(spec: ModelSpec) -> ModelSpec:
    """The same without what could be a secret in an address or in the fields of the request, or a folder of this machine."""
    url, urls = _address(spec.url), tuple(map(_address, spec.urls))
    extra = {name: value for name, value in spec.extra.items() if _is_sampling(name, value)}
    template = _name(spec.template) if _is_here(spec.template) else spec.template
    return replace(spec, url=url, urls=urls, model=_model(spec), key_env="", extra=extra, template=template)


def _address(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _is_sampling(name: str, value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    if name in TEXTS:
        return all(isinstance(item, str) for item in values)
    return name in NUMBERS and all(isinstance(item, int | float) for item in values)


def _dataset(name: str) -> str:
    """A dataset's id; of a folder of this machine its name only. An id of the Hub has one slash at most."""
    return _name(name) if _is_here(name) or name.count("/") > 1 or "\\" in name else name


def _is_here(text: str) -> bool:
    """Whether a setting names a place on this machine. Jinja source, a family or an id does not."""
    try:
        return bool(text) and (Path(text).is_absolute() or text.startswith(("~", ".")) or Path(text).is_dir())
    except OSError:  # longer than any path
        return False


def _name(path: str) -> str:
    """The last part of a path, "" for none."""
    return (Path(os.path.normpath(Path(path).absolute())).name or "folder") if path else ""


def _named(spec: ModelSpec) -> str:
    return "the built-in model" if spec.preset == "local" else _model(spec) or spec.preset


def _model(spec: ModelSpec) -> str:
    """The model's name; servers of one's own often call it by its folder."""
    return _name(spec.model) if spec.model.startswith(("/", "~", ".", "\\")) else spec.model
