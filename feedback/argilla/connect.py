"""Whether there is an Argilla that we can talk to at an address; what is in the way, in words.

Argilla says its version to anybody, so that a wrong address, a certificate, a sleeping Space or an old server are told
before any key is sent. A Hugging Face token goes along only where a Space does not answer without it: a public Space, which
anybody can make, never sees it.
"""

import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from feedback.argilla.urls import is_space, tidy
from feedback.errors import ArgillaDown, ArgillaError, ArgillaRefused

if TYPE_CHECKING:
    import httpx

ANSWER, CONNECT = 120.0, 10.0
"""Seconds that a server may take: a busy one answers late, one that is not there not at all."""
OLDEST = 2
TRUST = (
    "Put its certificate, or that of whoever signed it, into a file in PEM format and set SSL_CERT_FILE to that file (it then "
    "stands for all authorities: add those that other endpoints need)."
)


@dataclass(frozen=True)
class Reached:
    """An Argilla that answers, and the headers that it takes to get there."""

    version: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def reach(address: str) -> Reached:
    """Asks the server at a checked address for its version. Raises ArgillaDown, ArgillaRefused or ArgillaError."""
    import httpx

    token = os.environ.get("HF_TOKEN", "").strip() if is_space(address) else ""
    try:
        with httpx.Client(
            transport=httpx.HTTPTransport(retries=1), timeout=httpx.Timeout(ANSWER, connect=CONNECT)
        ) as client:
            headers: dict[str, str] = {}
            answer = client.get(f"{address}/api/v1/version")
            if token.isascii() and token and not _version(answer):
                headers = {"Authorization": f"Bearer {token}"}
                answer = client.get(f"{address}/api/v1/version", headers=headers)
            if version := _version(answer):
                if not version.partition(".")[0].isdecimal() or int(version.partition(".")[0]) >= OLDEST:
                    return Reached(version, headers)
            elif answer.status_code == 404 and not is_space(address):
                version = _version(client.get(f"{address}/api/_info"))
    except httpx.HTTPError as error:
        raise unreachable(address, error) from error
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ArgillaError(f"The address of Argilla, '{address}', can't be read: {error}.") from error
    except OSError as error:  # of the certificates that SSL_CERT_FILE names, before anything is sent
        raise _untrusting(error) from error
    if version:
        raise ArgillaError(
            f"Argilla at {address} is version {version}. Claywright needs {OLDEST}.0 or newer: update it."
        )
    raise _no_argilla(address, answer, bool(headers))


def _untrusting(error: OSError) -> ArgillaError:
    """What is wrong with the certificates of one's own."""
    name = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR") or "the system's store"
    return ArgillaError(
        f"The certificates that SSL_CERT_FILE names can't be read ({name}: {error.strerror or error}). Name a file in PEM "
        "format, or leave the variable out."
    )


def unreachable(address: str, error: BaseException) -> ArgillaDown:
    """Why there is no connection; a certificate that is not trusted says exactly that, and what to set."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = str(cause.verify_message).rstrip(".")
            if cause.verify_code == 10:
                return ArgillaDown(f"The certificate of Argilla at {address} has expired. It has to be renewed there.")
            if "ostname mismatch" in why or "IP address mismatch" in why:
                return ArgillaDown(
                    f"The certificate of Argilla at {address} is for another name ({why}). Use the name that it is for."
                )
            return ArgillaDown(f"The certificate of Argilla at {address} is not trusted here ({why}). {TRUST}")
        if isinstance(cause, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(cause):
            return ArgillaDown(f"Argilla at {address} does not speak TLS. Does its address begin with http://?")
    message = " ".join(str(error).split())[:300] or type(error).__name__
    return ArgillaDown(
        f"Argilla at {address} can't be reached ({message}). Is it running, is the address right? What was sent before stays, "
        "and sending again goes on from there."
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _version(answer: "httpx.Response") -> str:
    """The version that an answer names; "" for what does not come from Argilla."""
    try:
        payload: Any = answer.json() if answer.status_code == 200 else None
    except ValueError:
        return ""
    return str(payload.get("version") or "") if isinstance(payload, dict) else ""


def _no_argilla(address: str, answer: "httpx.Response", with_token: bool) -> ArgillaError:
    """What an answer that is not Argilla's means."""
    status = answer.status_code
    if is_space(address):
        if status in (401, 403, 404):
            token = "with the token in HF_TOKEN. Is the name right, may that token read it" if with_token else (
                "without a token. If it is private, set HF_TOKEN to a token that may read it; else, is the name right"
            )  # fmt: skip
            return ArgillaRefused(f"The Space at {address} is not shown ({status}) {token}?")
        return ArgillaDown(
            f"The Space at {address} is asleep, paused or starting ({status}). Open it in a browser, wait until it runs, and try "
            "again."
        )
    if answer.is_redirect:
        to = tidy(str(answer.url.join(answer.headers["location"])).partition("/api/v1/version")[0])
        return ArgillaError(f"{address} sends on to {to}. Is that Argilla's address? Then give that one.")
    if status in (401, 403):
        return ArgillaRefused(
            f"Something in front of {address} wants a sign-in of its own ({status}). Argilla has to be reachable without that."
        )
    if status >= 500:
        return ArgillaDown(f"{address} answers {status}: Argilla behind it does not run, or not yet. Try again later.")
    return ArgillaError(
        f"There is no Argilla at {address} (it answers {status}). If it stands under a path, the address has that path, as in "
        "https://host/argilla."
    )
