"""What a curator should see of a response at a glance: that it was cut off, ended for an unknown reason, or that it refuses."""

from tasks.elimination import refuses
from tasks.models.base import is_cut_off, is_known
from tasks.types import Response


def marks(response: Response) -> list[str]:
    """ "cut off" for one that ran into a limit or a filter, "unknown end" for one that ended nobody knows why, "refusal" for
    one that declines in its first words."""
    reason = response.finish_reason
    ended = ["cut off"] if is_cut_off(reason) else [] if is_known(reason) else ["unknown end"]
    return [*ended, "refusal"] if refuses(response.text) else ended
