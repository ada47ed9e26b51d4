"""A stand-in for the Hugging Face Hub: its HTTP API for datasets, in a thread, as the `huggingface_hub` client uses it.

Create, info, preupload, LFS batch, upload and verify, commit (NDJSON, with a parent), resolve, squash. Repositories are kept in
memory, each commit whole, so that a test can look at what was there after any of them.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote, urlsplit

GOOD, READING, STRANGER, NARROW = "hf_writes", "hf_reads", "hf_stranger", "hf_narrow"
"""Tokens: one that may do everything in `me`, one that may read there, one that may nothing, one that may make only."""


@dataclass
class Repository:
    """`commits` are {path: content}, by name, the newest last."""

    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"0" * 40: {".gitattributes": b"* text\n"}})

    @property
    def head(self) -> str:
        return list(self.commits)[-1]

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[self.head]

    def commit(self, changes: dict[str, bytes], deleted: Collection[str] = ()) -> str:
        name = hashlib.sha1(f"{self.head}{sorted(changes)}{len(self.commits)}".encode()).hexdigest()
        self.commits[name] = {path: content for path, content in self.files.items() if path not in deleted} | changes
        return name

    def squash(self) -> None:
        """One commit with what is there now, and none before it."""
        files = self.files
        self.commits = {hashlib.sha1(f"squashed {self.head}".encode()).hexdigest(): files}


Fault = Callable[[str, str, int], int | str | None]
"""From method, path and how often that was asked: a status to answer with, "drop" to hang up, None to go on."""


class FakeHub:
    """`with FakeHub() as hub:` listens at `hub.url`. `faults` may answer in its place; `lfs` are paths that go that way."""

    def __init__(self) -> None:
        self.repos: dict[str, Repository] = {}
        self.blobs: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.faults: Fault | None = None
        self.before_commit: Callable[[], None] | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, token: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        """(status, JSON or bytes, headers)"""
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}, {}
        if found := re.fullmatch(r"/lfs/(\w+)", path):
            if method == "PUT":
                self.blobs[found[1]] = body
            return 200, {}, {}
        if token not in (GOOD, READING, STRANGER, NARROW):
            return _no(401, "Invalid credentials in Authorization header")
        if path == "/api/repos/create":
            return self._create(json.loads(body), token)
        found = re.fullmatch(r"(?:/api)?/datasets/([\w.-]+/[\w.-]+?)(?:\.git)?(|/.*)", path)
        repo = self.repos.get(found[1]) if found else None
        if found is None or repo is None or (token in (STRANGER, NARROW) and repo.private):
            return _no(404, "Repository not found", "RepoNotFound")
        place = found[2]
        if method == "GET" and not place:
            files = [{"rfilename": name} for name in repo.files]
            return 200, {"id": found[1], "sha": repo.head, "private": repo.private, "siblings": files, "tags": []}, {}
        if read := re.fullmatch(r"/resolve/(\w+)/(.+)", place):
            content = repo.commits[repo.head if read[1] == "main" else read[1]].get(read[2])
            if content is None:
                return _no(404, "Entry not found", "EntryNotFound")
            tag = f'"{hashlib.sha1(content).hexdigest()}"'
            return 200, content, {"ETag": tag, "X-Repo-Commit": repo.head}
        if token != GOOD:
            return _no(403, "You have read access but not the required permissions for this operation")
        if place.startswith("/preupload/"):
            return 200, {"files": [_way(one["path"]) for one in json.loads(body)["files"]]}, {}
        if place == "/info/lfs/objects/batch":
            return 200, {"transfer": "basic", "objects": [self._action(one) for one in json.loads(body)["objects"]]}, {}
        if place.startswith("/commit/"):
            return self._commit(found[1], repo, [json.loads(line) for line in body.splitlines()])
        if place == "/super-squash/main":
            repo.squash()
            return 200, {}, {}
        return _no(404, "There is no such path")

    def _create(self, wanted: dict[str, Any], token: str) -> tuple[int, Any, dict[str, str]]:
        name = f"{wanted['organization']}/{wanted['name']}"
        if name in self.repos:
            return _no(409, "You already created this dataset repo")
        if token not in (GOOD, NARROW) or wanted["organization"] != "me":
            return _no(
                403, f'You don\'t have the rights to create a dataset under the namespace "{wanted["organization"]}"'
            )
        self.repos[name] = Repository(wanted.get("visibility") == "private")
        return 200, {"url": f"{self.url}/datasets/{name}"}, {}

    def _action(self, wanted: dict[str, Any]) -> dict[str, Any]:
        href = f"{self.url}/lfs/{wanted['oid']}"
        return {**wanted, "actions": {"upload": {"href": href}, "verify": {"href": href}}}

    def _commit(self, where: str, repo: Repository, said: list[dict[str, Any]]) -> tuple[int, Any, dict[str, str]]:
        if self.before_commit is not None:
            self.before_commit()
        header, *files = said
        if header["value"].get("parentCommit", repo.head) != repo.head:
            return _no(412, "A commit has happened since. Please refresh and try again.")
        changes = {}
        deleted = {one["value"]["path"] for one in files if one["key"] == "deletedFile"}
        for one in files:
            value = one["value"]
            if one["key"] == "deletedFile":
                continue
            changes[value["path"]] = (
                base64.b64decode(value["content"]) if one["key"] == "file" else self.blobs[value["oid"]]
            )
        name = repo.commit(changes, deleted)
        return 200, {"commitUrl": f"{self.url}/datasets/{where}/commit/{name}", "commitOid": name}, {}


def _way(path: str) -> dict[str, Any]:
    return {
        "path": path,
        "uploadMode": "lfs" if path.endswith((".parquet", ".tar")) else "regular",
        "shouldIgnore": False,
    }


def _no(status: int, words: str, code: str = "") -> tuple[int, Any, dict[str, str]]:
    return status, {"error": words}, {"X-Error-Message": words, **({"X-Error-Code": code} if code else {})}


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # one packet an answer, and at once
        disable_nagle_algorithm = True

        def _do(self) -> None:
            path = unquote(urlsplit(self.path).path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = f"{self.command} {path}"
            hub.asked.append(asked)
            fault = hub.faults(self.command, path, hub.asked.count(asked)) if hub.faults else None
            if fault == "drop":
                self.close_connection = True
                return
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            answer = _no(fault, "injected") if isinstance(fault, int) else hub.answer(self.command, path, token, body)
            status, said, headers = answer
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                **headers,
                "Content-Length": str(len(content)),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = _do  # noqa: N815  the names that the server calls

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the tests look at what was asked."""

    # HEAD asks what GET would give
    answer = hub.answer
    hub.answer = lambda method, *rest: answer("GET" if method == "HEAD" else method, *rest)  # type: ignore[method-assign]  # HEAD as GET
    return Handler
