"""What a curator should see of a response at a glance: that it was cut off, ended for an unknown reason, or that it refuses."""

from tasks.elimination import refuses
from tasks.models.base import is_cut_off, is_known
from tasks.types import Response

MEANINGS = {
    "cut off": "ended by a limit or a filter",
    "unknown end": "ended for a reason that is not known, so that something may be missing",
    "refusal": "declines in the first words",
}
"""The marks, and what each says of a response. They are stored with it: what they are given for changes with a migration."""


def marks(response: Response) -> list[str]:
    """The marks of a response."""
    return marks_for(response.finish_reason, response.text)


def marks_for(finish_reason: str, text: str) -> list[str]:
    """The marks of a text that ended for this reason."""
    ended = ["cut off"] if is_cut_off(finish_reason) else [] if is_known(finish_reason) else ["unknown end"]
    return [*ended, "refusal"] if refuses(text) else ended
