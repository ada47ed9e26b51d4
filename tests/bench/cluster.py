"""A Ray cluster of two nodes on this machine: its speed over that of `urls`, its start and memory, and 50 kills in mid-run.

    uv run python tests/bench/cluster.py --turns 3 --kills 50 --seed 1
    uv run python tests/bench/cluster.py --turns 0 --kills 0 --built-in

Two nodes of one CPU and two replicas, each the fake endpoint as a program. `--kills`: at a random moment of a rated run, kill -9
of a replica's server, of its actor or of the owner, or a node taken away without grace; each gone on with to the end.
`--built-in`: rows by the built-in model's real server in place of the fake. `--latency 0.05`: servers that are faster than two
cores can be. Prints Markdown tables; a turn takes about half a minute, a kill ten seconds.
"""

import argparse
import json
import os
import random
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app import services
from app.config import Settings
from app.store.store import Store
from tasks import local as local_model
from tasks.cluster.local_folder import make_token
from tasks.cluster.replicas import BEFORE_IMPORT, SMALLEST_STORE
from tests.bench.meter import environment, memory, tree
from tests.serve_fake import calls, lines, servers

ROOT = Path(__file__).resolve().parents[2]
ROWS, PLACES, LATENCY, REPLICAS = 1000, 20, 0.2, 2
KILLED_ROWS, KILLED_PLACES, KILLED_LATENCY = 120, 4, 0.03
KINDS = ("server", "actor", "node", "owner")
RATED = '[task]\nkind = "magpie"\n[rating]\naspects = ["helpfulness"]\n'


class TwoNodes:
    """A cluster of a head, where the runs' owners are, and a node that can be taken away."""

    def __init__(self) -> None:
        os.environ.update(BEFORE_IMPORT)
        make_token(os.environ)
        from ray.cluster_utils import Cluster

        self.size: dict[str, Any] = {"num_cpus": 1, "object_store_memory": SMALLEST_STORE}
        began = time.perf_counter()
        self.cluster = Cluster(initialize_head=True, head_node_args={**self.size, "include_dashboard": False})
        self.second = self.cluster.add_node(**self.size)
        self.cluster.wait_for_nodes()
        self.started_in = time.perf_counter() - began

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def lose(self) -> None:
        """The second node is gone, and another one comes."""
        self.cluster.remove_node(self.second, allow_graceful=False)
        self.second = self.cluster.add_node(**self.size)

    def stop(self) -> None:
        self.cluster.shutdown()


def fake(folder: Path, latency: float, port: str = "{port}") -> str:
    return f"{sys.executable} {ROOT / 'tests/serve_fake.py'} --port {port} --calls {folder} --latency {latency}"


def recipe(folder: Path, generator: str, rows: int, places: int, cluster: str = "", tables: str = RATED) -> Path:
    model = f'[generator]\n{generator}\nmodel = "fake"\ntemplate = "chatml"\nconcurrency = {places}\n'
    file = folder / "recipe.toml"
    file.write_text(f'name = "many"\nrows = {rows}\nseed = 3\n{model}{cluster}{tables}', encoding="utf-8")
    return file


def on(address: str, command: str) -> str:
    settings = f"replicas = {REPLICAS}\ngpus_per_replica = 0\ncommand = {json.dumps(command)}\n"
    return f'[cluster]\naddress = "{address}"\n{settings}'


def words(folder: Path, file: Path, command: str = "") -> list[str]:
    run = ["claywright", "--data", str(folder / "data"), "run", str(file), "--no-push", "--json", "--as", "many"]
    return [*run, *(["--allow-command", command] if command else [])]


@dataclass
class Worked:
    """A run from its first call to its last answer."""

    calls_a_second: float
    first_call: float
    first_row: float
    memory: dict[str, float]


def worked(folder: Path, came: Path, line: list[str], rows: int, look: Callable[[], dict[str, float]]) -> Worked:
    began, held = time.time(), dict[str, float]()
    with (
        (folder / "out").open("w") as out,
        subprocess.Popen(line, env=environment(), stdout=out, stderr=out) as process,
    ):
        while process.poll() is None:
            time.sleep(0.2)
            if not held and len(calls(came, "answered")) > rows:
                held = look()
    if process.returncode:
        raise SystemExit((folder / "out").read_text())
    times = {what: sorted(called_at(came, what)) for what in ("came", "answered")}
    seconds = times["answered"][-1] - times["came"][0]
    return Worked(len(times["answered"]) / seconds, times["came"][0] - began, first_row(came) - began, held)


def called_at(came: Path, what: str) -> list[float]:
    return [line["time"] for line in lines(came, what)]


def first_row(came: Path) -> float:
    """When the first response to an instruction was sent."""
    return min(float(line["time"]) for line in lines(came, "answered") if "/chat/" in line["path"])


def by_urls(folder: Path, rows: int, latency: float) -> Worked:
    folder.mkdir()
    (came := folder / "calls").mkdir()
    ports = [free_port() for _ in range(REPLICAS)]
    running = [subprocess.Popen(shlex.split(fake(came, latency, str(port)))) for port in ports]
    try:
        while len(servers(came)) < REPLICAS:
            time.sleep(0.05)
        where = "urls = " + json.dumps([f"http://127.0.0.1:{port}/v1" for port in ports])
        return worked(folder, came, words(folder, recipe(folder, where, rows, PLACES)), rows, dict)
    finally:
        for process in running:
            process.kill()
            process.wait()


def by_cluster(folder: Path, nodes: TwoNodes, rows: int, latency: float) -> Worked:
    folder.mkdir()
    (came := folder / "calls").mkdir()
    command = fake(came, latency)
    file = recipe(folder, 'preset = "cluster"', rows, PLACES, on(nodes.address, command))
    return worked(folder, came, words(folder, file, command), rows, memories)


def memories() -> dict[str, float]:
    """MiB of the processes of the bench, by kind: what they share with others is divided among them."""
    held: defaultdict[str, float] = defaultdict(float)
    kinds = {
        "claywright": "owner", "ray::ModelServer": "actors", "supervisor.py": "supervisors", "serve_fake.py": "fakes",
        "gcs_server": "gcs", "raylet/raylet": "raylets", "dashboard": "Ray's agents", "agent": "Ray's agents",
        "monitor": "Ray's agents",
    }  # fmt: skip
    for pid in tree(os.getpid())[1:]:
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        held[next((kind for word, kind in kinds.items() if word in line), "Ray's idle workers")] += memory(pid)
    return dict(held)


def free_port() -> int:
    from tasks.cluster.server import free_port

    return free_port()


# -- kills


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(kind: str, owner: int, came: Path, nodes: TwoNodes, dice: random.Random) -> None:
    if kind == "node":
        return nodes.lose()
    server = dice.choice([pid for pid in servers(came) if alive(pid)])
    os.kill(
        {"server": server, "actor": parent(parent(server)) if kind == "actor" else 0, "owner": owner}[kind],
        signal.SIGKILL,
    )
    return None


def killed(folder: Path, nodes: TwoNodes, kind: str, at: int, dice: random.Random) -> str:
    folder.mkdir()
    (came := folder / "calls").mkdir()
    command = fake(came, KILLED_LATENCY)
    file = recipe(folder, 'preset = "cluster"', KILLED_ROWS, KILLED_PLACES, on(nodes.address, command))
    began = time.perf_counter()
    line, code, is_killed, goes_on = words(folder, file, command), -1, False, 0
    with (folder / "out").open("w") as out:
        while code and goes_on < 3:
            with subprocess.Popen(line, env=environment(), stdout=out, stderr=out) as process:
                while process.poll() is None:
                    time.sleep(0.01)
                    if not is_killed and len(calls(came)) >= at:
                        is_killed = True
                        kill(kind, process.pid, came, nodes, dice)
            code, goes_on = process.returncode, goes_on + 1
            line = ["claywright", "--data", str(folder / "data"), "run", "--resume", "many", "--no-push", "--json"]
    seconds = time.perf_counter() - began
    until = time.monotonic() + 30
    while (left := sum(map(alive, servers(came)))) and time.monotonic() < until:
        time.sleep(0.05)
    seen, answered = Counter(calls(came)), Counter(calls(came, "answered"))
    repeated, places = seen.total() - len(seen), KILLED_PLACES * (REPLICAS if kind == "owner" else 1)
    with Store(folder / "data") as store:
        run = store.runs.get("many")
        rows = [row.instruction for row in store.rows.page(run.id, 0, KILLED_ROWS + 1)]
        unrated = store.runs.counts(run.id).answered - store.runs.counts(run.id).rated
    lost, doubled = KILLED_ROWS - len(set(rows)), len(rows) - len(set(rows))
    return (
        f"| {kind} | {at} | {'' if is_killed else 'not killed, '}{goes_on - 1} | {seen.total() - answered.total()} | {repeated} | "
        f"{max(0, repeated - places)} | {lost} | {doubled} | {unrated} | {left} | {code} | {seconds:.0f} |"
    )


# -- the built-in model


def built_in(folder: Path, nodes: TwoNodes) -> str:
    """Rows by the built-in model's server, in its own environment, on both nodes."""
    folder.mkdir()
    here = Settings(data=folder / "services", owner="bench")
    here.services.mkdir(parents=True)
    python = services.local(here).install(services.MODEL, print)
    arguments = shlex.join(services.MODEL.arguments)
    inner = f"tail -f /dev/null | CLAYWRIGHT_MODEL_KEY=none exec {python} -I {services.MODEL.script} {arguments}"
    command = f"sh -c {shlex.quote(f'{inner} --lock {folder}/lock-{{port}} --port {{port}}')}"
    model = f'[generator]\npreset = "cluster"\nmodel = "{local_model.NAME}"\nmax_tokens = 96\nconcurrency = 4\n'
    task = '[task]\nkind = "magpie"\nmax_instruction_tokens = 60\n'
    file = folder / "recipe.toml"
    file.write_text(f'name = "many"\nrows = 8\nseed = 3\n{model}{on(nodes.address, command)}{task}', encoding="utf-8")
    began = time.perf_counter()
    done = subprocess.run(words(folder, file, command), env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        return f"failed: {done.stderr[-1000:]}"
    with Store(folder / "data") as store:
        run = store.runs.get("many")
        answered = {each.server: each.answered for each in store.usage.served(run.id)}
        counts = store.runs.counts(run.id)
    return f"{counts.answered} of 8 rows in {time.perf_counter() - began:.0f} s, calls answered: {answered}"


@contextmanager
def cluster() -> Iterator[TwoNodes]:
    nodes = TwoNodes()
    try:
        yield nodes
    finally:
        nodes.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--latency", type=float, default=LATENCY)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--built-in", action="store_true")
    options = parser.parse_args()
    dice = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name, cluster() as nodes:
        folder = Path(name)
        if options.turns:
            turns = [
                (
                    by_urls(folder / f"urls-{turn}", options.rows, options.latency),
                    by_cluster(folder / f"cluster-{turn}", nodes, options.rows, options.latency),
                )
                for turn in range(options.turns)
            ]
            ratio = statistics.median(ray.calls_a_second / urls.calls_a_second for urls, ray in turns)
            urls, ray = (statistics.median(each.calls_a_second for each in side) for side in zip(*turns, strict=True))
            first = [statistics.median(each.first_call for each in side) for side in zip(*turns, strict=True)]
            row = [statistics.median(each.first_row for each in side) for side in zip(*turns, strict=True)]
            print("| what | bar | seen |\n| --- | --- | --- |")
            print(f"| calls a second on the cluster, over `urls` | ≥ 0.8 | {ray:.0f} over {urls:.0f}: {ratio:.2f} |")
            print(f"| the cluster's own start (two nodes) | | {nodes.started_in:.1f} s |")
            print(f"| first call after the command, `urls` and cluster | | {first[0]:.1f} s, {first[1]:.1f} s |")
            print(f"| first row, `urls` and cluster | | {row[0]:.1f} s, {row[1]:.1f} s |")
            held = ", ".join(f"{kind} {mib:.0f}" for kind, mib in sorted(turns[-1][1].memory.items()))
            print(f"| MiB by kind of process, while rows are made | | {held} |", flush=True)
        if options.kills:
            heads = (
                "killed, at call, gone on, in flight, repeated, beyond, lost, doubled, unrated, servers left, code, s"
            )
            print("\n| " + heads.replace(", ", " | ") + " |\n" + "| --- " * len(heads.split(",")) + "|")
            for number in range(options.kills):
                kind = options.kinds[number % len(options.kinds)]
                at = dice.randrange(1, 3 * KILLED_ROWS - 40)
                print(killed(folder / f"kill-{number}", nodes, kind, at, dice), flush=True)
        if options.built_in:
            print(f"\nBuilt-in model: {built_in(folder / 'built-in', nodes)}")


if __name__ == "__main__":
    main()
