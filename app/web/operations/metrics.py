"""What the app counts, as Prometheus reads it: /metrics. No name of a run, a person, a model or an address is in it.

Counted from the store, which other processes write to as well, and from the jobs of this process.
"""

import threading
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import TYPE_CHECKING, get_args

from app.errors import PeopleError
from app.store.runs import STATES as ROW_STATES
from app.web.jobs import What
from app.web.security.access import METRICS, NO_STORE, browser_of, is_metrics_reader
from app.web.state import AppState

if TYPE_CHECKING:
    from fastapi import FastAPI
    from prometheus_client import Metric
    from starlette.responses import Response

STAGES = ("generate", "answer", "rate", "embed")
RUN_STATES = ("draft", "running", "paused", "stopped", "done")
OTHER = "other"
"""For what is none of them: it may have come from somebody else's store."""


class Monotonic:
    """Numbers that never fall while the process lives: the store forgets what a run took that is deleted."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[float, float]] = {}
        """{which: (its last value, what fell away of it)}."""
        self._guard = threading.Lock()

    def of(self, name: str, label: str, value: float) -> float:
        """The value, with all that fell away of it before."""
        with self._guard:
            last, gone = self._known.get((name, label), (0.0, 0.0))
            gone += max(0.0, last - value)
            self._known[name, label] = value, gone
            return value + gone


class Collector:
    """Gives the metrics of one app; prometheus_client asks for them each time that somebody reads them."""

    def __init__(self, state: AppState) -> None:
        self.state = state
        self.counters = Monotonic()

    def collect(self) -> "Iterator[Metric]":
        """All metrics; counts of the store as they are when nothing was written since."""
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        store, totals = self.state.store, self.state.store.totals.all()
        about = {"version": metadata.version("claywright"), "schema": str(store.totals.schema())}
        yield InfoMetricFamily("claywright", "The app and its store.", value=about)
        yield from self._calls()

        def gauge(name: str, help: str, label: str, values: Mapping[str, float]) -> "Metric":
            family = GaugeMetricFamily(f"claywright_{name}", help, labels=[label])
            for key, value in values.items():
                family.add_metric([key], value)
            return family

        working = [job.what for job in self.state.jobs.working()]
        ratings = {"rated": totals.ratings, "unrated": totals.unrated}
        failures = {"unit": totals.failed_units, "row": totals.failed_rows, "rating": totals.failed_ratings}
        yield gauge("runs", "Runs by state.", "state", _known(totals.runs, RUN_STATES))
        yield gauge("rows", "Rows by state.", "state", _known(totals.rows, ROW_STATES))
        yield gauge("ratings", "Ratings that were read, and answers of the labeller that can't be.", "status", ratings)
        yield gauge("failures", "Units, rows and ratings that failed and were not tried again.", "of", failures)
        yield gauge(
            "jobs_working",
            "Jobs of this process that are at work.",
            "what",
            {what: working.count(what) for what in get_args(What)},
        )
        for name, help, value in (
            ("review_queue_rows", "Rows that were sent to reviewers and that nobody has finished with.", totals.queue),
            ("people_signed_in", "People of the team who are signed in.", store.sessions.number_of_people()),
            ("store_bytes", "Size of the store's files.", store.totals.size()),
        ):
            yield GaugeMetricFamily(f"claywright_{name}", help, value=value)

    def _calls(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, SummaryMetricFamily

        calls = self.state.store.totals.all().calls

        def summed(name: str) -> dict[str, float]:
            known = _known({stage: getattr(of_stage, name) for stage, of_stage in calls.items()}, STAGES)
            return {stage: self.counters.of(name, stage, value) for stage, value in known.items()}

        for name, counted, help in (
            ("sent", "sent", "Calls that were sent to models, repeats of failed ones included."),
            ("recalled", "recalled", "Calls that had been answered before, and were not sent."),
            (
                "failed",
                "failed_attempts",
                "Sent calls that got no answer for now: overload, time-out, lost connection, fault.",
            ),
        ):
            family = CounterMetricFamily(f"claywright_calls_{name}", help, labels=["stage"])
            for stage, value in summed(counted).items():
                family.add_metric([stage], value)
            yield family
        tokens = CounterMetricFamily(
            "claywright_tokens", "Tokens of answered calls, as far as models told.", labels=["stage", "kind"]
        )
        for kind in ("prompt", "completion"):
            for stage, value in summed(f"{kind}_tokens").items():
                tokens.add_metric([stage, kind], value)
        yield tokens
        latency = SummaryMetricFamily("claywright_call_seconds", "Seconds that answered calls took.", labels=["stage"])
        seconds = summed("seconds")
        for stage, answered in summed("answered").items():
            latency.add_metric([stage], int(answered), seconds[stage])
        yield latency


def _known(counts: Mapping[str, float], names: tuple[str, ...]) -> dict[str, float]:
    """The counts under these names, 0 where there is none, and all others together."""
    others = sum(count for name, count in counts.items() if name not in names)
    return {name: counts.get(name, 0) for name in names} | ({OTHER: others} if others else {})


def add_route(app: "FastAPI", state: AppState) -> None:
    """/metrics: for who brings the token (the gate looks at it), for admins, and for who works alone."""
    from fastapi import Request as Asked
    from fastapi.responses import JSONResponse, Response
    from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(state))

    @app.get(METRICS)
    def metrics(request: Asked) -> "Response":
        try:
            if not is_metrics_reader(request):
                state.of(browser_of(request)).only_admins("reads the metrics")
        except PeopleError as error:
            return JSONResponse({"error": str(error)}, 403)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4, headers=NO_STORE)
