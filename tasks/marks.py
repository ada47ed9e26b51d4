"""What a curator should see of a response at a glance: that it was cut off, or that it refuses."""

from tasks.elimination import refuses
from tasks.types import Response


def marks(response: Response) -> list[str]:
    """ "cut off" for one that ran into the token limit, "refusal" for one that declines in its first words."""
    found = ["cut off"] if response.finish_reason == "length" else []
    return [*found, "refusal"] if refuses(response.text) else found
