"""Rows onto the Hugging Face Hub: a dataset that is made or added to, in one commit, so that half of it is never there.

A dataset holds a folder of Parquet files for each format (`sft/train-00000.parquet`), a configuration of the same name, and
the card. Adding is a new file: what is there is read, never touched. Rows that are there are not sent again; one that has
changed since, or would not go out any more, stays as it is there, and is counted.
"""

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING

from feedback.errors import ExportError, HubDown, HubRefused
from feedback.exports.dataset_card import Facts, Held, Summary, card, is_ours, share, shares
from feedback.exports.formats import FORMATS, Columns
from feedback.exports.record_formats import Line
from feedback.exports.selection import Export, Gathered, Say, gathered
from feedback.exports.train_test_split import TEST, TRAIN
from feedback.exports.writers import parquet
from feedback.reviewed_row import ReviewedRow

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CARD = "README.md"
SHARD = re.compile(rf"({'|'.join(FORMATS)})/({TRAIN}|{TEST})-(\d+)\.parquet")
BESIDE = re.compile(r"README\.md|\.git\w+|LICEN[SC]E.*", re.IGNORECASE)
"""Files of a repository that are no data."""
MOVED_ON = (409, 412)
"""What the Hub answers where somebody else committed in the meantime."""


@dataclass
class Published:
    """What came of it: `added` lines, of so many `rows`; rows that were `there` already, and how many of those have `changed`.

    `gone` rows of the run are there and would not go out now: rejected since, say, or left out by the settings.
    """

    repo: str
    url: str
    added: int = 0
    rows: int = 0
    there: int = 0
    changed: int = 0
    gone: int = 0
    passed_over: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    alike: int = 0
    made: bool = False
    """The dataset is new."""
    private: bool = True
    parts: dict[str, int] = field(default_factory=dict)
    """Added lines of train and test."""


@dataclass
class There:
    """The dataset as it stands: its newest commit, its files, its card."""

    commit: str
    private: bool
    files: list[str]
    card: str = ""
    made: bool = False

    def shards(self, form: str) -> list[tuple[str, str, int]]:
        """(path, split, number) of the files of a format."""
        matches = [SHARD.fullmatch(path) for path in self.files]
        return [(m.group(), m.group(2), int(m.group(3))) for m in matches if m is not None and m.group(1) == form]


def publish(rows: Iterable[ReviewedRow], to: Export, about: Facts, say: Say) -> Published:
    """Adds the rows to the dataset `to.hub`, which is made where there is none.

    The token is that of HF_TOKEN or of `hf auth login`. Raises ExportError and its kinds; then the dataset is as it was,
    or new and empty.
    """
    from httpx2 import HTTPError
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if not to.hub:
        raise ExportError("Name the dataset on the Hub: owner/name.", terminal="With --hub OWNER/NAME.")
    token = get_token()
    if not token:
        raise HubRefused(
            "The Hub needs a token that may write: set HF_TOKEN before Claywright starts, or sign in with 'hf auth login'."
        )
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)
    quiet, summary = bool(are_progress_bars_disabled()), Summary()
    disable_progress_bars()
    try:
        with (
            TemporaryDirectory() as folder,
            gathered(rows, to, about.run, about.task, Path(folder), summary.add, say) as collected,
        ):
            for last in (False, True):
                try:
                    return _add(api, to, about, summary, collected, Path(folder), say)
                except HfHubHTTPError as error:
                    if last or error.response.status_code not in MOVED_ON:
                        raise
                    say("Somebody else changed the dataset: once more.")
    except (HTTPError, OSError, ValueError, RuntimeError) as error:  # the last of the upload itself
        raise _translated(error, to.hub) from error
    finally:
        if not quiet:
            enable_progress_bars()
    raise AssertionError("the second time returns or raises")


def _add(
    api: "HfApi", to: Export, about: Facts, summary: Summary, collected: Gathered, folder: Path, say: Say
) -> Published:
    from huggingface_hub import CommitOperationAdd

    remote = _there(api, to, folder, say)
    _check(remote, to)
    say("Looking at what is there.")
    known = _known(api, remote, collected, about.run, folder)
    new, changed = _new(collected, known.digests)
    done = Published(
        to.hub, f"{api.endpoint}/datasets/{to.hub}", rows=len(new), there=collected.rows - len(new), changed=changed,
        gone=len(known.held.rows.keys() - set(collected.spool.rows)), made=remote.made,
        passed_over=collected.passed.lineless, reasons=dict(collected.passed.reasons), alike=collected.passed.alike,
        private=remote.private,
    )  # fmt: skip
    operations = []
    for part, order in collected.parts(known.sides).items():
        order = [k for k in order if collected.spool.rows[k] in new]
        done.parts[part] = len(order)
        if order:
            number = max((n for _, _, n in remote.shards(to.format)), default=-1) + 1
            path = folder / f"{part}.parquet"
            parquet(known.held.with_lines(collected.lines(order), part), collected.form.columns, path)
            operations.append(CommitOperationAdd(f"{to.format}/{part}-{number:05}.parquet", str(path)))
    done.added = sum(done.parts.values())
    if not operations:
        return done
    configs = {form: {split for _, split, _ in remote.shards(form)} for form in FORMATS}
    configs[to.format] |= {part for part, lines in done.parts.items() if lines}
    splits = {form: [split for split in (TRAIN, TEST) if split in has] for form, has in configs.items() if has}
    text = card(remote.card, to.hub, to, about, summary, known.held, len(new), splits)
    operations.append(CommitOperationAdd(CARD, text.encode("utf-8", "replace")))
    say(f"Sending {done.added} lines.")
    api.create_commit(
        to.hub, operations, repo_type="dataset", parent_commit=remote.commit,
        commit_message=f"Add {done.added} {to.format} lines of {about.run} (Claywright)",
    )  # fmt: skip
    return done


def _there(api: "HfApi", to: Export, folder: Path, say: Say) -> There:
    """The dataset, made private (or as asked) where there is none."""
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    created = False
    try:
        info = api.dataset_info(to.hub)
    except RepositoryNotFoundError:
        say(f"Making the dataset {to.hub}.")
        try:
            api.create_repo(to.hub, repo_type="dataset", private=to.private)
        except HfHubHTTPError as error:
            if error.response.status_code != 409:
                raise
            raise HubRefused(
                f"{to.hub} is there, and the token may not see it. Use one that may read and write it."
            ) from error
        info, created = api.dataset_info(to.hub), True
    remote = There(str(info.sha), bool(info.private), [file.rfilename for file in info.siblings or []], made=created)
    if CARD in remote.files:
        remote.card = _file(api, to, remote, CARD, folder).read_text(encoding="utf-8", errors="replace")
    return remote


def _check(remote: There, to: Export) -> None:
    """Raises ExportError where adding would do harm."""
    if to.private and not remote.private:
        raise ExportError(
            f"{to.hub} is public. Say that it is not private if all may read these rows, or name another dataset.",
            terminal="With --public.",
        )
    if not is_ours(remote.card) and any(not BESIDE.fullmatch(path) for path in remote.files):
        raise ExportError(
            f"{to.hub} holds data that Claywright did not make; it was not touched. Name another dataset."
        )
    splits = shares(remote.card, to.format)
    if remote.shards(to.format) and splits and share(to) not in splits:
        raise ExportError(
            f"The {to.format} rows of {to.hub} are split by {', '.join(sorted(splits))}. Add with the same, so that rows of "
            "one origin stay on one side, or name another dataset."
        )


@dataclass
class Known:
    """What is there of a format: of each row the sum of its lines' digests, and its side; and what is `held` of the run."""

    digests: Counter[str] = field(default_factory=Counter)
    sides: dict[str, str] = field(default_factory=dict)
    held: Held = field(default_factory=Held)


def _known(api: "HfApi", remote: There, collected: Gathered, run: str, folder: Path) -> Known:
    import pyarrow.parquet as pq

    known, to = Known(), collected.to
    for path, split, _ in remote.shards(to.format):
        local = _file(api, to, remote, path, folder)
        with pq.ParquetFile(local) as file:
            if file.schema.names != list(_innermost(collected.form.columns)):
                raise ExportError(
                    f"{path} in {to.hub} has other columns than {to.format} has now. Name another dataset."
                )
            for batch in file.iter_batches(1000):
                for line in batch.to_pylist():
                    known.digests[line["row_id"]] += _digest(line)
                    known.sides[line["row_id"]] = split
                    if line["run"] == run:
                        known.held.add(line, split)
        local.unlink()
    return known


def _innermost(columns: Columns) -> Iterator[str]:
    """The names of the columns of a Parquet file: of a list or record, those of what is inside."""
    for name, kind in columns.items():
        inside = kind[0] if isinstance(kind, list) else kind
        if isinstance(inside, Mapping):
            yield from _innermost(inside)
        else:
            yield "element" if isinstance(kind, list) else name


def _new(collected: Gathered, known: dict[str, int]) -> tuple[set[str], int]:
    """(the rows that are not there yet, how many of the others have changed since)."""
    if not known:
        return set(collected.spool.rows), 0
    digests: Counter[str] = Counter()
    for line in collected.spool.read(range(len(collected.spool))):
        digests[line["row_id"]] += _digest(line)
    return digests.keys() - known.keys(), sum(known[row] != digest for row, digest in digests.items() if row in known)


def _digest(line: Line) -> int:
    text = json.dumps(line, sort_keys=True).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8])


def _file(api: "HfApi", to: Export, remote: There, path: str, folder: Path) -> Path:
    return Path(
        api.hf_hub_download(to.hub, path, repo_type="dataset", revision=remote.commit, local_dir=folder / remote.commit)
    )


def _translated(error: Exception, repo: str) -> ExportError:
    """What happened, in words that say what to do."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, RepositoryNotFoundError

    cause = error.__cause__ if type(error) is RuntimeError and error.__cause__ is not None else error
    kept = "Nothing was changed there: send again later."
    if isinstance(cause, OfflineModeIsEnabled):
        return HubDown("The Hub is switched off by HF_HUB_OFFLINE. Unset it, and start Claywright again.")
    if isinstance(cause, HFValidationError):
        return ExportError(
            f"'{repo}' can't be the name of a dataset: owner/name, of letters, digits, '-', '_' and '.'."
        )
    if isinstance(cause, HfHubHTTPError):
        status = cause.response.status_code
        server_message = " ".join(
            str(cause.server_message or cause.response.headers.get("X-Error-Message") or "").split()
        )[:200]
        why = f" ({server_message})" if server_message else ""
        if status == 401 and not isinstance(cause, RepositoryNotFoundError):
            return HubRefused(
                f"The Hub refuses the token{why}. Set HF_TOKEN to one that is valid and may write, or sign in with 'hf auth login'."
            )
        if status in (401, 403, 404):
            return HubRefused(
                f"The token may not write to {repo}{why}. Use one with the right to write there, or a dataset of your own."
            )
        if status in MOVED_ON:
            return HubDown(f"{repo} keeps being changed by somebody else. {kept}")
        return HubDown(
            f"The Hub answered with an error ({status}{f', {server_message}' if server_message else ''}). {kept}"
        )
    message = " ".join((str(cause) or type(cause).__name__).split())[:200].rstrip(".")
    if isinstance(cause, OSError) and cause.errno is not None and not isinstance(cause, ConnectionError):
        return ExportError(f"The rows can't be made ready for the Hub in {gettempdir()}: {cause.strerror}.")
    if isinstance(error, ValueError):
        return HubDown(f"The Hub did not take the rows: {message}. {kept}")
    return HubDown(
        f"The Hub can't be reached, or broke off ({message}). Send again: what did arrive is whole, and is not sent twice."
    )
