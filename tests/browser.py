"""Driving the app as a person does: the installed command in a process of its own, Debian's chromium in front of it."""

import contextlib
import json
import math
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, Request, expect

from app.web.html import language
from tests.conftest import claywright

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
USUAL, SLOW = 30_000, 120_000
"""Milliseconds that something is waited for, on a busy machine too: usual things, and those that take their time."""
MEANT = 700
"""Milliseconds after which a second click is meant: a little more than app/web/pages/confirm.py has for a double click."""
FAILED = Path(tempfile.gettempdir()) / "claywright-failed.png"
"""What the browser showed when a test failed."""
AT_ONCE = """([where, text]) => {
  const watch = new MutationObserver(() => {
    const field = document.querySelector(where);
    if (!field?.offsetParent) return;
    watch.disconnect();
    field.select();
    document.execCommand('insertText', false, text);
  });
  watch.observe(document.body, { childList: true, subtree: true, attributes: true });
}"""
GERMAN: dict[str, str] = json.loads(language.WORDS.read_text(encoding="utf-8"))
"""What the page says in German, by its English."""
LOCAL = ("127.0.0.1", "localhost", "[::1]")
ADDRESSES: dict[str, str] = {}
"""The address that lets a browser in, as the app printed it, by the app's URL."""

expect.set_options(timeout=USUAL)


@dataclass
class App:
    """The app in a process of its own."""

    data: Path
    environment: dict[str, str] = field(default_factory=dict)
    url: str = ""
    said: list[str] = field(default_factory=list)
    process: "subprocess.Popen[str] | None" = None

    def start(self, port: int = 0) -> "App":
        words = [*claywright(), "--data", str(self.data), "--no-browser", "--port", str(port)]
        environment = {**os.environ, **self.environment}
        self.process = subprocess.Popen(
            words, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.search(r"Claywright is at (\S+)", line):
                self.url = found[1].partition("/?")[0]
                ADDRESSES[self.url] = found[1]
                return self
        raise AssertionError(f"the app did not start: {self.said}")

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def stop(self, number: int = signal.SIGTERM) -> str:
        """Ends it; returns what it said on its standard error."""
        assert self.process is not None and self.process.stderr is not None
        if self.process.stderr.closed:
            return "".join(self.said)
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        self.said.append(self.process.stderr.read())
        self.process.wait(60)
        self.process.stderr.close()
        return "".join(self.said)


def without_services(folder: Path) -> Path:
    """A data folder in which no local service can be installed or started: its place is taken."""
    folder.chmod(0o700)
    (folder / "services").touch()
    return folder


@contextlib.contextmanager
def running(data: Path, port: int = 0, **environment: str) -> Iterator[App]:
    app = App(data, environment)
    try:
        yield app.start(port)
    finally:
        app.stop()


@dataclass
class Person:
    """Somebody at a browser of their own, which reaches nothing but this machine."""

    context: BrowserContext
    page: Page
    foreign: list[str]
    """Requests that wanted to go to another host."""
    complaints: list[str]
    """What the page's own console had to complain about."""
    asked: set[Request] = field(default_factory=set)
    """The questions of its pages to the app that are not answered yet."""
    words: Mapping[str, str] = field(default_factory=dict)
    """What the page says in its language in place of English."""
    heard: float = -math.inf
    """When the last of them was answered, by the monotonic clock in seconds: the page may still be showing that."""

    def open(self, url: str) -> None:
        """Opens a page of the app as its printed address does: signed in."""
        base, _, query = url.partition("?")
        address = ADDRESSES[base.rstrip("/")]
        self.page.goto(f"{address}&{query}" if query else address)
        self.there()

    def there(self) -> None:
        expect(self.page.locator("h1").first).to_be_visible(timeout=SLOW)
        expect(self.page.locator("[data-run]")).to_be_visible()

    def fresh(self, url: str) -> None:
        """Opens the app with a new run, whatever run is the newest."""
        self.open(f"{url}?run=new")
        expect(self.page.locator("[data-run]")).to_have_attribute("data-run", "")

    def tab(self, name: str) -> None:
        name = self.words.get(name, name)
        self.page.get_by_role("tab", name=name, exact=True).click()
        expect(self.page.get_by_role("heading", name=name, level=1)).to_be_visible()

    def press(self, id: str) -> None:
        self.page.locator(f"#{id}").click()

    def key(self, key: str) -> None:
        """Presses a key once the page is calm: what is shown anew in that very moment may not hear it."""
        self.answered()
        self.page.keyboard.press(key)

    def choose(self, id: str, option: str) -> None:
        """Picks an option of a dropdown."""
        box = self.page.locator(f"#{id} input")
        box.click()
        box.fill(option)
        self.page.get_by_role("option", name=re.compile(re.escape(option))).first.click()
        self.answered()  # what depends on the choice is shown anew

    def hears(self, request: Request) -> None:
        self.asked.discard(request)
        self.heard = time.monotonic() if request.method == "POST" else self.heard

    def answered(self) -> None:
        """Waits until the page asks nothing, for long enough that it could have begun to ask and to show an answer."""
        calm, until = 0, time.monotonic() + 30  # of a page that was closed nobody tells how its questions ended
        while calm < 4 and time.monotonic() < until:
            self.page.wait_for_timeout(50)
            calm = 0 if self.asked else calm + 1

    def pause(self) -> None:
        """Waits as long as somebody who reads a question: the app takes a click right behind another one for a double click."""
        self.answered()
        self.page.wait_for_timeout(MEANT)

    def write(self, id: str, text: str) -> None:
        """Types into a field and leaves it, once the page is calm: what is shown anew in that moment may not hear it."""
        self.page.wait_for_timeout(0)  # what the page asked since is known only now
        if self.asked or time.monotonic() - self.heard < 0.5:
            self.answered()
        box = self.page.locator(f"#{id} input, #{id} textarea").first
        box.fill(text)
        box.press("Tab")

    def write_at_once(self, id: str, text: str) -> None:
        """To be said before the field can be seen: it is written into in the very moment in which it can."""
        self.page.evaluate(AT_ONCE, [f"#{id} input, #{id} textarea", text])

    def wait(self, words: str, timeout: int = SLOW) -> Locator:
        found = self.page.get_by_text(words, exact=False).locator("visible=true").first
        expect(found).to_be_visible(timeout=timeout)
        return found

    def counts(self) -> dict[str, int]:
        """The counts in the header."""
        steps = self.page.locator(".steps li")
        numbers = {}
        for step in steps.all():
            number, word = step.locator("b").inner_text(), step.locator("span").inner_text()
            numbers[word] = int(number.replace(",", ""))
        return numbers

    def counted(self, word: str, number: int) -> None:
        """Waits until the header counts so many."""
        step = self.page.locator(".steps li", has=self.page.get_by_text(word, exact=True)).locator("b")
        expect(step).to_have_text(str(number), timeout=SLOW)


@contextlib.contextmanager
def person(browser: Browser, **options: Any) -> Iterator[Person]:
    """A browser context: own cookies, own storage."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, **options)
    context.set_default_timeout(USUAL)
    foreign: list[str] = []
    complaints: list[str] = []

    def guard(route: Any) -> None:
        if urlsplit(route.request.url).hostname in LOCAL:
            route.continue_()
        else:
            foreign.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    words = GERMAN if str(options.get("locale", "")).startswith("de") else {}
    somebody = Person(context, page, foreign, complaints, words=words)
    context.on("request", lambda request: somebody.asked.add(request) if request.method == "POST" else None)
    context.on("requestfinished", somebody.hears)
    context.on("requestfailed", somebody.hears)
    try:
        yield somebody
    except BaseException:
        with contextlib.suppress(Error):
            somebody.page.screenshot(path=FAILED)
        raise
    finally:
        context.close()
