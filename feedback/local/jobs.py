"""Argilla's background jobs in threads of this process: RQ's worker, and its scheduler for webhook retries.

The queues live in memory (`environment.use_redis_in_process`), so that what is still queued at the end is
lost; a record's status is then set right by `feedback/local/search/repair.py`, a webhook is not sent.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from argilla_server.jobs.queues import DEFAULT_QUEUE, HIGH_QUEUE, REDIS_CONNECTION
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.scheduler import RQScheduler
from rq.timeouts import TimerDeathPenalty

QUEUES = (HIGH_QUEUE, DEFAULT_QUEUE)
SCHEDULE_SECONDS = 5


class ThreadWorker(SimpleWorker):
    """A worker outside the main thread, where neither signals nor alarms exist, and that forks no process."""

    death_penalty_class = TimerDeathPenalty

    def _install_signal_handlers(self) -> None:
        """Nothing: the signals are the server's."""


def start() -> None:
    """Work on jobs from now on, in threads that end with the process."""
    threading.Thread(target=_work, name="jobs", daemon=True).start()
    threading.Thread(target=_schedule, name="job schedule", daemon=True).start()


def drain(seconds: float) -> bool:
    """Wait for what is queued and running; True when nothing is left within that time."""
    deadline = time.monotonic() + seconds
    while any(queue.count or queue.started_job_registry.count for queue in QUEUES):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _work() -> None:
    ThreadWorker(list(QUEUES), connection=REDIS_CONNECTION).work(logging_level="WARNING")


def _schedule() -> None:
    # RQ would fork a second process of 200 MB for this.
    scheduler: Any = RQScheduler(
        list(QUEUES), connection=REDIS_CONNECTION, interval=SCHEDULE_SECONDS, logging_level=logging.WARNING
    )
    while True:
        try:
            scheduler.acquire_locks()
            scheduler.enqueue_scheduled_jobs()
            scheduler.heartbeat()
        except RedisError:
            logging.getLogger(__name__).exception("a scheduled job could not be queued; trying again")
        time.sleep(SCHEDULE_SECONDS)
