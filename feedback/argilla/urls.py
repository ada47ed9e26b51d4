"""The address of an Argilla server as people give it: tidied, and refused in words where it can't be one.

Nothing here asks the network. An address keeps its base path: https://host/argilla stands for all that is below it.
"""

import re
from urllib.parse import SplitResult, urlsplit

from feedback.errors import ArgillaError

PAGES = re.compile(
    r"/(api(/v1)?(/.*)?|sign-in|datasets|user-settings|dataset/[0-9a-f-]{36}(/.*)?|new/[0-9a-f-]{36})$", re.I
)
"""What stands behind the address where somebody copied it out of a browser, or out of the API's documentation."""
HIDDEN = "…"
"""Stands for a user name and password: they are neither used nor shown."""
SPACE = ".hf.space"


def tidy(url: str) -> str:
    """The address without what does not belong to it: pages, /api/v1, a query, slashes at the end. Never raises."""
    text = url.strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    if parts.scheme.lower() not in ("http", "https"):
        return text.rstrip("/")
    host = parts.netloc.rpartition("@")[2]
    if "@" in parts.netloc:
        host = f"{HIDDEN}@{host}"
    path = PAGES.sub("", parts.path.rstrip("/")).rstrip("/")
    return f"{parts.scheme.lower()}://{host}{path}"


def checked(url: str) -> str:
    """The tidied address. Raises ArgillaError where there can be no Argilla."""
    address = tidy(url)
    named = f"The address of Argilla, '{address}',"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ArgillaError(f"{named} can't be read: {error}.") from error
    if parts.scheme not in ("http", "https"):
        raise ArgillaError(f"{named} must begin with https:// or http://, as in https://argilla.example.org.")
    if not host or port == 0 or re.search(r"\s", address):
        raise ArgillaError(f"{named} names no host, as in https://argilla.example.org or http://localhost:6900.")
    if parts.username is not None:
        raise ArgillaError(
            f"{named} holds a user name or a password. Leave them out: the key goes into ARGILLA_API_KEY, and nowhere else."
        )
    if own := _of_space(parts):
        raise ArgillaError(f"{named} is the page about a Hugging Face Space. The Space itself is at {own}.")
    return address


def is_space(address: str) -> bool:
    """True for a Hugging Face Space, reached with TLS: the only hosts that a Hugging Face token may be sent to."""
    parts = urlsplit(address)
    return parts.scheme == "https" and (parts.hostname or "").endswith(SPACE)


def _of_space(parts: SplitResult) -> str:
    """The address of the Space whose page on the Hub that is; "" for others."""
    match = re.fullmatch(r"/spaces/([\w.-]+)/([\w.-]+)(/.*)?", parts.path)
    if not match or (parts.hostname or "") not in ("huggingface.co", "hf.co"):
        return ""
    name = re.sub(r"[^a-z0-9-]", "-", f"{match[1]}-{match[2]}".lower())
    return f"https://{name}{SPACE}"
