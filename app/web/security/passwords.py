"""Passwords as they are kept (Argon2id), and how often one may be tried."""

import threading
import time
from collections import OrderedDict, deque
from ipaddress import IPv6Address, ip_address

MOST_TRIES, WITHIN = 20, 60.0
"""So many passwords are tried of one address within so many seconds."""
MOST_OF_A_NAME = 60
"""The same of one name, from whatever addresses."""
MOST_REMEMBERED = 20_000
NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$5ZVrmLZYO7PuUqS2J/4MdA$AWKS/j1wJJmrkaIfOBVyJdMcdnKs+04IhBpvY4dXQIo"
"""What is compared where there is nobody of a name: that takes as long, so that the time does not tell."""


def hashed(password: str) -> str:
    """A password as it is kept."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password.encode("utf-8", "replace"))


def fits(password: str, kept: str) -> bool:
    """True for the password that was kept; "" is nobody's, and takes as long to tell."""
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return PasswordHasher().verify(kept or NOBODYS, password.encode("utf-8", "replace")) and bool(kept)
    except (VerificationError, InvalidHashError):
        return False


class Attempts:
    """When passwords were tried, by address and by name."""

    def __init__(self) -> None:
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, address: str, name: str) -> float:
        """0.0, and the try counts; else the seconds until the next one is let through."""
        now = time.monotonic()
        limits = _limits(address, name)
        with self._lock:
            waits = [self._left(key, most, now) for key, most in limits]
            if any(waits):
                return max(waits)
            for key, _ in limits:
                self._tries.setdefault(key, deque()).append(now)
                self._tries.move_to_end(key)
            while len(self._tries) > MOST_REMEMBERED:
                self._tries.popitem(last=False)
            return 0.0

    def forgive(self, address: str, name: str) -> None:
        """The last try was right: it does not count."""
        with self._lock:
            for key, _ in _limits(address, name):
                if tries := self._tries.get(key):
                    tries.pop()

    def _left(self, key: str, most: int, now: float) -> float:
        """Seconds until the next try; nothing is remembered of one that is refused."""
        tries = self._tries.get(key, deque())
        while tries and now - tries[0] >= WITHIN:
            tries.popleft()
        return tries[0] + WITHIN - now if len(tries) >= most else 0.0


def _limits(address: str, name: str) -> tuple[tuple[str, int], tuple[str, int]]:
    return (f"from {network(address)}", MOST_TRIES), (f"as {name}", MOST_OF_A_NAME)


def network(address: str) -> str:
    """What one person can have: an address, or the network of an IPv6 address."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return str(known) if not isinstance(known, IPv6Address) else known.exploded[:19]
