"""The open pages: what each of them shows and what its fields hold, as far as the app was told."""

import contextlib
import math
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from app.web import form_values
from app.web.security.access import browser_of
from app.web.tab_state import HOME, NEW_TAB, TabState

REMEMBERED = 60
"""Glances back that a tab's question may be: what its fields held then is remembered."""


MOST_TABS = 500
"""Open pages that are remembered; one that was forgotten says itself what it shows."""


@dataclass
class Tab:
    """One open page: what it shows, and what it was last given of each part, as hashes.

    Glances are taken one after the other under `lock`, each of how things stand at that moment, and those that changed
    something are numbered. The browser says the number of the one that it applied last: where answers overtook one another
    on their way, or met, everything is shown anew. `held` is what the tab's fields held after each of the last glances: a person
    changed what differs from it, so that two tabs of one browser take nothing back from each other.
    """

    run: str = ""
    glances: int = 0
    state: TabState = NEW_TAB
    shown: dict[int, dict[str, str]] = field(default_factory=dict)
    told: tuple[Any, ...] = ()
    """The run, the page and the seconds between two glances as the browser was last told."""
    held: dict[int, form_values.Filled] = field(default_factory=dict)
    acted: form_values.Filled = field(default_factory=dict)
    """What each field held when its own action last ran: leaving a field is no choice."""
    begun: int = 0
    said: int = 0
    """The number of the last action that began, and of the one whose problems are shown."""
    mixed: bool = False
    """True if two answers may have been applied at the same time: the browser may show some parts as the earlier one says."""
    unsure: set[str] = field(default_factory=set)
    """The fields that such answers filled, or that were changed meanwhile."""
    behind: float = -1
    """The number that a glance said which was not the last one: an answer was on its way, or was overtaken by another."""
    unanswered: int = 0
    """How many questions of the page are on their way through the app."""
    moved: float = -math.inf
    """When a person did something last."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    _asking: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def asking(self, *, person: bool = True) -> Iterator[None]:
        """A question of the page until it is answered: what a person did, or a glance."""
        with self._asking:
            self.unanswered += 1
            self.moved = time.monotonic() if person else self.moved
        try:
            yield
        finally:
            with self._asking:
                self.unanswered -= 1

    def forget(self, but: Collection[int]) -> None:
        """All parts are to be shown anew, `but` for some by their numbers, and fields of which it is not sure what they hold."""
        self.shown = {number: shown for number, shown in self.shown.items() if number in but}
        self.told, self.behind, self.mixed = (), -1, False
        for number, values in self.held.items():
            self.held[number] = {name: value for name, value in values.items() if name not in self.unsure}
        self.unsure = set()

    def typed(self, filled: form_values.Filled, seen: float) -> form_values.Filled:
        """What a person changed in the fields since the tab was last told what they hold; remembered. Under the lock."""
        base = self.held[int(seen)]
        changes = form_values.differing(filled, base)
        for number, values in self.held.items():
            if number >= seen:
                self.held[number] = {**values, **changes}
        return changes

    def problems(self, turn: int, problems: dict[str, str]) -> dict[str, str]:
        """What is to be said once the action of that number has ended: one that began later is not talked over."""
        if turn < self.said:
            return {**problems, **self.state.problems}
        self.said = turn
        return problems


class Tabs:
    """The open pages by Gradio's session. A page that this process does not know yet says itself what it shows."""

    def __init__(self) -> None:
        self._tabs: dict[tuple[str, str], Tab] = {}
        self._lock = threading.Lock()

    def of(self, request: gr.Request, run: str = "", page: str = HOME) -> Tab:
        key = browser_of(request), str(request.session_hash)
        with self._lock:
            tab = self._tabs.pop(key, None) or Tab(run, state=TabState(page))
            self._tabs[key] = tab
            while len(self._tabs) > MOST_TABS:
                del self._tabs[next(iter(self._tabs))]
            return tab

    def close(self, request: gr.Request) -> None:
        """Its jobs go on."""
        with self._lock:
            for key in [key for key in self._tabs if key[1] == str(request.session_hash)]:
                del self._tabs[key]
