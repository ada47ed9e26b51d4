"""The local services beside the app: started when it opens, looked after while it is open, in a thread of their own."""

import threading
import time
from dataclasses import dataclass
from typing import Literal

from app import services
from app.config import Settings
from app.services import Say, Service
from feedback.argilla.client import Server
from tasks.errors import ClaywrightError

LOOK_EVERY, LOOK_AGAIN = 5.0, 30.0
ASKED = 5.0
"""Seconds that what is being installed or started has to end by itself."""


@dataclass(frozen=True)
class ServiceStatus:
    """How a service is, in one word and, where there is more to say, a sentence. `url` is where it answers."""

    state: Literal["starting", "ready", "off"]
    words: str = ""
    url: str = ""


class ServiceMonitor:
    """Starts the model and Argilla (or asks the Argilla that the settings name) and keeps an eye on them."""

    def __init__(self, settings: Settings, say: Say) -> None:
        self.settings = settings
        self.say = say
        self.model = ServiceStatus("starting")
        self.argilla = ServiceStatus("starting")
        self._said: dict[str, str] = {}
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep, args=(kind,), name=f"service-{kind}", daemon=True)
            for kind in ("model", "argilla")
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Nothing is started any more; what is being installed or started is given up."""
        self._closed.set()
        began = time.monotonic()
        local = services.local(self.settings)
        local.give_up()
        while any(thread.is_alive() for thread in self._threads):
            local.give_up(at_once=time.monotonic() - began > ASKED)
            for thread in self._threads:
                if thread.is_alive():
                    thread.join(0.2)

    def _keep(self, kind: str) -> None:
        """Looks until the app closes; what is off may come back."""
        while not self._closed.is_set():
            status = self._look(kind)
            if self._closed.is_set():
                return
            self._tell(kind, status)
            setattr(self, kind, status)
            self._closed.wait(LOOK_AGAIN if status.state == "off" else LOOK_EVERY)

    def _tell(self, kind: str, status: ServiceStatus) -> None:
        """Says once what a person at the terminal wants to know."""
        title = "Argilla" if kind == "argilla" else "The built-in model"
        message = f"{title} is at {status.url}" if status.state == "ready" else status.words
        if message and self._said.get(kind) != message:
            self._said[kind] = message
            self.say(message)

    def _look(self, kind: str) -> ServiceStatus:
        if kind == "argilla" and self.settings.argilla_url:
            return self._other_argilla()
        service = services.MODEL if kind == "model" else services.ARGILLA
        return self._local(service, kind)

    def _local(self, service: Service, kind: str) -> ServiceStatus:
        def say(message: str) -> None:
            setattr(self, kind, ServiceStatus("starting", message))

        try:
            running = services.local(self.settings).ensure(service, say)
        except ClaywrightError as error:
            return ServiceStatus("off", str(error))
        return ServiceStatus("ready", url=running.url)

    def _other_argilla(self) -> ServiceStatus:
        url = self.settings.argilla_url
        if not self.settings.argilla_key:
            return ServiceStatus("off", f"Argilla at {url} needs a key: set ARGILLA_API_KEY and start again.")
        try:
            with Server(url, self.settings.argilla_key) as server:
                return ServiceStatus("ready", url=server.url)
        except ClaywrightError as error:
            return ServiceStatus("off", str(error))
