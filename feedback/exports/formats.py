"""The export formats: what they are called, what a line of each has, what a row must have to give one.

A format is a function in record_formats.py and an entry in FORMATS, from which the page, the command and the files' types
come.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from feedback.exports.preference_pairs import Rule
from feedback.exports.record_formats import (
    Line,
    alpaca,
    grpo,
    kto,
    plain,
    preference,
    prompt_completion,
    ranking,
    raw,
    reward,
    sft,
    sharegpt,
)
from feedback.reviewed_row import ReviewedRow

Columns = Mapping[str, Any]
"""The type of each column: str, int, float, bool, [type] for a list, {name: type} for a record. Any but a list can be empty."""
Lines = Callable[[ReviewedRow, Rule], Iterator[Line]]
CHAT = [{"role": str, "content": str}]
THINKING_CHAT = [{"role": str, "content": str, "reasoning_content": str}]
CALL = {"id": str, "type": str, "function": {"name": str, "arguments": str}}
FURTHER: Columns = {"reasoning_content": str, "tool_calls": [CALL], "tool_call_id": str, "name": str}
"""What a message may have beside its role and its text: columns of tables have it where a message does."""
CHECKED: Columns = {
    "decision_by": str, "failed_checks": [str],
    "checks": [{"response": int, "check": str, "passed": bool, "reason": str, "rejects": bool}],
}  # fmt: skip
"""What lines of a run with checks say of them; `checks` in raw alone."""
GUARANTEED: Columns = {
    "decision_by": str, "guarantee_risk": float, "guarantee_confidence": float, "guarantee_audit": int,
    "guarantee_statement": str,
}  # fmt: skip
"""What lines say of rows that were accepted under a guarantee, where there are such."""
TOOLS = "tools"
"""The column of the tools that a conversation may call, as JSON."""
ANSWERS = ("messages", "completion", "chosen", "rejected")
"""Columns that end with a model's answer."""
ANSWERED: Columns = {
    "model": str, "rating": float, "rating_by_people": float, "rating_accepted": float, "instruction_corrected": bool,
    "response_corrected": bool,
}  # fmt: skip
LINEAGE: Columns = {
    "row_id": str, "run": str, "task": str, "prompt_version": str, "reviewed": bool, "decision": str, "reviewers": [str],
    "settled_by": str, "reviewed_at": str, "labeller": str,
}  # fmt: skip


@dataclass(frozen=True)
class Format:
    """`label` and `help` are what people read; `needs` says what a row must have to give a line.

    `rejected`: it takes rejected rows as well, unless one says which decisions are wanted.
    """

    label: str
    help: str
    needs: str
    lines: Lines
    own: Columns
    rejected: bool = False

    @property
    def columns(self) -> Columns:
        return {**self.own, **LINEAGE}

    @property
    def with_reasoning(self) -> "Format":
        """The same with the thoughts of its answers beside them, as trainers of reasoning models read them."""
        own = {name: THINKING_CHAT if name in ANSWERS and kind == CHAT else kind for name, kind in self.own.items()}
        return self if self.lines is raw else replace(self, own=own)

    @property
    def holds_reasoning(self) -> bool:
        """Whether a model's thoughts can stand beside its answers."""
        return self.lines is raw or self.with_reasoning.own != self.own

    def holding(self, paths: Collection[str], *, checked: bool = False, guaranteed: bool = False) -> "Format":
        """The same with what its lines hold beyond texts, by path ("messages.tool_calls[]"): tool calls, tools; where rows
        were `checked` what the checks say, and where some are `guaranteed` by what, though it is nothing in every line.
        """
        own = {
            column: [{**kind[0], **{name: of for name, of in FURTHER.items() if _is_there(f"{column}.{name}", paths)}}]
            if kind in (CHAT, THINKING_CHAT)
            else kind
            for column, kind in self.own.items()
        }
        checks = {name: kind for name, kind in CHECKED.items() if checked and (name != "checks" or self.lines is raw)}
        guarantees = GUARANTEED if guaranteed else {}
        return replace(self, own={**own, **({TOOLS: str} if TOOLS in paths else {}), **checks, **guarantees})

    def with_fields(self, fields: Columns) -> "Format":
        """The same with the columns of rows of a shape of their own."""
        return replace(self, own={**self.own, **fields}) if fields else self

    @property
    def several(self) -> bool:
        """Whether a row can give several lines: one for each `response`, which is named by its place."""
        return self.own.get("response") is int


def _is_there(path: str, paths: Collection[str]) -> bool:
    return any(other == path or other.startswith((f"{path}.", f"{path}[")) for other in paths)


RESPONSE, PAIR, TURN, RATED = (
    "It needs a response.",
    "A pair needs two responses with different ratings, a preference for one of them, or a correction.",
    "Instruction and response need a talk of one turn.",
    "It needs responses that were rated.",
)
FORMATS: dict[str, Format] = {
    "sft": Format(
        "Chat messages (SFT)", "messages that end with the best response", RESPONSE, sft, {"messages": CHAT, **ANSWERED}
    ),
    "prompt-completion": Format(
        "Prompt and completion (SFT)", "prompt and completion, as chat", RESPONSE, prompt_completion,
        {"prompt": CHAT, "completion": CHAT, **ANSWERED},
    ),
    "preference": Format(
        "Preference pairs (DPO)", "prompt, chosen and rejected, as chat", PAIR, preference,
        {
            "prompt": CHAT, "chosen": CHAT, "rejected": CHAT, "chosen_model": str, "rejected_model": str,
            "chosen_rating": float, "rejected_rating": float, "because": str, "instruction_corrected": bool,
            "response_corrected": bool,
        },
    ),
    "kto": Format(
        "Good and bad answers (KTO)",
        "prompt, completion and label (true or false), a line for each response; rejected rows give bad ones",
        "It needs a response that was approved, rejected, or rated high or low.", kto,
        {"prompt": CHAT, "completion": CHAT, "label": bool, "because": str, "response": int, **ANSWERED}, rejected=True,
    ),
    "reward": Format(
        "Scores for a reward model", "messages and score (a level of the rubric), a line for each rated response", RATED, reward,
        {"messages": CHAT, "score": float, "score_by": str, "response": int, "model": str, "instruction_corrected": bool},
    ),
    "ranking": Format(
        "Ranked responses", "prompt and responses from best to worst, with ranks and scores",
        "A ranking needs two different responses that are not equally good.", ranking,
        {
            "prompt": CHAT, "responses": [str], "ranks": [int], "scores": [float], "models": [str], "ranked_by": str,
            "instruction_corrected": bool, "response_corrected": bool,
        },
    ),
    "grpo": Format(
        "Prompts (GRPO)", "prompt as chat, with answer and reference for reward functions", "", grpo,
        {"prompt": CHAT, "answer": str, "reference": str, "instruction_corrected": bool},
    ),
    "plain": Format(
        "Instruction and response", "instruction, response and system_prompt as texts", TURN, plain,
        {"instruction": str, "response": str, "system_prompt": str, **ANSWERED},
    ),
    "alpaca": Format(
        "Alpaca", "instruction, input, output and system as texts", TURN, alpaca,
        {"instruction": str, "input": str, "output": str, "system": str, **ANSWERED},
    ),
    "sharegpt": Format(
        "ShareGPT", "conversations of from (system, human, gpt) and value", RESPONSE, sharegpt,
        {"conversations": [{"from": str, "value": str}], **ANSWERED},
    ),
    "raw": Format(
        "All responses with ratings", "everything: responses, ratings and preferences with rationales, verdicts, origin", "", raw,
        {
            "messages": CHAT,
            "responses": [
                {"text": str, "model": str, "reasoning": str, "finish_reason": str, "principle": str, "marks": [str]}
            ],
            "ratings": [
                {
                    "response": int, "aspect": str, "repeat": int, "status": str, "value": float, "rationale": str, "note": str,
                    "model": str, "expected": float, "types": [int], "types_rationale": str, "prompt": str, "prompt_hash": str,
                    "temperature": float, "raw": str, "levels": int, "rubric": str,
                }
            ],
            "preferences": [
                {
                    "first": int, "second": int, "aspect": str, "repeat": int, "status": str, "better": str, "rationale": str,
                    "note": str, "model": str, "prompt": str, "prompt_hash": str, "temperature": float, "raw": str,
                }
            ],
            "verdicts": [
                {"reviewer": str, "status": str, "answers": str, "updated_at": str, "blind": bool, "origins": str}
            ],
            "reviewers_decision": str, "settled_at": str,
            "corrected_instruction": str, "corrected_response": str, "origin": str, "unit": int, "position": int, "revision": int,
        },
    ),
}  # fmt: skip
