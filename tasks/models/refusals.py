"""What an endpoint means when it says no: told from status, code, kind and message together, in the shapes that providers use.

An error comes as an object (OpenAI), in a list (Gemini), as a bare text, as a list of what is wrong with which field (FastAPI,
at Mistral and vLLM), as a page of HTML (a proxy), inside an answer of 200 or inside a choice (OpenRouter).
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from tasks.text.patterns import lazy_pattern

Meaning = Literal[
    "key", "account", "model", "address", "too long", "moderated", "too many", "timed out", "fault", "field", "refused"
]
MOST_LOOKED_AT = 4_000
"""Characters of a message in which its meaning is looked for."""
DEEPEST = 6
LONGEST_PAGE = 10_000
"""Characters of a page that are looked at."""
CODES: dict[str, Meaning] = {
    "invalid_api_key": "key", "authentication_error": "key", "invalid_authentication": "key", "unauthorized": "key",
    "unauthenticated": "key", "api_key_invalid": "key", "permission_denied": "key", "permission_error": "key",
    "access_denied": "key", "invalid_api_key_error": "key",
    "insufficient_quota": "account", "billing_not_active": "account", "billing_hard_limit_reached": "account",
    "billing_error": "account", "insufficient_balance": "account", "insufficient_credits": "account",
    "credit_limit_reached": "account", "payment_required": "account", "account_deactivated": "account",
    "model_not_found": "model", "invalid_model": "model", "deploymentnotfound": "model", "model_not_available": "model",
    "model_terms_required": "model", "model_decommissioned": "model", "model_not_supported": "model", "unknown_model": "model",
    "context_length_exceeded": "too long", "exceed_context_size_error": "too long", "string_above_max_length": "too long",
    "request_too_large": "too long", "context_window_exceeded": "too long", "prompt_too_long": "too long",
    "content_filter": "moderated", "content_policy_violation": "moderated", "moderation_blocked": "moderated",
    "responsibleaipolicyviolation": "moderated", "data_inspection_failed": "moderated", "sensitive": "moderated",
    "rate_limit_exceeded": "too many", "rate_limit_error": "too many", "resource_exhausted": "too many",
    "overloaded_error": "too many", "too_many_requests": "too many", "engine_overloaded": "too many",
    "server_error": "fault", "internal_server_error": "fault", "api_error": "fault", "internal": "fault", "unavailable": "too many",
    "json_validate_failed": "fault", "upstream_error": "fault", "bad_gateway": "fault", "timeout": "timed out",
    "deadline_exceeded": "timed out",
    "exceeded_current_quota_error": "account", "1113": "account", "arrearage": "account", "budget_exceeded": "account",
    "allocationquota.freetieronly": "account", "organization_restricted": "account", "1301": "moderated",
    "1211": "model", "resource_does_not_exist": "model",
    "unsupported_parameter": "field", "unsupported_value": "field", "unknown_parameter": "field",
    "unknown_field": "field", "unrecognized_argument": "field", "unrecognized_request_argument": "field",
    "invalid_json_schema": "field", "extra_forbidden": "field",
}  # fmt: skip
"""What a code or type of an error means by itself, whatever the status says."""
KEY = lazy_pattern(
    r"\b(?:api|access|secret)[ _-]?key\b.{0,60}\b(?:not valid|invalid|incorrect|wrong|expired|revoked|missing|unknown"
    r"|not found|disabled)"
    r"|\b(?:invalid|incorrect|wrong|expired|missing|no|unknown)\b.{0,30}\b(?:api|access)?[ _-]?(?:key|token"
    r"|credentials?)\b"
    r"|\bunauthori[sz]ed\b|\bauthentication (?:failed|required|error)"
    r"|\btoken\b.{0,30}\b(?:expired|invalid)",
    re.IGNORECASE,
)
ACCOUNT = lazy_pattern(
    r"\bcredit balance|\binsufficient (?:balance|funds|credits?|quota)|\bout of credits?|\bpayment required"
    r"|\bmore credits|\bexceeded your (?:current quota|monthly|daily|weekly|included|spending|usage)"
    r"|\b(?:monthly|spending|spend|usage|billing|hard) limit|\bbilling\b|\bunpaid\b"
    r"|\bquota (?:is )?(?:exceeded|used up)"
    r"|\baccount (?:is |has been )?(?:suspended|deactivated|overdue|not active)|\bpre-?paid\b|\btop up\b"
    r"|\bdepleted"
    r"|\bany credits|\bout of .{0,20}quota|\borganization has been (?:disabled|restricted)|\bbudget has been exceeded",
    re.IGNORECASE,
)
MODEL = lazy_pattern(
    r"\bmodels?\b.{0,120}\b(?:not (?:exist|found|available|supported|loaded|a valid|valid)|does(?:n't| not) exist"
    r"|no longer|decommissioned|deprecated|unknown|invalid|not have access|unavailable|retired)"
    r"|\b(?:unknown|invalid|no such|not a valid|unrecognized|no) (?:chat )?model\b"
    r"|\bno (?:allowed providers|endpoints) (?:are available|found) for|\bdeployment\b.{0,60}\bdoes not exist"
    r"|\btry pulling it"
    r"|\bno models? (?:is |are )?loaded|\bunloaded\b|isn.t supported|\bon-demand throughput",
    re.IGNORECASE,
)
TOO_LONG = lazy_pattern(
    r"\bcontext[ _-]?(?:length|window|size|limit)|\b(?:maximum|max|available|model'?s?) context"
    r"|\b(?:prompt|input|request|messages?|conversation|sequence)\b.{0,40}\b(?:is|are|was|were)? ?(?:too (?:long"
    r"|large|big|many tokens)|longer than|exceeds?)\b.{0,80}"
    r"|\btoo many (?:input )?tokens|\breduce (?:the length|your (?:prompt|input))"
    r"|\b(?:input|prompt) (?:token|length)s?\b.{0,60}\b(?:exceed|limit|maximum|must be less)"
    r"|\btoken count\b.{0,40}\bexceed|\brange of input length|\bmaximum (?:prompt|input|number of input) "
    r"|exceeded model token limit|`?inputs`? .{0,40}(?:must|tokens)",
    re.IGNORECASE,
)
MODERATED = lazy_pattern(
    r"\bflagged\b|\bmoderation|\bmoderated\b|\bcontent[ _-]?(?:filter|policy|management|safety|inspection)"
    r"|\bsafety (?:system|filter|setting|polic)|\bprohibited content"
    r"|\b(?:violat\w+|against)\b.{0,50}\b(?:polic|guideline|terms)|\binappropriate|\bharmful\b"
    r"|\bsensitive (?:content|words?)|\busage polic|\bblocked\b.{0,40}\b(?:safety|content|prompt|polic)"
    r"|\b(?:prompt|content|input|request)\b.{0,30}\bblocked"
    r"|content exists risk",
    re.IGNORECASE,
)
RATE = lazy_pattern(
    r"\brate[ _-]?limit|\btoo many requests|\btokens per (?:min|day)|\brequests per (?:min|day)|\bper[ -]minute"
    r"|\boverloaded\b|\bat capacity|\bcapacity (?:limit|exceeded)|\bslow down\b|\btry again (?:in|later)|\bquota\b",
    re.IGNORECASE,
)
NOT_TAKEN = lazy_pattern(
    r"\bunsupported"
    r"|\bnot (?:be )?(?:supported|allowed|permitted|accepted|available|implemented|compatible|recognized|enabled"
    r"|a valid|valid)"
    r"|\bunknown|\bunrecognized|\bunexpected|\binvalid|\bcannot find field|\bextra (?:inputs|fields|inputs?)"
    r"|\bforbidden|\bdoes(?:n't| not) (?:support|accept|allow|take|exist)|\bno such|\bmust (?:be|not|have|contain)"
    r"|\bshould (?:be|not)|\bcan ?not be|\bcan't be|\bnot allowed to|\bunavailable|\bonly\b|\brequires?\b|\bremove"
    r"|\bdeprecated|\bless than|\bgreater than|\bat most|\bat least|\bexceeds?\b|\btoo (?:large|high|many)"
    r"|\bonly (?:the )?default|\bis not defined|\bno additional|\bout of range|\bnot one of"
    r"|supports up to|maximum allowed|\brequested parameters",
    re.IGNORECASE,
)
UNPAID = lazy_pattern(
    r"insufficient_quota|credit balance|exceeded your current quota|billing|insufficient balance|out of credits|depleted"
    r"|available credits|spending limit|is not active|\u4f59\u989d\u4e0d\u8db3",
    re.IGNORECASE,
)
"""How an unpaid account is told from too many calls: narrower than ACCOUNT, as limits a minute speak of plans and quotas, too."""
QUOTED = lazy_pattern(r"(?<!\w)\"[^\"]{24,}\"(?!\w)|(?<!\w)'[^']{24,}'(?!\w)")
"""Something that is quoted, longer than any name: words, of the request perhaps."""
CODE = lazy_pattern(r"[45][0-9]{2}")
WORD = lazy_pattern(r"\w+")
QUOTES = frozenset("`'\"“”‘’[](){}.:")
CALLED = lazy_pattern(
    r"(?:param|params|parameter|parameters|field|fields|property|argument|name|option|key|value)\W{1,3}\Z"
)
CALLED_BEHIND = lazy_pattern(
    r"\W{1,3}(?:param|field|property|argument|is not|does not|must|should|not |only|supports|invalid)"
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that says no. `message` is one line in the endpoint's words, `field` what it names itself as the cause."""

    status: int
    message: str
    field: str = ""
    codes: tuple[str, ...] = ()
    reasons: bool = False
    """True where it gives reasons of a moderation."""
    sent: tuple[str, ...] = ()
    """Texts of the request, which the message may say back."""

    @property
    def own(self) -> str:
        """The message without what it says back of the request: only the endpoint's own words tell what it means."""
        text = self.message[: 3 * MOST_LOOKED_AT].partition("messages = [")[0]
        for sent in self.sent:
            text = text.replace(sent, "''")
        return QUOTED.sub(lambda quoted: "''" if quoted[0].count(" ") > 2 else quoted[0], text)[:MOST_LOOKED_AT]

    @property
    def meaning(self) -> Meaning:
        """What it is about, as far as it can be told without knowing what was sent."""
        text = self.own
        known = next((CODES[code] for code in self.codes if code in CODES), None)
        if self.reasons or known == "moderated":
            return "moderated"
        if known is None and self.status in (400, 422) and self.field.startswith(("messages", "prompt", "input")):
            return "too long" if TOO_LONG.search(text) else "refused"
        if self.status == 401:
            return "key"
        if self.status == 402 or known == "account":
            return "account"
        if known == "too long" or self.status == 413:
            return "too long"
        if known in ("model", "field", "timed out"):
            return known
        if self.status == 429:
            return "account" if known != "too many" and UNPAID.search(text) else "too many"
        if self.status == 503:
            return "too many"
        if self.status in (408, 504, 524):
            return "timed out"
        if self.status in (400, 403, 422, 451) and MODERATED.search(text):
            return "moderated"
        if self.status >= 500 or self.status == 409:
            return "too many" if known == "too many" else "fault"
        if known == "key" and self.status != 403:
            return "key"
        if ACCOUNT.search(text) and not RATE.search(ACCOUNT.sub("", text)):
            return "account"
        if TOO_LONG.search(text):
            return "too long"
        if known == "too many":
            return known
        if KEY.search(text) and self.status in (400, 403):
            return "key"
        if self.status == 404:
            return "model" if MODEL.search(text) or mentions(text.lower(), "model") else "address"
        if self.status in (405, 410):
            return "address"
        if MODEL.search(text) and not self.field.startswith(("response_format", "max_", "temp", "top_", "seed")):
            return "model"
        if known == "fault":
            return "fault"
        return "key" if self.status == 403 else "refused"


def parse_refusal(status: int, content: bytes, sent: tuple[str, ...] = ()) -> Refusal:
    """Reads what came with a status that says no. `sent` are the texts of the request."""
    text = content.decode("utf-8", "replace").strip()
    try:
        payload: Any = json.loads(content)
    except (ValueError, RecursionError):
        return Refusal(status, _line(_without_tags(text)), sent=sent)
    return replace(from_json(status, payload, text), sent=sent)


def from_json(status: int, payload: Any, text: str = "") -> Refusal:
    """Reads an error that came as JSON, whatever its shape. A code that is a status wins over `status` where that says yes."""
    message = next(_messages(payload), "") if not isinstance(payload, str) else payload
    codes = tuple(
        dict.fromkeys(
            code.lower() for code in _named(payload, ("code", "type", "status", "reason", "error_code")) if code
        )
    )
    field = next((name for name in _named(payload, ("param",)) if name), "") or _located(payload)
    inner = next((int(code) for code in codes if CODE.fullmatch(code)), 0)
    inner_message = next(_raw_messages(payload), "")
    if inner_message and inner_message not in message:
        message = f"{message}: {inner_message}" if message else inner_message
    status = inner if 200 <= status < 400 and inner else 500 if 200 <= status < 400 else status
    return Refusal(
        status, _line(_without_tags(message)) or _line(_without_tags(text if not text.startswith(("{", "[")) else "")),
        field=field, codes=codes, reasons=_has_reasons(payload),
    )  # fmt: skip


def error_inside(answer: Any) -> Any:
    """The error that an answer of 200 holds in place of choices, or that its choice holds; None for none."""
    if not isinstance(answer, dict):
        first = answer[0] if isinstance(answer, list) and answer else None
        return answer if isinstance(first, dict) and error_inside(first) else None
    choices = answer.get("choices")
    if answer.get("error") and not choices:
        return answer
    if isinstance(answer.get("detail"), str | list) and not choices:
        return answer
    if answer.get("object") == "error" or (answer.get("type") == "error" and not choices):
        return answer
    first = choices[0] if isinstance(choices, list) and choices else None
    return {"error": first["error"]} if isinstance(first, dict) and first.get("error") else None


def names_field(message: str, names: Iterable[str]) -> str:
    """Which of the fields a message speaks of; "" for none. The longest name wins, and one that is an English word is quoted.

    >>> names_field("Unsupported parameter: 'max_tokens' is not supported", ["max_tokens", "stop"])
    'max_tokens'
    """
    text = message[:MOST_LOOKED_AT].lower()
    for name in sorted(names, key=len, reverse=True):
        is_word = name.isalpha() and name != "logprobs"
        for word in WORD.finditer(text):
            if word[0] == name.lower() and (not is_word or _is_called_a_field(text, word.start(), word.end())):
                return name
    return ""


def _is_called_a_field(text: str, start: int, end: int) -> bool:
    """True for a word in quotes or brackets, or beside "parameter", "field" and the like."""
    before, after = text[max(0, start - 24) : start], text[end : end + 24]
    quoted = before[-1:] in QUOTES and after[:1] in QUOTES and before[-1:] != ""
    return quoted or CALLED.search(before) is not None or CALLED_BEHIND.match(after) is not None


def mentions(message: str, word: str) -> bool:
    return any(match[0] == word for match in WORD.finditer(message[:MOST_LOOKED_AT]))


def _messages(payload: Any, depth: int = 0) -> Iterator[str]:
    """Sentences in an error, the likeliest one first."""
    if depth > DEEPEST:
        return
    if isinstance(payload, str):
        inner = _parsed(payload)
        if inner is None:
            yield payload
        else:
            yield from _messages(inner, depth + 1)
    elif isinstance(payload, list):
        for item in payload[:5]:
            yield from _messages(item, depth + 1)
    elif isinstance(payload, dict):
        for name in ("error", "message", "msg", "detail", "details", "error_message", "errors", "title", "description"):
            if payload.get(name) not in (None, "", [], {}):
                yield from _messages(payload[name], depth + 1)


def _raw_messages(payload: Any) -> Iterator[str]:
    """What the provider behind a router says (OpenRouter's error.metadata.raw)."""
    for raw in _named(payload, ("raw",)):
        parsed = _parsed(raw)
        yield from _messages(parsed) if parsed is not None else iter([raw])


def _parsed(text: str) -> Any:
    """JSON inside a text, None where there is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _named(payload: Any, names: tuple[str, ...], depth: int = 0) -> Iterator[str]:
    """Plain values under these names, wherever they stand in an error, outer ones first."""
    if depth > DEEPEST:
        return
    if isinstance(payload, dict):
        for name in names:
            value = payload.get(name)
            if isinstance(value, str | int) and not isinstance(value, bool):
                yield str(value)
        for value in payload.values():
            if isinstance(value, dict | list):
                yield from _named(value, names, depth + 1)
    elif isinstance(payload, list):
        for item in payload[:5]:
            yield from _named(item, names, depth + 1)


def _located(payload: Any) -> str:
    """The field that FastAPI's list of faults points to: {"loc": ["body", "seed"], "msg": ...}."""
    faults = payload.get("detail") if isinstance(payload, dict) else payload
    if isinstance(payload, dict) and isinstance(payload.get("message"), dict):  # Mistral's way
        faults = payload["message"].get("detail")
    faults = faults.get("detail") if isinstance(faults, dict) else faults
    for fault in faults if isinstance(faults, list) else []:
        loc = fault.get("loc") if isinstance(fault, dict) else None
        if isinstance(loc, list):
            return ".".join(str(part) for part in loc if part not in ("body", "query") and not isinstance(part, int))
    return ""


def _has_reasons(payload: Any) -> bool:
    """True for OpenRouter's metadata of a moderation: reasons, and the input that was flagged."""
    error = payload.get("error") if isinstance(payload, dict) else None
    metadata = error.get("metadata") if isinstance(error, dict) else None
    return isinstance(metadata, dict) and bool(metadata.get("reasons") or metadata.get("flagged_input"))


def _without_tags(text: str) -> str:
    """Of a page of HTML its titles, or its text where it has none; any other text as it is."""
    begins = text.lstrip()[:20].lower()
    if not begins.startswith(("<!doctype", "<html", "<head", "<body", "<center", "<h1", "<?xml")):
        return text
    from tasks.text.html_pages import headings_or_text

    return headings_or_text(text[:LONGEST_PAGE])


def _line(text: str) -> str:
    """One line of plain text, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[: 3 * MOST_LOOKED_AT]).split())
