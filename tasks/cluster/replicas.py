"""The replicas of a model on a Ray cluster, and how a call gets to one. The only module that imports Ray, and late.

The process that makes the rows is Ray's driver and the only owner: an answer comes back to it by value, is remembered, then used.
Nothing is put into Ray's object store, no reference is handed on, and no actor outlives the driver: with it go the replicas and
their servers. Ray repeats no call (`max_task_retries=0`), it only makes a replica anew where one is gone (`max_restarts=-1`): the
engine alone decides what is sent again.
"""

import asyncio
import contextlib
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from tasks.cluster.address import check_answers, check_usable
from tasks.cluster.local_folder import (
    TOKEN,
    TOKEN_FILE,
    LocalFolder,
    local_folder,
    make_token,
    place_of_folders,
    remove_stale,
)
from tasks.cluster.presence import HEAD, NODE, lost
from tasks.cluster.server import SAME_EVERYWHERE, ModelServer, facts
from tasks.cluster.settings import AUTO, LOCAL, Cluster, counted
from tasks.errors import EndpointDown, ServerFault, Stopped, Unreachable
from tasks.models.base import Completion, Kind
from tasks.models.openai import MOST_RECEIVED, OpenAIEndpoint
from tasks.models.spec import ModelSpec

BEFORE_IMPORT = {
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else `uv run` would start workers in an environment of their own
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
WHERE_IT_IS_THERE = {
    "RAY_NUM_REDIS_GET_RETRIES": "1",  # else it tries for a quarter of an hour
    "RAY_gcs_server_request_timeout_seconds": "20",  # else a minute, where this machine is no node of the cluster
}
WHERE_IT_IS_OURS = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # else it makes an address of the network out of 127.0.0.1, and listens to all
}
SMALLEST_STORE = 80 * 2**20
"""Bytes of Ray's object store, of which answers of the usual size need none."""
JOINED_WITHIN = 30.0
"""Seconds for a cluster that is there to take this process in."""
LEFT_WITHIN = 5.0
PLACED_WITHIN = 30.0
"""Seconds in which there has to be room for all replicas."""
LOOK_EVERY = 0.5
BEYOND = 5.0
"""Seconds that a server gets beyond its caller's, so that it is the caller who says that the time is over."""
MORE_AT_ONCE = 16
"""Calls of a replica beside those to its model."""
MISSING = "Claywright is not installed on a node: install the same version with its extra 'ray' on all nodes"
LONGEST_REASON = 300
VERSIONS = re.compile(r"Ray: (\S+)\s+Python: (\S+)")


class Replicas:
    """A model's replicas on a cluster, which are started when the first of them is asked."""

    def __init__(self, settings: Cluster, model: str, concurrency: int, say: Callable[[str], None]) -> None:
        self.settings, self.model, self.concurrency, self.say = settings, model, concurrency, say
        self.stopping: Callable[[], bool] = lambda: False
        """True where nobody waits any longer for the start."""
        self.actors: list[Any] = []
        self.lost = ""
        """What became of the cluster, or of this process's node in it; "" while both are there."""
        self._watching: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._group: Any = None
        self._starting: asyncio.Task[None] | None = None

    def endpoints(self, spec: ModelSpec) -> list["ReplicaEndpoint"]:
        """One for each replica. Raises SettingsError where no cluster can be reached from here."""
        check_usable(self.settings, os.environ)
        return [ReplicaEndpoint(spec, self, number) for number in range(self.settings.replicas)]

    async def started(self) -> None:
        """Waits until all replicas answer. Raises EndpointDown or Stopped, the same for all who wait."""
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start())
        await asyncio.shield(self._starting)

    async def ask(self, number: int, *request: Any) -> Any:
        """What replica `number` says to a request, as `ModelServer.ask` gives it. Raises Unreachable and ServerFault."""
        import ray

        self._check_presence()
        if number >= len(self.actors):  # a call that outlived its run
            raise Unreachable(f"Replica {number + 1} of {self.model} was stopped.")
        reference = None
        try:
            reference = self.actors[number].ask.remote(*request)
            return await reference
        except asyncio.CancelledError:
            with contextlib.suppress(ray.exceptions.RayError, TypeError, ValueError):
                ray.cancel(reference)  # so that the server writes no answer for nobody
            raise
        except ray.exceptions.RayTaskError as error:
            raise ServerFault(f"Replica {number + 1} of {self.model} failed ({_reason(error)}).") from error
        except (ray.exceptions.RayError, ConnectionError) as error:
            self._check_presence()
            raise Unreachable(f"Replica {number + 1} of {self.model} can't be reached ({_reason(error)}).") from error

    def _check_presence(self) -> None:
        if self.lost:
            raise EndpointDown(self.lost)

    async def close(self) -> None:
        """Ends the replicas and their servers."""
        self.stopping = lambda: True
        if self._starting is not None:
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._watching is not None:
            self._watching.cancel()
        if (connection := self._connection) is not None:
            self._connection = None
            await asyncio.to_thread(self._close, connection)

    def _close(self, connection: "Connection") -> None:
        import ray

        if self.lost:  # Ray would wait for it
            connection.abandon()
            return
        with contextlib.suppress(ray.exceptions.RayError):
            for actor in self.actors:
                ray.kill(actor)
            if self._group is not None:
                ray.util.remove_placement_group(self._group)
        self.actors, self._group = [], None
        connection.close()

    async def _start(self) -> None:
        settings, where = self.settings, in_words(self.settings)
        self.say(f"Starting {settings.replicas_in_words} of {self.model} on {where} ...")
        self._connection = await asyncio.to_thread(connected, settings)
        import ray

        try:
            self._watching = asyncio.ensure_future(self._watch())
            check_room(settings, ray.nodes())
            await self._place()
            await self._wait_until_well()
        except ray.exceptions.RayError as error:
            raise EndpointDown(_not_started(self.model, where, error)) from error
        self.say(f"{settings.replicas_in_words.capitalize()} of {self.model} can be asked.")

    async def _place(self) -> None:
        """Reserves room for all replicas, and makes them there. Raises EndpointDown where others have it."""
        import ray
        from ray.util.placement_group import placement_group
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        settings = self.settings
        self._group = placement_group([settings.share] * settings.replicas, strategy="SPREAD")
        if not await asyncio.to_thread(self._group.wait, PLACED_WITHIN):
            raise EndpointDown(
                f"There was no room for {settings.replicas_in_words} on {in_words(settings)} within {PLACED_WITHIN:g} seconds: "
                f"others use what they need, {settings.share_in_words} each. Wait for those, or lower replicas."
            )
        for number in range(settings.replicas):
            strategy = PlacementGroupSchedulingStrategy(self._group, placement_group_bundle_index=number)
            actor = ray.remote(ModelServer).options(
                num_cpus=settings.cpus_per_replica,
                num_gpus=settings.gpus_per_replica,
                scheduling_strategy=strategy,
                max_restarts=-1,
                max_task_retries=0,
                max_concurrency=self.concurrency + MORE_AT_ONCE,
            )
            self.actors.append(actor.remote(settings, self.model, ends_with_it=True))

    async def _watch(self) -> None:
        if ports := _ports():
            self.lost = await lost(ports)

    async def _wait_until_well(self) -> None:
        waiting = {asyncio.ensure_future(self._well(number)) for number in range(len(self.actors))}
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, timeout=LOOK_EVERY, return_when=asyncio.FIRST_EXCEPTION)
                for task in done:
                    task.result()
                self._check_presence()
                if self.stopping():
                    raise Stopped("Stopped before the cluster's replicas could be asked.")
        finally:
            for task in waiting:
                task.cancel()

    async def _well(self, number: int) -> None:
        """Waits until a replica's server answers. Raises EndpointDown where it does not, or where other versions run there."""
        actor = self.actors[number]
        there = await actor.facts.remote()
        if others := differing(there):
            raise EndpointDown(
                f"Node {there['host']} has {others}. Install the same on all nodes: claywright doctor --cluster lists them."
            )
        while (why := await actor.well.remote(LOOK_EVERY * 10)) == "starting":
            pass
        if why:
            raise EndpointDown(f"Replica {number + 1} of {self.model} can't be started on node {there['host']}: {why}.")


class ReplicaEndpoint(OpenAIEndpoint):
    """One replica of a model: an OpenAI-compatible endpoint whose requests go to an actor, not to a socket."""

    doubt = not_there = "Does the command of [cluster] start an OpenAI-compatible server?"

    def __init__(self, spec: ModelSpec, replicas: Replicas, number: int) -> None:
        super().__init__(spec, url=f"http://replica-{number + 1}/v1", identity=spec.identity)
        self.limits = replace(self.limits, address=f"replica {number + 1}")
        self._proxy = None
        self._replicas, self._number = replicas, number

    @property
    def full_name(self) -> str:
        return f"Replica {self._number + 1} of {self.name}"

    async def stream(
        self, kind: Kind, body: Mapping[str, Any], draw: int, on_text: Callable[[str], None]
    ) -> Completion:
        """The same as `send`: an answer comes whole."""
        return await self.send(kind, body, draw)

    async def models(self, within: float) -> object:
        return await self.ask("/models", within=within)

    async def ready(self) -> None:
        await self._replicas.started()

    async def _exchange(
        self, address: str, content: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        from multidict import CIMultiDict  # of aiohttp, which is imported as late

        parts = urlsplit(address)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        method = "GET" if content is None else "POST"
        request = (method, path, dict(headers), content, MOST_RECEIVED, self.timeout + BEYOND)
        kind, *rest = await self._replicas.ask(self._number, *request)
        if kind == "answered":
            status, told, answer = rest
            return status, CIMultiDict(told), answer
        if kind == "unread":
            raise ServerFault(f"{self.full_name} {rest[0]}.")
        raise Unreachable(f"{self.full_name}: {rest[0]}.")


# -- the cluster


@dataclass(frozen=True)
class Connection:
    """This process as Ray's driver. `folder` holds what a cluster on this machine keeps while it is up."""

    is_own: bool
    folder: LocalFolder | None = None

    def close(self) -> None:
        """Leaves the cluster; one that was started for this process ends with that."""
        import ray

        if self.is_own:
            ray.shutdown()
        if self.folder is not None:
            self.folder.remove()

    def abandon(self) -> None:
        """Leaves a cluster that is gone, without waiting for it."""
        import ray

        if self.is_own:
            leaving = threading.Thread(target=ray.shutdown, name="leave-cluster", daemon=True)
            leaving.start()
            leaving.join(LEFT_WITHIN)
        if self.folder is not None:
            self.folder.remove()


@dataclass(frozen=True)
class Node:
    """A node of a cluster: what it has, the versions that run there, and why those can't be told."""

    name: str
    cpus: float
    gpus: float
    versions: Mapping[str, str]
    trouble: str = ""


def connected(settings: Cluster) -> Connection:
    """This process as a driver of the cluster. Raises EndpointDown with what to do about it."""
    check_answers(settings)
    os.environ.update(BEFORE_IMPORT)
    for name, value in (WHERE_IT_IS_OURS if settings.address == LOCAL else WHERE_IT_IS_THERE).items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        return Connection(False)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "critical"}
    if settings.address != LOCAL:
        return joined(settings, Connection(True), lambda: ray.init(address=settings.address, **quiet))
    parent = place_of_folders()
    remove_stale(parent)
    make_token(os.environ)
    folder = local_folder(parent)
    own: dict[str, Any] = {"include_dashboard": False, "object_store_memory": SMALLEST_STORE}
    own["_node_ip_address"] = "127.0.0.1"  # else it listens to the network
    connection = Connection(True, folder)
    try:
        ray.init(address=LOCAL, _temp_dir=str(folder.for_ray), **quiet, **own)
    except _not_joined() as error:
        connection.close()
        raise EndpointDown(not_connected(settings, error)) from error
    return connection


def _ports() -> dict[str, tuple[str, int]]:
    """Where the cluster's head and this process's node listen; nothing for a driver outside of the cluster."""
    import ray

    if ray.util.client.ray.is_connected():
        return {}
    context = ray.get_runtime_context()
    host, _, port = context.gcs_address.rpartition(":")
    own = next(node for node in ray.nodes() if node["NodeID"] == context.get_node_id())
    return {
        HEAD: (host.strip("[]"), int(port)),
        NODE: (own["NodeManagerAddress"], own["NodeManagerPort"]),
    }


def joined(
    settings: Cluster, connection: Connection, join: Callable[[], Any], within: float = JOINED_WITHIN
) -> Connection:
    """Joins a cluster that is there. What takes too long is given up; should Ray come back from it later, it leaves again."""
    result, turn = Future[None](), threading.Lock()

    def doing() -> None:
        error: BaseException | None = None
        try:
            join()
        except BaseException as raised:  # noqa: BLE001 - whatever it is, it is for whoever waits
            error = raised
        with turn:
            if not result.cancelled():
                result.set_exception(error) if error else result.set_result(None)
                return
        connection.close()

    threading.Thread(target=doing, name="join-cluster", daemon=True).start()
    wait([result], within)
    with turn:
        is_given_up = result.cancel()
    if is_given_up:
        raise EndpointDown(
            f"{_capital(in_words(settings))} did not answer within {within:g} seconds. Is it up, and is this machine one of its "
            "nodes? From elsewhere the address is like ray://host:10001."
        )
    try:
        result.result()
    except _not_joined() as error:
        connection.close()
        raise EndpointDown(not_connected(settings, error)) from error
    return connection


def _not_joined() -> tuple[type[Exception], ...]:
    """What Ray raises where it can't start a cluster or join one."""
    import ray

    return (ray.exceptions.RayError, ImportError, OSError, RuntimeError, ValueError)


def check_room(settings: Cluster, nodes: Sequence[Mapping[str, Any]]) -> None:
    """Raises EndpointDown where the nodes could never hold all replicas. `nodes` are as Ray tells them."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    room = sum(map(settings.room_on, alive))
    if room >= settings.replicas:
        return
    total = " and ".join(counted(sum(has.get(name, 0) for has in alive), name) for name in ("GPU", "CPU"))
    raise EndpointDown(
        f"There is room for {room} of {settings.replicas_in_words} on {in_words(settings)}: each needs "
        f"{settings.share_in_words} on one node, and all nodes together have {total}. Lower replicas or gpus_per_replica, or add "
        "nodes."
    )


def nodes_of(settings: Cluster) -> list[Node]:
    """The nodes of a cluster, each asked for its versions. Raises SettingsError or EndpointDown where it can't be reached."""
    check_usable(settings, os.environ)
    connection = connected(settings)
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    try:
        alive = [node for node in ray.nodes() if node["Alive"]]
        references = [
            ray.remote(facts)
            .options(
                num_cpus=0,
                max_retries=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            )
            .remote()
            for node in alive
        ]
        nodes = []
        for node, reference in zip(alive, references, strict=True):
            versions, trouble = {}, ""
            try:
                versions = ray.get(reference, timeout=PLACED_WITHIN)
            except ray.exceptions.RayError as error:
                trouble = MISSING if "No module named" in str(error) else _reason(error)
            has = node["Resources"]
            name = str(node.get("NodeManagerHostname") or node.get("NodeManagerAddress"))
            nodes.append(Node(name, has.get("CPU", 0), has.get("GPU", 0), versions, trouble))
        return nodes
    finally:
        connection.close()


def differing(versions: Mapping[str, str]) -> str:
    """What of a node's versions is other than here, as "Ray 2.1 (here 2.2)"; "" for nothing."""
    own = facts()
    others = [name for name in SAME_EVERYWHERE if _series(name, own[name]) != _series(name, versions[name])]
    return ", ".join(f"{name.capitalize()} {versions[name] or 'not installed'} (here {own[name]})" for name in others)


def _series(name: str, version: str) -> str:
    """What has to be the same: of Python its first two numbers."""
    return ".".join(version.split(".")[:2]) if name == "python" else version


def in_words(settings: Cluster) -> str:
    """The cluster as a sentence names it."""
    known = {LOCAL: "a cluster on this machine", AUTO: "the cluster of this machine"}
    return known.get(settings.address, f"the cluster at {settings.address}")


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def not_connected(settings: Cluster, error: BaseException) -> str:
    """Why this process can't be a driver of the cluster, and what to do about it."""
    if versions := VERSIONS.findall(str(error)):
        (ray_there, python_there), *_ = versions
        own, where = facts(), _capital(in_words(settings))
        here = f"here is Ray {own['ray']} with Python {own['python']}"
        return f"{where} runs Ray {ray_there} with Python {python_there}, {here}: install the same versions here."
    causes = _with_causes(error)
    if "token" in causes.lower() and re.search("unauthenticated|authentication", causes, re.IGNORECASE):
        why = (
            "needs its token, and none is here"
            if "no authentication token was found" in causes
            else "refused the token"
        )
        return f"{_capital(in_words(settings))} {why}: set {TOKEN} or {TOKEN_FILE} to the one that it was started with."
    if "No node info found" in causes:
        return (
            f"This machine is no node of {in_words(settings)}: run Claywright on one, 'ray start --address' makes one of a "
            "machine, or name the address as ray://host:10001."
        )
    if isinstance(error, ImportError) or "ray[client]" in str(error):
        return f'Ray needs more to reach {settings.address} from outside of the cluster: pip install "ray[client]".'
    hint = (
        "Was it started, with 'ray start --head'?"
        if settings.address != LOCAL
        else "Is there room in memory and in /tmp?"
    )
    return f"{_capital(in_words(settings))} can't be reached ({_reason(error)}). {hint}"


def _with_causes(error: BaseException | None) -> str:
    """What an error says, and those that it came of."""
    texts = list[str]()
    while error is not None:
        texts.append(str(error))
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def _not_started(model: str, where: str, error: BaseException) -> str:
    if "No module named" in str(error):
        return f"{MISSING}. 'claywright doctor --cluster' says where."
    return f"The replicas of {model} could not be started on {where}: {_reason(error)}."


def _reason(error: BaseException) -> str:
    """What went wrong, in a line: Ray's errors are pages, and the last line of them tells most."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    chosen = lines[-1] if lines and "Traceback" in str(error) else lines[0] if lines else ""
    return (chosen or type(error).__name__)[:LONGEST_REASON].rstrip(".")
