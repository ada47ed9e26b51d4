"""The people of a team, each under a name and with a role. Where there is nobody, one person works alone, without signing in."""

import re
import sqlite3
from dataclasses import dataclass
from typing import Literal, cast

from app.errors import PeopleError
from app.store.columns import now
from app.store.database import Database

Role = Literal["curator", "admin"]
ROLES: tuple[Role, ...] = ("curator", "admin")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
"""What a person can be called here, and as a user of Argilla."""


def role_named(name: str) -> Role:
    """Raises PeopleError for a role that there is not."""
    if name not in ROLES:
        raise PeopleError(f"There is no role '{name}': it is {' or '.join(ROLES)}.")
    return name


@dataclass(frozen=True, slots=True)
class Person:
    """`has_password`: the one-time link was used. Who is `blocked` gets in no more; what is theirs stays."""

    name: str
    role: Role
    has_password: bool
    blocked: bool
    created: str

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"


class People:
    """People by their names."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def any(self) -> bool:
        """True once there is anybody: whoever comes then has to sign in."""
        return self.db.remembered("people", lambda: bool(self.db.all("SELECT 1 FROM people LIMIT 1")))

    def all(self) -> list[Person]:
        """All of them, by name."""
        return [_person(row) for row in self.db.all("SELECT * FROM people ORDER BY name")]

    def known(self, name: str) -> Person | None:
        """The person of that name, if there is one."""
        rows = self.db.all("SELECT * FROM people WHERE name=?", name)
        return _person(rows[0]) if rows else None

    def identified(self, issuer: str, subject: str) -> Person | None:
        """Whom a provider of sign-ins, or a proxy, knows as that."""
        ask = "SELECT people.* FROM people JOIN identities ON person=name WHERE issuer=? AND subject=?"
        rows = self.db.all(ask, issuer, subject)
        return _person(rows[0]) if rows else None

    def get(self, name: str) -> Person:
        """Raises PeopleError where there is nobody of that name."""
        if (person := self.known(name)) is None:
            raise PeopleError(
                f"There is nobody called '{name}'.", terminal="'claywright users list' shows who there is."
            )
        return person

    def add(self, name: str, role: Role) -> Person:
        """Raises PeopleError for a name that is taken, or that nobody can have."""
        if not NAME.fullmatch(name):
            raise PeopleError(
                f"'{name}' can't be a name here: small letters, digits, dots and hyphens, a letter or digit first,"
                " 40 characters at most."
            )

        def write(c: sqlite3.Connection) -> bool:
            line = (name, role, None, 0, now())
            return c.execute("INSERT OR IGNORE INTO people VALUES(?,?,?,?,?)", line).rowcount > 0

        if not self.db.write(write):
            raise PeopleError(f"There is somebody called '{name}' already.")
        return self.get(name)

    def known_as(self, issuer: str, subject: str, name: str, role: Role | None) -> Person:
        """Whom a provider of sign-ins knows as `subject`: who is new gets the name, and so does who was added under it and
        never signed in otherwise. A `role` of None leaves it, and is a curator's for who is new.

        Raises PeopleError where the name is somebody else's, and for the last admin where they are none any more.
        """

        def write(c: sqlite3.Connection) -> str:
            row = c.execute("SELECT person FROM identities WHERE issuer=? AND subject=?", (issuer, subject)).fetchone()
            if row is None:
                taken = "SELECT 1 FROM people WHERE name=? AND (password IS NOT NULL OR name IN (SELECT person FROM identities))"
                if c.execute(taken, (name,)).fetchone():
                    raise PeopleError(f"Somebody else is called '{name}' here. Ask an admin.")
                c.execute("INSERT OR IGNORE INTO people VALUES(?,?,?,?,?)", (name, "curator", None, 0, now()))
                c.execute("INSERT INTO identities VALUES(?,?,?)", (issuer, subject, name))
            person = str(row["person"]) if row else name
            if role is not None:
                c.execute("UPDATE people SET role=? WHERE name=?", (role, person))
                _keep_an_admin(c)
            return person

        return self.get(self.db.write(write))

    def set_role(self, name: str, role: Role) -> None:
        """Raises PeopleError for the last admin, without whom nobody could let anybody in."""

        def write(c: sqlite3.Connection) -> None:
            c.execute("UPDATE people SET role=? WHERE name=?", (role, name))
            _keep_an_admin(c)

        self.db.write(write)

    def block(self, name: str, *, blocked: bool = True) -> None:
        """Ends all sessions and links of a person, and lets them in no more; or lets them in again.

        Raises PeopleError for the last admin.
        """

        def write(c: sqlite3.Connection) -> None:
            c.execute("UPDATE people SET blocked=? WHERE name=?", (blocked, name))
            if blocked:
                _keep_an_admin(c)
                c.execute("DELETE FROM sessions WHERE person=?", (name,))
                c.execute("DELETE FROM sign_in_links WHERE person=?", (name,))

        self.db.write(write)

    def password(self, name: str) -> str:
        """The hash of a person's password; "" where there is none, or nobody, or who may not come in."""
        rows = self.db.all("SELECT password FROM people WHERE name=? AND blocked=0", name)
        return (rows[0]["password"] or "") if rows else ""

    def set_password(self, name: str, hashed: str) -> None:
        """Another password; all sessions that began with the one before end."""

        def write(c: sqlite3.Connection) -> None:
            c.execute("UPDATE people SET password=? WHERE name=?", (hashed, name))
            c.execute("DELETE FROM sessions WHERE person=?", (name,))

        self.db.write(write)


def _person(row: sqlite3.Row) -> Person:
    role = cast(Role, row["role"])
    return Person(row["name"], role, bool(row["password"]), bool(row["blocked"]), row["created"])


def _keep_an_admin(c: sqlite3.Connection) -> None:
    if not c.execute("SELECT 1 FROM people WHERE role='admin' AND blocked=0").fetchone():
        raise PeopleError("This is the last admin. Make somebody else an admin first.")
