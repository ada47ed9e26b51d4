"""Principles: what an answering model is told to value, so that the responses to one instruction differ in kind.

UltraFeedback (Cui et al. 2023, arXiv 2310.01377, section 2.2) puts one into the system prompt of each response, sampled
from helpfulness, truthfulness, honesty and verbalized calibration. The wording is our own.
"""

import hashlib
from collections.abc import Mapping
from itertools import accumulate

from tasks.errors import SettingsError

PRINCIPLES: dict[str, tuple[str, ...]] = {
    "helpfulness": (
        "Help the person as well as you can: answer what was asked, completely, in words that they can use at once.",
        "Find out what the person really needs, and give them that, with the steps or the example that gets them there.",
        "Be useful before anything else: clear, concrete, and no longer than it has to be.",
    ),
    "truthfulness": (
        "Say only what is true. Leave out what you would have to make up, even if the answer gets shorter.",
        "Check every statement before you write it: names, numbers, dates and reasons must be right.",
        "Stay with the facts and with what was given to you. Contradict neither, nor yourself.",
    ),
    "honesty": (
        "Be open about what you know and what you don't. If you can't know something, say so.",
        "Do not pretend: no invented sources, no experiences that a model can't have, no false certainty.",
        "Where you are unsure or the question has no clear answer, say that plainly before you go on.",
    ),
    "verbalized-calibration": (
        "Say how sure you are of each claim that matters, in words such as 'certainly', 'probably' or 'I doubt it'.",
        "Put your confidence into words: mark what you know well, what you believe, and what is a guess.",
        "After your answer, say in one sentence how likely it is to be right, and why.",
    ),
    "harmlessness": (
        "Do no harm: refuse what would hurt somebody, kindly and with a reason, and offer what you can do instead.",
        "Treat everybody with respect, and take no side against people for what they are.",
    ),
}
BALANCED = ("helpfulness", "truthfulness", "honesty", "verbalized-calibration")
"""Those of the paper, in equal parts."""
HEAVIEST = 10**9


def weights(principles: str | Mapping[str, float]) -> dict[str, float]:
    """The share of each principle, as a setting names it: "" for none, "balanced", one name, or names with weights.

    Raises SettingsError for an unknown name or a weight that can't be one.
    """
    named: dict[str, float]
    if isinstance(principles, str):
        single = _name(principles)
        named = dict.fromkeys(BALANCED, 1.0) if single == "balanced" else {single: 1.0} if single else {}
    else:
        named = {_name(str(name)): weight for name, weight in principles.items()}
    for name, weight in named.items():
        if name not in PRINCIPLES:
            raise SettingsError(
                f"There is no principle '{name}'. Known: balanced, {', '.join(PRINCIPLES)}.", setting="principles"
            )
        if not isinstance(weight, (int, float)) or isinstance(weight, bool) or not 0 <= weight <= HEAVIEST:
            raise SettingsError(
                f"The weight of the principle '{name}' must be a number from 0 up, at most {HEAVIEST:,}.",
                setting="principles",
            )
    if named and not any(named.values()):
        raise SettingsError("The weights of the principles must not all be 0.", setting="principles")
    return named


def _name(name: str) -> str:
    """The name as it stands in PRINCIPLES, however somebody writes it."""
    return name.strip().lower().replace("_", "-").replace(" ", "-")


def choose(shares: Mapping[str, float], key: str) -> tuple[str, str]:
    """(name, text) of the principle for one response; the choice depends on `key` alone. ("", "") where there are none."""
    if not shares:
        return "", ""
    digest = hashlib.sha256(f"principle of {key}".encode()).digest()
    at = int.from_bytes(digest[:8]) / 2**64 * sum(shares.values())
    name = next(
        (name for name, upto in zip(shares, accumulate(shares.values()), strict=True) if at < upto), list(shares)[-1]
    )
    texts = PRINCIPLES[name]
    return name, texts[int.from_bytes(digest[8:16]) % len(texts)]
