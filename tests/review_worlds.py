"""Simulated worlds: what a labeller and people say of rows whose quality is known, for the statistics of reviews.

A row has a quality q, normal with mean 0 and deviation 1. Truth cuts q into five levels, people cut q plus a little noise, the
labeller cuts q plus its leniency, its liking for length, an error about the row that all its calls share and one of the call.
Four aspects repeat a part of both errors, and have one of their own. Now and then a rating slips: a 1 for a 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from feedback.stats.row_signals import MIDDLE, Answer, Population

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

ASPECTS = 4
OWN = 0.65
"""How large an aspect's own error is beside the part of the overall rating's error that it does not repeat."""


@dataclass(frozen=True)
class World:
    """The parameters. `item` and `call` are the deviations of the labeller's errors, `shared` how much of each its aspects
    repeat.
    """

    name: str
    bad: float = 0.15
    human: float = 0.30
    lenient: float = 0.15
    length: float = 0.0
    item: float = 0.45
    call: float = 0.30
    slips: float = 0.01
    shared: tuple[float, float] = (0.75, 0.60)
    knows: float = 1.0


MIDDLE_WORLD = World("middle")
WORLDS = (
    World("strong", item=0.35, call=0.25, lenient=0.1),
    MIDDLE_WORLD,
    World("weak", item=0.75, call=0.35),
    World("few bad", bad=0.05),
    World("many bad", bad=0.40),
    World("very lenient", lenient=1.2),
    World("harsh", lenient=-0.6),
    World("likes length", length=0.5),
    World("halo", shared=(1.0, 0.6)),
    World("noisy people", human=0.60),
    World("no slips", slips=0.0),
    World("same error in all calls", item=0.53, call=0.05),
)
USELESS = World("useless", knows=0.4, item=2.4, call=0.6, lenient=-0.2)


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a world: their columns, and what people would say of each."""

    population: Population
    keep: "Bools"
    people: "Floats"
    truth: "Bools"

    @property
    def wrong(self) -> "Bools":
        """Where the labeller decides otherwise than the truth, and people see it."""
        wrong: Bools = ((self.population.keeps == 1) != self.truth) & (self.keep == self.truth)
        return wrong

    @property
    def contested(self) -> "Bools":
        """Where people decide otherwise than the labeller."""
        contested: Bools = (self.population.keeps == 1) != self.keep
        return contested

    def answer(self, at: int, when: int, is_audit: bool) -> Answer:
        """What people say of a row, as their answer number `when`."""
        return Answer(
            self.population.ids[at], "decided", bool(self.keep[at]), is_audit, clock(when), float(self.people[at])
        )

    def answers(self, rows: "Sequence[int] | NDArray[np.int64]", is_audit: bool, since: int = 0) -> list[Answer]:
        """What people say of some rows, one after the other."""
        return [self.answer(int(at), since + when, is_audit) for when, at in enumerate(rows)]


def clock(when: int) -> str:
    """A time for the answer of that number, in ISO 8601."""
    return f"2026-01-{1 + when // 86400:02d}T{when // 3600 % 24:02d}:{when // 60 % 60:02d}:{when % 60:02d}+00:00"


def rows_of(world: World, size: int, seed: int) -> Rows:
    """So many rows of a world."""
    import numpy as np
    from scipy.special import ndtri

    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> "Floats":
        return rng.standard_normal(shape or (size,))

    low = world.bad
    edges = ndtri(np.array([low * 0.13, low * 0.4, low, low + (1 - low) * 0.41]))

    def cut(values: "Floats") -> "Floats":
        return np.searchsorted(edges, values).astype(float) + 1

    quality, length = normal(), normal()
    difficulty = np.exp(0.4 * normal())
    item, call = world.item * difficulty * normal(), world.call * difficulty * normal()
    known = world.knows * quality + np.sqrt(1 - world.knows**2) * normal() if world.knows < 1 else quality
    base = known + world.lenient + world.length * length
    rating = cut(base + item + call)
    slipped = rng.random(size) < world.slips
    slip = np.array([0.0, 5.0, 4.0, 5.0, 2.0, 1.0])
    rating = np.where(slipped, slip[rating.astype(int)], rating)
    of_item, of_call = world.shared
    own = OWN * np.sqrt(1 - of_item**2) * world.item * difficulty * normal(ASPECTS, size)
    own += OWN * np.sqrt(1 - of_call**2) * world.call * difficulty * normal(ASPECTS, size)
    aspects = cut(base + of_item * item + of_call * call + own)
    people = cut(quality + world.human * normal())
    opinions = aspects.mean(axis=0)
    keeps = rating >= 4
    population = Population.of(
        [f"row-{at}" for at in range(size)],
        {
            "keeps": keeps,
            "rating": rating,
            "opinions": opinions,
            "contradiction": np.where(keeps, MIDDLE - opinions, opinions - MIDDLE),
            "spread": np.concatenate([rating[None], aspects]).std(axis=0),
            "failed_checks": np.zeros(size),
            "length": np.round(400 * np.exp(0.8 * length)),
            "responses": np.full(size, 2),
        },
    )
    return Rows(population, people >= 4, people, cut(quality) >= 4)


def renamed(world: World, name: str) -> World:
    """The same world under another name."""
    return replace(world, name=name)
