"""What `claywright import` of a gigabyte takes, as CSV, JSON Lines, JSON and Parquet: a Markdown table.

`uv run python -m tests.bench.import_large [GIGABYTES] [ENDING...]`; it writes one file at a time into a temporary folder. The rows
are long, so that the store, which keeps each of them, is no more than part of it. Ends with code 1 where a file takes 200 MiB
more than one of five megabytes.
"""

import csv
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.meter import environment, taken
from tests.conftest import claywright

MOST_MIB = 200
SMALL = 5 * 10**6
"""Bytes of the file that shows what the program takes by itself."""
LENGTH = 100_000
"""Characters of a row, some."""
TEXT = "The river rises in the hills, and what it carries it leaves where it slows. "


def rows(size: int) -> Iterator[dict[str, str]]:
    for number in range(max(1, size // LENGTH)):
        yield {"id": f"{number:09}", "instruction": f"Go on, {number}.", "response": TEXT * (LENGTH // len(TEXT))}


def as_csv(path: Path, size: int) -> None:
    with path.open("w", newline="") as file:
        out = csv.DictWriter(file, ["id", "instruction", "response"], delimiter=";")
        out.writeheader()
        out.writerows(rows(size))


def as_lines(path: Path, size: int) -> None:
    with path.open("w") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows(size))


def as_json(path: Path, size: int) -> None:
    with path.open("w") as file:
        file.write('{"version": 1, "data": [')
        file.writelines(f"{',' * bool(number)}\n{json.dumps(row)}" for number, row in enumerate(rows(size)))
        file.write("]}")


def as_parquet(path: Path, size: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in ("id", "instruction", "response")])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as out:
        for row in rows(size):
            out.write_table(pa.Table.from_pylist([row], schema), row_group_size=1)


WRITERS: dict[str, Callable[[Path, int], None]] = {
    ".csv": as_csv, ".jsonl": as_lines, ".json": as_json, ".parquet": as_parquet,
}  # fmt: skip


def main() -> None:
    size = int(float(sys.argv[1]) * 10**9) if sys.argv[1:] else 10**9
    worse = 0
    print("| file | MB | rows | seconds | peak MiB | of 5 MB | MB/s |\n| --- | --- | --- | --- | --- | --- | --- |")
    for ending in sys.argv[2:] or WRITERS:
        peaks = []
        for part in (SMALL, size):
            with tempfile.TemporaryDirectory(prefix="claywright-large-") as folder:
                path = Path(folder) / f"rows{ending}"
                WRITERS[ending](path, part)
                megabytes = path.stat().st_size / 10**6
                words = [*claywright(), "--data", f"{folder}/data", "import", str(path), "--json"]
                took = taken(words, environment())
            if took.code:
                sys.exit(f"{ending}: {took.complaint[-500:]}")
            peaks.append(took.mib)
        more = peaks[1] - peaks[0]
        worse += more > MOST_MIB
        print(
            f"| {ending} | {megabytes:,.0f} | {took.said['counts']['answered']:,} | {took.seconds:.0f} | {peaks[1]:.0f}"
            f" | {peaks[0]:.0f}{' **worse**' * (more > MOST_MIB)} | {megabytes / took.seconds:.0f} |",
            flush=True,
        )
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
