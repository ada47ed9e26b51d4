"""All odd values into every field of every page, one after the other: who is locked out, what is a traceback, is the app alive.
Then from every button: each word of each, with each odd value in each place and in one of them.

python tests/bench/odd_values.py [PART OF]     (as 0 2 and 1 2: half of the fields each, no buttons)
"""

import contextlib
import io
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from app.config import Settings
from app.runs import row_edits
from app.store.store import Store
from app.web.state import AppState
from tests.make_runs import made_of, with_run
from tests.make_state import at_desk
from tests.odd_values import NOBODY, ODD, ODD_SAID, Browser, said_by, words_of_buttons


def main(part: int, parts: int) -> None:
    began, locked, tracebacks, tried = time.monotonic(), [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        here = Settings(data=Path(folder), owner="tester", argilla_url=NOBODY, argilla_key="key")
        with Store(here.data) as store, at_desk(store, here) as desk:
            browser = Browser.at(desk)
            with browser.client:
                browser.arrive()
                (name,) = desk._filled
                desk.keep(name, {"generator.preset": "scripted", "labeller.preset": "scripted"})
                for event, component, place in browser.fields[part::parts]:
                    heard = io.StringIO()
                    with contextlib.redirect_stderr(heard), contextlib.redirect_stdout(heard):
                        for k, value in enumerate(ODD, 1):
                            browser.change(event, place, value)
                            tried += 1
                            if not browser.arrive(everywhere=k == len(ODD)):
                                locked.append((component.elem_id or component.label, repr(value)[:40]))
                                desk._filled.clear()
                                store.db.write(lambda c: c.execute("DELETE FROM forms") and None)
                    tracebacks += heard.getvalue().count("Traceback")
                pressed, stuck, printed = buttons(browser, desk) if parts == 1 else (0, [], "")
                tracebacks += printed.count("Traceback")
                alive = browser.client.get("/healthz").json()["ok"]
                fields = len(browser.fields[part::parts])
    minutes = (time.monotonic() - began) / 60
    print(
        f"{fields} fields, {len(ODD)} values each, {tried:,} tries in {minutes:.1f} min: {len(locked)} lock-outs, "
        f"{tracebacks} tracebacks, app {'alive' if alive else 'dead'}"
    )
    print(f"{pressed:,} presses of buttons: {len(stuck)} were not answered")
    print(*dict.fromkeys(line for line in printed.splitlines() if line[:1].strip() and ": " in line), sep="\n")
    for what in stuck[:50]:
        print(f"  {what}")
    for field, value in locked[:50]:
        print(f"  {field}: {value}")


def buttons(browser: Browser, desk: AppState) -> tuple[int, list[str], str]:
    """(how many presses, those that were not answered, what the app printed meanwhile)."""
    run = with_run(desk.store, 3, responses=2)
    row, _, last = desk.store.rows.page(run.id, 0, 3)
    row_edits.drop(desk.store, last.id)
    desk.saved.keep_recipe("kept", made_of())
    desk.saved.keep_models("kept", desk.usual)
    said, stuck, heard, number = said_by(row, run.id), [], io.StringIO(), 0
    with contextlib.redirect_stderr(heard), contextlib.redirect_stdout(heard):
        for event in browser.buttons:
            for word in [*words_of_buttons(), *ODD_SAID]:
                for k, value in enumerate(ODD_SAID):
                    name = list(said)[(number + k) % len(said)]
                    for odd in (dict.fromkeys(said, value), {**said, name: value}):
                        number += 1
                        status, _ = browser.press(event, run.id, {**odd, "act": word}, anew=number % 50 == 1)
                        if status != 200:
                            stuck.append(f"{word!r:.20} {name}: {value!r:.40}")
                            browser.press(event, run.id, {}, anew=True)
    assert browser.arrive()
    return number, stuck, heard.getvalue()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3] or ("0", "1")))
