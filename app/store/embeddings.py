"""Vectors of texts, as 32-bit floats, by the hash of embedding model and text."""

from array import array
from collections.abc import Mapping, Sequence

from app.store.columns import marks
from app.store.database import Database

PAGE = 500


class Vectors:
    """Vectors of texts, by the model that made them."""

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
