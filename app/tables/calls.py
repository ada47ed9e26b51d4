"""The memo: every answer of a model, under the key of its call; and what probes found."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from app.database import Database
from app.tables.text import dumps, now
from tasks.engine import Call
from tasks.models.base import Capabilities, Completion

PROBE_HOLDS = timedelta(hours=1)


class Calls:
    """What the engine remembers (tasks.engine.Memo)."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def recall(self, key: bytes) -> Completion | None:
        found = self.db.reader.execute("SELECT answer FROM calls WHERE key=?", (key,)).fetchone()
        return Completion(**json.loads(found["answer"])) if found else None

    async def keep(self, call: Call, answer: Completion) -> None:
        values = (
            call.key,
            call.endpoint,
            call.draw,
            call.body_hash,
            call.scope,
            dumps(asdict(answer)),
            now(),
        )
        await self.db.add_async("INSERT OR IGNORE INTO calls", values)

    async def recall_probe(self, endpoint: str) -> Capabilities | None:
        """What a probe found, unless it is too old to rely on."""
        since = (datetime.now(UTC) - PROBE_HOLDS).isoformat(timespec="milliseconds")
        found = self.db.all("SELECT found FROM probes WHERE endpoint=? AND created>?", endpoint, since)
        if not found:
            return None
        values = json.loads(found[0]["found"])
        return Capabilities(**{**values, "models": tuple(values["models"])})

    async def keep_probe(self, endpoint: str, found: Capabilities) -> None:
        values = (endpoint, dumps(asdict(found)), now())
        await self.db.write_async(lambda c: c.execute("INSERT OR REPLACE INTO probes VALUES(?,?,?)", values))
