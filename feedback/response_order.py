"""The order in which the responses of a blind audit row are shown, so that none is better or worse for standing first.

An order lists places of responses by slot: slot 0 shows the response at the place `order[0]`. It is sealed with the push and
never changes; slots beyond it show the responses that came later, in their own order. What people answer about slots is
renamed to places when it comes in, and places to slots where answers are sent.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from feedback.rating_summary import MOST_RESPONSES
from feedback.types import CORRECTION_OF, RANKING, WHICH_IS_BETTER
from tasks.types import Response, Row

T = TypeVar("T")
NUMBERED = re.compile(r"(.+)-([1-9][0-9]*)", re.DOTALL)
"""What is named by a response, counted from 1: questions for ratings, values of a ranking, which one is corrected."""


def letter(slot: int) -> str:
    """The letter by which people know the response in a slot: A to Z, then AA, AB and so on. Raises ValueError below 0."""
    if slot < 0:
        raise ValueError(f"there is no slot {slot}")
    before, last = divmod(slot, 26)
    return (letter(before - 1) if before else "") + chr(ord("A") + last)


def order_of(seed: int, row: str, responses: int) -> tuple[int, ...]:
    """The order for a row of so many responses: a shuffle that the seed and the row's id alone decide."""
    places = list(range(min(responses, MOST_RESPONSES)))
    random.Random(f"{seed} responses of {row}").shuffle(places)
    return tuple(places)


def arranged(row: Row, order: Sequence[int]) -> Row:
    """The row with its responses by slot. A slot whose response is there no more is empty."""
    responses = dict(enumerate(row.responses))
    first = tuple(responses.pop(index, Response("", "")) for index in order)
    return replace(row, responses=first + tuple(responses.values()))


def slots(order: Sequence[int], responses: int) -> dict[int, int]:
    """{index: slot} of a row's responses, in the order in which they are shown."""
    later = (index for index in range(responses) if index not in order)
    return {index: slot for slot, index in enumerate([*order, *later]) if index < responses}


def to_places(answers: Mapping[str, T], order: Sequence[int]) -> dict[str, T]:
    """Answers about slots as answers about places."""
    return _renamed(answers, dict(enumerate(order)))


def to_slots(answers: Mapping[str, T], order: Sequence[int]) -> dict[str, T]:
    """Answers about places as answers about slots."""
    return _renamed(answers, {index: slot for slot, index in enumerate(order)})


def _renamed(answers: Mapping[str, T], moves: Mapping[int, int]) -> dict[str, T]:
    def name(text: str) -> str:
        named = NUMBERED.fullmatch(text)
        return f"{named[1]}-{moves.get(int(named[2]) - 1, int(named[2]) - 1) + 1}" if named and moves else text

    def value(question: str, answer: Any) -> Any:
        if question in (CORRECTION_OF, WHICH_IS_BETTER) and isinstance(answer, str):
            return name(answer)
        if question != RANKING or not isinstance(answer, list):
            return answer
        return [
            {**entry, "value": name(entry["value"])} if isinstance(entry, dict) and "value" in entry else entry
            for entry in answer
        ]

    return {name(question): value(question, answer) for question, answer in answers.items()}
