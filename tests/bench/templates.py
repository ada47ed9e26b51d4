"""What foreign templates cost: heavy ones in seconds and in MB of the process that renders them, usual ones in milliseconds.

    python tests/bench/templates.py [--times 3000]
    python tests/bench/templates.py --app

Run by hand. Prints a line for each heavy template (as a prompt, and in front of a chat template), and what a usual one takes;
or how soon the running app answers `/healthz` while each is typed into its field.
"""

import argparse
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tasks.errors import ClaywrightError
from tasks.models.chat_templates import Template, open_user_turn
from tasks.models.template_families import FAMILIES
from tasks.prompts import columns_in, render_foreign
from tasks.templates.sandbox import SANDBOX
from tests.browser import ADDRESSES, running
from tests.hostile_templates import HEAVY, ODD, TALK, chat_templates
from tests.odd_values import NOBODY

USUAL = "You are a {{ role | lower }}.\n{% if context %}Context: {{ context }}\n{% endif %}\nQuestion: {{ question }}\n"
PLAIN = "Context: {{ context }}\n\nQuestion: {{ question }}\n"


def ended(work: Callable[[], str]) -> tuple[float, str]:
    """(seconds, how it ended)."""
    started = time.perf_counter()
    try:
        said = f"{len(work()):,} characters"
    except ClaywrightError as error:
        said = str(error)
    return time.perf_counter() - started, said


def prompt(source: str) -> str:
    columns_in(source)
    return render_foreign(source, {"a": "tides"})


def peak() -> int:
    """MB of the greatest process that has ended."""
    SANDBOX.close()
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


def usual(times: int) -> None:
    for what, source in (("a prompt of columns", PLAIN), ("a prompt with filters and a condition", USUAL)):
        rows = [{"role": "Tutor", "context": "The moon.", "question": f"Why {n}?"} for n in range(times)]
        columns_in(source), render_foreign(source, {**rows[0], "question": "?"})
        started = time.perf_counter()
        for row in rows:
            render_foreign(source, row)
        print(f"{what}: {1000 * (time.perf_counter() - started) / times:.4f} ms")
    family = FAMILIES["llama3.1"].source
    for what, source in (("a family's chat template", family), ("a server's chat template", family + "{# theirs #}")):
        template = Template(source, "", "</s>")
        open_user_turn(template, TALK[:1])
        started = time.perf_counter()
        for n in range(times):
            open_user_turn(
                template, [TALK[0], {"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "So."}]
            )
        print(f"{what}, a turn of two renderings: {1000 * (time.perf_counter() - started) / times:.4f} ms")


def app_meanwhile() -> None:
    """Types each heavy template into the app's field, asks for the prompt, and meanwhile whether the app is well."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), ARGILLA_API_URL=NOBODY) as app:
        with httpx.Client(base_url=app.url, follow_redirects=True, timeout=60) as person:
            person.get(ADDRESSES[app.url]).raise_for_status()
            config = person.get("/config").json()
            ids = {c["props"].get("elem_id"): c["id"] for c in config["components"]}
            held = {c["id"]: c["props"].get("value") for c in config["components"]}

            def send(event: dict[str, Any]) -> str:
                data = ["", "generate", 0, *(held[k] for k in event["inputs"][3:])]
                asked = {"fn_index": event["id"], "data": data, "session_hash": "bench", "event_data": None}
                return person.post("/gradio_api/run/predict", json=asked).raise_for_status().text

            def change(elem: str, value: str) -> None:
                events = [dep for dep in config["dependencies"] if ids[elem] in dep["inputs"]]
                held[ids[elem]] = value
                send(min(events, key=lambda dep: len(dep["inputs"])))

            def prompt_shown() -> str:
                return send(next(d for d in config["dependencies"] if [ids["peek"], "click"] in d["targets"]))

            change("task", "text-generation")
            change("pasted", "tides")
            waits: list[float] = []
            over = threading.Event()

            def ask() -> None:
                with httpx.Client(base_url=app.url, timeout=60) as other:
                    while not over.wait(0.02):
                        started = time.perf_counter()
                        other.get("/healthz").raise_for_status()
                        waits.append(time.perf_counter() - started)

            asking = threading.Thread(target=ask)
            asking.start()
            slowest = 0.0
            for source in HEAVY.values():
                started = time.perf_counter()
                change("text-generation-template", "{% set a = instruction %}" + source)
                prompt_shown()
                slowest = max(slowest, time.perf_counter() - started)
            over.set()
            asking.join()
        waits.sort()
        middle = waits[len(waits) // 2]
        print(
            f"{len(HEAVY)} templates typed, the slowest answered after {slowest:.2f} s; /healthz asked {len(waits)} times"
            f" meanwhile: median {1000 * middle:.0f} ms, slowest {1000 * waits[-1]:.0f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3000)
    parser.add_argument("--app", action="store_true")
    asked = parser.parse_args()
    if asked.app:
        app_meanwhile()
        return
    slowest, greatest = 0.0, 0
    work: list[tuple[str, Callable[[], str]]] = []
    for what, source in {**HEAVY, **ODD}.items():
        work.append((f"prompt: {what}", lambda source=source: prompt(source)))  # type: ignore[misc]
    for what, source in chat_templates().items():
        work.append((f"chat: {what}", lambda source=source: open_user_turn(Template(source), TALK).prompt))  # type: ignore[misc]
    for what, one in work:
        seconds, said = ended(one)
        slowest, greatest = max(slowest, seconds), max(greatest, peak())
        print(f"{seconds:6.2f} s  at most {greatest:3} MB  {what}: {said[:110]}", flush=True)
    print(f"\n{len(work)} templates: the slowest {slowest:.2f} s, the greatest process {greatest} MB")
    usual(asked.times)


if __name__ == "__main__":
    main()
