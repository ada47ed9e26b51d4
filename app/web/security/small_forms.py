"""Forms of pages that are no part of the app's own: a few fields, as a browser sends them."""

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from starlette.requests import Request

LARGEST = 10_000
"""Bytes."""


async def small_form(request: "Request") -> dict[str, str]:
    """The fields of the form that was sent; none where nothing was, or more than any of ours holds."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            return {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
