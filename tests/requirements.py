"""What the local services need, each file by its hash: made from the scripts' own metadata, for all systems and Pythons.

`uv run python -m tests.requirements` writes it anew, which is due whenever the metadata of a script changes, its date too.
Overrides are resolved in it already. No line names a host.
"""

import hashlib
import re
import subprocess
from pathlib import Path

import uv

from app.services import ARGILLA, MODEL, Service

METADATA = re.compile(r"^# /// script$.*?^# ///$", re.MULTILINE | re.DOTALL)
HEAD = "# What {script} needs, by hash. Made by: python -m tests.requirements\n# metadata {digest}\n"


def digest(script: Path) -> str:
    """Names the inline metadata of a script."""
    found = METADATA.search(script.read_text(encoding="utf-8"))
    assert found, f"{script} has no inline metadata"
    return hashlib.sha256(found[0].encode()).hexdigest()


def head(service: Service) -> str:
    return HEAD.format(script=service.script.name, digest=digest(service.script))


def made(service: Service) -> str:
    """The file's whole content, asked of the index."""
    command = [uv.find_uv_bin(), "export", "--quiet", "--script", str(service.script), "--format", "requirements.txt"]
    listed = subprocess.run([*command, "--no-header", "--no-annotate"], check=True, capture_output=True, text=True)
    return head(service) + listed.stdout


if __name__ == "__main__":
    for each in (ARGILLA, MODEL):
        each.requirements.write_text(made(each), encoding="utf-8")
