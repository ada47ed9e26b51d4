"""The memo: every answer of a model, under the key of its call; and what probes found."""

import asyncio
import json
import threading
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta

from app.errors import StoreError
from app.store.columns import dumps, marks, now
from app.store.database import Database, Line
from tasks.engine.engine import Call
from tasks.models.base import Capabilities, Completion

PROBE_HOLDS = timedelta(hours=1)
DIALECT_HOLDS = timedelta(days=30)
ANSWER = tuple(field.name for field in fields(Completion))

PAGE = 500


class CallCache:
    """What the engine remembers (tasks.engine.engine.Memo)."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._asked = threading.local()

    async def recall(self, key: bytes) -> Completion | None:
        """The answer to a call, None if there is none. Those who ask in one turn of the loop are answered by one look."""
        loop = asyncio.get_running_loop()
        waiting: dict[bytes, asyncio.Future[str | None]] | None = getattr(self._asked, "keys", None)
        if waiting is None:
            waiting = self._asked.keys = {}
            loop.call_soon(self._look)
        if key not in waiting:
            waiting[key] = loop.create_future()
        answer = await asyncio.shield(waiting[key])
        return None if answer is None else Completion(**json.loads(answer))

    def _look(self) -> None:
        waiting: dict[bytes, asyncio.Future[str | None]] = self._asked.keys
        self._asked.keys = None
        try:
            keys = list(waiting)
            rows = self.db.all(f"SELECT key, answer FROM calls WHERE key IN ({marks(keys)})", *keys)
        except StoreError as error:
            for future in waiting.values():
                future.set_exception(error)
            return
        answers = {r["key"]: r["answer"] for r in rows}
        for key, future in waiting.items():
            future.set_result(answers.get(key))

    async def keep(self, call: Call, answer: Completion) -> None:
        values = (
            call.key,
            call.endpoint,
            call.draw,
            call.body_hash,
            call.scope,
            dumps(_plain(answer)),
            now(),
        )
        await self.db.add_async(Line("INSERT OR IGNORE INTO calls", values))
        self.db.room()

    def forget(self, seed: int) -> int:
        """Takes away the answers that were drawn with a seed; how many there were."""
        return self.db.write(lambda c: c.execute("DELETE FROM calls WHERE scope LIKE ?", (f"{seed}/%",)).rowcount)

    async def recall_probe(self, endpoint: str) -> Capabilities | None:
        """What a probe found, unless it is too old to rely on."""
        since = (datetime.now(UTC) - PROBE_HOLDS).isoformat(timespec="milliseconds")
        rows = self.db.all("SELECT found FROM probes WHERE endpoint=? AND created>?", endpoint, since)
        if not rows:
            return None
        values = json.loads(rows[0]["found"])
        return Capabilities(**{**values, "models": tuple(values["models"])})

    async def keep_probe(self, endpoint: str, capabilities: Capabilities) -> None:
        values = (endpoint, dumps(asdict(capabilities)), now())
        await self.db.write_async(lambda c: c.execute("INSERT OR REPLACE INTO probes VALUES(?,?,?)", values))

    async def recall_dialect(self, endpoint: str) -> str | None:
        """What was found out of what an endpoint takes, unless it is too old to rely on."""
        since = (datetime.now(UTC) - DIALECT_HOLDS).isoformat(timespec="milliseconds")
        rows = self.db.all("SELECT learned FROM dialects WHERE endpoint=? AND created>?", endpoint, since)
        return str(rows[0]["learned"]) if rows else None

    async def keep_dialect(self, endpoint: str, dialect: str) -> None:
        values = (endpoint, dialect, now())
        await self.db.write_async(lambda c: c.execute("INSERT OR REPLACE INTO dialects VALUES(?,?,?)", values))


def _plain(answer: Completion) -> dict[str, object]:
    """An answer as it is kept: which server gave it only where there were several."""
    values = {name: getattr(answer, name) for name in ANSWER}
    if not answer.server:
        del values["server"]
    return values


class Vectors:
    """Vectors of texts, as 32-bit floats, by the hash of embedding model and text."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def of(self, keys: Sequence[bytes]) -> "dict[bytes, array[float]]":
        """Those that are known."""
        vectors: dict[bytes, array[float]] = {}
        for at in range(0, len(keys), PAGE):
            some = keys[at : at + PAGE]
            page = self.db.all(f"SELECT key, vector FROM vectors WHERE key IN ({marks(some)})", *some)
            vectors.update({r["key"]: array("f", r["vector"]) for r in page})
        return vectors

    async def keep(self, vectors: "Mapping[bytes, array[float]]") -> None:
        """Returns when they are durable."""
        rows = [(key, vector.tobytes()) for key, vector in vectors.items()]
        await self.db.write_async(lambda c: c.executemany("INSERT OR REPLACE INTO vectors VALUES(?,?)", rows))
