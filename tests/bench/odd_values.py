"""All odd values into every field of every page, one after the other: who is locked out, what is a traceback, is the app alive.

python tests/bench/odd_values.py
"""

import contextlib
import io
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from app.config import Settings
from app.store import Store
from tests.desks import at_desk
from tests.odd_values import NOBODY, ODD, Browser


def main() -> None:
    began, locked, tracebacks, tried = time.monotonic(), [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        here = Settings(data=Path(folder), owner="tester", argilla_url=NOBODY, argilla_key="key")
        with Store(here.data) as store, at_desk(store, here) as desk:
            browser = Browser.at(desk)
            with browser.client:
                browser.arrive()
                (name,) = desk._filled
                desk.keep(name, {"generator.preset": "scripted", "labeller.preset": "scripted"})
                for event, component, place in browser.fields:
                    heard = io.StringIO()
                    with contextlib.redirect_stderr(heard), contextlib.redirect_stdout(heard):
                        for value in ODD:
                            browser.change(event, place, value)
                            tried += 1
                            if not browser.arrive():
                                locked.append((component.elem_id or component.label, repr(value)[:40]))
                                desk._filled.clear()
                                store.db.write(lambda c: c.execute("DELETE FROM forms") and None)
                    tracebacks += heard.getvalue().count("Traceback")
                alive = browser.client.get("/healthz").json()["ok"]
                fields = len(browser.fields)
    minutes = (time.monotonic() - began) / 60
    print(
        f"{fields} fields, {len(ODD)} values each, {tried:,} tries in {minutes:.1f} min: {len(locked)} lock-outs, "
        f"{tracebacks} tracebacks, app {'alive' if alive else 'dead'}"
    )
    for field, value in locked[:50]:
        print(f"  {field}: {value}")


if __name__ == "__main__":
    main()
