"""The app behind a real nginx, over TLS and under a path: signing in, events, an upload, a preview, a file that is exported.

    python tests/bench/behind_proxy.py [SHOTS]

Debian's nginx (`apt-get install nginx-light`), `openssl`, and chromium. Once with a proxy that hands the whole path on, and once
with one that takes its beginning away.
"""

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.browser import CHROMIUM, FLAGS, App, person
from tests.conftest import claywright
from tests.odd_values import NOBODY
from tests.servers import FakeOpenAI
from tests.test_addresses import free_port

PASSWORD = "a long enough one"
PATH = "/tools/clay"
CONFIG = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ }}
http {{
  access_log {folder}/access.log; client_max_body_size 2g;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{public} ssl; ssl_certificate {folder}/cert; ssl_certificate_key {folder}/key;
    location {path} {{
      proxy_pass http://127.0.0.1:{app}{kept};
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_buffering off;
    }}
  }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, public: int, app: int, *, takes_path: bool) -> Iterator[None]:
    """nginx in front of the app."""
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([*words, "-keyout", folder / "key", "-out", folder / "cert"], check=True, capture_output=True)
    path, kept = (f"{PATH}/", "/") if takes_path else (PATH, "")
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, public=public, app=app, path=path, kept=kept))
    command = [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(config), "-e", str(folder / "error.log")]
    with subprocess.Popen(command) as running:
        try:
            time.sleep(0.5)
            yield
        finally:
            running.terminate()


def walk(browser: Browser, folder: Path, shots: Path | None, *, takes_path: bool) -> str:
    """The walk, and what came of it."""
    public, port = free_port(), free_port()
    data, url = folder / "data", f"https://localhost:{public}{PATH}"
    users = [*claywright(), "--data", str(data), "users"]
    environment = {"ARGILLA_API_URL": NOBODY, "ARGILLA_API_KEY": "key", "CLAYWRIGHT_URL": url}
    subprocess.run([*users, "add", "ann", "--role", "admin"], check=True, capture_output=True)
    app = App(data, {**environment, "CLAYWRIGHT_TRUSTED_PROXIES": "127.0.0.1"})
    answers: list[tuple[int, str]] = []
    with FakeOpenAI() as model, nginx(folder, public, port, takes_path=takes_path):
        app.start(port)
        assert app.url == url, app.said
        try:
            with person(browser, ignore_https_errors=True, accept_downloads=True) as ann:
                page = ann.page
                page.on("response", lambda response: answers.append((response.status, response.url)))
                said = subprocess.run([*users, "link", "ann"], capture_output=True, text=True, check=True).stdout
                page.goto(said.split()[-1])
                page.get_by_label("Password").fill(PASSWORD)
                page.get_by_label("Once more").fill(PASSWORD)
                page.get_by_role("button", name="Set it and sign in").click()
                expect(page.locator("[data-run]")).to_be_visible()
                assert page.url.startswith(f"{url}/"), page.url
                ann.tab("Models")
                ann.choose("generator-preset", "Another address")
                ann.write("generator-url", model.url)
                ann.write("generator-model", "fake")
                ann.tab("Rate")
                page.get_by_label("Rate rows as they are made").uncheck()
                ann.tab("Generate")
                page.get_by_text("Instructions and answers that you have").click()
                ann.answered()
                file = folder / "rows.jsonl"
                file.write_text(
                    "".join(f'{{"instruction": "Name river {k}.", "response": "Elbe."}}\n' for k in range(5))
                )
                page.get_by_label("Upload", exact=True).check()
                ann.answered()
                with page.expect_file_chooser() as chooser:
                    ann.press("upload")
                chooser.value.set_files(str(file))
                ann.wait("rows.jsonl")
                ann.answered()
                ann.press("run")
                ann.wait("Done: 5 rows")
                ann.tab("Review")
                expect(page.locator(".detail")).to_be_visible()
                ann.key("a")
                ann.counted("approved", 1)
                ann.tab("Export")
                ann.press("export")
                with page.expect_download() as download:
                    page.get_by_role("link", name=re.compile("^Download")).first.click()
                lines = download.value.path().read_text().count("\n")
                for shown in ("people", "account"):
                    page.goto(f"{url}/{shown}")
                    expect(page.get_by_role("heading", level=1)).to_be_visible()
                    if shots:
                        page.screenshot(path=shots / f"{shown}.png")
                page.get_by_role("link", name="Back to the runs").click()
                expect(page.locator("[data-run]")).to_be_visible()
                page.locator("details.switch summary").click()
                with ann.context.expect_page() as beside:
                    page.get_by_role("link", name="Share").click()
                expect(beside.value.get_by_role("heading", level=1)).to_contain_text("Who sees")
                beside.value.get_by_role("link", name="Back to the run").click()
                expect(beside.value.locator("[data-run]")).to_be_visible()
                page.get_by_role("button", name="Sign out").click()
                expect(page.get_by_role("heading", name="Sign in to Claywright")).to_be_visible()
                wrong = sorted({answer for answer in answers if answer[0] >= 400} - {(401, f"{url}/")})
                outside = {address for _, address in answers if not address.startswith(f"{url}/") and address != url}
                seen = f"{lines} lines exported, {len(answers)} answers"
                return f"{seen}, wrong {wrong}, outside the path {sorted(outside)}, foreign {ann.foreign}"
        finally:
            app.stop()


if __name__ == "__main__":
    shots = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for takes_path in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                seen = walk(chromium, Path(folder), shots, takes_path=takes_path)
                print(f"{'path taken away' if takes_path else 'whole path'}: {seen}", flush=True)
