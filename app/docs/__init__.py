"""The documentation that comes along with the app: the Markdown files beside this one, one a topic."""

from functools import cache
from pathlib import Path

from app.errors import DocumentationError

FOLDER = Path(__file__).parent
TOPICS = (
    "start",
    "models",
    "recipes",
    "tasks",
    "import",
    "rating",
    "checks",
    "review",
    "argilla",
    "agreement",
    "quality",
    "export",
    "python",
    "scale",
    "reliability",
    "security",
    "team",
    "deploy",
)
"""In the order in which they are listed; each is a file of that name."""
PAGES = {
    "models": "models",
    "generate": "tasks",
    "rate": "rating",
    "review": "review",
    "insights": "agreement",
    "export": "export",
}
"""The topic of each page of the app."""


@cache
def text(topic: str) -> str:
    """The Markdown of a topic. Raises DocumentationError for one that there is not."""
    if topic not in TOPICS:
        raise DocumentationError(f"There is no document '{topic}'. There are: {', '.join(TOPICS)}.")
    return (FOLDER / f"{topic}.md").read_text(encoding="utf-8")


def title(topic: str) -> str:
    """The first heading of a topic. Raises DocumentationError for one that there is not."""
    return text(topic).partition("\n")[0].removeprefix("#").strip()
