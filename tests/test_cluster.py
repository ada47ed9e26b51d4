"""Models on a cluster: what is refused, what starts and watches a model server, and one real Ray of one node."""

import asyncio
import contextlib
import ipaddress
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app import workflow
from app.api_keys import Keys, TypedKeys
from app.cli.doctor import examine_cluster
from app.config import Settings, settings
from app.recipe import Recipe, decoded, parse, to_toml
from app.runs import session, shards
from app.runs.endpoints import endpoint
from app.runs.permissions import NotAllowed, Permissions
from app.store.store import Store
from app.web import form_values, saved
from app.web.pages import header, models
from app.web.tab_state import NEW_TAB
from app.workspace import silent
from tasks.cluster.address import check_answers, check_usable
from tasks.cluster.local_folder import local_folder, remove_stale
from tasks.cluster.presence import HEAD, LEFT, NODE, lost
from tasks.cluster.replicas import Connection, ReplicaEndpoint, Replicas, check_room, differing, joined, not_connected
from tasks.cluster.server import TRIES, ModelServer, facts, free_port, server_environment
from tasks.cluster.settings import Cluster
from tasks.engine import retries
from tasks.engine.addresses import Addresses
from tasks.engine.engine import Engine
from tasks.errors import EndpointDown, ServerFault, SettingsError, Unreachable
from tasks.models.spec import ModelSpec
from tests.bench.meter import tree
from tests.conftest import ROOT, claywright
from tests.make_endpoints import Remembered, engine, others_run, run
from tests.make_endpoints import until as comes
from tests.make_state import SOMEBODY, act, at_desk
from tests.make_workspace import make_workspace
from tests.serve_fake import answered_by, calls, servers
from tests.servers import FakeOpenAI

ROWS = 60
FAKE = ROOT / "tests" / "serve_fake.py"
MODEL = {"preset": "cluster", "model": "fake", "template": "chatml", "concurrency": 4}
ATTACHED = {"attach": ["http://one.example/v1", "http://two.example/v1"]}


def command(folder: Path, latency: float = 0.0) -> str:
    return f"{sys.executable} {FAKE} --port {{port}} --calls {folder} --latency {latency}"


def recipe(cluster: dict[str, Any] | None = None, **tables: Any) -> Recipe:
    named = {} if cluster is None else {"cluster": cluster}
    return parse(
        {"name": "many", "rows": ROWS, "seed": 7, "generator": MODEL, "task": {"kind": "magpie"}, **named, **tables}
    )


def until(true: Callable[[], bool], process: "subprocess.Popen[Any] | None" = None) -> None:
    limit = time.monotonic() + 120
    while not true() and (process is None or process.poll() is None) and time.monotonic() < limit:
        time.sleep(0.02)
    assert true()


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def listening(pid: int) -> dict[int, str]:
    """The address at which a process and its children listen, by port."""
    links = [link for each in tree(pid) for link in sorted(Path(f"/proc/{each}/fd").glob("*"))]
    sockets = set[str]()
    for link in links:
        with contextlib.suppress(OSError):
            sockets.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    addresses = dict[int, str]()
    for line in [line for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]:
        _, local, _, state, *rest = line.split()
        if state == "0A" and rest[5] in sockets:  # it listens
            address, _, port = local.partition(":")
            groups = [bytes.fromhex(address[start : start + 8])[::-1] for start in range(0, len(address), 8)]
            ip = ipaddress.ip_address(b"".join(groups))
            mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
            addresses[int(port, 16)] = str(mapped or ip)
    return addresses


# -- settings


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"address": "elsewhere"}, 'address of a cluster is "local", "auto", or like ray://host:10001'),
        ({"address": "http://host:6379"}, "address of a cluster"),
        ({"address": "host:70000"}, "address of a cluster"),
        ({"address": "ray://u:p@host:10001"}, "address of a cluster"),
        ({"replicas": 0}, "replicas must be from 1 to 256"),
        ({"replicas": 1.5}, "replicas"),
        ({"gpus_per_replica": -1}, "gpus_per_replica must not be below 0"),
        ({"gpus_per_replica": 1.5}, "above 1 it is a whole number"),
        ({"gpus_per_replica": float("nan")}, "gpus_per_replica"),
        ({"cpus_per_replica": float("inf")}, "cpus_per_replica"),
        ({"gpus_per_replica": 0, "cpus_per_replica": 0}, "needs a part of a CPU or of a GPU"),
        ({"start_timeout": 0}, "start_timeout must be above 0"),
        ({"command": ""}, "needs {port}"),
        ({"command": "vllm serve {model}"}, "needs {port}"),
        ({"command": "{port}"}, "needs {port}"),
        ({"command": "serve 'it --port {port}"}, "close each quotation mark"),
        ({"command": "serve\n--port {port}"}, "a line of at most"),
        ({"attach": "http://one.example/v1"}, "attach"),
        ({"attach": []}, "attach holds no address"),
        ({"attach": [""]}, "attach: urls holds an empty address"),
        ({"attach": ["host:8000"]}, "attach: One of the urls can't be used: 'host:8000' is not a web address"),
        ({"attach": ["http://u:p@one.example/v1"]}, "holds a user name or a password"),
        (
            {"attach": ["http://one.example/v1", "http://one.example/v1/"]},
            "attach: urls names http://one.example/v1 twice",
        ),
        ({"attach": ["http://one.example/v1"], "replicas": 2, "address": "auto"}, "leave out address, replicas"),
        ({"attach": ["http://one.example/v1"], "command": "serve {port}"}, "leave out command"),
    ],
)
def test_a_wrong_cluster_is_refused_in_a_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=r"^\[cluster\]") as raised:
        recipe(values)
    assert sentence in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ({}, "add a table [cluster]"),
        ({"cluster": {}, "labeller": {"preset": "cluster", "model": "other"}}, "names fake and other"),
        ({"cluster": {}, "embedder": {"preset": "cluster", "model": "fake"}}, "[embedder] can't be on the cluster"),
        ({"cluster": {}, "generator": {"preset": "cluster"}}, "needs its name"),
        ({"cluster": {}, "generator": {"preset": "cluster", "model": "--host=0.0.0.0"}}, "needs its name"),
        ({"cluster": {}, "generator": {**MODEL, "url": "http://a.example/v1"}}, "leave out url"),
        ({"cluster": {}, "generator": {**MODEL, "urls": ["http://a.example/v1"]}}, "leave out url"),
        ({"cluster": {}, "generator": {**MODEL, "key_env": "OWN_KEY"}}, "leave out url"),
        ({"cluster": ATTACHED, "generator": {**MODEL, "url": "http://a.example/v1"}}, "leave out url and urls"),
        ({"cluster": ATTACHED, "generator": {**MODEL, "urls": ["http://a.example/v1"]}}, "leave out url and urls"),
        ({"cluster": ATTACHED, "generator": {"preset": "cluster"}}, "needs its name, as its servers know it"),
        ({"cluster": ATTACHED, "generator": {"preset": "local"}}, "serves no model"),
        ({"cluster": ATTACHED, "labeller": {"preset": "cluster", "model": "other"}}, "names fake and other"),
        (
            {"cluster": ATTACHED, "embedder": {"preset": "cluster", "model": "fake"}},
            "[embedder] can't be on the cluster",
        ),
    ],
)
def test_models_that_do_not_go_with_a_cluster_are_refused(tables: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError) as raised:
        recipe(**tables)
    assert sentence in str(raised.value) and "\n" not in str(raised.value)


def test_a_recipe_with_a_cluster_is_written_and_read_and_its_models_need_it() -> None:
    whole = recipe({"replicas": 2, "gpus_per_replica": 0}, rating={"aspects": ["helpfulness"]})
    text = to_toml(whole.dump())
    assert parse(tomllib.loads(text)) == whole and decoded(text.encode(), "it", as_json=False) == whole
    assert [spec.model for spec in whole.on_cluster] == ["fake", "fake"]  # it writes and rates
    elsewhere = text.replace('preset = "cluster"', 'url = "http://127.0.0.1:1/v1"')
    with pytest.raises(SettingsError, match="serves no model"):
        decoded(elsewhere.encode(), "it", as_json=False)


def test_a_model_on_a_cluster_is_the_one_at_several_addresses_whatever_the_cluster() -> None:
    at_urls = ModelSpec(urls=("http://one.example/v1",), model="fake")
    assert recipe({}).generator.identity == at_urls.identity
    assert shards.digest(recipe({}), "") == shards.digest(recipe({"address": "auto", "replicas": 8}), "")


def test_servers_that_are_attached_are_several_addresses_of_a_model_and_need_no_cluster(tmp_path: Path) -> None:
    labeller = {"preset": "cluster", "model": "fake", "key_env": "OWN_KEY"}
    parts: dict[str, Any] = {"responders": [MODEL, {"preset": "local"}], "labeller": labeller}
    whole = recipe(ATTACHED, rating={"aspects": ["helpfulness"]}, **parts)
    urls = tuple(ATTACHED["attach"])
    assert whole.cluster is None and not whole.on_cluster
    assert [spec.urls for spec in (whole.generator, *whole.responders, whole.labeller)] == [urls, urls, (), urls]
    assert whole.labeller.key_env == "OWN_KEY"
    assert whole.generator == ModelSpec(urls=urls, model="fake", template="chatml", concurrency=4)
    assert parse(tomllib.loads(to_toml(whole.dump()))) == whole
    assert recipe({}).generator.identity == whole.generator.identity  # what a cluster answered is found again
    keys = TypedKeys()
    keys.type(whole.labeller, "k-1")
    assert not Permissions(tmp_path).needs(whole, keys)  # no command, and a key that was typed for these addresses


def test_the_command_is_filled_word_by_word_and_read_by_no_shell() -> None:
    settings = Cluster(command="serve '{model}' --name={model} --port {port} --json '{\"a\": 1}' $HOME")
    model = "a; rm -rf / {port} 'b"
    assert settings.arguments(model, 80) == [
        "serve",
        model,
        f"--name={model}",
        "--port",
        "80",
        "--json",
        '{"a": 1}',
        "$HOME",
    ]


# -- what a recipe may run


def test_a_command_runs_only_where_it_was_allowed(store: Store) -> None:
    whole, data = recipe({"gpus_per_replica": 0}), store.db.path.parent
    assert whole.cluster is not None
    permissions, here = Permissions(data), settings(data, {})
    replicas = Replicas(whole.cluster, "fake", 4, silent)
    (need,) = permissions.needs(whole, Keys())
    assert need.sentence.startswith("runs the command 'vllm serve {model}") and "on this machine" in need.sentence
    with pytest.raises(NotAllowed, match="which was never allowed here"):
        permissions.check(whole, Keys())
    with pytest.raises(NotAllowed, match="--allow-command"):
        endpoint(whole.generator, here, silent, Keys(), replicas)
    permissions.allow([need])
    permissions.check(whole, Keys())
    assert endpoint(whole.generator, here, silent, Keys(), replicas).identity == "urls|fake"
    with pytest.raises(NotAllowed):
        permissions.check_command(Cluster(command=f"{whole.cluster.command} --trust-remote-code"))
    with pytest.raises(SettingsError, match="starts with a run"):
        endpoint(whole.generator, here, silent, Keys())


def test_a_server_inherits_neither_our_environment_nor_keys() -> None:
    ours = {
        "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "OPENAI_API_KEY",
        "ARGILLA_API_KEY", "KEY_FOR_ONE_EXAMPLE", "GITHUB_TOKEN", "DB_PASSWORD", "CLAYWRIGHT_DATA", "CONDA_PREFIX",
    }  # fmt: skip
    its_own = {"PATH", "HOME", "HF_TOKEN", "HF_HOME", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "PYTHONUNBUFFERED"}
    assert server_environment(dict.fromkeys(ours | its_own, "x")).keys() == its_own


def test_a_cluster_elsewhere_needs_a_token(tmp_path: Path) -> None:
    for address in ("10.0.0.1:6379", "ray://head.example:10001", "[2001:db8::1]:6379"):
        with pytest.raises(SettingsError, match="it needs a token"):
            check_usable(Cluster(address=address), {"HOME": str(tmp_path)})
        check_usable(Cluster(address=address), {"RAY_AUTH_TOKEN": "x"})
        check_usable(Cluster(address=address), {"RAY_AUTH_TOKEN_PATH": "x"})
    with pytest.raises(SettingsError, match=r"The cluster at 10\.0\.0\.1:6379 is on another machine"):
        check_usable(Cluster(address="auto"), {"HOME": str(tmp_path), "RAY_ADDRESS": "10.0.0.1:6379"})
    for address in ("local", "auto", "127.0.0.1:6379", "ray://localhost:10001", "[::1]:6379"):
        check_usable(Cluster(address=address), {"HOME": str(tmp_path)})


def test_too_few_gpus_are_said_at_once() -> None:
    nodes = [{"Alive": True, "Resources": {"CPU": 8.0, "GPU": 1.0}}, {"Alive": True, "Resources": {"CPU": 8.0}}]
    gone = {"Alive": False, "Resources": {"CPU": 8.0, "GPU": 8.0}}
    check_room(Cluster(replicas=1), nodes)
    check_room(Cluster(replicas=16, gpus_per_replica=0), nodes)
    check_room(Cluster(replicas=4, gpus_per_replica=0.25), nodes)
    with pytest.raises(EndpointDown) as raised:
        check_room(Cluster(replicas=2), [*nodes, gone])
    assert str(raised.value) == (
        "There is room for 1 of 2 replicas on a cluster on this machine: each needs 1 GPU and 1 CPU on one node, and all nodes "
        "together have 1 GPU and 16 CPUs. Lower replicas or gpus_per_replica, or add nodes."
    )


def test_other_versions_on_a_node_are_named() -> None:
    own = facts()
    assert differing({**own, "python": own["python"].rpartition(".")[0] + ".99"}) == ""
    assert differing({**own, "python": "3.9.1", "claywright": ""}) == (
        f"Python 3.9.1 (here {own['python']}), Claywright not installed (here {own['claywright']})"
    )


def test_why_a_cluster_can_not_be_joined_is_said_in_a_sentence() -> None:
    own, there = facts(), Cluster(address="10.0.0.1:6379")
    mismatch = (
        "Version mismatch: The cluster was started with:\n    Ray: 2.40.0\n    Python: 3.9.1\n"
        f"This process on node 10.0.0.2 was started with:\n    Ray: {own['ray']}\n    Python: {own['python']}\n"
    )
    assert not_connected(there, RuntimeError(mismatch)) == (
        f"The cluster at 10.0.0.1:6379 runs Ray 2.40.0 with Python 3.9.1, here is Ray {own['ray']} with Python {own['python']}: "
        "install the same versions here."
    )
    wrong = ConnectionError("Failed to connect to Ray cluster at 10.0.0.1:6379")
    wrong.__cause__ = RuntimeError("Unauthenticated: InvalidAuthToken: Authentication token is missing or incorrect")
    token = "set RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH to the one that it was started with."
    assert not_connected(there, wrong) == f"The cluster at 10.0.0.1:6379 refused the token: {token}"
    missing = RuntimeError("Token authentication is enabled but no authentication token was found. Ensure that ...")
    assert not_connected(Cluster(address="auto"), missing) == (
        f"The cluster of this machine needs its token, and none is here: {token}"
    )
    assert "is no node of the cluster at 10.0.0.1:6379: run" in not_connected(there, RuntimeError("No node info found"))
    assert 'pip install "ray[client]"' in not_connected(there, ImportError("Ray Client requires grpcio"))
    assert "can't be reached (no such host). Was it started" in not_connected(there, ConnectionError("no such host"))


def test_what_is_not_ray_is_told_before_ray_is_asked() -> None:
    with pytest.raises(EndpointDown, match=r"The cluster at \S+ can't be reached \(Connection refused\)"):
        check_answers(Cluster(address=f"127.0.0.1:{free_port()}"))
    with FakeOpenAI() as server, pytest.raises(EndpointDown, match=r"^What listens at \S+ is not Ray\."):
        check_answers(Cluster(address=server.url.split("/")[2]))
    with socket.create_server(("127.0.0.1", 0)) as silent_server:
        port = silent_server.getsockname()[1]
        with pytest.raises(EndpointDown, match=r"^What listens at \S+ is not Ray\."):
            check_answers(Cluster(address=f"ray://127.0.0.1:{port}"), within=0.1)


def test_a_cluster_that_lets_nobody_in_is_given_up_and_left_again() -> None:
    over, left = threading.Event(), threading.Event()

    class Late(Connection):
        def close(self) -> None:
            left.set()

    with pytest.raises(EndpointDown, match=r"The cluster at a:1 did not answer within 0\.01 seconds\. Is it up"):
        joined(Cluster(address="a:1"), Late(True), over.wait, 0.01)
    assert not left.is_set()
    over.set()
    assert left.wait(60)


def test_a_doctor_of_clusters_says_what_is_none(tmp_path: Path) -> None:
    plain = tmp_path / "plain.toml"
    plain.write_text('rows = 2\n[generator]\npreset = "scripted"\n[task]\nkind = "magpie"\n', encoding="utf-8")
    for named, sentence in ((str(plain), "starts nothing on a cluster"), ("elsewhere", "address of a cluster is")):
        (finding,) = examine_cluster(named)
        assert not finding.ok and sentence in finding.words


@pytest.mark.skipif(sys.platform != "linux", reason="Ray is for clusters of Linux machines")
def test_folders_of_clusters_whose_owner_was_killed_are_removed_at_the_next_start(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from tasks.cluster.local_folder import local_folder\n"
        "print(local_folder(Path(sys.argv[1])).path, flush=True); time.sleep(600)"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        (left / "r" / "session").mkdir()
        (left / "r" / "session" / "log").write_text("x")
        (strange := tmp_path / "ray-others").mkdir()
        (unlocked := tmp_path / "claywright-ray-unlocked").mkdir()
        (link := tmp_path / "claywright-ray-link").symlink_to(left, target_is_directory=True)
        remove_stale(tmp_path)
        assert left.is_dir()  # its owner lives
        process.kill()
        process.wait()
        own = local_folder(tmp_path)
        remove_stale(tmp_path)
    assert not left.exists() and link.is_symlink()
    assert own.for_ray.is_dir() and strange.is_dir() and unlocked.is_dir()
    assert own.path.stat().st_mode & 0o077 == 0
    own.remove()
    assert not own.path.exists()


# -- one model server


class Alone(Replicas):
    """A replica without Ray: its model server is asked in this process."""

    def __init__(self, server: ModelServer) -> None:
        super().__init__(server.settings, server.model, 4, silent)
        self.server = server

    async def _start(self) -> None:
        while (why := await self.server.well(1.0)) == "starting":
            pass
        if why:
            raise EndpointDown(why)

    async def ask(self, number: int, *request: Any) -> Any:
        return await self.server.ask(*request)

    async def close(self) -> None:
        await self.server.close()


def alone(line: str, **more: Any) -> tuple[Alone, ReplicaEndpoint]:
    replicas = Alone(ModelServer(Cluster(command=line, gpus_per_replica=0, **more), "fake"))
    return replicas, ReplicaEndpoint(ModelSpec(preset="cluster", model="fake", timeout=5.0), replicas, 0)


def test_a_replica_speaks_the_protocol_as_any_endpoint(tmp_path: Path) -> None:
    async def doing() -> None:
        replicas, replica = alone(command(tmp_path))
        body = replica.request("chat", [{"role": "user", "content": "Hello"}], {})
        answer = await replica.send("chat", body, 7)
        assert answer.text and answer.prompt_tokens and calls(tmp_path)[0][2] == "7"
        assert (await replica.probe()).models == ("fake",)
        status, *_ = await replica._exchange(f"{replica.url}/nothing", b"{}", {})
        assert status == 404
        assert (await replicas.server.ask("GET", "/v1/models", {}, None, 10, 5.0))[0] == "unread"
        await replicas.close()
        with pytest.raises(Unreachable, match="its server was stopped"):
            await replica.send("chat", body, 8)

    run(doing())


def test_a_server_that_is_killed_says_so_and_is_not_waited_for(tmp_path: Path) -> None:
    async def doing() -> None:
        replicas, replica = alone(command(tmp_path, latency=30))
        await replicas.started()
        body = replica.request("complete", "Hello", {})
        asking = asyncio.ensure_future(replica.send("complete", body, 7))
        await comes(lambda: bool(calls(tmp_path)))
        os.kill(servers(tmp_path)[0], signal.SIGKILL)
        with pytest.raises(Unreachable, match=r"Replica 1 of fake: its server ended"):
            await asking
        with pytest.raises(Unreachable, match="its server ended"):
            await replica.send("complete", body, 8)
        await replicas.close()

    run(doing())


def test_a_server_that_can_not_start_says_its_last_lines() -> None:
    script = "import sys; print('CUDA out of memory'); sys.exit(3)"

    async def doing() -> None:
        replicas, replica = alone(f'{sys.executable} -c "{script}" {{port}}')
        with pytest.raises(EndpointDown) as raised:
            await replica.send("complete", {"prompt": "Hello"}, 7)
        assert str(raised.value) == (
            f"its server ended with code 3 while it started, {TRIES} times; its last lines: CUDA out of memory"
        )
        await replicas.close()
        replicas, replica = alone("no-such-program --port {port}")
        with pytest.raises(EndpointDown, match="no-such-program: No such file or directory"):
            await replicas.started()
        await replicas.close()
        replicas, replica = alone(f'{sys.executable} -c "import time; time.sleep(600)" {{port}}', start_timeout=0.3)
        with pytest.raises(EndpointDown, match=r"did not answer within 0\.3 seconds and said nothing"):
            await replicas.started()
        await replicas.close()

    run(doing())


class Scripted(Replicas):
    """Replicas that answer what they are told to, in place of actors."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__(Cluster(replicas=len(answers)), "fake", 4, silent)
        self.answers = list(answers)
        self.well: list[Any] = []
        """The requests that were answered well; of them there are `most_well`."""
        self.most_well = math.inf

    async def _start(self) -> None:
        return None

    async def ask(self, number: int, *request: Any) -> Any:
        answer = self.answers[number] if len(self.well) < self.most_well else NONSENSE
        if answer == WELL and request[0] == "POST":
            self.well.append(request)
        return "answered", 200, {"content-type": "text/html"}, answer


WELL = json.dumps({"choices": [{"text": "Yes.", "finish_reason": "stop"}]}).encode()
NONSENSE = b"<html>It works!</html>"
DOUBT = "Does the command of [cluster] start an OpenAI-compatible server?"


@pytest.mark.parametrize(
    ("nonsense", "sentence"),
    [
        (b"<html><script src='//evil.example'></script></html>", "answered something that is not JSON."),
        (b"", "answered something that is not JSON."),
        (b"\xff\x00\x01", "answered something that is not JSON."),
        (b'{"choices": []}', "answered something that is not the OpenAI protocol: \"{'choices': []}\"."),
        (b"[" * 100_000, "answered something that is not JSON."),
    ],
)
def test_a_replica_that_answers_nonsense_costs_nothing(nonsense: bytes, sentence: str) -> None:
    """Others answer in its place; where none does a sentence ends it, and the next run asks only what is not known."""

    async def doing() -> None:
        memo, spec = Remembered(), ModelSpec(preset="cluster", model="fake")

        async def servers_of(replicas: Replicas, numbers: range) -> list[str]:
            here = engine(memo)
            pool = Addresses(replicas.endpoints(spec), spec.identity)
            calls = (here.bind(pool, f"{number}").complete(f"{number}") for number in numbers)
            try:
                return [answer.server for answer in await asyncio.gather(*calls)]
            finally:
                await here.close()

        assert await servers_of(Scripted(nonsense, WELL), range(20)) == ["replica 2"] * 20
        with pytest.raises(ServerFault) as raised:
            await ReplicaEndpoint(spec, Scripted(nonsense), 0).send("complete", {"prompt": "Hello"}, 7)
        assert str(raised.value) == f"Replica 1 of fake {sentence} {DOUBT}"
        assert len(memo.answers) == 20
        assert await servers_of(Scripted(nonsense, WELL), range(30)) == ["replica 2"] * 30
        assert len(memo.calls) == 30

    run(doing())


def test_a_run_pauses_where_all_replicas_answer_nonsense_and_goes_on_once_they_are_well(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the start, and in mid-run once it was waited for: what was answered is kept, and nothing of it is asked again."""
    monkeypatch.setattr(session, "Engine", partial(Engine, backoff=0.001))
    monkeypatch.setattr(retries, "PATIENCE", 0.2)
    workspace, whole = make_workspace(store), recipe({"replicas": 2, "gpus_per_replica": 0})
    permissions = Permissions(workspace.settings.data)
    permissions.allow(permissions.needs(whole, Keys()))
    run = workflow.start(workspace, whole)

    well: list[Any] = []

    def works(most_well: float) -> tuple[str, str]:
        """(state, why) after work with replicas that fall to nonsense after so many answers."""
        replicas = Scripted(WELL, WELL)
        replicas.most_well = most_well
        monkeypatch.setattr(session, "_replicas", lambda *_: replicas)
        with contextlib.suppress(EndpointDown):
            asyncio.run(workflow.generate(workspace, run, lambda *_: None))
        well.extend(replicas.well)
        after = store.runs.get(run.id)
        return after.state, after.reason

    sentence = re.compile(rf"Replica [12] of fake answered something that is not JSON\. {re.escape(DOUBT)}")
    for most_well in (0, 40):
        state, why = works(most_well)
        assert state == "paused" and sentence.fullmatch(why) and len(well) == most_well
    assert 0 < store.runs.counts(run.id).answered < ROWS
    state, _ = works(math.inf)
    counts = store.runs.counts(run.id)
    assert state == "done" and counts.answered == ROWS and not counts.failed
    times = Counter((path, content, str(headers)) for _, path, headers, content, *_ in well)
    assert set(times.values()) == {1}
    assert len(times) == 2 * ROWS + 3  # an instruction and a response each; three of a probe


def test_another_replica_tells_what_the_model_can_where_the_first_answers_nonsense() -> None:
    async def doing() -> None:
        spec = ModelSpec(preset="cluster", model="fake", template="chatml")
        pool = Addresses(Scripted(NONSENSE, WELL).endpoints(spec), spec.identity)
        assert (await pool.probe()).raw_prompts

    run(doing())


@pytest.mark.parametrize("gone", [HEAD, NODE])
def test_a_run_ends_in_a_sentence_where_its_node_or_the_head_is_gone(gone: str) -> None:
    """As where a node is drained under the process that makes the rows: Ray itself would let it wait."""

    async def doing() -> None:
        both = {HEAD: socket.create_server(("127.0.0.1", 0)), NODE: socket.create_server(("127.0.0.1", 0))}
        ports = {what: server.getsockname() for what, server in both.items()}
        watching = asyncio.ensure_future(lost(ports, {HEAD: 0.05, NODE: 0.05}, 0.01))
        for _ in range(20):
            await others_run()
        assert not watching.done()
        both.pop(gone).close()
        memo, spec, replicas = (
            Remembered(),
            ModelSpec(preset="cluster", model="fake"),
            Replicas(Cluster(), "fake", 4, silent),
        )
        replicas._starting = asyncio.ensure_future(others_run())
        replicas.lost = await watching
        assert replicas.lost == LEFT[gone]
        replica = ReplicaEndpoint(spec, replicas, 0)
        with pytest.raises(EndpointDown, match=re.escape(LEFT[gone])):
            await engine(memo).bind(Addresses([replica], spec.identity), "s").complete("a")
        assert not memo.answers
        for server in both.values():
            server.close()

    run(doing())


def test_a_node_with_other_versions_ends_the_start_in_a_sentence() -> None:
    class Actor:
        """A handle of an actor on a node where another Python runs."""

        def __init__(self) -> None:
            self.facts = self

        async def remote(self) -> dict[str, str]:
            return {**facts(), "host": "gpu-2", "python": "3.9.1"}

    async def doing() -> None:
        replicas = Scripted(WELL)
        replicas.actors = [Actor()]
        with pytest.raises(EndpointDown) as raised:
            await replicas._wait_until_well()
        assert str(raised.value) == (
            f"Node gpu-2 has Python 3.9.1 (here {facts()['python']}). Install the same on all nodes: claywright doctor --cluster "
            "lists them."
        )

    run(doing())


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_a_server_and_its_children_end_with_their_replica(tmp_path: Path) -> None:
    """Also by kill -9, of the replica or of what watches the server."""
    child = f"import subprocess, sys; subprocess.run([sys.executable, {str(FAKE)!r}, *sys.argv[1:]])"
    parent = tmp_path / "parent.py"
    parent.write_text(child, encoding="utf-8")
    owner = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from tasks.cluster.server import ModelServer\nfrom tasks.cluster.settings import Cluster\n"
        "server = ModelServer(Cluster(command=sys.argv[2]), 'fake')\n"
        "while server.state == 'starting': time.sleep(0.02)\n"
        "print(server._process.pid, flush=True)\ntime.sleep(600)"
    )
    for killed in ("replica", "supervisor"):
        folder = tmp_path / killed
        folder.mkdir()
        line = f"{sys.executable} {parent} --port {{port}} --calls {folder}"
        if killed == "supervisor":  # the kernel ends the server itself, whose children are its own matter
            line = command(folder)
        with subprocess.Popen(
            [sys.executable, "-c", owner, str(ROOT), line], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            supervisor = int(process.stdout.readline())
            (server,) = servers(folder)
            assert is_alive(server)
            os.kill(process.pid if killed == "replica" else supervisor, signal.SIGKILL)
            until(lambda pid=server: not is_alive(pid))  # type: ignore[misc]
            process.kill()


# -- the page


def test_the_page_says_that_a_cluster_is_for_the_command_line(tmp_path: Path, store: Store, here: Settings) -> None:
    file = tmp_path / "many.toml"
    file.write_text(to_toml(recipe({"replicas": 2}).dump()), encoding="utf-8")
    filled, sentence = saved.from_file(file)
    assert sentence == "Its model is served on a cluster, which only the command line starts: claywright run many.toml"
    assert (filled["generator.preset"], filled["generator.model"]) == (form_values.OWN_ADDRESS, "fake")
    with pytest.raises(form_values.FormError, match="The address is missing"):
        form_values.model_of(form_values.part(filled, "generator"), "generator")
    with at_desk(store, here) as desk:
        workspace = make_workspace(store)
        run = workflow.start(workspace, recipe({"replicas": 2}))
        done = header.choose(act(desk, {"act": "run", "id": run.id}))
        assert done.toast.endswith(f"only the command line starts: claywright run --resume {run.id}")
        answering = recipe({}, generator={"preset": "scripted"}, responders=[MODEL], labeller={"preset": "scripted"})
        desk.keep(SOMEBODY, form_values.fill(answering))
        view = desk.look(SOMEBODY, run.id, NEW_TAB)
        assert "on a cluster" in models.responders(view)
        with pytest.raises(form_values.FormError, match="which only the command line starts"):
            form_values.recipe_from(view.filled)


# -- Ray


def test_a_run_without_a_cluster_imports_nothing_of_ray(tmp_path: Path) -> None:
    code = (
        "import sys; from app.cli.main import main\n"
        "try: main()\nexcept SystemExit as error: assert not error.code, error\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'ray'])"
    )
    file = tmp_path / "plain.toml"
    file.write_text('rows = 2\n[generator]\npreset = "scripted"\n[task]\nkind = "magpie"\n', encoding="utf-8")
    arguments = [sys.executable, "-c", code, "--data", str(tmp_path / "data"), "run", str(file), "--no-push"]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout


def worked(data: Path, *options: str) -> dict[str, Any]:
    done = subprocess.run(
        [*claywright(), "--data", str(data), "run", *options, "--no-push", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.skipif(sys.platform != "linux", reason="Ray is for clusters of Linux machines")
def test_a_run_on_a_cluster_of_one_node_outlives_a_killed_server(tmp_path: Path) -> None:
    """A server of two is killed in mid-run: every row comes, only calls in flight are repeated, and a resume asks nothing."""
    came = tmp_path / "calls"
    came.mkdir()
    cluster = {
        "replicas": 2, "gpus_per_replica": 0, "cpus_per_replica": 0.25, "command": command(came, latency=0.3),
    }  # fmt: skip
    file = tmp_path / "many.toml"
    file.write_text(to_toml(recipe(cluster).dump()), encoding="utf-8")
    options = ["--as", "many", "--no-push", "--json", "--allow-command", str(cluster["command"])]
    arguments = [*claywright(), "--data", str(tmp_path / "data"), "run", str(file), *options]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: len(answered_by(came)) == 2 and all(answered_by(came).values()), process)  # both have served
        assert len(ports := listening(process.pid)) >= 5 and set(ports.values()) == {"127.0.0.1"}, ports
        os.kill(servers(came)[0], signal.SIGKILL)
        out, complaint = process.communicate()
    assert process.returncode == 0, complaint
    result = json.loads(out.splitlines()[-1])
    assert result["counts"]["answered"] == ROWS and not result["failures"]
    assert "Starting 2 replicas of fake on a cluster on this machine" in complaint
    answered = Counter(calls(came, "answered"))
    lost = sum(Counter(calls(came)).values()) - sum(answered.values())
    assert lost <= MODEL["concurrency"]  # type: ignore[operator]
    assert sum(answered.values()) - len(answered) <= MODEL["concurrency"]  # type: ignore[operator]
    with Store(tmp_path / "data") as store:
        served = {each.server: each.answered for each in store.usage.served("many")}
    assert served.keys() == {"replica 1", "replica 2"} and sum(served.values()) == result["calls"]["answered"]
    until(lambda: not any(map(is_alive, servers(came))))  # they end with the run
    listed = subprocess.run(
        [*claywright(), "doctor", "--cluster", str(file), "--json"], capture_output=True, text=True, check=False
    )
    node, room = json.loads(listed.stdout)["findings"]
    assert listed.returncode == 0 and node["ok"] and f"Ray {facts()['ray']}, Claywright" in node["words"]
    assert room["ok"] and "a replica needs 0.25 CPUs" in room["words"]
    before = len(calls(came))
    again = worked(tmp_path / "data", str(file), "--as", "again")
    assert again["counts"]["answered"] == ROWS and again["calls"]["sent"] == 0
    assert len(calls(came)) == before
