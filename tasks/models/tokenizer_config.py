"""The tokenizer's settings that a model keeps on the Hub, or in a folder: its chat template and special tokens."""

import contextlib
import json
import re
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

FORGOTTEN_AFTER = 300.0
"""Seconds until the Hub is asked again, also for what it did not have."""
REPO = re.compile(r"\w[\w.-]*/\w[\w.-]*")
"""How the name of a model on the Hub looks."""
MOST_BYTES = 10 * 2**20
"""Of a file: a tokenizer's settings with a template and thousands of special tokens take one or two."""
FILES = ("tokenizer_config.json", "chat_template.jinja")
TOO_LONG = f"its {{name}} is longer than {MOST_BYTES // 2**20} MB"
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """`adds_bos` is False where it says that it puts no begin-of-text token before a prompt."""

    chat_template: str
    bos_token: str = ""
    eos_token: str = ""
    adds_bos: bool = True


class NotThere(Exception):
    """No template is to be had; the message is half a sentence that says why."""


def tokenizer(source: str) -> Tokenizer:
    """The tokenizer of a model on the Hub ("owner/name") or in a folder. Waits for the network; raises NotThere."""
    with _one_at_a_time:
        outcome = _remembered(source, int(time.monotonic() // FORGOTTEN_AFTER))
    if isinstance(outcome, str):
        raise NotThere(outcome)
    return outcome


@lru_cache(maxsize=32)
def _remembered(source: str, period: int) -> Tokenizer | str:
    try:
        return _read(*(_content(source, name) for name in FILES))
    except NotThere as reason:
        return str(reason)


def _read(config: str | None, jinja: str | None) -> Tokenizer:
    """What the two files say; the template in a file of its own wins."""
    try:
        values = json.loads(config or "{}")
    except (ValueError, RecursionError) as error:
        raise NotThere(f"its {FILES[0]} can't be read: {error}") from error
    values = values if isinstance(values, dict) else {}
    template = jinja or values.get("chat_template")
    if isinstance(template, list):  # several by name: for tools, for retrieval, and the one for plain talks
        named = {entry.get("name"): entry.get("template") for entry in template if isinstance(entry, dict)}
        template = named.get("default")
    if not isinstance(template, str) or not template:
        raise NotThere("it has no chat template there")
    return Tokenizer(
        template,
        _token(values.get("bos_token")),
        _token(values.get("eos_token")),
        values.get("add_bos_token") is not False,
    )


def _token(value: Any) -> str:
    value = value.get("content") if isinstance(value, dict) else value
    return value if isinstance(value, str) else ""


def _content(source: str, name: str) -> str | None:
    """The text of one file, None where the source lacks it."""
    path = Path(source, name) if Path(source).is_dir() else _download(source, name)
    try:
        if path is None or not path.is_file():
            return None
        if path.stat().st_size > MOST_BYTES:
            raise NotThere(TOO_LONG.format(name=name))
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise NotThere(f"its {name} can't be read: {error}") from error


def _download(repo: str, name: str) -> Path | None:
    from huggingface_hub import errors, get_hf_file_metadata, hf_hub_download, hf_hub_url

    with contextlib.suppress(OSError, ValueError):  # what is wrong is said below, where it may be on this machine
        if (get_hf_file_metadata(hf_hub_url(repo, name)).size or 0) > MOST_BYTES:
            raise NotThere(TOO_LONG.format(name=name))
    try:
        return Path(hf_hub_download(repo, name))
    except errors.LocalEntryNotFoundError as error:
        raise NotThere("the Hub can't be reached, and it is not on this machine") from error
    except errors.EntryNotFoundError:
        return None
    except errors.GatedRepoError as error:
        raise NotThere("it is gated: accept its licence on the Hub and set HF_TOKEN") from error
    except errors.RepositoryNotFoundError as error:
        raise NotThere("the Hub has no such model, or it is private") from error
    except (OSError, ValueError) as error:
        message = " ".join((str(error) or type(error).__name__).split())[:120].rstrip(".")
        raise NotThere(f"the Hub does not give it ({message})") from error
