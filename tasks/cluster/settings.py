"""The table [cluster] of a recipe: where the cluster is, and how many model servers are started there, by which command.

[cluster]
address = "auto"
replicas = 4
command = "vllm serve {model} --host 127.0.0.1 --port {port}"

Where servers run already, attach = ["http://..."] names them: the same as urls of each model that is served there, and no Ray.
"""

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

from tasks.errors import SettingsError
from tasks.settings import setting

LOCAL, AUTO = "local", "auto"
ELSEWHERE = re.compile(r"(ray://)?(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):([0-9]{1,5})")
PLACEHOLDER = re.compile(r"\{(model|port)\}")
MOST_REPLICAS, LONGEST_COMMAND = 256, 4_000
LONGEST_START = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Serves the models of a recipe that have preset = "cluster", which are one and the same."""

    title: ClassVar[str] = "cluster"

    address: str = setting(
        LOCAL,
        'A Ray cluster: "local" starts one on this machine, "auto" takes the one that this machine belongs to, others are named '
        'as "ray://host:10001" or "host:6379".',
    )
    replicas: int = setting(1, "How many servers of the model are started.")
    gpus_per_replica: float = setting(1.0, "GPUs that Ray sets aside for each; 0 for a server that needs none.")
    cpus_per_replica: float = setting(1.0, "CPUs that Ray sets aside for each.")
    command: str = setting(
        "vllm serve {model} --host 127.0.0.1 --port {port}",
        "What starts an OpenAI-compatible server on a node; {model} is the model's name, {port} a free port.",
    )
    start_timeout: float = setting(900.0, "Seconds in which a server that was started has to answer.")
    attach: tuple[str, ...] = setting(
        (),
        "In place of all other settings here: addresses of servers of the model that run already, as in urls of a model.",
    )

    def __post_init__(self) -> None:
        others = [f.name for f in fields(self) if f.name != "attach" and getattr(self, f.name) != f.default]
        if self.attach and others:
            raise SettingsError(
                f"attach names servers that run already, so nothing is started there: leave out {', '.join(others)}.",
                setting=others[0],
            )
        if self.address not in (LOCAL, AUTO):
            parts = ELSEWHERE.fullmatch(self.address)
            if parts is None or not 0 < int(parts[3]) < 65536:
                raise SettingsError(
                    f'address of a cluster is "local", "auto", or like ray://host:10001 or host:6379 (given: '
                    f"{self.address[:80]!r}).",
                    setting="address",
                )
        if not 1 <= self.replicas <= MOST_REPLICAS:
            raise SettingsError(f"replicas must be from 1 to {MOST_REPLICAS}.", setting="replicas")
        for name in ("gpus_per_replica", "cpus_per_replica"):
            amount = getattr(self, name)
            if not 0 <= amount < math.inf or (amount > 1 and amount != int(amount)):
                raise SettingsError(
                    f"{name} must not be below 0, and above 1 it is a whole number, as Ray divides no more than one.",
                    setting=name,
                )
        if not self.gpus_per_replica and not self.cpus_per_replica:
            raise SettingsError(
                "A replica needs a part of a CPU or of a GPU: set one of both above 0.", setting="cpus_per_replica"
            )
        if not 0 < self.start_timeout <= LONGEST_START:
            raise SettingsError(
                f"start_timeout must be above 0, and at most {LONGEST_START:,.0f} seconds.", setting="start_timeout"
            )
        if len(self.command) > LONGEST_COMMAND or not self.command.isprintable():
            raise SettingsError(
                f"command is a line of at most {LONGEST_COMMAND:,} characters that can be printed.", setting="command"
            )
        try:
            arguments = shlex.split(self.command)
        except ValueError as error:
            raise SettingsError(
                f"command can't be read ({error}): close each quotation mark.", setting="command"
            ) from error
        if not arguments or "{port}" not in "".join(arguments[1:]):
            raise SettingsError(
                "command starts a server and says where it listens: it needs {port}, as in "
                '"vllm serve {model} --host 127.0.0.1 --port {port}".',
                setting="command",
            )

    def arguments(self, model: str, port: int) -> list[str]:
        """The command as a program and its arguments. No shell reads it: a model's name stays within its argument."""
        filled = {"model": model, "port": str(port)}
        return [PLACEHOLDER.sub(lambda name: filled[name[1]], argument) for argument in shlex.split(self.command)]

    @property
    def host(self) -> str:
        """The host of an address that names one, else ""."""
        parts = ELSEWHERE.fullmatch(self.address)
        return parts[2].strip("[]") if parts else ""

    @property
    def port(self) -> int:
        """The port of an address that names one, else 0."""
        parts = ELSEWHERE.fullmatch(self.address)
        return int(parts[3]) if parts else 0

    @property
    def share(self) -> dict[str, float]:
        """What Ray sets aside for one replica."""
        share = {"CPU": self.cpus_per_replica, "GPU": self.gpus_per_replica}
        return {name: amount for name, amount in share.items() if amount}

    def room_on(self, resources: Mapping[str, float]) -> int:
        """How many replicas a node with these resources can hold."""
        return min(math.floor(resources.get(name, 0) / amount + 1e-9) for name, amount in self.share.items())

    @property
    def replicas_in_words(self) -> str:
        """As people read it: "2 replicas"."""
        return counted(self.replicas, "replica")

    @property
    def share_in_words(self) -> str:
        """The same as people read it: "1 GPU and 1 CPU"."""
        return " and ".join(counted(amount, name) for name, amount in reversed(list(self.share.items())))


def counted(amount: float, name: str) -> str:
    """As people read it: "1 GPU", "0.5 CPUs"."""
    return f"{amount:g} {name}{'' if amount == 1 else 's'}"
