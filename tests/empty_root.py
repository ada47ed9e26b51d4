"""Runs the steps of app/deploy/Containerfile in an empty root, without a container engine: `python -m tests.empty_root FOLDER`.

By hand and as root, on Linux. FOLDER is a root with Debian and Python in it (app/deploy/README.md says how to make one). The steps
run in order, as in one stage; then the image's command runs as its user, with the root read-only but for /data and /tmp, its health
check is asked until it answers, and SIGTERM ends it.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from app.cli.output import say
from tests.documentation import ROOT

CONTAINERFILE = ROOT / "app/deploy/Containerfile"
URL = {"CLAYWRIGHT_URL": "https://data.example.org", "CLAYWRIGHT_TRUSTED_PROXIES": "127.0.0.1"}
"""What whoever starts the image has to say."""
PORT, FREE_PORT = "7860", "47860"
"""The image's port, and one in its place, as this machine's network is used and may have an app already."""
NETWORK = {name: os.environ[name] for name in ("SSL_CERT_FILE", "HTTPS_PROXY", "NO_PROXY") if name in os.environ}
"""What this machine's network asks for: the file of certificates has to be in the root too."""
MOUNTS = """
set -e
mount --make-rprivate /
mount --bind "$0" "$0"
mount -o remount,bind,ro "$0"
mount -t proc proc "$0/proc"
mount -t tmpfs -o mode=755 dev "$0/dev"
for name in null zero random urandom; do touch "$0/dev/$name"; mount --bind "/dev/$name" "$0/dev/$name"; done
mount -t tmpfs -o mode=1777,size=1g tmp "$0/tmp"
mount --bind "$1" "$0/data"
shift
exec /usr/sbin/chroot --userspec=10001:10001 "$@"
"""
"""What stands for the engine: $0 is the root, $1 the volume, then the root and the command."""


@dataclass
class Image:
    """What a Containerfile says of an image, and the steps that lead to it."""

    steps: list[tuple[str, str]] = field(default_factory=list)
    """(instruction, the rest of it), in order."""

    def last(self, name: str) -> str:
        return [rest for instruction, rest in self.steps if instruction == name][-1]

    def words(self, name: str) -> list[str]:
        """The last of those instructions as a list of words, which is how ENTRYPOINT, CMD and HEALTHCHECK are written."""
        found: list[str] = json.loads(self.last(name)[self.last(name).index("[") :])
        return found

    def environment(self, before: dict[str, str]) -> dict[str, str]:
        """That of the last stage, on top of `before`."""
        at = max(k for k, (instruction, _) in enumerate(self.steps) if instruction == "FROM")
        found = dict(before)
        for instruction, rest in self.steps[at:]:
            if instruction == "ENV":
                found |= assigned(rest, found)
        return found


def assigned(rest: str, before: dict[str, str]) -> dict[str, str]:
    """The variables of an ENV, with those of before in them."""
    pairs = (word.partition("=") for word in shlex.split(rest))
    return {name: re.sub(r"\$(\w+)", lambda match: before.get(match[1], ""), value) for name, _, value in pairs}


def read(path: Path = CONTAINERFILE) -> Image:
    """The instructions of a Containerfile."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return Image([(line.split()[0], line.split(maxsplit=1)[1].strip()) for line in joined.splitlines() if line.strip()])


def build(root: Path, image: Image) -> None:
    """Runs all steps in the root. Raises CalledProcessError."""
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", **NETWORK}
    folder = "/"
    for instruction, rest in image.steps:
        if instruction == "ENV":
            environment |= assigned(rest, environment)
        elif instruction == "WORKDIR":
            folder = rest
            (root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif instruction == "COPY" and not rest.startswith("--from"):
            for name in ("app", "feedback", "tasks"):
                shutil.copytree(ROOT / name, root / folder.lstrip("/") / name, dirs_exist_ok=True)
            for name in ("pyproject.toml", "README.md", "LICENSE"):
                shutil.copy(ROOT / name, root / folder.lstrip("/") / name)
        elif instruction == "RUN":
            say(f"RUN {rest[:100]}")
            within = ["/usr/sbin/chroot", str(root), "/bin/sh", "-c", f"cd {folder} && {rest}"]
            began = time.monotonic()
            subprocess.run(within, env=environment, check=True)
            say(f"    {time.monotonic() - began:.0f} s")


def start(root: Path, volume: Path, image: Image, *words: str) -> "subprocess.Popen[bytes]":
    """The image's command in the root, which is read-only; other words in place of CMD where there are any."""
    environment = image.environment({"PATH": "/usr/local/bin:/usr/bin:/bin"}) | URL | NETWORK
    command = [*image.words("ENTRYPOINT"), *(words or _with_free_port(image.words("CMD")))]
    engine = ["/usr/bin/unshare", "-m", "/bin/sh", "-c", MOUNTS, str(root), str(volume), str(root)]
    return subprocess.Popen([*engine, *command], env=environment)


def healthy(root: Path, image: Image) -> bool:
    """What the image's health check says, in a root that is as good as the one in which the app runs."""
    command = ["/usr/sbin/chroot", str(root), *_with_free_port(image.words("HEALTHCHECK"))]
    return subprocess.run(command, env=image.environment({}), stderr=subprocess.DEVNULL, check=False).returncode == 0


def _with_free_port(words: list[str]) -> list[str]:
    return [word.replace(PORT, FREE_PORT) for word in words]


def main(folder: str) -> None:
    """All of it."""
    root, volume, image = Path(folder).resolve(), Path(f"{folder}-data").resolve(), read()
    build(root, image)
    volume.mkdir(mode=0o700, exist_ok=True)
    os.chown(volume, 10001, 10001)
    say(f"exit code without people: {start(root, volume, image).wait()}")
    start(root, volume, image, "users", "add", "ann", "--role", "admin", "--address", URL["CLAYWRIGHT_URL"]).wait()
    app = start(root, volume, image)
    while app.poll() is None and not healthy(root, image):
        time.sleep(1)
    say(f"healthy: {app.poll() is None}")
    time.sleep(60)  # for what the app installs: the built-in model and Argilla
    say(f"in the volume: {sorted(path.name for path in volume.iterdir())}")
    say(f"of the users {sorted({path.lstat().st_uid for path in volume.rglob('*')})}")
    app.terminate()
    say(f"exit code after SIGTERM: {app.wait()}")


if __name__ == "__main__":
    main(sys.argv[1])
