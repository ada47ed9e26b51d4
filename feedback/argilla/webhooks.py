"""Argilla's webhooks: it calls us when somebody answers, so that nobody has to ask it again and again.

They follow Standard Webhooks: each call is signed with a secret that the server made (HMAC-SHA256 over id, time and body).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from feedback.argilla.client import Server
from feedback.errors import ArgillaError

EVENTS = ("response.created", "response.updated", "response.deleted")
PATH = "/api/v1/webhooks"
OURS = "Claywright: brings back what people say"


@dataclass(frozen=True)
class Webhook:
    """A webhook of ours at a server. `id` names it there."""

    id: str
    secret: str = field(repr=False)

    def dataset(self, headers: Mapping[str, str], body: bytes) -> str:
        """The id of the dataset in which somebody said something; "" for another event. Raises ArgillaError.

        `headers` have lower-case names. What is not signed with our secret, or is older than five minutes, is refused.
        """
        from standardwebhooks.webhooks import Webhook as Signed
        from standardwebhooks.webhooks import WebhookVerificationError

        try:
            event: Any = Signed(self.secret).verify(body, dict(headers))
            if event["type"] not in EVENTS:
                return ""
            return str(event["data"]["record"]["dataset"]["id"])
        except (WebhookVerificationError, ValueError, KeyError, TypeError) as error:
            raise ArgillaError(f"A call of a webhook is not what Argilla sends: {error}") from error


def listen(server: Server, url: str) -> Webhook:
    """Has the server call `url` when somebody answers. One webhook for an address; an older one of ours gives way.

    Raises ArgillaRefused where the key's user may not (only an owner may), ArgillaError.
    """
    for known in server.get(PATH)["items"]:
        if known["url"].rstrip("/") == url.rstrip("/"):
            server.delete(f"{PATH}/{known['id']}")
    webhook = server.post(PATH, {"url": url, "events": list(EVENTS), "description": OURS})
    return Webhook(str(webhook["id"]), str(webhook["secret"]))


def forget(server: Server, webhook: Webhook) -> None:
    """The server calls no more."""
    server.delete(f"{PATH}/{webhook.id}")
