"""Rows onto the Hub, through the real client: made, added to, refused, broken off; and the card that goes with them."""

import io
import json
import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants

from app.cli import output
from feedback.errors import ExportError, HubDown, HubRefused
from feedback.exports.dataset_card import Facts
from feedback.exports.formats import FORMATS
from feedback.exports.hub import Published, publish
from feedback.exports.selection import Export
from feedback.exports.train_test_split import TEST, TRAIN
from feedback.reviewed_row import Guarantee, ReviewedRow
from tasks.errors import SettingsError
from tasks.types import Message
from tests.far_hub import GOOD, NARROW, READING, STRANGER, FakeHub, Repository
from tests.make_reviewed_rows import RATINGS, ROW, judged, made_of, some, verdict

# the client's own way to send a file to LFS storage is one that its HTTP library warns of
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
NAME = "me/rivers"
ABOUT = Facts(
    run="run", name="Rivers | <b>`x`", task="Task", recipe={"task": {"template": "<!-- /claywright: run sft --> ```"}},
    generator="gen", responders=["a", "b"], labeller="m", rule="By majority.",
)  # fmt: skip


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """The client reads most of its settings when it is imported."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setenv("HF_TOKEN", GOOD)
    with FakeHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def send(rows: list[ReviewedRow], about: Facts = ABOUT, **more: Any) -> Published:
    return publish(iter(rows), Export(hub=more.pop("hub", NAME), **more), about, lambda words: None)


def table(content: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(io.BytesIO(content)).to_pylist()
    return found


def rows(first: int, last: int) -> list[ReviewedRow]:
    """Approved rows of those numbers."""
    asked: list[tuple[Message, ...]] = [({"role": "user", "content": f"Name river {k}."},) for k in range(last)]
    found = [replace(ROW, id=f"r-{k}-0", unit=k, messages=asked[k], origin={}) for k in range(first, last)]
    return [ReviewedRow(row, RATINGS, (verdict(),)) for row in found]


def loaded(files: dict[str, bytes], folder: Path, *words: str) -> Any:
    """The repository as `datasets` loads it."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return datasets.load_dataset(str(folder), *words, cache_dir=str(folder.parent / "cache"))


def test_a_new_dataset_is_private_and_holds_the_rows_and_a_card(hub: FakeHub, tmp_path: Path) -> None:
    found = some(4)
    done = send(found)
    assert done == Published(NAME, f"{hub.url}/datasets/{NAME}", 2, 2, made=True, parts={"train": 2})
    repo = hub.repos[NAME]
    assert repo.private and len(repo.commits) == 2
    assert table(repo.files["sft/train-00000.parquet"]) == [
        line for one in found[1:3] for line in made_of(FORMATS["sft"].lines, one)
    ]
    text = repo.files["README.md"].decode()
    for words in (
        "config_name: sft", "- claywright", "To be filled in", "# Rivers b x\n", "generator: `gen`", "answers: `a`, `b`",
        "| b | 2.00 (2) |  |", "| a | 4.00 (2) |  |", "1 reviewer, the last", "2 rows approved, 0 rejected", "By majority.",
    ):  # fmt: skip
        assert words in text, words
    assert "close to chance" not in text and "license" not in text.partition("\n---\n")[0]
    assert loaded(repo.files, tmp_path / "repo", "sft")["train"].to_list() == table(
        repo.files["sft/train-00000.parquet"]
    )


def test_what_is_there_stays_and_nothing_is_there_twice(hub: FakeHub, tmp_path: Path) -> None:
    send(rows(0, 3))
    first = dict(hub.repos[NAME].files)
    changed = [*rows(0, 2), replace(rows(2, 3)[0], verdicts=(verdict(corrected_response="The Po."),)), *rows(3, 5)]
    done = send(changed)
    assert (done.added, done.there, done.changed, done.made) == (2, 3, 1, False)
    files = hub.repos[NAME].files
    assert files["sft/train-00000.parquet"] == first["sft/train-00000.parquet"]
    assert [line["row_id"] for line in table(files["sft/train-00001.parquet"])] == ["r-3-0", "r-4-0"]
    again = send(changed)
    assert (again.added, again.there) == (0, 5) and hub.repos[NAME].files == files
    # another format is a configuration of its own, and several lines of a row are one row
    kto = send(rows(0, 2), format="kto")
    assert (kto.added, kto.there) == (4, 0)
    assert send(rows(0, 2), format="kto").there == 2
    folder = tmp_path / "repo"
    both = [loaded(hub.repos[NAME].files, folder, name)["train"].num_rows for name in ("sft", "kto")]
    assert both == [5, 4] and loaded({}, folder)["train"].num_rows == 5


def test_what_people_wrote_into_the_card_stays(hub: FakeHub) -> None:
    send(rows(0, 2))
    repo = hub.repos[NAME]
    text = repo.files["README.md"].decode()
    head, _, body = text.removeprefix("---\n").partition("---\n")
    mine = f"---\n# my comment\nlicense: mit\nlanguage:\n- en\n{head}size_categories: n<1K\n---\n{body}\nWritten by hand.\n"
    repo.commit({"README.md": mine.replace("To be filled in", "MIT; it was filled in").encode()})
    send(rows(0, 3))
    send(rows(0, 2), format="preference")
    new = repo.files["README.md"].decode()
    for words in (
        "# my comment",
        "license: mit",
        "size_categories: n<1K",
        "Written by hand.",
        "MIT; it was filled in",
        "3 rows",
    ):
        assert words in new, words
    assert new.count("<!-- claywright: run sft ") == 1 == new.count("<!-- claywright: run preference ")
    assert new.count("# Rivers b x\n") == 1
    send(rows(5, 6), replace(ABOUT, run="other"), license="cc-by-4.0")
    other = repo.files["README.md"].decode()
    assert "license: cc-by-4.0" in other and "# my comment" in other and "<!-- claywright: other sft " in other
    repo.commit({"README.md": b"---\nlicense: [\n---\n<!-- claywright: run sft test_share=0 seed=0 -->"})
    with pytest.raises(ExportError, match="header can't be read"):
        send(rows(6, 7))


def test_a_split_stays_when_rows_are_added(hub: FakeHub, tmp_path: Path) -> None:
    split: dict[str, Any] = {"test_share": 0.4, "seed": 1}
    done = send(rows(0, 20), **split)
    assert done.parts.keys() == {"train", "test"} and 2 < done.parts["test"] < 14
    sides = {
        side: {line["row_id"] for line in table(hub.repos[NAME].files[f"sft/{side}-00000.parquet"])}
        for side in (TRAIN, TEST)
    }
    send(rows(0, 40), **split)
    found = loaded(hub.repos[NAME].files, tmp_path / "repo", "sft")
    for side in (TRAIN, TEST):
        assert sides[side] < set(found[side]["row_id"])
    assert (
        not set(found["train"]["row_id"]) & set(found["test"]["row_id"])
        and len(found["test"]) + len(found["train"]) == 40
    )
    with pytest.raises(ExportError, match=r"split by test_share=0\.4 seed=1"):
        send(rows(40, 50))


def groups(approved: list[int]) -> list[ReviewedRow]:
    """20 rows, two of each unit, of which these are approved and the others are not reviewed."""
    return [
        replace(one, row=replace(one.row, unit=k // 2), verdicts=one.verdicts if k in approved else ())
        for k, one in enumerate(rows(0, 20))
    ]


def test_a_split_stays_whoever_is_approved_first(hub: FakeHub, tmp_path: Path) -> None:
    """Of a group, the second row goes out first, the first one later."""
    split: dict[str, Any] = {"test_share": 0.4, "seed": 1}
    send(groups(list(range(1, 20, 2))), **split)
    send(groups(list(range(20))), **split)
    found = loaded(hub.repos[NAME].files, tmp_path / "repo", "sft")
    sides = {int(row.split("-")[1]): side for side in (TRAIN, TEST) for row in found[side]["row_id"]}
    assert len(sides) == 20 and set(sides.values()) == {TRAIN, TEST}
    assert all(sides[k] == sides[k + 1] for k in range(0, 20, 2))


def test_what_ties_a_group_to_another_comes_later(hub: FakeHub, tmp_path: Path) -> None:
    """A row that comes before the others of its group, as one that was answered late, takes none of them elsewhere."""
    split: dict[str, Any] = {"test_share": 0.5, "seed": 1}
    first = rows(1, 20)
    send(first, **split)
    sides = {
        line["row_id"]: side
        for side in (TRAIN, TEST)
        for line in table(hub.repos[NAME].files[f"sft/{side}-00000.parquet"])
    }
    for side in (TRAIN, TEST):
        of_side = [one.row for one in first if sides[one.row.id] == side]
        early = replace(
            rows(0, 1)[0], row=replace(of_side[-1], id=f"early-{side}", unit=99, origin={"seed": f"other {side}"})
        )
        send([early, *first], **split)
        sides = {
            line["row_id"]: one
            for one in (TRAIN, TEST)
            for name, content in hub.repos[NAME].files.items()
            if name.startswith(f"sft/{one}-")
            for line in table(content)
        }
        assert sides[f"early-{side}"] == side


def test_the_card_says_what_is_there_and_what_was_added_last(hub: FakeHub) -> None:
    split: dict[str, Any] = {"test_share": 0.4, "seed": 1}
    send(rows(0, 12), **split)
    bob = [replace(one, verdicts=(verdict("reject", who="bob", at="11:00"),)) for one in rows(0, 15)[12:]]
    done = send(bob, decision="rejected", **split)
    assert (done.rows, done.there, done.gone) == (3, 0, 12)
    text = hub.repos[NAME].files["README.md"].decode()
    held = [
        sum(len(table(content)) for name, content in hub.repos[NAME].files.items() if f"/{side}-" in name)
        for side in (TRAIN, TEST)
    ]
    assert sum(held) == 15
    for words in (
        f"15 rows of the run are here (15 lines: {held[0]} for training, {held[1]} for testing).",
        "Added last: 3 of the 3 rows that the last export took (decision: rejected;", "2 reviewers, the last",
        "12 rows approved, 3 rejected", "Mean ratings of the 3 rows of the last export",
    ):  # fmt: skip
        assert words in text.replace("; 40%", ";").replace(", 40%", ";"), words


def test_rows_that_were_rejected_since_are_counted(hub: FakeHub) -> None:
    send(rows(0, 4))
    send(rows(6, 7), replace(ABOUT, run="other"))
    changed = [replace(one, verdicts=(verdict("reject"),)) if k < 2 else one for k, one in enumerate(rows(0, 5))]
    done = send(changed)
    assert (done.added, done.there, done.changed, done.gone) == (1, 2, 0, 2)
    assert "2 rows of the run are there and would not go out now" in output.published(done)


@pytest.mark.parametrize(
    ("token", "name", "kind", "words"),
    [
        ("hf_nonsense", NAME, HubRefused, "refuses the token .Invalid credentials.* HF_TOKEN"),
        ("", NAME, HubRefused, "needs a token that may write: set HF_TOKEN"),
        (READING, "me/there", HubRefused, "may not write to me/there .You have read access"),
        (READING, NAME, HubRefused, "may not write to me/rivers"),
        (STRANGER, "me/new", HubRefused, "may not write to me/new"),
        (NARROW, "me/there", HubRefused, "is there, and the token may not see it"),
        (GOOD, "them/rivers", HubRefused, "may not write to them/rivers .*namespace"),
        (GOOD, "me/public", ExportError, "me/public is public"),
        (GOOD, "me/other", ExportError, "holds data that Claywright did not make"),
    ],
)
def test_what_the_hub_or_its_dataset_does_not_allow(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, token: str, name: str, kind: type[Exception], words: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    hub.repos = {"me/there": Repository(True), "me/public": Repository(False), "me/other": Repository(True)}
    hub.repos["me/other"].commit({"data/train.csv": b"a\n1\n"})
    before = {name: dict(repo.files) for name, repo in hub.repos.items()}
    with pytest.raises(kind, match=words) as caught:
        send(rows(0, 2), hub=name)
    assert {name: repo.files for name, repo in hub.repos.items()} == before
    assert not token or token not in str(caught.value)


FAULTS: dict[str, Any] = {
    "the upload is refused": lambda method, path, n: 403 if method == "PUT" else None,
    "the commit fails": lambda method, path, n: 500 if "/commit/" in path else None,
    "the connection breaks": lambda method, path, n: "drop" if "/commit/" in path else None,
    "the plan is full": lambda method, path, n: 413 if "/objects/batch" in path else None,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_half_way_leaves_the_dataset_as_it_was(hub: FakeHub, fault: str) -> None:
    send(rows(0, 2))
    before = dict(hub.repos[NAME].commits)
    hub.faults = FAULTS[fault]
    with pytest.raises(ExportError, match=r"Hub|may not write"):
        send(rows(0, 4))
    assert hub.repos[NAME].commits == before
    hub.faults = None
    assert (send(rows(0, 4)).added, len(hub.repos[NAME].commits)) == (2, len(before) + 1)


def test_somebody_else_commits_in_the_meantime(hub: FakeHub) -> None:
    send(rows(0, 2))
    repo, times = hub.repos[NAME], iter(range(9))

    def meddle() -> None:
        if next(times) == 0:
            repo.commit({"notes.txt": b"mine"})

    hub.before_commit = meddle
    assert send(rows(0, 3)).added == 1
    assert repo.files["notes.txt"] == b"mine" and "sft/train-00001.parquet" in repo.files
    times = iter(lambda: 0, 1)  # each time
    with pytest.raises(HubDown, match="keeps being changed"):
        send(rows(0, 5))
    assert len([name for name in repo.files if name.startswith("sft/")]) == 2


def test_other_columns_are_not_mixed_in(hub: FakeHub) -> None:
    send(rows(0, 2))
    repo = hub.repos[NAME]
    other = pq.read_table(io.BytesIO(repo.files["sft/train-00000.parquet"])).drop_columns(["labeller"])
    sink = io.BytesIO()
    pq.write_table(other, sink)
    repo.commit({"sft/train-00000.parquet": sink.getvalue()})
    with pytest.raises(ExportError, match="has other columns"):
        send(rows(2, 3))


def test_no_hub_to_be_reached(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubDown, match="can't be reached"):
        send(rows(0, 2))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubDown, match="HF_HUB_OFFLINE"):
        send(rows(0, 2))
    with pytest.raises(ExportError, match="nothing to export"):
        send([judged(verdict("reject"))])


@pytest.mark.parametrize(
    "name", ["rivers", "me/", "/x", "me/a--b", "me/a b", "me/..", "me/x/y", f"me/{'x' * 97}", "-me/x", "me/é"]
)
def test_names_that_no_dataset_can_have(name: str) -> None:
    with pytest.raises(SettingsError, match="hub must be owner/name"):
        Export(hub=name)


def test_a_full_disk(hub: FakeHub) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(ExportError, match=r"can't be made ready for the Hub in .*: .* large"):
            send(rows(0, 200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert hub.asked == []


def test_rows_that_nobody_reviewed_are_marked_and_said(hub: FakeHub) -> None:
    send([judged()], replace(ABOUT, for_trying=True), unreviewed=True)
    files = hub.repos[NAME].files
    assert [line["reviewed"] for line in table(files["sft/train-00000.parquet"])] == [False]
    text = files["README.md"].decode()
    assert "**1 of them were not reviewed by anybody**" in text and "close to chance" in text
    assert json.dumps("hf_writes") not in text


def test_the_card_says_what_reviews_prove_and_what_nobody_reviewed(hub: FakeHub) -> None:
    under = Guarantee("approve", 0.05, 0.95, 120, "a1")
    accepted = [replace(row, verdicts=(), accepted=under) for row in rows(1, 4)]
    sentence = "82% of these 4 rows are ones your reviewers would keep, 78% to 86% (95% sure), from 100 audit reviews."
    send([*rows(0, 1), *accepted], replace(ABOUT, quality=[sentence]))
    files = hub.repos[NAME].files
    text = files["README.md"].decode()
    assert sentence in text
    assert "Of these, 3 were accepted without a reviewer: at most 5% of such rows would be decided" in text
    assert "95% sure, from 120 audit reviews" in text and "4 rows approved" in text
    marks = [line["decision_by"] for line in table(files["sft/train-00000.parquet"])]
    assert sorted(marks) == ["guarantee"] * 3 + ["people"]
    send(
        [*rows(0, 1), *accepted, *rows(4, 5)], replace(ABOUT, quality=[sentence])
    )  # the figures are read from its lines
    assert "Of these, 3 were accepted without" in hub.repos[NAME].files["README.md"].decode()
