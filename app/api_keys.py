"""Where the keys of models come from: the environment, or what was typed in the page, which stays in this process.

A key belongs to the browser that typed it and to the address that it was typed for: it is sent nowhere else.
"""

import contextlib
import ipaddress
import os
import re
import threading
from collections.abc import Collection

from tasks.models.network.private_addresses import PublicOnly
from tasks.models.spec import ModelSpec, ascii_host, names_a_key

HUB_TOKEN = "HF_TOKEN"
"""The variable of the token with which this machine is known to the Hugging Face Hub."""
SECRET = re.compile(r"(?i:KEY_FOR_.+|(?:.*_)?(?:KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE|CREDENTIALS?)(?:_ID)?)")
"""Names of variables that may hold something secret."""
SHORTEST_SECRET = 4
"""Characters: what is shorter is a switch, or stands everywhere."""


class Keys:
    """The keys of the environment, by the variable that a model names."""

    guard: PublicOnly | None = None
    """What keeps calls away from this machine's networks, of whoever may not send them there."""

    def of(self, spec: ModelSpec) -> str | None:
        """The key of a model; who may have it is decided in app/runs/permissions.py."""
        return (os.environ.get(spec.key_variable) if spec.key_variable else None) or None

    def holds(self, spec: ModelSpec) -> bool:
        """True for a key that somebody gave for this very address: nothing of the environment is used."""
        return False

    def missing(self, spec: ModelSpec) -> str:
        """What to say where the key of `spec` is not there."""
        return (
            f"needs the key in the environment variable {spec.key_variable}, which is not set. Set it and start again"
        )

    def refused(self, spec: ModelSpec) -> str:
        """What to do about a key that the endpoint did not take, or wanted and did not get."""
        named = f"in the environment variable {spec.key_variable}" if spec.key_variable else ""
        return f"Check the key {named}." if named else "No key was given: name its environment variable as key_env."


class TypedKeys(Keys):
    """The same, with what one browser typed before it."""

    def __init__(
        self,
        typed: dict[str, str] | None = None,
        shared: Collection[str] | None = None,
        guard: PublicOnly | None = None,
    ) -> None:
        self._typed: dict[str, str] = {} if typed is None else typed
        self.guard = guard
        self.shared = shared
        """The variables of the environment that whoever typed may use; None for all."""

    def type(self, spec: ModelSpec, key: str) -> None:
        """Holds a key for the endpoint of `spec`, at each of its addresses; an empty one takes it away."""
        for each in spec.each:
            if key.strip():
                self._typed[each.address] = key.strip()
            else:
                self._typed.pop(each.address, None)

    def holds(self, spec: ModelSpec) -> bool:
        return all(each.address in self._typed for each in spec.each)

    def of(self, spec: ModelSpec) -> str | None:
        if typed := self._typed.get(spec.address):
            return typed
        return super().of(spec) if self.shared is None or spec.key_variable in self.shared else None

    def missing(self, spec: ModelSpec) -> str:
        if spec.key_variable == variable_for(spec.address):
            return f"needs the key for {spec.address}. Type it on the page Models"
        named = f"needs the key in the environment variable {spec.key_variable}, which is not set"
        return f"{named}. Type it on the page Models, or set it and start Claywright again"

    def refused(self, spec: ModelSpec) -> str:
        if self.holds(spec):
            return "Type it again on the page Models."
        return super().refused(spec) if spec.key_variable else "No key was given: type it on the page Models."


class KeyRing:
    """The keys of all browsers, in this process's memory alone."""

    def __init__(self) -> None:
        self._browsers: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    def of(self, browser: str, shared: Collection[str] | None = None, guard: PublicOnly | None = None) -> TypedKeys:
        """What was typed there; beside it, of the environment's, those of the variables `shared`, or all."""
        with self._lock:
            return TypedKeys(self._browsers.setdefault(browser, {}), shared, guard)

    def all(self) -> set[str]:
        """Every key that was typed."""
        with self._lock:
            return {key for typed in self._browsers.values() for key in list(typed.values())}


def is_variable(name: str) -> bool:
    """True for what can be the name of an environment variable that holds a key: a key in capitals is not one."""
    return names_a_key(name) and (
        name in os.environ or name.endswith(("_KEY", "_TOKEN")) or name.startswith("KEY_FOR_")
    )


def shared_variables() -> frozenset[str]:
    """The variables whose keys everybody of a team may use, as the environment's CLAYWRIGHT_SHARED_KEYS names them."""
    return frozenset(filter(None, map(str.strip, os.environ.get("CLAYWRIGHT_SHARED_KEYS", "").split(","))))


def private_endpoints() -> PublicOnly:
    """Where everybody of a team may send calls: all but this machine's networks, and of these what the environment's
    CLAYWRIGHT_PRIVATE_ENDPOINTS names.
    """
    return PublicOnly.but(os.environ.get("CLAYWRIGHT_PRIVATE_ENDPOINTS", "").split(","))


def key_variables() -> list[str]:
    """The variables of this process that look as if they held a key of a model."""
    looks = (name for name, value in os.environ.items() if value and name.endswith(("_API_KEY", "_TOKEN")))
    return sorted(filter(names_a_key, looks))


def secrets_of_environment() -> set[str]:
    """All values of this process's variables that may be keys, tokens or passwords, whatever for."""
    return {value for name, value in os.environ.items() if len(value) >= SHORTEST_SECRET and SECRET.fullmatch(name)}


def variable_for(url: str) -> str:
    """The name under which a recipe knows the key of an address that has none by itself: KEY_FOR_MODELS_EXAMPLE_ORG.

    No two hosts have the same name, as a key in such a variable goes to its host unasked: a hyphen is two underscores.
    """
    host = ascii_host(url) or "endpoint"
    with contextlib.suppress(ValueError):
        return f"KEY_FOR_IP6__{ipaddress.IPv6Address(host).exploded.replace(':', '_').upper()}"
    written = {".": "_", "-": "__", "_": "___"}
    return "KEY_FOR_" + "".join(c if c.isalnum() else written.get(c, "____") for c in host).upper()
