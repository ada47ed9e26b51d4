"""What answers without an end cost: seconds and MB, for sixteen calls at the same time.

    python tests/bench/endless.py

Run by hand. Each kind is asked by a process of its own, whose greatest size is printed.
"""

import asyncio
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tasks.errors import ModelError
from tasks.models.openai import OpenAIEndpoint
from tasks.models.spec import ModelSpec
from tests.servers import FakeOpenAI, Fault

CALLS = 16


def bomb() -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b" " * 2**20) for _ in range(1024)) + packer.flush()


KINDS: dict[str, Callable[[], Fault]] = {
    "endless": lambda: "endless",
    "endless no": lambda: "endless no",
    "headers": lambda: "headers",
    "a gzip of 1 GB": lambda: (200, {"Content-Encoding": "gzip"}, bomb()),
    "many lists": lambda: (200, {}, b"[" + b"[],{}," * 1_300_000 + b"0]"),
    "many texts": lambda: (200, {}, b"[" + b",".join(b'"%06x"' % n for n in range(900_000)) + b"]"),
}


async def ask(url: str) -> None:
    endpoint = OpenAIEndpoint(ModelSpec(url=url, model="fake", timeout=60.0))
    body = endpoint.request("chat", [{"role": "user", "content": "Hello"}], {})
    said = await asyncio.gather(*(endpoint.send("chat", body, n) for n in range(CALLS)), return_exceptions=True)
    await endpoint.close()
    assert all(isinstance(one, ModelError) for one in said), said
    print(str(said[0])[:120])


def main() -> None:
    if len(sys.argv) > 1:
        started = time.perf_counter()
        asyncio.run(ask(sys.argv[1]))
        mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"  {time.perf_counter() - started:.2f} s, {mib:.0f} MiB at most", flush=True)
        return
    for name, fault in KINDS.items():
        said = fault()
        with FakeOpenAI(faults=lambda body, number, said=said: said) as server:  # type: ignore[misc]
            print(f"{name}: ", end="", flush=True)
            subprocess.run([sys.executable, __file__, server.url], check=True)


if __name__ == "__main__":
    main()
