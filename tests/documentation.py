"""The documents that users and developers read, and the examples in them."""

import re
from pathlib import Path

from app import docs

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
TOPICS = [docs.FOLDER / f"{topic}.md" for topic in docs.TOPICS]
DEVELOPERS = [
    ROOT / "app/README.md",
    ROOT / "app/deploy/README.md",
    ROOT / "feedback/README.md",
    ROOT / "tasks/README.md",
    ROOT / "tests/README.md",
    ROOT / "tests/bench/README.md",
    ROOT / ".github/CONTRIBUTING.md",
    ROOT / ".github/SECURITY.md",
]


def blocks(language: str, *paths: Path) -> list[str]:
    """The code blocks in that language, of README and of all topics where no path is given."""
    texts = (path.read_text(encoding="utf-8") for path in paths or (README, *TOPICS))
    return [block for text in texts for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)]
