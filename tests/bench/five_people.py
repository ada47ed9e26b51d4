"""Five people at once, each in a browser of their own with a long run at one server; every so often each looks for the others'.

    python tests/bench/five_people.py [MINUTES]

What is told: errors, each person's share of the calls while all are at work, the memory of the app, and what anybody saw of
another's run.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from playwright.sync_api import Response, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.browser import CHROMIUM, FLAGS, App, Person, person
from tests.conftest import claywright
from tests.odd_values import NOBODY
from tests.servers import FakeOpenAI

PASSWORD = "a long enough one"
NAMES = ("ann", "ben", "cem", "dia", "eva")
LATENCY, CONCURRENCY, ROWS = 0.2, 10, 60_000
ENVIRONMENT = {"ARGILLA_API_URL": NOBODY, "ARGILLA_API_KEY": "key", "CLAYWRIGHT_PRIVATE_ENDPOINTS": "127.0.0.1"}
"""The stand-in for a model runs on this machine, where only admins may send calls otherwise."""
PAGES = ("Models", "Rate", "Review", "Insights", "Export", "Generate")


def megabytes(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def begin(somebody: Person, name: str, link: str, url: str, file: Path) -> str:
    """Signs in and starts a run; its id."""
    page = somebody.page
    page.goto(link)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Once more").fill(PASSWORD)
    page.get_by_role("button", name="Set it and sign in").click()
    expect(page.locator("[data-run]")).to_be_visible()
    somebody.tab("Models")
    somebody.choose("generator-preset", "Another address")
    somebody.write("generator-url", url)
    somebody.write("generator-model", "fake")
    somebody.write("generator-concurrency", str(CONCURRENCY))
    somebody.tab("Rate")
    page.get_by_label("Rate rows as they are made").uncheck()
    somebody.tab("Generate")
    page.get_by_text("Answers to a prompt made from your columns").click()
    somebody.answered()
    page.get_by_label("Upload", exact=True).check()
    somebody.answered()
    with page.expect_file_chooser() as choosing:
        somebody.press("upload")
    choosing.value.set_files(str(file))
    somebody.answered()
    somebody.write("rows", str(ROWS))
    somebody.press("run")
    expect(page.locator("[data-run]")).not_to_have_attribute("data-run", "")
    return str(page.locator("[data-run]").get_attribute("data-run"))


def failed(response: Response, wrong: list[str]) -> None:
    """Keeps what was refused; what is another's has to be."""
    if response.status >= 400 and "/numbers/" not in response.url:
        wrong.append(f"{response.status} {response.url}")


def main(minutes: float) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        FakeOpenAI(latency=LATENCY) as server,
        sync_playwright() as playwright,
    ):
        data = Path(folder) / "data"
        app = App(data, ENVIRONMENT).start()
        process = app.process.pid if app.process else 0
        wrong: list[str] = []
        try:
            with contextlib.ExitStack() as ending:
                browsers = [playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS) for _ in range(2)]
                people, runs = {}, {}
                for number, name in enumerate(NAMES):
                    role = "admin" if not number else "curator"
                    words = [*claywright(), "--data", str(data), "users", "add", name, "--role", role]
                    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
                    file = Path(folder) / f"{name}.jsonl"
                    file.write_text(
                        "".join(json.dumps({"instruction": f"{name}, name river {k}."}) + "\n" for k in range(ROWS))
                    )
                    people[name] = ending.enter_context(person(browsers[number % 2]))
                    people[name].page.on("response", lambda response: failed(response, wrong))
                    runs[name] = begin(people[name], name, said.split()[-1], server.url, file)
                began, memory, saw = time.time(), [megabytes(process)], 0
                first = len(server.calls)
                turn = 0
                while time.time() - began < minutes * 60:
                    for number, name in enumerate(NAMES):
                        somebody, other = people[name], NAMES[(number + 1 + turn % 4) % 5]
                        somebody.page.goto(f"{app.url}/?run={runs[other]}&show=review")
                        expect(somebody.page.locator("[data-run]")).to_be_visible()
                        saw += f"{other}, name river" in somebody.page.content()
                        saw += somebody.page.request.get(f"{app.url}/numbers/{runs[other]}/dropped.csv").status != 404
                        somebody.page.goto(f"{app.url}/?run={runs[name]}&show=generate")
                        expect(somebody.page.locator("[data-run]")).to_have_attribute("data-run", runs[name])
                        somebody.tab(PAGES[turn % len(PAGES)])
                    turn += 1
                    memory.append(megabytes(process))
                calls = server.calls[first:]
                wrong += [f"{name}: {line}" for name, somebody in people.items() for line in somebody.complaints]
                for somebody in people.values():
                    somebody.tab("Generate")
                working = all(people[name].page.locator("#stop").is_visible() for name in NAMES)
        finally:
            said_by_app = app.stop()
    counts = Counter(json.dumps(call["body"]).partition(", name river")[0][-3:] for call in calls)
    named = {name: counts[name] for name in NAMES}
    apart = (max(named.values()) - min(named.values())) / (sum(named.values()) / len(named))
    print(
        f"{minutes:g} minutes, {turn} turns: calls {named}, apart {apart:.1%} of their mean; all at work at the end: {working}"
    )
    print(f"errors {len(wrong)} {wrong[:5]}; seen of another's run: {saw}; tracebacks {said_by_app.count('Traceback')}")
    before, after = (f"{max(part):.0f}" for part in (memory[: len(memory) // 2], memory[len(memory) // 2 :]))
    print(f"each turn: {' '.join(f'{each:.0f}' for each in memory)}")
    print(f"memory of the app: {memory[0]:.0f} MB at the beginning, {before} and {after} MB at most in the two halves")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10)
