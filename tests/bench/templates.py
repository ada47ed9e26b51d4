"""What foreign templates cost: heavy ones in seconds and in MB of the process that renders them, usual ones in milliseconds.

    python tests/bench/templates.py [--times 3000]

Run by hand. Prints a line for each heavy template (as a prompt, and in front of a chat template), and what a usual one takes.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tasks.errors import ClaywrightError
from tasks.models.chat_templates import Template, open_user_turn
from tasks.models.families import FAMILIES
from tasks.prompts import columns_in, render_foreign
from tasks.template_sandbox import SANDBOX
from tests.hostile_templates import HEAVY, ODD, TALK, chat_templates

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3000)
    asked = parser.parse_args()
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
