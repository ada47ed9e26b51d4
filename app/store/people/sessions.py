"""Sessions of people who signed in, and the links that let somebody set a password once. Only hashes of their secrets are kept."""

import hashlib
import hmac
import secrets
import sqlite3
import time
from dataclasses import dataclass

from app.store.database import Database

DAY = 24 * 3600.0
LASTS, IDLE = 30 * DAY, 7 * DAY
"""Seconds after which a session ends, and after which one ends that nobody used."""
LINK_LASTS = 3 * DAY
SEEN_ANEW = 60.0
"""Seconds: that a session was used is written at most so often."""
SHOWN = 12
"""Characters of a session's hash that name it."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in: since when and when they were last seen, as seconds since 1970; with which browser."""

    id: str
    person: str
    created: float
    seen: float
    browser: str


def hashed(secret: str, bound_to: str = "") -> str:
    """What is kept of a secret that has 256 random bits, and of what it is bound to: no slow hash is needed for such a one."""
    content = secret.encode("utf-8", "replace")
    return (hmac.new(bound_to.encode(), content, "sha256") if bound_to else hashlib.sha256(content)).hexdigest()


class Sessions:
    """Sessions, by the secret that is in the browser's cookie, and by what they are bound to: elsewhere it is worth nothing."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def begin(self, person: str, browser: str, bound_to: str = "", *, password: str | None) -> str:
        """A new session; returns its secret, which is kept nowhere else.

        "" where `password` is not the hash that is kept of the person any more, or they may not come in; None for who signed in
        without one.
        """
        secret, at = secrets.token_urlsafe(32), time.time()
        line = (hashed(secret, bound_to), person, at, at, browser[:200])

        def write(c: sqlite3.Connection) -> bool:
            c.execute("DELETE FROM sessions WHERE created<? OR seen<?", (at - LASTS, at - IDLE))
            may = "SELECT 1 FROM people WHERE name=?1 AND (?2 IS NULL OR password=?2) AND blocked=0"
            if not c.execute(may, (person, password)).fetchone():
                return False
            c.execute("INSERT INTO sessions VALUES(?,?,?,?,?)", line)
            return True

        return secret if self.db.write(write) else ""

    def person(self, secret: str, bound_to: str = "") -> str:
        """Who is signed in by it; "" where that session never was or has ended, or the person is blocked."""
        if not secret:
            return ""
        at, session = time.time(), hashed(secret, bound_to)
        rows = self.db.all(
            "SELECT person, seen FROM sessions JOIN people ON people.name=sessions.person AND blocked=0"
            " WHERE id=? AND sessions.created>=? AND seen>=?", session, at - LASTS, at - IDLE,
        )  # fmt: skip
        if not rows:
            return ""
        if at - rows[0]["seen"] > SEEN_ANEW:
            self.db.write_later(lambda c: c.execute("UPDATE sessions SET seen=? WHERE id=?", (at, session)))
        return str(rows[0]["person"])

    def all(self, person: str = "") -> list[Session]:
        """Those that have not ended, of one person or of all, what was used last first."""
        at = time.time()
        rows = self.db.all(
            "SELECT * FROM sessions WHERE ?1 IN ('', person) AND created>=?2 AND seen>=?3 ORDER BY seen DESC",
            person, at - LASTS, at - IDLE,
        )  # fmt: skip
        return [Session(r["id"][:SHOWN], r["person"], r["created"], r["seen"], r["browser"]) for r in rows]

    def number_of_people(self) -> int:
        """How many people are signed in."""
        at = time.time()
        rows = self.db.all(
            "SELECT count(DISTINCT person) n FROM sessions JOIN people ON people.name=sessions.person AND blocked=0"
            " WHERE sessions.created>=? AND seen>=?", at - LASTS, at - IDLE,
        )  # fmt: skip
        return int(rows[0]["n"])

    def end(self, secret: str, bound_to: str = "") -> None:
        """Ends the session of that secret, if there is one."""
        self.db.write(lambda c: c.execute("DELETE FROM sessions WHERE id=?", (hashed(secret, bound_to),)) and None)

    def end_of(self, person: str, shown: str = "") -> int:
        """Ends a person's sessions, or the one that is shown as that; returns how many."""
        ends = "DELETE FROM sessions WHERE person=? AND substr(id, 1, ?)=? "
        return self.db.write(lambda c: c.execute(ends, (person, len(shown), shown)).rowcount)


class SignInLinks:
    """Links by which a person sets a password, once. A new one ends those before it."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def make(self, person: str) -> str:
        """The secret of a link for a person, which is kept nowhere else."""
        secret = secrets.token_urlsafe(32)

        def write(c: sqlite3.Connection) -> None:
            c.execute("DELETE FROM sign_in_links WHERE person=?", (person,))
            c.execute("INSERT INTO sign_in_links VALUES(?,?,?)", (hashed(secret), person, time.time() + LINK_LASTS))

        self.db.write(write)
        return secret

    def person(self, secret: str) -> str:
        """Whom it is for; "" for one that was used, has ended or never was."""
        rows = self.db.all("SELECT person FROM sign_in_links WHERE id=? AND ends>=?", hashed(secret), time.time())
        return str(rows[0]["person"]) if rows else ""

    def use(self, secret: str) -> str:
        """Whom it was for, "" where it is good no more. Of two who use it at once, one does."""

        def write(c: sqlite3.Connection) -> str:
            row = c.execute(
                "DELETE FROM sign_in_links WHERE id=? AND ends>=? RETURNING person", (hashed(secret), time.time())
            ).fetchone()
            return str(row["person"]) if row else ""

        return self.db.write(write)
