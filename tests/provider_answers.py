"""What the models behind the providers' stand-ins answer: the published prompts in their layouts, schemas with a value.

The answer depends on the request's body and the number of the choice alone.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from tests.schemas import instance, number_of

PREFERRED = ("different",)
"""Of an enum: what lets an evolved instruction pass."""
REQUESTS = r"^Write (\d+) new requests?\."


def tokens(text: str) -> list[str]:
    """`text` in pieces that make it up again: words with the space before them, single digits, single signs."""
    return re.findall(r" ?[^\W\d_]+|\d|\s+|[^\w\s]|_", text)


def text_of(content: Any) -> str:
    """The text of a message's content, which is a text or a list of parts."""
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def prompt_of(body: Mapping[str, Any]) -> str:
    """All that a request has for a model to read."""
    if "prompt" in body:
        return str(body["prompt"])
    return "\n".join(text_of(message.get("content")) for message in body.get("messages", []))


def digest_of(body: Mapping[str, Any], number: int = 0) -> str:
    return hashlib.sha256(f"{number}|{json.dumps(body, sort_keys=True)}".encode()).hexdigest()


def answer(body: Mapping[str, Any], schema: Mapping[str, Any] | None, number: int = 0, *, is_open: bool = False) -> str:
    """The text of choice `number`; as JSON if `schema` is there or the body wants a JSON object.

    `is_open`: the model goes on with the last message, and so in the place of whoever that is of.
    """
    digest, prompt = digest_of(body, number), prompt_of(body)
    if is_open and body["messages"][-1]["role"] == "user":
        return _continuation(prompt, digest)
    if schema is not None:
        wanted = re.search(REQUESTS, prompt, re.MULTILINE)
        return json.dumps(instance(schema, digest, PREFERRED, length=int(wanted[1]) if wanted else 3))
    if (body.get("response_format") or {}).get("type") == "json_object":
        return json.dumps(_json(prompt, digest))
    if "prompt" in body:
        return _continuation(prompt, digest)
    return _text(prompt, digest)


def _continuation(prompt: str, digest: str) -> str:
    """What a model without chat goes on with: Genstruct's own layout, or the user's next message as Magpie takes it."""
    if prompt.rstrip().endswith("[[[User]]]"):
        return f" What is {digest[:6]} about?\n[[[Assistant]]] It is about {digest[6:12]}."
    return f"What is the story behind number {int(digest[:8], 16)}?"


def _text(prompt: str, digest: str) -> str:
    numbers = [int(number) for number in re.findall(r"^<text (\d+)>$", prompt, re.MULTILINE)]
    typed = "\nType: the numbers that fit, or None" in prompt
    if numbers and "#### Output for Text 1" in prompt:
        rated = [f"#### Output for Text {n}\n{_rating(digest, n, typed)}" for n in range(1, max(numbers) + 1)]
        return "\n\n".join(rated)
    if "\nRating: a number from 1 to 5" in prompt:
        return _rating(digest, 1, typed)
    if "\nUser: the question or task" in prompt:
        return f"User: What is {digest[:6]} about?\nAssistant: It is about {digest[6:12]}."
    if "Write one request a line" in prompt:
        return "\n".join(_requests(prompt, digest))
    if "Answer with one word, equal or different." in prompt:
        return "different"
    if re.search(r"Answer with the (rewritten|created) instruction and nothing else", prompt):
        return _instruction(digest)
    return f"This is answer {digest[:12]}."


def _json(prompt: str, digest: str) -> Any:
    """A JSON object without a schema: what the prompt says in words that it is to have."""
    asks = re.search(r"^.*Answer as JSON: (.*)$", prompt, re.MULTILINE)
    wanted = asks[1] if asks else ""
    if '"rating"' in wanted:
        texts = re.search(r'"text 1" to "text (\d+)"', wanted)
        if texts is None:
            return _rated(digest, 1, '"types"' in wanted)
        return {f"text {n}": _rated(digest, n, '"types"' in wanted) for n in range(1, int(texts[1]) + 1)}
    if '"question"' in wanted:
        return {"question": f"What is {digest[:6]} about?", "answer": f"It is about {digest[6:12]}."}
    if '"instructions"' in wanted:
        return {"instructions": _requests(prompt, digest)}
    if '"verdict"' in wanted:
        return {"verdict": "different"}
    if '"instruction"' in wanted:
        return {"instruction": _instruction(digest)}
    return {"answer": f"This is answer {digest[:12]}."}


def _rating(digest: str, number: int, typed: bool) -> str:
    rated = _rated(digest, number, typed)
    types = f"Type: {rated['types'][0]}\nRationale: {rated['types_rationale']}\n" if typed else ""
    return f"{types}Rating: {rated['rating']}\nRationale: {rated['rationale']}"


def _rated(digest: str, number: int, typed: bool) -> dict[str, Any]:
    types = {"types": [1], "types_rationale": f"It fits {digest[-6:]}."} if typed else {}
    rating = 1 + number_of(digest, "rating", number) % 5
    return {**types, "rationale": f"Because of {number_of(digest, number):08x}.", "rating": rating}


def _requests(prompt: str, digest: str) -> list[str]:
    wanted = re.search(REQUESTS, prompt, re.MULTILINE)
    count = int(wanted[1]) if wanted else 5
    return [f"Write about number {number_of(digest, n):08x}." for n in range(count)]


def _instruction(digest: str) -> str:
    return f"Describe the number {digest[:8]} in two ways and compare it with {digest[8:16]}."


def logprobs(pieces: list[str], top: int) -> list[dict[str, Any]]:
    """The chat form of log-probabilities: a piece at 60 %, and others below it; beside a digit stand other digits."""
    listed = []
    for piece in pieces:
        others = "12345" if piece in "12345" else ("a", "the", "it", "so", "an")
        likely = [piece, *(other for other in others if other != piece)][: max(top, 1)]
        entries = [_entry(token, -0.51 - 1.2 * rank) for rank, token in enumerate(likely)]
        listed.append({**entries[0], "top_logprobs": entries[:top]})
    return listed


def _entry(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": round(logprob, 4), "bytes": list(token.encode())}
