"""One run by several owners: each works a shard of its units in a store of its own, and the shards are merged into one store.

The run has the same id and seed in all of them, so that its rows have the ids, draws and ratings that they would have without
shards. A shard works those of its units that the run needs in any case: the first `rows / rows_per_unit` whole ones. What lacks
then, as draws were dropped, is done by resuming the merged run, which decides as if it had worked all of it.
"""

import asyncio
import contextlib
import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from app.errors import RunError, StoreError
from app.file_locks import expanded, is_store
from app.inputs import inputs
from app.recipe import Recipe, recipe_of
from app.store import merge as store_merge
from app.store.columns import dumps
from app.store.lease import at_work, working_on
from app.store.runs import Run, RunCounts
from app.store.store import FILE, Store
from app.workspace import Workspace
from tasks.engine.budget import Budget
from tasks.errors import SettingsError
from tasks.types import Unit

FOLDER = "shards"
"""Where a data folder keeps the stores of shards."""
MOST, MOST_COUNTED = 10_000, 10**6
SEEDS = 2**31
WRITTEN = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,79}")
_HOW_IT_IS_DRIVEN = (
    "urls", "key_env", "concurrency", "requests_per_minute", "tokens_per_minute", "timeout", "prompt_price", "completion_price",
)  # fmt: skip
"""What of a model decides nothing about its answers."""
_FOR_LATER = ("name", "checks", "budget", "review", "merge", "export", "embedder", "cluster")
"""What of a recipe decides neither rows nor ratings."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number` of `of`, from 1: the units whose hash falls to it."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """A shard as written, "3/8". Raises SettingsError."""
        parts = WRITTEN.fullmatch(text.strip())
        if parts is None:
            raise SettingsError(f"A shard is written as 3/8, the third of eight (given: {text!r}).", setting="shard")
        number, of = int(parts[1]), int(parts[2])
        if not 1 <= of <= MOST:
            raise SettingsError(f"A run has 1 to {MOST:,} shards (given: {text.strip()}).", setting="shard")
        if not 1 <= number <= of:
            raise SettingsError(
                f"Of {of} shards, there are 1/{of} to {of}/{of} (given: {text.strip()}).", setting="shard"
            )
        return cls(number, of)

    def has(self, index: int) -> bool:
        """True for the unit of that number. By a hash, so that an input with a rhythm gives no shard all the long rows."""
        digest = hashlib.blake2b(str(index).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.of == self.number - 1

    def units(self, units: Iterator[Unit], recipe: Recipe) -> Iterator[Unit]:
        """Those of a recipe's units that this shard works."""
        return (unit for unit in itertools.islice(units, surely_needed(recipe)) if self.has(unit.index))

    def most_rows(self, recipe: Recipe, units: int | None) -> int | None:
        """How many rows the shard gives at most, where the input has so many units; None if that can't be told."""
        ends = [end for end in (units, surely_needed(recipe)) if end is not None]
        if not ends:
            return None
        few = min(ends) <= MOST_COUNTED
        own = sum(map(self.has, range(min(ends)))) if few else min(ends) // self.of
        return own * recipe.task.rows_per_unit

    def share(self, budget: Budget) -> Budget:
        """Its part of a budget, so that all shards together keep to the whole."""
        tokens = None if budget.tokens is None else max(1, budget.tokens // self.of)
        return replace(budget, tokens=tokens, dollars=None if budget.dollars is None else budget.dollars / self.of)


def surely_needed(recipe: Recipe) -> int | None:
    """How many of the first units a run needs in any case, all of their rows; None for all units."""
    return None if recipe.rows is None else recipe.rows // recipe.task.rows_per_unit


def check(recipe: Recipe) -> None:
    """Raises SettingsError for a task whose rows depend on each other."""
    if recipe.task.near_duplicate is not None or recipe.task.round > 0:
        raise SettingsError(
            f"{recipe.task.title} can't be worked in shards, as each of its rows depends on those before it: run it without"
            " --shard, then export its rows and shard what works on them.",
            setting="shard",
        )


def digest(recipe: Recipe, content: str) -> str:
    """Names what decides the rows and ratings of a recipe, on any machine: of an input file its `content`, not where it lies."""
    values: dict[str, Any] = {name: value for name, value in recipe.dump().items() if name not in _FOR_LATER}
    for name in ("generator", "labeller"):
        values[name] = _bare(asdict(getattr(recipe, name)))
    values["responders"] = [_bare(asdict(spec)) for spec in recipe.responders]
    if recipe.inputs.path:
        values["inputs"] = {**values.get("inputs", {}), "path": content}
    return hashlib.sha256(dumps(values).encode()).hexdigest()[:16]


def _bare(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name not in _HOW_IT_IS_DRIVEN}


def run_id(recipe: Recipe, content: str) -> str:
    """The id of a run in shards: every owner of one comes to the same."""
    slug = "".join(c if c.isascii() and c.isalnum() else "-" for c in recipe.name.lower()).strip("-")[:40] or "run"
    return f"{slug}-{digest(recipe, content)[:10]}"


def checked_id(text: str) -> str:
    """An id for a run that somebody chose. Raises SettingsError."""
    if RUN_ID.fullmatch(text) is None or text == "last":
        raise SettingsError(
            f"A run's id is of letters, digits and hyphens, 80 at most, and not 'last' (given: {text!r}).", setting="as"
        )
    return text


def seed(recipe: Recipe, named: str) -> int:
    """The seed of a run whose id all its owners know: the recipe's, else one told from the id."""
    if recipe.seed is not None:
        return recipe.seed
    return int.from_bytes(hashlib.sha256(named.encode()).digest()[:8], "big") % SEEDS


@contextlib.contextmanager
def opened(workspace: Workspace, recipe: Recipe, shard: Shard, named: str = "") -> Iterator[tuple[Workspace, str]]:
    """The workspace with the store of a shard, and the id of its run, which may be in that store already.

    Raises SettingsError where the run there has another recipe, InputError where the input can't be read.
    """
    check(recipe)
    content = inputs.fingerprint(recipe.inputs, known=workspace.inputs)
    name = checked_id(named) if named else run_id(recipe, content)
    folder = workspace.settings.data / FOLDER / name / f"{shard.number}-of-{shard.of}"
    with Store(folder) as store:
        run = store.runs.known(name)
        if run is not None and digest(recipe_of(run), run.inputs) != digest(recipe, content):
            raise SettingsError(
                f"The run {name} in {folder} was begun with another recipe or input. Go on with that one, or name the new run"
                " otherwise with --as."
            )
        yield replace(workspace, store=store), name


@dataclass(frozen=True, slots=True)
class Part:
    """What the merge of one store did."""

    path: str
    shard: str
    done: bool
    units: int
    rows: int
    completed: int
    answers: int


@dataclass(frozen=True, slots=True)
class Merged:
    """A run after shards were merged into it. `lacking` are shards that are not merged, or not finished."""

    run: Run
    counts: RunCounts
    parts: tuple[Part, ...]
    lacking: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    path: Path
    store: Store
    run: Run


async def merge(workspace: Workspace, paths: Sequence[Path]) -> Merged:
    """Brings the shards of a run, each a store or the data folder that holds it, into the workspace's store, exactly once.

    All of them are looked at before anything is written; then each is merged whole or not at all. Raises StoreError for what
    is no store that can be used, RunError where they do not belong together or are worked on.
    """
    with contextlib.ExitStack() as stack:
        files: dict[Path, Path] = {}
        for path in paths:
            file = _file(path)
            if file in files:
                raise StoreError(f"{path} is named twice. Name each store once; nothing was merged.")
            files[file] = path
        sources = [_source(path, stack.enter_context(Store(file.parent, file.name))) for file, path in files.items()]
        target = _check_together(workspace.store, sources)
        parts: list[Part] = []
        for source in sources:
            parts.append(await _merge(workspace.store, target, source))
            merged = _state(workspace.store, target, tuple(parts))
    return merged


def _file(path: Path) -> Path:
    """The database that a path names. Raises StoreError."""
    whole = expanded(path)
    file = whole / FILE if whole.is_dir() else whole
    if is_store(file):
        raise StoreError(
            f"{path} is the store that shards are merged into. Name the stores of shards; nothing was merged."
        )
    if not file.is_file() or not store_merge.is_store(file):
        raise StoreError(f"{path} is no store of Claywright. Name the folder of a shard; nothing was merged.")
    return file.resolve()


def _source(path: Path, store: Store) -> _Source:
    runs = [run for run in store.runs.all() if run.shard]
    if len(runs) != 1:
        held = "no shard of a run" if not runs else f"shards of {len(runs)} runs"
        raise RunError(f"{path} holds {held}. Name stores of 'claywright run --shard'; nothing was merged.")
    if at_work(runs[0]):
        raise RunError(f"{path} is being worked on. Wait for that, or stop it, then merge again; nothing was merged.")
    return _Source(path, store, runs[0])


def _check_together(store: Store, sources: Sequence[_Source]) -> Run:
    """The run that these shards are merged into, which is there from now on. Raises RunError where they don't fit."""
    first = sources[0]
    numbers: dict[str, Path] = {}
    whole = store.runs.known(first.run.id)
    for source in sources:
        _check_same(source, first.run, str(first.path))
        if whole is not None:
            _check_same(source, whole, f"the run {whole.id} of this store")
        if source.run.shard in numbers:
            raise RunError(
                f"Shard {source.run.shard} is in {numbers[source.run.shard]} and in {source.path}. Name one of them; nothing"
                " was merged."
            )
        numbers[source.run.shard] = source.path
    earlier = store_merge.shards(store.db, first.run.id)
    if len(divisions := {Shard.parse(shard).of for shard in [*numbers, *earlier]}) > 1:
        several = " and ".join(map(str, sorted(divisions)))
        raise RunError(f"The run was divided into {several} shards: units would lack. Nothing was merged.")
    if whole is not None and whole.shard:
        raise RunError(
            f"This store holds shard {whole.shard} itself. Merge into another one (--data); nothing was merged."
        )
    if whole is not None and at_work(whole):
        raise RunError(
            f"The run {whole.id} is being worked on. Wait for that, or stop it, then merge; nothing was merged."
        )
    if whole is None:
        run = first.run
        whole = store.runs.create(run.id, run.name, run.owner, run.recipe, run.seed, run.inputs)
    return whole


def _check_same(source: _Source, run: Run, called: str) -> None:
    own, other = recipe_of(source.run), recipe_of(run)
    if source.run.id != run.id:
        why = "is of another run"
    elif source.run.inputs != run.inputs:
        why = "has other inputs"
    elif source.run.seed != run.seed:
        why = "was drawn with another seed"
    elif digest(own, "") != digest(other, ""):
        why = "has another recipe"
    else:
        return
    raise RunError(f"{source.path} {why} than {called}. Merge shards of one run; nothing was merged.")


async def _merge(store: Store, target: Run, source: _Source) -> Part:
    recipe = recipe_of(source.run)
    async with contextlib.AsyncExitStack() as held:
        if source.store.db.writable:
            await held.enter_async_context(working_on(source.store, source.run))
            source.store.usage.end_those_left(source.run.id)
        await held.enter_async_context(working_on(store, target))
        if recipe.rating:
            store.rubric_versions.keep(recipe.rating.known[key] for key in recipe.rating.keys)
        came = await asyncio.to_thread(
            store_merge.merge, store.db, source.store.db, target.id, source.run.shard, source.run.state
        )
    is_done = source.run.state == "done"
    return Part(str(source.path), source.run.shard, is_done, came.units, came.rows, came.completed, came.answers)


def _state(store: Store, target: Run, parts: tuple[Part, ...]) -> Merged:
    """Says how the merged run stands. A run that was done stays so: its resume did what a shard lacked."""
    merged = store_merge.shards(store.db, target.id)
    of = Shard.parse(next(iter(merged))).of
    lacking = tuple(str(shard) for n in range(1, of + 1) if merged.get(str(shard := Shard(n, of))) != "done")
    counts, recipe = store.runs.counts(target.id), recipe_of(target)
    _, rows = store.rows.worked(target.id)
    if target.state != "done":
        reason = ""
        if lacking:
            few = f"{', '.join(lacking[:5])}{' and others' if len(lacking) > 5 else ''}"
            reason = f"shards that are not merged, or not finished: {few}"
        elif recipe.rows is not None and rows < recipe.rows:
            reason = f"the shards gave {rows} of {recipe.rows} rows; resuming the run does the rest"
        store.runs.set(target.id, state="stopped" if reason else "done", reason=reason)
    return Merged(store.runs.get(target.id), counts, parts, lacking)
