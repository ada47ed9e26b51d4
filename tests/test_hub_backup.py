"""What an app knows, kept in a private dataset of the Hub: backed up as it changes, restored where the disk is empty."""

import hashlib
import os
import queue
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from huggingface_hub import constants

from app.deploy.hub_backup import (
    BACKUP,
    Backups,
    HubDataset,
    after,
    first_admin,
    pack,
    restore,
    seconds,
    the_token,
    unpack,
    uploaded,
)
from app.errors import BackupError, PeopleError
from app.store.store import FILE, Store
from tests.conftest import ROOT, claywright
from tests.far_hub import GOOD, NARROW, READING, STRANGER, FakeHub, Repository

# the client's own way to send a file to LFS storage is one that its HTTP library warns of
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
NAME = "me/claywright-data"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """The client reads most of its settings when it is imported."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with FakeHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture
def told() -> list[str]:
    """What was said."""
    return []


def filled(data: Path, *names: str) -> Path:
    """A data folder as an app leaves it, in which these people are known."""
    data.mkdir(mode=0o700, exist_ok=True)
    with Store(data) as store:
        for name in names:
            store.people.add(name, "admin")
    (data / "inputs" / "a1").mkdir(parents=True, exist_ok=True)
    (data / "inputs" / "a1" / "tides.md").write_text("The moon.")
    (data / "permissions.json").write_text("{}")
    (data / "secret").write_text("hush")
    (data / "services").mkdir(exist_ok=True)
    (data / "services" / "argilla.json").write_text('{"key": "hush"}')
    return data


def people(data: Path) -> list[str]:
    with Store(data) as store:
        return [person.name for person in store.people.all()]


def backups_of(hub: FakeHub) -> list[str]:
    return sorted(name for name in hub.repos[NAME].files if BACKUP.fullmatch(name))


def held(content: bytes) -> list[str]:
    with tarfile.open(fileobj=BytesIO(content)) as tar:
        return sorted(tar.getnames())


def packed(**files: bytes) -> bytes:
    """A file as of a backup."""
    whole = BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size = len(content)
            tar.addfile(member, BytesIO(content))
    return whole.getvalue()


def named(content: bytes) -> str:
    return f"claywright-20260101T000000.000000Z-{hashlib.sha256(content).hexdigest()[:12]}.tar"


# -- one backup


def test_a_backup_comes_back_without_a_secret(hub: FakeHub, tmp_path: Path, told: list[str]) -> None:
    data = filled(tmp_path / "data", "ann")
    dataset = HubDataset(NAME, GOOD)
    assert Backups(data, dataset, 10, told.append).back_up()
    assert hub.repos[NAME].private
    (name,) = backups_of(hub)
    assert told == [f"Backed up to {NAME}: {name}"]
    content = hub.repos[NAME].files[name]
    assert held(content) == [FILE, "inputs/a1/tides.md", "permissions.json"] and b"hush" not in content
    new = tmp_path / "new"
    new.mkdir(mode=0o700)
    restore(new, dataset, told.append)
    assert told[-1] == f"Restored {name} of {NAME}."
    assert people(new) == ["ann"] and (new / "inputs/a1/tides.md").read_text() == "The moon."
    kept = {path.name for path in new.iterdir()}
    assert {FILE, "inputs", "permissions.json"} <= kept and not {"secret", "services"} & kept
    assert not [path for path in new.rglob("*") if path.stat().st_mode & 0o077]


def test_only_what_has_changed_is_sent(hub: FakeHub, tmp_path: Path, told: list[str]) -> None:
    data = filled(tmp_path / "data", "ann")
    backups = Backups(data, HubDataset(NAME, GOOD), 10, told.append)
    with Store(data) as store:  # as the app has it open
        assert backups.back_up()
        asked = list(hub.asked)
        assert not backups.back_up() and hub.asked == asked
        (data / "permissions.json").touch()  # the same content at another time
        assert not backups.back_up() and len(hub.repos[NAME].commits) == 2
        store.people.add("ben", "curator")
        assert backups.back_up() and len(told) == 2
        (data / "inputs" / "a1" / "more.md").write_text("The sun.")
        assert backups.back_up() and "inputs/a1/more.md" in held(hub.repos[NAME].files[backups_of(hub)[-1]])


def test_while_an_app_writes_the_copy_is_of_one_moment(hub: FakeHub, tmp_path: Path, told: list[str]) -> None:
    data = filled(tmp_path / "data", "ann")
    with Store(data) as store:
        store.people.add("ben", "curator")
        assert Backups(data, HubDataset(NAME, GOOD), 10, told.append).back_up()
        store.people.add("cat", "curator")
    new = tmp_path / "new"
    new.mkdir()
    restore(new, HubDataset(NAME, GOOD), told.append)
    assert people(new) == ["ann", "ben"]


def test_the_newest_stay_and_the_others_leave_no_history(hub: FakeHub, tmp_path: Path, told: list[str]) -> None:
    old = [f"claywright-2025010{day}T000000.000000Z-{day:012}.tar" for day in range(1, 6)]
    hub.repos[NAME] = Repository(private=True)
    for name in old:
        hub.repos[NAME].commit({name: b"x"})
    hub.repos[NAME].commit({"notes.md": b"mine", "claywright-of-mine.tar": b"mine"})
    assert Backups(filled(tmp_path / "data", "ann"), HubDataset(NAME, GOOD), 3, told.append).back_up()
    assert backups_of(hub)[:2] == old[3:] and len(backups_of(hub)) == 3
    assert {"notes.md", "claywright-of-mine.tar"} < hub.repos[NAME].files.keys() and len(hub.repos[NAME].commits) == 1


def test_the_newest_is_the_last_also_where_a_clock_went_back(hub: FakeHub, tmp_path: Path, told: list[str]) -> None:
    hub.repos[NAME] = Repository(private=True)
    early = "claywright-21000101T000000.000000Z-000000000000.tar"
    hub.repos[NAME].commit({early: b"x"})
    assert Backups(filled(tmp_path / "data", "ann"), HubDataset(NAME, GOOD), 10, told.append).back_up()
    assert backups_of(hub)[0] == early and people_of_newest(hub, tmp_path) == ["ann"]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert after([], now) == now == after(["claywright-20251231T235959.999999Z-000000000000.tar"], now)
    assert after(["claywright-20260101T000000.000000Z-000000000000.tar"], now) == now.replace(microsecond=1)


def test_one_backup_can_be_all_that_stay(hub: FakeHub, tmp_path: Path, told: list[str]) -> None:
    hub.repos[NAME] = Repository(private=True)
    hub.repos[NAME].commit({"claywright-20250101T000000.000000Z-000000000000.tar": b"x"})
    assert Backups(filled(tmp_path / "data", "ann"), HubDataset(NAME, GOOD), 1, told.append).back_up()
    assert len(backups_of(hub)) == 1 and people_of_newest(hub, tmp_path) == ["ann"]


def people_of_newest(hub: FakeHub, folder: Path) -> list[str]:
    new = folder / "newest"
    new.mkdir()
    restore(new, HubDataset(NAME, GOOD), lambda words: None)
    return people(new)


def test_without_a_store_there_is_nothing_to_send(hub: FakeHub, tmp_path: Path, told: list[str]) -> None:
    assert not Backups(tmp_path, HubDataset(NAME, GOOD), 10, told.append).back_up()
    assert not hub.asked and not told


# -- what goes wrong


@pytest.mark.parametrize(
    ("token", "repo", "words"),
    [
        (STRANGER, NAME, "may not read and write"),
        (READING, NAME, "may not read and write"),
        (NARROW, NAME, "may not read and write"),
        ("hf_wrong", NAME, "may not read and write"),
        (GOOD, "somebody/else", "may not read and write"),
        (GOOD, "no name", "can't be the name of a dataset"),
    ],
)
def test_what_the_hub_refuses_is_a_sentence(
    hub: FakeHub, tmp_path: Path, told: list[str], token: str, repo: str, words: str
) -> None:
    hub.repos[NAME] = Repository(private=True)
    assert not Backups(filled(tmp_path / "data", "ann"), HubDataset(repo, token), 10, told.append).back_up()
    (sentence,) = told
    assert sentence.startswith("No backup was made: ") and words in sentence and "Traceback" not in sentence


@pytest.mark.parametrize("fault", [500, 507, "drop"])
def test_a_backup_that_failed_is_tried_again(hub: FakeHub, tmp_path: Path, told: list[str], fault: int | str) -> None:
    backups = Backups(filled(tmp_path / "data", "ann"), HubDataset(NAME, GOOD), 10, told.append)
    hub.faults = lambda method, path, _: fault if "/commit/" in path else None
    assert not backups.back_up() and told[-1].startswith("No backup was made: The Hub")
    assert not backups_of(hub)
    hub.faults = None
    assert backups.back_up() and len(backups_of(hub)) == 1
    assert not list((tmp_path / "data").glob(".hub-backup-*"))


def test_a_squash_that_failed_costs_no_backup(hub: FakeHub, tmp_path: Path, told: list[str]) -> None:
    hub.repos[NAME] = Repository(private=True)
    hub.repos[NAME].commit({"claywright-20250101T000000.000000Z-000000000000.tar": b"x"})
    hub.faults = lambda method, path, _: 500 if "super-squash" in path else None
    assert Backups(filled(tmp_path / "data", "ann"), HubDataset(NAME, GOOD), 1, told.append).back_up()
    assert "still take room" in told[-1] and len(backups_of(hub)) == 1


def test_a_public_dataset_gets_nothing(hub: FakeHub, tmp_path: Path, told: list[str]) -> None:
    hub.repos[NAME] = Repository(private=False)
    dataset = HubDataset(NAME, GOOD)
    assert not Backups(filled(tmp_path / "data", "ann"), dataset, 10, told.append).back_up()
    assert "is public" in told[-1] and not backups_of(hub)
    with pytest.raises(BackupError, match="is public"):
        restore(tmp_path, dataset, told.append)


def test_a_commit_of_somebody_else_in_between_is_not_overwritten(hub: FakeHub, tmp_path: Path, told: list[str]) -> None:
    hub.repos[NAME] = Repository(private=True)
    backups = Backups(filled(tmp_path / "data", "ann"), HubDataset(NAME, GOOD), 10, told.append)
    hub.before_commit = lambda: void(hub.repos[NAME].commit({"theirs": b""}))
    assert not backups.back_up() and "412" in told[-1]
    hub.before_commit = None
    assert backups.back_up() and "theirs" in hub.repos[NAME].files


def void(_: object) -> None:
    """For a hook that returns nothing."""


# -- a restore


def test_what_is_there_is_never_overwritten(hub: FakeHub, tmp_path: Path, told: list[str]) -> None:
    dataset = HubDataset(NAME, GOOD)
    Backups(filled(tmp_path / "data", "ann"), dataset, 10, told.append).back_up()
    used = filled(tmp_path / "used", "eve")
    before, asked = (used / FILE).read_bytes(), list(hub.asked)
    restore(used, dataset, told.append)
    assert "nothing was restored" in told[-1] and (used / FILE).read_bytes() == before and hub.asked == asked
    partly = tmp_path / "partly"
    (partly / "inputs" / "a1").mkdir(parents=True)
    (partly / "inputs" / "a1" / "tides.md").write_text("Mine.")
    restore(partly, dataset, told.append)
    assert people(partly) == ["ann"] and (partly / "inputs/a1/tides.md").read_text() == "Mine."
    odd = tmp_path / "odd"
    odd.mkdir()
    (odd / f"{FILE}-wal").write_bytes(b"x")
    with pytest.raises(BackupError, match="without its store"):
        restore(odd, dataset, told.append)
    assert [path.name for path in odd.iterdir()] == [f"{FILE}-wal"]


def test_a_first_start_begins_with_nothing(hub: FakeHub, tmp_path: Path, told: list[str]) -> None:
    restore(tmp_path, HubDataset(NAME, GOOD), told.append)
    assert told == [f"There is no backup in {NAME} yet: it begins with nothing."]
    assert hub.repos[NAME].private and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content",
    [
        b"no archive", b"", packed(notes=b"x"), packed(**{"..__..__secret": b"x"}), packed(**{"inputs__..__secret": b"x"}),
        packed(**{"__secret": b"x"}), packed(inputs=b"x"), packed(**{FILE: b"no store"}), packed(**{"permissions.json": b"{}"}),
    ],
)  # fmt: skip
def test_a_damaged_backup_leaves_the_folder_as_it_is(
    hub: FakeHub, tmp_path: Path, told: list[str], content: bytes
) -> None:
    hub.repos[NAME] = Repository(private=True)
    hub.repos[NAME].commit({named(content): content})
    (tmp_path / "data").mkdir()
    with pytest.raises(BackupError, match=named(content)):
        restore(tmp_path / "data", HubDataset(NAME, GOOD), told.append)
    assert not list((tmp_path / "data").iterdir()) and not list(tmp_path.glob("secret"))


def test_a_backup_that_is_not_what_was_sent_is_not_used(hub: FakeHub, tmp_path: Path, told: list[str]) -> None:
    dataset = HubDataset(NAME, GOOD)
    Backups(filled(tmp_path / "data", "ann"), dataset, 10, told.append).back_up()
    Backups(filled(tmp_path / "other", "eve"), dataset, 10, told.append).back_up()
    files = hub.repos[NAME].files
    first, second = backups_of(hub)
    files[first], files[second] = files[second], files[first]
    with pytest.raises(BackupError, match="not what was sent"):
        restore(tmp_path, dataset, told.append)


def test_an_app_that_keeps_ending_pushes_no_backup_out(hub: FakeHub, tmp_path: Path, told: list[str]) -> None:
    """Each start is on an empty disk, and changes nothing."""
    Backups(filled(tmp_path / "data", "ann"), HubDataset(NAME, GOOD), 2, told.append).back_up()
    kept = backups_of(hub)
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        restore(folder, HubDataset(NAME, GOOD), told.append)
        assert people(folder) == ["ann"]
        assert not Backups(folder, HubDataset(NAME, GOOD), 2, told.append).back_up()
    assert backups_of(hub) == kept


def test_links_are_neither_packed_nor_unpacked(tmp_path: Path) -> None:
    data = filled(tmp_path / "data", "ann")
    (data / "inputs" / "link").symlink_to(data / "secret")
    assert uploaded(data) == [data / "inputs" / "a1" / "tides.md"]
    (tmp_path / "work").mkdir()
    assert "inputs/link" not in held(pack(data, tmp_path / "work")[0].read_bytes())
    whole = BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        member = tarfile.TarInfo("inputs/link")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    bad = tmp_path / named(whole.getvalue())
    bad.write_bytes(whole.getvalue())
    with pytest.raises(BackupError, match="inputs/link"):
        unpack(bad, tmp_path / "work")


# -- options


def test_spans_of_time_and_tokens() -> None:
    assert [seconds(span) for span in ("90", "45s", "15m", "2h")] == [90, 45, 900, 7200]
    for wrong in ("", "0m", "m", "1d", "-5m", "1.5h"):
        with pytest.raises(BackupError, match="span of time"):
            seconds(wrong)
    assert the_token({"HF_TOKEN": "a", "CLAYWRIGHT_BACKUP_TOKEN": "b"}) == "b"
    assert the_token({"HF_TOKEN": "a", "CLAYWRIGHT_BACKUP_TOKEN": " "}) == "a"
    with pytest.raises(BackupError, match="needs a token"):
        the_token({})


def test_the_first_admin_gets_links_until_one_is_used(tmp_path: Path, told: list[str]) -> None:
    first_admin(tmp_path, "ann", "https://data.example.org/", told.append)
    first_admin(tmp_path, "ann", "https://data.example.org", told.append)
    links = [line.partition("link=")[2] for line in told]
    assert all("https://data.example.org/join?link=" in line for line in told) and len(set(links)) == 2
    with Store(tmp_path) as store:
        assert [store.sign_in_links.person(link) for link in links] == ["", "ann"]
        store.people.set_password("ann", "a hash")
    first_admin(tmp_path, "ann", "", told.append)
    first_admin(tmp_path, "ben", "", told.append)
    assert len(told) == 2 and people(tmp_path) == ["ann"]
    with pytest.raises(PeopleError, match="can't be a name"):
        first_admin(tmp_path / "new", "Ann Smith", "", told.append)


# -- the whole, as a process


def started(hub: FakeHub, data: Path, *command: str, **more: str) -> "subprocess.Popen[str]":
    environment = {
        **os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": GOOD, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1",
        "CLAYWRIGHT_DATA": str(data), "CLAYWRIGHT_BACKUP_REPO": NAME, "PYTHONWARNINGS": "ignore", **more,
    }  # fmt: skip
    words = [sys.executable, "-m", "app.deploy.hub_backup", "--", *command]
    return subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


CHILD = """
import os, signal, sys
from pathlib import Path
from app.store.store import Store
assert "CLAYWRIGHT_BACKUP_TOKEN" not in os.environ
def end(*_):
    with Store(Path(os.environ["CLAYWRIGHT_DATA"])) as store:
        store.people.add("last", "curator")
    sys.exit(5)
signal.signal(signal.SIGTERM, end)
with Store(Path(os.environ["CLAYWRIGHT_DATA"])) as store:
    store.people.add("first", "admin")
while True:
    signal.pause()
"""


def test_it_backs_up_meanwhile_and_once_more_at_the_end(hub: FakeHub, tmp_path: Path) -> None:
    commits: queue.Queue[str] = queue.Queue()
    hub.before_commit = lambda: commits.put("one")
    process = started(
        hub, tmp_path / "data", sys.executable, "-c", CHILD, CLAYWRIGHT_BACKUP_EVERY="1s", CLAYWRIGHT_BACKUP_TOKEN=GOOD
    )
    commits.get(timeout=120)
    process.send_signal(signal.SIGTERM)
    _, words = process.communicate(timeout=120)
    assert process.returncode == 5, words
    assert words.count("Backed up to") == 2 and "Traceback" not in words
    assert people_of_newest(hub, tmp_path) == ["first", "last"]


def test_an_app_that_was_put_up_anew_knows_what_it_knew(hub: FakeHub, tmp_path: Path) -> None:
    """The real app, three times, each on an empty disk; nobody does anything in the last two."""
    for number, folder in enumerate(tmp_path / name for name in ("one", "two", "three")):
        folder.mkdir(mode=0o700)
        (folder / "services").touch()  # in whose place no local service can be installed
        process = started(
            hub, folder, *claywright(), "--no-browser",
            CLAYWRIGHT_HOST="127.0.0.1", CLAYWRIGHT_URL="https://data.example.org", CLAYWRIGHT_TRUSTED_PROXIES="127.0.0.1",
            CLAYWRIGHT_ADMIN="ann",
        )  # fmt: skip
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "Claywright is at" in line:
                break
        assert any("For ann, once" in line for line in said) is (not number), said
        assert any(("Restored" if number else "begins with nothing") in line for line in said), said
        if not number:
            with Store(folder) as store:
                store.people.add("ben", "curator")
                store.people.set_password("ann", "a hash")
        process.send_signal(signal.SIGTERM)
        _, words = process.communicate(timeout=120)
        assert "Traceback" not in words and process.returncode in (0, 143), words
        assert ("Backed up to" in words) is (not number), words
    assert people(tmp_path / "three") == ["ann", "ben"] and hub.repos[NAME].private


def test_without_what_it_knew_it_does_not_start(hub: FakeHub, tmp_path: Path) -> None:
    """Else the next backups would be of an empty store, and push the good ones out."""
    hub.repos[NAME] = Repository(private=True)
    hub.faults = lambda *_: 500
    process = started(hub, tmp_path / "data", sys.executable, "-c", "print('started')")
    out, words = process.communicate(timeout=120)
    assert process.returncode == 1 and not out and words.startswith("Error: The Hub answered with an error: 500"), words


def test_a_command_that_is_not_there_is_a_sentence(hub: FakeHub, tmp_path: Path) -> None:
    process = started(hub, tmp_path / "data", str(tmp_path / "none"))
    _, words = process.communicate(timeout=120)
    assert process.returncode == 1 and words.splitlines()[-1].startswith(
        f"Error: {tmp_path / 'none'} can't be started"
    ), words
