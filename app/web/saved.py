"""What people keep under a name for another time: recipes, model presets, rubrics."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.api_keys import variable_for
from app.file_locks import exists, expanded, read_regular
from app.recipe import LARGEST_FILE, Recipe, changed, decoded, parse
from app.store.library import Kept, Library
from app.store.store import Store
from app.web import form_values
from app.web.form_values import ROLES, TYPED, FormError, FormValues
from feedback.rubrics import Rubric
from tasks.errors import SettingsError
from tasks.models.spec import ModelSpec
from tasks.settings import build

LONGEST_NAME = 100
FILES = (".toml", ".json")


@dataclass(frozen=True)
class Saved:
    """The recipes, model presets and rubrics of a data folder. What is wrong is a SettingsError, with a sentence."""

    store: Store

    def recipes(self) -> list[Kept]:
        """The saved recipes, what was written last first."""
        return self.store.recipes.all()

    def model_sets(self) -> list[Kept]:
        """The saved model presets, what was written last first."""
        return self.store.model_sets.all()

    def rubrics(self) -> list[Kept]:
        """The saved rubrics, what was written last first."""
        return self.store.rubrics.all()

    def keep_rubric(self, rubric: Rubric) -> int:
        """Keeps it under its own name, in place of the one that was there; the number of its version."""
        self.store.rubric_versions.keep([rubric])
        self.store.rubrics.keep(named(rubric.name), changed(rubric), replace=True)
        return self.store.rubric_versions.numbers([rubric.hash])[rubric.hash]

    def versions(self, rubrics: Iterable[Rubric]) -> dict[str, int]:
        """{hash: the number of that version} of those that were saved or rated by."""
        return self.store.rubric_versions.numbers(rubric.hash for rubric in rubrics)

    def rubric(self, name: str) -> Rubric:
        """Raises SettingsError for one that is there no more, or that this version can't read."""
        return build(Rubric, _found(self.store.rubrics, name, "rubric").content, f"'{name}'")

    def delete_rubric(self, name: str) -> bool:
        """False if there was none of that name. What was rated by it keeps all that it asked."""
        return self.store.rubrics.delete(name)

    def delete_recipe(self, name: str) -> bool:
        """False if there was none of that name."""
        return self.store.recipes.delete(name)

    def delete_models(self, name: str) -> bool:
        """False if there was none of that name."""
        return self.store.model_sets.delete(name)

    def keep_recipe(self, name: str, recipe: Recipe, *, replace: bool = False) -> bool:
        """False, and nothing changed, if there is one of that name and it is not to be replaced."""
        return self.store.recipes.keep(named(name), recipe.dump(), replace=replace)

    def recipe(self, name: str) -> Recipe:
        return read(_found(self.store.recipes, name, "recipe"))

    def duplicate_recipe(self, name: str) -> str:
        """The same once more, under a name that nothing has, which is returned; also one that can't be read here."""
        kept, number = _found(self.store.recipes, name, "recipe"), 2
        while not self.store.recipes.keep(again := _numbered(name, number), kept.content):
            number += 1
        return again

    def keep_models(self, name: str, filled: FormValues, *, replace: bool = False) -> bool:
        """The generator, the response models and the labeller that the forms describe, under a name."""
        return self.store.model_sets.keep(named(name), models_of(filled), replace=replace)

    def models(self, name: str) -> FormValues:
        """What the forms hold for that set."""
        return fill_models(_found(self.store.model_sets, name, "model preset"))


def named(name: str) -> str:
    """A name as it is kept: one line, no characters that nobody sees."""
    shown = "".join(c if unicodedata.category(c) not in ("Cc", "Cs") else " " for c in name)
    line = unicodedata.normalize("NFC", " ".join(shown.split()))
    if not line:
        raise SettingsError("Give it a name first.")
    if len(line) > LONGEST_NAME:
        raise SettingsError(f"A name has at most {LONGEST_NAME} characters, this one has {len(line)}.")
    return line


def read(kept: Kept) -> Recipe:
    """The recipe that was kept, if this version knows all of it."""
    try:
        return parse(kept.content)
    except SettingsError as error:
        raise SettingsError(
            f"'{kept.name}' was saved by another version of Claywright, which this one does not understand: {error} "
            "It stays as it is."
        ) from error


def file_name(name: str) -> str:
    """A file's name for a recipe of that name."""
    return (re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "recipe") + ".toml"


def from_file(path: Path) -> tuple[FormValues, str]:
    """What the forms hold for a recipe in a file, and a sentence about an input that is not here."""
    if path.suffix.lower() not in FILES:
        raise SettingsError(f"{path.name} is no recipe: its name should end in {' or '.join(FILES)}.")
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise SettingsError(f"{path.name} is too big for a recipe: those have at most 1 MB.")
        data = read_regular(path, LARGEST_FILE)
    except OSError as error:
        raise SettingsError(f"{path.name} can't be read: {error.strerror}. Choose it again.") from error
    recipe = decoded(data, path.name, as_json=path.suffix.lower() == ".json")
    filled, input_path = form_values.fill(recipe), recipe.inputs.path
    more = f"{form_values.ON_A_CLUSTER} claywright run {path.name}" if recipe.on_cluster else ""
    if not input_path or (expanded(input_path).is_absolute() and exists(input_path)):
        return filled, more
    lacking = f"Its input {Path(input_path).name} is not here: upload it on Generate."
    return {**filled, "inputs.path": ""}, f"{lacking} {more}".strip()


def models_of(filled: FormValues) -> dict[str, Any]:
    """The models that the forms describe. Raises FormError."""
    specs = {role: changed(form_values.model_of(form_values.part(filled, role), role)) for role in ROLES}
    others = form_values.responders_of(filled)
    return {**specs, "responders": [changed(spec) for spec in others], "by": filled.get("answers.by")}


def typed_keys(filled: FormValues) -> bool:
    """True if a model of the forms works with a key that was typed, which nothing keeps."""
    if any(filled.get(f"{role}.key_env") == TYPED for role in ROLES):
        return True
    try:
        return any(
            (spec.url or spec.urls) and spec.key_env == variable_for(spec.address)
            for spec in form_values.responders_of(filled)
        )
    except FormError:
        return False


def fill_models(kept: Kept) -> FormValues:
    """The roles as the forms hold them for a set."""
    filled: FormValues = {}
    try:
        for role in ROLES:
            filled.update(
                form_values.prefixed(role, form_values.fill_model(build(ModelSpec, kept.content[role], role)))
            )
        listed = [build(ModelSpec, values, "responders") for values in kept.content["responders"]]
    except (KeyError, TypeError, SettingsError) as error:
        raise SettingsError(
            f"'{kept.name}' was saved by another version of Claywright, which this one does not understand. It stays as it is."
        ) from error
    by = "others" if listed or kept.content.get("by") == "others" else "generator"
    return {**filled, "responders": [changed(spec) for spec in listed], "answers.by": by}


def _found(library: Library, name: str, what: str) -> Kept:
    if (kept := library.get(name)) is None:
        raise SettingsError(f"There is no {what} named '{name}' any more.")
    return kept


def _numbered(name: str, number: int) -> str:
    ending = f" ({number})"
    return re.sub(r" \(\d+\)$", "", name)[: LONGEST_NAME - len(ending)].rstrip() + ending
