"""What is shown of files that blow up, and what looking into each of them takes: a Markdown table.

`uv run python -m tests.bench.bombs [NAME...]`; it writes some hundreds of megabytes into a temporary folder, one at a time.
"""

import sys
import tempfile
from pathlib import Path

from app.inputs.uploads import LOOKED_FOR
from tests import bombs
from tests.bench.meter import environment, taken

MOST_SECONDS, MOST_MIB = LOOKED_FOR + 2, 1024  # the program's own start is measured too


def main() -> None:
    every = {**bombs.QUICK, **bombs.SLOW}
    worse = 0
    print("| bomb | file | seconds | peak MiB | shown |\n| --- | --- | --- | --- | --- |")
    for name in sys.argv[1:] or every:
        with tempfile.TemporaryDirectory(prefix="claywright-bombs-") as folder:
            path = Path(folder) / name
            every[name](path)
            words = [sys.executable, "-m", "tests.bombs", str(LOOKED_FOR), "-1", str(path)]
            took = taken(words, environment())
            size = path.lstat().st_size
        seen = took.said
        rows = f"{'more than ' * seen['more']}{seen['rows']:,} rows" if seen.get("rows") or seen.get("more") else ""
        shown = " ".join(part for part in (rows, seen.get("words", took.complaint[-200:])) if part).replace(folder, "")
        bad = took.code or took.seconds > MOST_SECONDS or took.mib > MOST_MIB
        worse += bool(bad)
        print(
            f"| {name}{' **worse**' * bool(bad)} | {size / 1000:,.0f} kB | {seen.get('seconds', took.seconds):.1f}"
            f" | {took.mib:.0f} | {shown} |",
            flush=True,
        )
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
