"""A desk and what people do at it, for tests of pages without a browser."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

from app.config import Settings
from app.store.store import Store
from app.web.form_values import FormValues
from app.web.jobs import Jobs
from app.web.page_builder import Act, Done
from app.web.service_monitor import ServiceMonitor
from app.web.state import AppState
from app.web.tab_state import NEW_TAB, TabState

SOMEBODY = "somebody"


@contextlib.contextmanager
def at_desk(store: Store, here: Settings) -> Iterator[AppState]:
    jobs = Jobs(store, here)
    try:
        yield AppState(store, here, jobs, ServiceMonitor(here, lambda words: None))
    finally:
        jobs.close()


def until_tried(desk: AppState) -> None:
    """Waits until no model is until_tried any more."""
    while desk.trying:
        time.sleep(0.01)


def act(
    desk: AppState,
    data: dict[str, Any] | None = None,
    *,
    extra: Sequence[Any] = (),
    filled: FormValues | None = None,
    tab: TabState = NEW_TAB,
    run: str = "",
) -> Act:
    """A click on a button that says `data`, or an action with the fields `extra`."""
    return Act(desk, SOMEBODY, run, {**desk.filled(SOMEBODY), **(filled or {})}, tab, data or {}, extra)


def after(done: Done, tab: TabState = NEW_TAB) -> TabState:
    """A tab that stood like `tab` when that was done."""
    return done.applied(tab, tab)
