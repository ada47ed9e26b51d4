"""What people approved, as files that trainers read. Corrected texts win; every line says where it comes from.

A format is a function from a judged row to a line, and an entry in FORMATS.
"""

import csv
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from feedback.errors import ExportError
from feedback.judged import Judged
from feedback.records import clean
from tasks.errors import SettingsError
from tasks.marks import marks
from tasks.settings import setting
from tasks.types import Message

Line = dict[str, Any]
WRITERS = ("jsonl", "parquet", "csv")


@dataclass(frozen=True, kw_only=True)
class Export:
    """What to write, and in which form."""

    title: ClassVar[str] = "export"

    format: str = setting(
        "sft",
        "sft (messages), preference (prompt, chosen, rejected), raw (everything) or plain (instruction, response).",
    )
    path: str = setting("", "File to write: .jsonl, .parquet or .csv.")
    unreviewed: bool = setting(False, "Take rows that nobody has reviewed as well; they are marked.")

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise SettingsError(f"There is no export format '{self.format}'. Known: {', '.join(FORMATS)}.")
        if self.path and Path(self.path).suffix.lstrip(".").lower() not in WRITERS:
            raise SettingsError(
                f"The export file '{self.path}' should end in one of: {', '.join('.' + w for w in WRITERS)}."
            )


def sft(judged: Judged, run: str, task: str) -> Line | None:
    """`messages` ending with the best response (people's ratings first); None for a row without one."""
    row = judged.row
    messages, changed = judged.messages()
    if not row.responses:
        return None
    if (correction := judged.corrected_response()) is not None:
        said, place = correction
    else:
        place = max(range(len(row.responses)), key=lambda k: (judged.score(k) or 0.0, -k))
        said = row.responses[place].text
    answer: Message = {"role": "assistant", "content": said}
    extra = {
        "model": row.responses[place].model,
        "rating": judged.labelled(place),
        "rating_by_people": judged.rated_by_people(place),
        "instruction_corrected": changed,
        "response_corrected": correction is not None,
    }
    return {"messages": [*messages, answer], **extra, **provenance(judged, run, task)}


def plain(judged: Judged, run: str, task: str) -> Line | None:
    """`instruction` and `response` as two texts, as `sft` has them; None for a talk of several turns, which they can't hold."""
    line = sft(judged, run, task)
    roles = [message["role"] for message in line["messages"]] if line else []
    if line is None or roles not in (["user", "assistant"], ["system", "user", "assistant"]):
        return None
    *system, asked, answer = line.pop("messages")
    prompt = system[0]["content"] if system else None
    return {"instruction": asked["content"], "response": answer["content"], "system_prompt": prompt, **line}


def preference(judged: Judged, run: str, task: str) -> Line | None:
    """`prompt`, `chosen`, `rejected` as chat. None where nothing tells two different texts apart.

    A corrected text is chosen over what it corrects; else the best rated over the worst rated.
    """
    row = judged.row
    if not row.responses:
        return None
    messages, changed = judged.messages()
    if (correction := judged.corrected_response()) is not None:
        said, chosen = correction
        rejected = chosen
        texts = said, row.responses[rejected].text
        because = "a reviewer's correction over the original"
    else:
        scored = [(score, -k) for k in range(len(row.responses)) if (score := judged.score(k)) is not None]
        if len(scored) < 2 or max(scored)[0] == min(scored)[0]:
            return None
        chosen, rejected = -max(scored)[1], -min(scored)[1]
        texts = row.responses[chosen].text, row.responses[rejected].text
        by_people = judged.rated_by_people(chosen) is not None and judged.rated_by_people(rejected) is not None
        because = "rated higher by people" if by_people else "rated higher by the labeller"
    if texts[0].strip() == texts[1].strip():
        return None
    return {
        "prompt": messages,
        "chosen": [{"role": "assistant", "content": texts[0]}],
        "rejected": [{"role": "assistant", "content": texts[1]}],
        "chosen_model": row.responses[chosen].model,
        "rejected_model": row.responses[rejected].model,
        "chosen_rating": None if correction is not None else judged.score(chosen),
        "rejected_rating": judged.score(rejected),
        "because": because,
        "instruction_corrected": changed,
        "response_corrected": correction is not None,
        **provenance(judged, run, task),
    }


def raw(judged: Judged, run: str, task: str) -> Line | None:
    """Everything that is known of a row: responses, ratings with rationales, verdicts, origin."""
    row = judged.row
    messages, changed = judged.messages()
    correction = judged.corrected_response()
    return {
        "messages": list(row.messages),
        "responses": [
            {
                "text": r.text, "model": r.model, "reasoning": r.reasoning, "finish_reason": r.finish_reason,
                "principle": r.principle, "marks": marks(r),
            }
            for r in row.responses
        ],
        "ratings": [
            {
                "response": r.response, "aspect": r.aspect, "repeat": r.repeat, "status": r.status, "value": r.value,
                "rationale": r.rationale, "note": r.note, "model": r.model, "expected": r.expected,
                "types": None if r.types is None else list(r.types), "types_rationale": r.types_rationale,
            }
            for r in judged.ratings
        ],
        "verdicts": [
            {
                "reviewer": v.reviewer, "status": v.status, "answers": json.dumps(dict(v.answers), ensure_ascii=False),
                "updated_at": v.updated_at,
            }
            for v in judged.verdicts
        ],
        "corrected_instruction": messages[-1]["content"] if changed else None,
        "corrected_response": correction[0] if correction else None,
        "origin": json.dumps(dict(row.origin), ensure_ascii=False),
        **provenance(judged, run, task),
    }  # fmt: skip


def provenance(judged: Judged, run: str, task: str) -> Line:
    """Where a line comes from and who let it through."""
    newest = max((v.updated_at for v in judged.submitted), default=None)
    return {
        "row_id": judged.row.id,
        "run": run,
        "task": task,
        "prompt_version": judged.row.origin.get("prompt"),
        "decision": judged.decision,
        "reviewers": sorted({verdict.reviewer for verdict in judged.submitted}),
        "reviewed_at": newest,
        "labeller": judged.ratings[0].model if judged.ratings else None,
    }


FORMATS: dict[str, Callable[[Judged, str, str], Line | None]] = {
    "sft": sft,
    "preference": preference,
    "raw": raw,
    "plain": plain,
}


@dataclass
class Exported:
    """`written` lines; `passed_over` rows that were approved and gave none (no response, or no pair)."""

    path: Path
    written: int = 0
    passed_over: int = 0


def chosen(rows: Iterable[Judged], to: Export, run: str, task: str) -> Iterator[Line | None]:
    """A line for each row that is to go out; None for one that gives none in this format."""
    make = FORMATS[to.format]
    for judged in rows:
        if judged.decision == "approve" or (to.unreviewed and judged.unseen):
            yield make(judged, run, task)


def export(rows: Iterable[Judged], to: Export, path: Path, run: str, task: str) -> Exported:
    """Writes the file, whole or not at all. Raises ExportError if there is nothing to write or no place for it."""
    done = Exported(path)
    kind = path.suffix.lstrip(".").lower()
    if kind not in WRITERS:
        raise ExportError(f"The export file '{path}' should end in one of: {', '.join('.' + w for w in WRITERS)}.")

    def lines() -> Iterator[Line]:
        for line in chosen(rows, to, run, task):
            if line is None:
                done.passed_over += 1
            else:
                done.written += 1
                yield line

    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
            temporary = Path(file.name)
        _write(lines(), temporary, kind)
        if done.written:
            temporary.chmod(0o644)
            temporary.replace(path)
    except OSError as error:
        raise ExportError(
            f"{path} can't be written: {error.strerror or error}.", terminal="Name another place with --to FILE."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    if not done.written:
        why = f" ({done.passed_over} approved rows gave no {to.format} line)" if done.passed_over else ""
        raise ExportError(
            f"There is nothing to export yet{why}: no row that can be used was approved. Review in Argilla, then pull; "
            "or take rows that nobody has reviewed.",
            terminal="With --unreviewed.",
        )
    return done


def _write(lines: Iterator[Line], path: Path, kind: str) -> None:
    if kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        if found := [clean(line) for line in lines]:
            pq.write_table(pa.Table.from_pylist(found), path)
        return
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        if kind == "jsonl":
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        else:
            writer: csv.DictWriter[str] | None = None
            for line in lines:
                if writer is None:
                    writer = csv.DictWriter(file, list(line))
                    writer.writeheader()
                writer.writerow({name: _cell(value) for name, value in line.items()})


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value
