"""An Argilla server, embedded or anywhere, as this package talks to it; its errors in our words, translated here.

Datasets and their settings go through the argilla SDK; records and responses through the server's own endpoints with the
SDK's connection, so that a batch is sent as it is and a response keeps its id and its times.
"""

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from feedback.argilla.connect import reach, unreachable
from feedback.argilla.urls import checked
from feedback.errors import ArgillaError, ArgillaRefused, Missing
from tasks.models.secrets import mask

BATCH = 500
"""The most records that the server takes in one request, and the fastest (measured)."""
DELETED_AT_ONCE = 100
SETTLED = 30.0
"""Seconds after which every answer can be found."""
FOUND_AT_MOST = 10_000
"""So many hits a search engine pages through (Elasticsearch's `max_result_window`)."""


@dataclass(frozen=True)
class Access:
    """What a key may do on a server."""

    version: str
    username: str
    role: str
    workspaces: tuple[str, ...]
    webhooks: bool

    @property
    def may_make_datasets(self) -> bool:
        """Owners may anywhere (and make workspaces), admins in their workspaces."""
        return self.role == "owner" or (self.role == "admin" and bool(self.workspaces))


KINDS = ("submitted", "draft", "discarded")
"""Of answers, as Argilla counts them."""


@dataclass(frozen=True)
class Activity:
    """How a dataset stands. `mark` differs after somebody said something; `answers` are counted, 0 where nobody counts.

    `has_settled`: what was said is found by now.
    """

    mark: str
    has_settled: bool
    answers: int


class Server:
    """A connection to Argilla 2.x, a context manager. Raises ArgillaDown or ArgillaRefused if there is none to be had.

    `url` may have a base path, and what people copy along with it (feedback/argilla/urls.py).
    """

    def __init__(self, url: str, key: str) -> None:
        import argilla as rg

        self.url = checked(url)
        key = self._key = key.strip()
        if not (key and key.isascii() and key.isprintable()):
            raise ArgillaRefused(
                "The key for Argilla holds characters that no key has. Copy it again: ARGILLA_API_KEY."
            )
        reached = reach(self.url)
        self.version = reached.version
        with self.translated():
            headers = dict(reached.headers)
            self.client = rg.Argilla(api_url=self.url, api_key=key, timeout=120, retries=2, headers=headers)
        self.http = self.client.http_client

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turns whatever the SDK and its HTTP client raise into our errors."""
        import httpx
        from argilla._exceptions import ArgillaAPIError, ArgillaCredentialsError, ForbiddenError, UnauthorizedError
        from argilla._exceptions import ArgillaError as SdkError

        try:
            yield
        except ArgillaError:
            raise
        except (ArgillaCredentialsError, UnauthorizedError, ForbiddenError) as error:
            raise self._refused() from error
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            if status in (401, 403):
                raise ArgillaRefused(
                    f"Argilla at {self.url} refuses the key ({status}). Check ARGILLA_API_KEY."
                ) from error
            kind = Missing if status == 404 else ArgillaError
            raise kind(f"Argilla at {self.url} answered {status}: {self._one_line(error.response.text)}") from error
        except httpx.HTTPError as error:
            raise unreachable(self.url, error) from error
        except ArgillaAPIError as error:
            raise ArgillaError(
                f"Argilla at {self.url} answered {error.status_code}: {self._one_line(str(error))}"
            ) from error
        except (SdkError, ValueError, KeyError) as error:
            raise ArgillaError(
                f"{self.url} does not answer like Argilla: {self._one_line(str(error))}. Is the address right?"
            ) from error

    def _one_line(self, text: str) -> str:
        """What a server says, in a line and without the key, which some repeat."""
        return " ".join(mask(text, [self._key]).split())[:300]

    def _refused(self) -> ArgillaRefused:
        return ArgillaRefused(
            f"Argilla at {self.url} refuses the key. Check ARGILLA_API_KEY, and that its user may make datasets (owner or admin)."
        )

    def get(self, path: str, **parameters: Any) -> Any:
        """What the server's GET `path` gives, as plain values."""
        with self.translated():
            answer = self.http.get(path, params=parameters)
            answer.raise_for_status()
            return answer.json()

    def post(self, path: str, values: dict[str, Any]) -> Any:
        """What the server answers to a POST of `values` as JSON."""
        with self.translated():
            answer = self.http.post(path, json=values)
            answer.raise_for_status()
            return answer.json()

    def delete(self, path: str, **parameters: Any) -> None:
        with self.translated():
            self.http.delete(path, params=parameters).raise_for_status()

    def access(self) -> Access:
        """Who the key belongs to, and what that user may do."""
        me = self.get("/api/v1/me")
        names = tuple(str(workspace["name"]) for workspace in self.get("/api/v1/me/workspaces")["items"])
        try:
            self.get("/api/v1/webhooks")
            webhooks = True
        except (ArgillaRefused, Missing):  # an owner's only; older servers have none
            webhooks = False
        return Access(self.version, str(me["username"]), str(me["role"]), names, webhooks)

    def workspace(self, name: str) -> str:
        """The workspace of that name, or the first one. A missing one is made, where the key may."""
        import argilla as rg

        with self.translated():
            names = [workspace.name for workspace in self.client.workspaces]
            if not name and names:
                return str(names[0])
            name = name or "default"
            if name not in names:
                rg.Workspace(name=name, client=self.client).create()  # `add` would ask the SDK's newest client instead
            return name

    def usernames(self) -> dict[str, str]:
        """{user id: name}; empty where the key may not see other users."""
        try:
            payload = self.get("/api/v1/users")
        except ArgillaRefused:
            return {}
        return {str(user["id"]): str(user["username"]) for user in payload["items"]}

    def upsert(self, dataset_id: str, items: list[dict[str, Any]]) -> list[tuple[str, str]]:
        """Writes records by their external id. Returns (id, why) of those that the server refuses; the rest is in."""
        with self.translated():
            answer = self.http.put(f"/api/v1/datasets/{dataset_id}/records/bulk", json={"items": items})
            if answer.status_code != 422:
                answer.raise_for_status()
                return []
        if len(items) == 1:
            return [(str(items[0]["external_id"]), self._one_line(answer.text))]
        middle = len(items) // 2
        return self.upsert(dataset_id, items[:middle]) + self.upsert(dataset_id, items[middle:])

    def respond(self, record_id: str, response_id: str, status: str, answers: Mapping[str, Any]) -> str:
        """Says something of a record under this key's account, or changes what it said (`response_id`).

        Returns the response's id; "" where the account said something else of that record in Argilla itself, which stands.
        """
        payload = {"status": status, "values": {name: {"value": value} for name, value in answers.items()}}
        with self.translated():
            if response_id:
                answer = self.http.put(f"/api/v1/responses/{response_id}", json=payload)
                if answer.status_code not in (403, 404):  # taken out there, or another account's: said anew
                    answer.raise_for_status()
                    return response_id
            answer = self.http.post(f"/api/v1/records/{record_id}/responses", json=payload)
            if answer.status_code == 409:
                return self._said_already(record_id, status, answers)
            answer.raise_for_status()
            return str(answer.json()["id"])

    def _said_already(self, record_id: str, status: str, answers: Mapping[str, Any]) -> str:
        """The id of this account's response to a record, if it says just that; else ""."""
        me = str(self.get("/api/v1/me")["id"])
        for response in self.get(f"/api/v1/records/{record_id}").get("responses") or []:
            values = {name: answer.get("value") for name, answer in (response.get("values") or {}).items()}
            if str(response["user_id"]) == me and response["status"] == status and values == dict(answers):
                return str(response["id"])
        return ""

    def own_ids(self, dataset_id: str, external_ids: Collection[str]) -> dict[str, str]:
        """Argilla's own ids of records by their external ids, of those that are there."""
        left, ids = set(external_ids), {}
        for record in self._paged(dataset_id, []) if left else ():
            if (name := str(record["external_id"])) in left:
                ids[name] = str(record["id"])
                if len(ids) == len(left):
                    break
        return ids

    def count(self, dataset_id: str, run: str = "") -> int:
        """How many records a dataset has, or those of one run."""
        if not run:
            return int(self.get(f"/api/v1/datasets/{dataset_id}/progress")["total"])
        condition = {
            "type": "terms", "scope": {"entity": "metadata", "metadata_property": "run"}, "values": [run],
        }  # fmt: skip
        query = {"filters": {"type": "and", "and": [condition]}}
        return int(self.post(f"/api/v1/datasets/{dataset_id}/records/search?limit=1", query)["total"])

    def record_ids(self, dataset_id: str) -> Iterator[str]:
        """The external ids of all records of a dataset."""
        for record in self._paged(dataset_id, []):
            yield str(record["external_id"])

    def delete_records(self, dataset_id: str, external_ids: Collection[str]) -> None:
        """Takes records out of a dataset, with the responses to them. Those that are not there are passed over."""
        unwanted = set(external_ids)
        own = [str(r["id"]) for r in self._paged(dataset_id, []) if r["external_id"] in unwanted]
        for at in range(0, len(own), DELETED_AT_ONCE):
            self.delete(f"/api/v1/datasets/{dataset_id}/records", ids=",".join(own[at : at + DELETED_AT_ONCE]))

    def drop_suggestions(self, dataset_id: str, questions: Mapping[str, set[str]], numbers: tuple[int, int]) -> None:
        """Takes suggestions out of records: {external id: ids of questions}, looked for among those with these `numbers`."""
        scope = {"entity": "metadata", "metadata_property": "number"}
        among = {"type": "range", "scope": scope, "ge": numbers[0], "le": numbers[1]}
        for record in list(self._searched(dataset_id, among, ["suggestions"])):
            question_ids = questions.get(str(record["external_id"]), set())
            if ids := [str(s["id"]) for s in record.get("suggestions") or [] if str(s["question_id"]) in question_ids]:
                self.delete(f"/api/v1/records/{record['id']}/suggestions", ids=",".join(ids))

    def activity(self, dataset_id: str) -> "Activity":
        """What tells whether somebody said something in a dataset, or took it back, since the last look.

        Argilla's clock of it (`last_activity_at`) stands still for answers that come with records, by its SDK or API: how many
        answers each user gave, and how many records are done, count as well. The server finds an answer a moment later than it
        says that there is one.
        """
        with self.translated():
            answer = self.http.get(f"/api/v1/datasets/{dataset_id}")
            answer.raise_for_status()
            moment = str(answer.json()["last_activity_at"])
            now = parsedate_to_datetime(answer.headers["date"]).replace(tzinfo=None)
            last = datetime.fromisoformat(moment).replace(tzinfo=None)
        answers, counts = self._counted(dataset_id)
        return Activity(" ".join(filter(None, (moment, counts))), (now - last).total_seconds() > SETTLED, answers)

    def _counted(self, dataset_id: str) -> tuple[int, str]:
        """(answers of all users in a dataset, a name of who gave how many); (0, "") where this server counts none."""
        with contextlib.suppress(Missing):
            users = self.get(f"/api/v1/datasets/{dataset_id}/users/progress")["users"]
            each = sorted(
                [user["username"], *(user[state].get(kind, 0) for state in ("completed", "pending") for kind in KINDS)]
                for user in users
            )
            total = sum(sum(numbers) for _, *numbers in each)
            return total, hashlib.sha256(json.dumps(each).encode()).hexdigest()[:16]
        return 0, ""

    def answered(self, dataset_id: str) -> Iterator[dict[str, Any]]:
        """The records that somebody responded to, with responses and suggestions."""
        scope = {"entity": "response", "property": "status"}
        condition = {"type": "terms", "scope": scope, "values": ["submitted", "draft", "discarded"]}
        records = self._searched(dataset_id, condition, ["responses", "suggestions"])
        return (record for record in records if record["responses"])

    def _searched(self, dataset_id: str, condition: dict[str, Any], include: list[str]) -> Iterator[dict[str, Any]]:
        """Records that fit a filter; all of them where there are more than a search engine gives."""
        query = {
            "filters": {"type": "and", "and": [condition]},
            "sort": [{"scope": {"entity": "record", "property": "inserted_at"}, "order": "asc"}],
        }
        params = "".join(f"&include={name}" for name in include)
        offset = 0
        while True:
            page = self.post(
                f"/api/v1/datasets/{dataset_id}/records/search?limit={BATCH}&offset={offset}{params}", query
            )
            if page["total"] > FOUND_AT_MOST:  # the list has no such end
                yield from self._paged(dataset_id, include)
                return
            yield from (item["record"] for item in page["items"])
            offset += len(page["items"])
            if not page["items"] or offset >= page["total"]:
                return

    def records(self, dataset_id: str) -> Iterator[dict[str, Any]]:
        """All records of a dataset with the responses to each and the suggestions, as the server has them."""
        return self._paged(dataset_id, ["responses", "suggestions"])

    def _paged(self, dataset_id: str, include: list[str]) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = self.get(f"/api/v1/datasets/{dataset_id}/records", include=include, limit=BATCH, offset=offset)
            yield from page["items"]
            offset += len(page["items"])
            if not page["items"] or offset >= page["total"]:
                return
