"""A row as lines for trainers, a function for each format; feedback/exports/formats.py names them and says which columns they have.

The chat formats are those of TRL (https://huggingface.co/docs/trl/dataset_formats).
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from feedback.exports.preference_pairs import Best, Rule, best, better, differ, in_order, pair, placed, ranked, teaches
from feedback.labeller.ultrafeedback import reference
from feedback.reviewed_row import ReviewedRow
from feedback.types import NOT_KNOWN, judgements
from tasks.answering import INSTRUCTING
from tasks.response_flags import marks

Line = dict[str, Any]


SYSTEM, CALLING = "system", "calling"
BEFORE = {
    "user": (SYSTEM, "assistant"),
    "assistant": ("user", "tool"),
    CALLING: ("user", "tool"),
    "tool": (CALLING, "tool"),
}
"""Which turns a turn may follow: an assistant's is either an answer or calls tools."""


class NotWritten(ValueError):
    """A row that the readers of a format would refuse, or read wrongly. The message says why, the same for all of a kind."""


def provenance(judged: ReviewedRow, run: str, task: str) -> Line:
    """Where a line comes from and who let it through. `reviewed` is False for a row that nobody has finished with."""
    return {
        "row_id": judged.row.id,
        "run": run,
        "task": task,
        "prompt_version": judged.row.origin.get("prompt"),
        "reviewed": not judged.unseen,
        "decision": judged.decision,
        "reviewers": sorted({verdict.reviewer for verdict in judged.submitted}),
        "settled_by": judged.settled.who if judged.settled else None,
        "reviewed_at": max((_moment(v.updated_at) for v in judged.submitted), default=None),
        "labeller": next(iter([r.model for r in judged.ratings[:1]] + [p.model for p in judged.preferences[:1]]), None),
        **({"decision_by": judged.decision_by, "failed_checks": failed_checks(judged)} if judged.checks else {}),
        **_guarantee(judged),
    }


def _guarantee(judged: ReviewedRow) -> Line:
    """Under which guarantee a row goes out that nobody reviewed; nothing for any other."""
    if (guarantee := judged.guarantee) is None:
        return {}
    return {
        "decision_by": judged.decision_by,
        "guarantee_risk": guarantee.risk,
        "guarantee_confidence": guarantee.confidence,
        "guarantee_audit": guarantee.audit,
        "guarantee_statement": guarantee.statement,
    }


def failed_checks(judged: ReviewedRow) -> list[str]:
    """The checks that the best text of a row fails, as a reviewer corrected it where one did."""
    top = best(judged)
    if top is None:
        return []
    results = judged.correction_checks if top.corrected else [c for c in judged.checks if c.response == top.place]
    return [result.check for result in results if not result.passed]


def sft(judged: ReviewedRow, rule: Rule) -> Iterator[Line]:
    """`messages` that end with the best response."""
    if (top := best(judged)) is not None and teaches(judged, top, rule):
        messages, _ = _conversation(judged, rule)
        yield {"messages": [*messages, *_completion(judged, top, rule)], **_tools(judged), **_answered(judged, top)}


def prompt_completion(judged: ReviewedRow, rule: Rule) -> Iterator[Line]:
    """The same as `prompt` and `completion`."""
    if (top := best(judged)) is not None and teaches(judged, top, rule):
        messages, _ = _conversation(judged, rule)
        yield {
            "prompt": messages, "completion": _completion(judged, top, rule), **_tools(judged), **_answered(judged, top)
        }  # fmt: skip


def preference(judged: ReviewedRow, rule: Rule) -> Iterator[Line]:
    """`prompt`, `chosen`, `rejected`, where two texts can be told apart (feedback/exports/preference_pairs.py)."""
    if (preference_pair := pair(judged, rule)) is None:
        return
    messages, changed = _conversation(judged, rule)
    other, corrected = judged.row.responses[preference_pair.rejected], preference_pair.chosen.corrected
    yield {
        "prompt": messages,
        "chosen": _completion(judged, preference_pair.chosen, rule),
        "rejected": _completion(judged, Best(other.text, preference_pair.rejected, False), rule),
        "chosen_model": judged.row.responses[preference_pair.chosen.place].model,
        "rejected_model": other.model,
        "chosen_rating": None if corrected else judged.score(preference_pair.chosen.place),
        "rejected_rating": judged.score(preference_pair.rejected),
        "because": preference_pair.because,
        "instruction_corrected": changed,
        "response_corrected": corrected,
        **_tools(judged),
    }


def kto(judged: ReviewedRow, rule: Rule) -> Iterator[Line]:
    """`prompt`, `completion` and `label`, a line for each response of which is known whether it is good or bad.

    High is from the rubric's threshold on, low is as far from the other end: 4 and 2 of 5. Approved row: its best (or
    corrected) text is good, any other text rated low is bad. A correction alone does not make its original bad: it says that
    there is a better text. Rejected row: all are bad, but those that people rated above low (what was wrong was something
    else). Else: rated high is good, rated low bad. What fails a check that rejects is bad unless the row is approved. The same
    text comes once a row.
    """
    messages, _ = _conversation(judged, rule)
    top = best(judged) if judged.decision == "approve" else None
    seen: set[str] = set()
    scale = judged.scale

    def line(text: str, index: int, label: bool, because: str, corrected: bool = False) -> Line:
        seen.add(text.strip())
        answer = Best(text, index, corrected)
        return {
            "prompt": messages, "completion": _completion(judged, answer, rule), "label": label, "because": because,
            "response": index,
            **_tools(judged), **_answered(judged, answer),
        }  # fmt: skip

    if top is not None and teaches(judged, top, rule):
        because = "corrected by a reviewer" if top.corrected else "approved by people"
        because = because if judged.guarantee is None else "accepted under a guarantee"
        yield line(top.text, top.place, True, because, top.corrected)
    for index, response in enumerate(judged.row.responses):
        people, score = judged.rated_by_people(index), judged.score(index)
        who = "people" if people is not None else "the labeller"
        if response.text.strip() in seen:
            continue
        if (check := judged.rejected_by(index)) and judged.peoples_decision != "approve":
            yield line(response.text, index, False, f"fails the check {check}")
        elif judged.peoples_decision == "reject":
            if people is None or people <= scale.low:
                yield line(response.text, index, False, "rejected by people")
        elif judged.decision == "reject" and judged.guarantee is not None:
            yield line(response.text, index, False, "rejected under a guarantee")
        elif score is not None and score <= scale.low:
            yield line(response.text, index, False, f"rated low by {who}")
        elif (
            top is None
            and score is not None
            and score >= scale.keep
            and teaches(judged, Best(response.text, index, False), rule)
        ):
            yield line(response.text, index, True, f"rated high by {who}")


def reward(judged: ReviewedRow, rule: Rule) -> Iterator[Line]:
    """`messages` and `score`, on the rubric's levels (1 to 5 where several scales meet), a line for each rated response."""
    messages, changed = _conversation(judged, rule)
    for index, response in enumerate(judged.row.responses):
        people, score = judged.rated_by_people(index), judged.score(index)
        if score is not None and teaches(judged, Best(response.text, index, False), rule):
            yield {
                "messages": [*messages, *_completion(judged, Best(response.text, index, False), rule)],
                "score": score,
                "score_by": "the labeller" if people is None else "people",
                "response": index,
                "model": response.model,
                "instruction_corrected": changed,
                **_tools(judged),
            }


def ranking(judged: ReviewedRow, rule: Rule) -> Iterator[Line]:
    """`prompt` and `responses` from best to worst, with `ranks` (1 for the best; equals share one) and `scores`.

    A corrected text comes first, without a score. Responses that nobody rated or ranked are left out, equal texts come once.
    """
    messages, changed = _conversation(judged, rule)
    responses = judged.row.responses
    top = best(judged)
    texts: list[str] = []
    models: list[str] = []
    scores: list[float | None] = []
    ranks: list[int] = []
    corrected = top is not None and top.corrected
    if top is not None and not teaches(judged, top, rule):
        return
    if top is not None and corrected:
        texts, models, scores, ranks = [top.text], [responses[top.place].model], [None], [1]
    last: int | None = None
    for index in in_order(judged):
        known = placed(judged, index) or (corrected and len(responses) == 1)
        if not known or not all(differ(responses[index].text, text) for text in texts):
            continue
        equal = last is not None and not better(judged, last, index, Rule(margin=0.0))
        ranks.append(ranks[-1] if equal else len(ranks) + 1)
        texts.append(responses[index].text)
        models.append(responses[index].model)
        scores.append(judged.score(index))
        last = index
    if len(set(ranks)) > 1:
        by_people = any(judged.rated_by_people(k) is not None for k in range(len(responses)))
        by_ratings = "people's ratings" if by_people else "the labeller's ratings"
        by = "people's ranking" if ranked(judged) else _ranked_by(judged) or by_ratings
        yield {
            "prompt": messages, "responses": texts, "ranks": ranks, "scores": scores, "models": models,
            "ranked_by": "a reviewer's correction" if corrected and len(texts) == 2 else by,
            "instruction_corrected": changed, "response_corrected": corrected, **_tools(judged),
        }  # fmt: skip


def _ranked_by(judged: ReviewedRow) -> str:
    """What people said to be better, or the labeller's comparisons, where these decide; "" where ratings do."""
    if all(judged.rated_by_people(k) is not None for k in range(len(judged.row.responses))):
        return ""
    if any(isinstance(verdict.own_better, int) for verdict in judged.submitted):
        return "what people said to be better"
    return "the labeller's comparisons (Bradley-Terry)" if judged.ranking is not None else ""


def grpo(judged: ReviewedRow, rule: Rule) -> Iterator[Line]:
    """`prompt` alone, with what a reward function can use: the best `answer` and the input's `reference` or passage."""
    messages, changed = _conversation(judged, rule)
    top = best(judged)
    if rule.checks and not (top is not None and teaches(judged, top, rule)):
        return
    yield {
        "prompt": messages,
        "answer": top.text if top else None,
        "reference": reference(judged.row) or None,
        "instruction_corrected": changed,
        **_tools(judged),
    }


def plain(judged: ReviewedRow, rule: Rule) -> Iterator[Line]:
    """`instruction` and `response` as two texts, with `system_prompt`; nothing for a talk of several turns."""
    for instruction, response, system, line in _single(judged, rule):
        yield {"instruction": instruction, "response": response, "system_prompt": system, **line}


def alpaca(judged: ReviewedRow, rule: Rule) -> Iterator[Line]:
    """`instruction`, `input` (empty: it is in the instruction), `output`, `system`; nothing for a talk of several turns."""
    for instruction, response, system, line in _single(judged, rule):
        yield {"instruction": instruction, "input": "", "output": response, "system": system or "", **line}


SPEAKERS = {"system": "system", "developer": "system", "user": "human", "assistant": "gpt", "tool": "observation"}
ASKING, SPEAKING = ("human", "observation"), ("gpt", "function_call")


def sharegpt(judged: ReviewedRow, rule: Rule) -> Iterator[Line]:
    """`conversations` of `from` (system, human, gpt; function_call and observation for tools) and `value`.

    As LLaMA-Factory reads it (data/converter.py, SharegptDatasetConverter): after the system prompt what a person or a tool
    says and what the assistant says follow each other by turns, and a person begins.
    """
    for line in sft(judged, rule):
        turns = [turn for message in line.pop("messages") for turn in _sharegpt_turns(message)]
        spoken = turns[1:] if turns[0]["from"] == "system" else turns
        for index, turn in enumerate(spoken):
            if turn["from"] not in (ASKING, SPEAKING)[index % 2]:
                raise NotWritten("ShareGPT needs turns that alternate, and a person's first")
        yield {"conversations": turns, **line}


def _sharegpt_turns(message: Line) -> Iterator[Line]:
    if calls := message.get("tool_calls"):
        if message["content"]:
            raise NotWritten("ShareGPT has no turn that both speaks and calls a tool")
        if len(calls) > 1:
            raise NotWritten("ShareGPT has one tool call in a turn")
        yield {"from": "function_call", "value": json.dumps(_call(calls[0]), ensure_ascii=False)}
    else:
        yield {"from": SPEAKERS[message["role"]], "value": message["content"]}


def _call(call: Any) -> Line:
    """A tool call as LLaMA-Factory reads it (data/formatter.py, FunctionFormatter): a name, and arguments as an object."""
    function = call.get("function", call)
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):
        arguments = _from_json(arguments)
    if not function.get("name") or not isinstance(arguments, dict):
        raise NotWritten("ShareGPT needs a tool call with a name and an object of arguments")
    return {**function, "arguments": arguments}


def raw(judged: ReviewedRow, rule: Rule) -> Iterator[Line]:
    """Everything that is known of a row: responses, ratings with rationales, verdicts, origin."""
    row, top = judged.row, best(judged)
    if rule.checks and not (top is not None and teaches(judged, top, rule)):
        return
    messages, changed = judged.messages()
    correction = judged.corrected_response()
    yield {
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
                "prompt": r.prompt, "prompt_hash": r.prompt_hash, "temperature": r.temperature, "raw": r.raw,
                "levels": r.levels, "rubric": r.rubric,
            }
            for r in judged.ratings
        ],
        "preferences": [
            {
                "first": p.first, "second": p.second, "aspect": p.aspect, "repeat": p.repeat, "status": p.status,
                "better": p.better, "rationale": p.rationale, "note": p.note, "model": p.model, "prompt": p.prompt,
                "prompt_hash": p.prompt_hash, "temperature": p.temperature, "raw": p.raw,
            }
            for p in judged.preferences
        ],
        "verdicts": [
            {
                "reviewer": v.reviewer, "status": v.status, "answers": json.dumps(dict(v.answers), ensure_ascii=False),
                "updated_at": _moment(v.updated_at), "blind": v.blind,
                "origins": json.dumps({q: v.origin(q) or NOT_KNOWN for q, _ in judgements(v.answers)}),
            }
            for v in judged.verdicts
        ],
        "reviewers_decision": judged.reviewers_decision,
        "settled_at": None if judged.settled is None else _moment(judged.settled.at),
        "corrected_instruction": messages[-1]["content"] if changed else None,
        "corrected_response": correction[0] if correction else None,
        "origin": json.dumps(dict(row.origin), ensure_ascii=False),
        "unit": row.unit, "position": row.position, "revision": row.revision,
        **({"checks": [asdict(check) for check in judged.checks]} if judged.checks else {}),
    }  # fmt: skip


def _moment(text: str) -> str:
    """A time with its microseconds: readers of JSON take a shorter one for a date, and a column of both for a mistake."""
    try:
        return datetime.fromisoformat(text).isoformat(timespec="microseconds")
    except ValueError:
        return text


def _conversation(judged: ReviewedRow, rule: Rule) -> tuple[list[Line], bool]:
    """(the messages as trainers take them, whether a reviewer corrected the instruction). Raises NotWritten.

    Chat templates know one system prompt, at the beginning and under that name, and no turn that says nothing. Those of Gemma
    and Mistral refuse user and assistant turns that do not alternate.
    """
    messages, changed = judged.messages()
    roles = [message["role"] for message in messages]
    if any(role in INSTRUCTING for role in roles[1:]):
        raise NotWritten("a system prompt that is not the first message")
    if any(not m["content"].strip() and not m.get("tool_calls") and m["role"] != "tool" for m in messages):
        raise NotWritten("an empty turn")
    before = SYSTEM
    for message in messages:
        turn = CALLING if message.get("tool_calls") else SYSTEM if message["role"] in INSTRUCTING else message["role"]
        if turn != SYSTEM and before not in BEFORE[turn]:
            raise NotWritten("turns that do not alternate, beginning with the user's")
        before = turn
    if before not in BEFORE["assistant"]:
        raise NotWritten("a conversation that does not end with the user's turn")
    dropped = () if rule.reasoning else ("reasoning_content",)
    written = [{name: value for name, value in message.items() if name not in dropped} for message in messages]
    if written[0]["role"] in INSTRUCTING:
        written[0] = {**written[0], "role": SYSTEM}
    return written, changed


def _tools(judged: ReviewedRow) -> Line:
    """The column of tools, of a row that has some: a list as JSON. Raises NotWritten."""
    if not (tools := judged.row.origin.get("tools")):
        return {}
    if not isinstance(_from_json(tools), list):
        raise NotWritten("tools that are not a JSON list")
    return {"tools": tools}


def _from_json(text: Any) -> Any:
    """What a text holds as JSON; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None


def _completion(judged: ReviewedRow, response: Best, rule: Rule) -> list[Line]:
    """A response as a message; with its thoughts where those are wanted. A text that a reviewer wrote has none."""
    message: Line = {"role": "assistant", "content": response.text}
    if rule.reasoning:
        message["reasoning_content"] = None if response.corrected else judged.row.responses[response.place].reasoning
    return [message]


def _answered(judged: ReviewedRow, top: Best) -> Line:
    """The columns ANSWERED."""
    return {
        "model": judged.row.responses[top.place].model,
        "rating": judged.labelled(top.place),
        "rating_by_people": judged.rated_by_people(top.place),
        "rating_accepted": judged.accepted_by_people(top.place),
        "instruction_corrected": judged.messages()[1],
        "response_corrected": top.corrected,
    }


def _single(judged: ReviewedRow, rule: Rule) -> Iterator[tuple[str, str, str | None, Line]]:
    """(instruction, response, system prompt, the rest of the line) of a talk of one turn."""
    for line in sft(judged, rule):
        *system, question, answer = line.pop("messages")
        if question["role"] == "user" and [m["role"] for m in system] in ([], ["system"], ["developer"]):
            yield question["content"], answer["content"], system[0]["content"] if system else None, line
