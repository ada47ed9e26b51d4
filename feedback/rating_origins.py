"""Whose a rating is: a person's own, or the labeller's that nobody changed. The same for the ranking of the responses.

In Argilla a suggested rating is chosen already when a record opens, so that an answer which equals it may be a judgement, or
a key that was pressed for the decision alone.
"""

from typing import Any, Literal

Origin = Literal["given", "changed", "accepted"]
"""`given` without a suggestion in sight, `changed` from the suggestion that was in sight, or `accepted` as it was suggested."""
NOT_KNOWN = "not known"
"""How exports name the origin of what an earlier version kept without it."""


def origin(answer: Any, suggestion: Any) -> Origin:
    """The origin of an answer where `suggestion` was in sight; None for no suggestion."""
    if suggestion is None:
        return "given"
    return "accepted" if _ranks(answer) == _ranks(suggestion) else "changed"


def left_out(accepted: int, unknown: int) -> str:
    """Why `accepted` ratings are not counted as people's, `unknown` of them for want of knowing; "" for none."""
    if not accepted:
        return ""
    several = accepted != 1
    sentence = (
        f"{accepted:,} more rating{'s were' if several else ' was'} only accepted as suggested and "
        f"{'are' if several else 'is'} left out: what was chosen already and stayed says nothing of how people judge on their own."
    )
    if unknown:
        sentence += (
            f" Of {unknown:,} it is not known whether {'they were' if unknown != 1 else 'it was'} given or accepted: "
            f"{'they count' if unknown != 1 else 'it counts'} as accepted."
        )
    return sentence


def _ranks(value: Any) -> Any:
    """A ranking without its order of writing; any other value as it is."""
    if not isinstance(value, list):
        return value
    return {str(entry.get("value")): entry.get("rank") for entry in value if isinstance(entry, dict)}
