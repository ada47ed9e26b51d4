"""What an opened page costs, and whether it is given back: opens the page of a running app a thousand times, closes it, and asks
the system how much memory the app has.

    python tests/bench/openings.py [TIMES]
"""

import json
import re
import sys
import tempfile
import time
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.browser import ADDRESSES, running


def resident(pid: int) -> float:
    """MB that a process holds."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def opened(client: httpx.Client, config: dict[str, object], session: str, *, closed: bool) -> None:
    """The page is loaded as a browser does it; where it is `closed`, its heartbeat ends."""
    client.get("/").raise_for_status()
    loads = next(d for d in config["dependencies"] if any(name == "load" for _, name in d["targets"]))  # type: ignore[attr-defined]  # as JSON has it
    asked = {"fn_index": loads["id"], "data": [], "session_hash": session, "event_data": None}
    client.post("/gradio_api/run/predict", content=json.dumps(asked)).raise_for_status()
    if closed:
        with client.stream("GET", f"/gradio_api/heartbeat/{session}") as beats:
            next(beats.iter_raw())


def main(times: int) -> None:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), ARGILLA_API_URL="http://127.0.0.1:9") as app:
        assert app.process is not None
        headers = {"content-type": "application/json"}
        with httpx.Client(base_url=app.url, follow_redirects=True, timeout=60, headers=headers) as client:
            client.get(ADDRESSES[app.url]).raise_for_status()
            config = client.get("/config").json()
            for closed in (True, False):
                for number in range(60):
                    opened(client, config, f"warm{closed}{number}", closed=closed)
                time.sleep(3)
                before = resident(app.process.pid)
                for number in range(times):
                    opened(client, config, f"page{closed}{number}", closed=closed)
                time.sleep(5)
                after = resident(app.process.pid)
                how = "opened and closed" if closed else "opened and forgotten"
                print(
                    f"{times} {how}: {before:.0f} MB before, {after:.0f} MB after: {after - before:+.1f} MB", flush=True
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
