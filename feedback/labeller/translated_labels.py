"""Labels in any language: a labeller that answers in its text's language says "Bewertung: 4" or "评分：4" for "Rating: 4".

They are told by their form: a line of a short label, a colon and one number, next to a line of a label and a text.
"""

import re
from collections.abc import Sequence
from itertools import islice

from feedback.labeller.answer_sections import EDGE, LABEL, OWN, kind
from feedback.labeller.scores import plain_digits
from tasks.text.patterns import lazy_pattern

WORDS = r"(?P<label>[^\W\d_][^\d\n:：=.,;!?。，、！？()（）\[\]{}|*_`#<>\"“”]{0,29}+)"
BRACKETS = r"(?P<scale>[ \t]*+[(\[（][^()\[\]（）\n:：]{1,30}[)\]）])?+"
COLON = r"[ \t*_`\u00a0\u202f]*+[:：][ \t*_`\u00a0\u202f]*+"
RATED = lazy_pattern(
    rf"^{EDGE}{WORDS}{BRACKETS}{COLON}"
    r"(?P<value>\d{1,4}(?:[.,٫]\d{1,2})?(?:[ \t]*[/／][ \t]*\d{1,3})?|[★⭐🌟][★⭐🌟☆\ufe0f ]{0,12}|n[ \t]?/[ \t]?a)"
    r"(?:[分点點점](?![^\W_]))?[ \t*_`.。]*$",
    re.I | re.M,
)
LABELLED = lazy_pattern(rf"^{EDGE}{WORDS}{BRACKETS}{COLON}(?=[\d★⭐🌟])", re.M)
REASON = lazy_pattern(rf"^{EDGE}{WORDS}{BRACKETS}{COLON}(?=[^\n])(?!\d+[ \t*_`]*$)", re.M)
LONGEST_LABEL = 3
"""Words of a label."""
MOST = 4
"""Times that one text is rated, with corrections."""
NO_RATING = lazy_pattern(
    r"rank|\brang|plat[zs]\b|puesto|posi[cçz]|\bplace\b|мест|номер|排名|順位|순위|count|length|confiden|certain|error|mistake|total|words?\b"
    r"|\b(?:step|version|page|year|text|response|answer|item|point)s?\b|number|anzahl|nombre|n[uú]mero|fehler|erreur|колич|ошиб|数量|字数"
    r"|text[eo]s?\b|tekst|metin|текст|テキスト|文本|antwort|réponse|respuesta|resposta|ответ|回答|\btyp|\btip[oi]|类型|種類|тип",
    re.I,
)
"""Words of labels whose numbers are no ratings: ranks, counts, kinds, and what a text is called."""


def in_english(answer: str, texts: int) -> str:
    """The answer with "Rating:" and "Rationale:" in place of the same labels in another language.

    As it stands where it has a label for ratings, where numbers stand behind different labels, or where one label isn't
    given once for each text: what those numbers are is not known.
    """
    if any(kind(mark) == "rating" for mark in LABEL.finditer(answer)) or OWN.search(answer):
        return answer
    rated = list(islice(RATED.finditer(answer), MOST * texts + 1))
    labels = {_spelling(match) for match in rated}
    values = {plain_digits(match["value"]) for match in rated}
    if not 0 < len(rated) <= MOST * texts or not (len(labels) == 1 or (texts == 1 and len(values) == 1)):
        return answer
    if (texts > 1 and len(rated) % texts) or any(not _is_label(match) for match in rated):
        return answer
    reasons = _reasons(answer, rated)
    if texts == 1 and not reasons and answer[: rated[0].start()].strip():
        return answer
    pieces, end = [], 0
    for match in sorted([*rated, *reasons], key=lambda match: match.start()):
        name = "Rationale: "
        if match.re == RATED:
            name = f"Rating{match['scale'] or ''}: {plain_digits(match['value']).replace(',', '.')}"
        pieces += [answer[end : match.start()], name]
        end = match.end()
    return "".join([*pieces, answer[end:]])


def counts_up(answer: str, texts: int) -> bool:
    """True if the numbers of the labels are 1, 2, 3 and so on: those of the texts themselves, where nothing else names them."""
    return [plain_digits(match["value"]) for match in RATED.finditer(answer)] == list(map(str, range(1, texts + 1)))


def _spelling(match: re.Match[str]) -> str:
    return " ".join(match["label"].casefold().split())


def _is_label(match: re.Match[str]) -> bool:
    return len(match["label"].split()) <= LONGEST_LABEL and not NO_RATING.search(match["label"])


def _reasons(answer: str, rated: Sequence[re.Match[str]]) -> list[re.Match[str]]:
    """The labels of the reasons, on the next line behind each rating or, where one has none there, on the line before."""
    after = [_reason_at(answer, len(answer) - len(answer[match.end() :].lstrip("\n"))) for match in rated]
    if all(after):
        return [match for match in after if match]
    ends = [len(answer[: match.start()].rstrip()) for match in rated]
    before = [_reason_at(answer, answer.rfind("\n", 0, end) + 1) for end in ends]
    return [match for match in (before if all(before) else after) if match]


def _reason_at(answer: str, start: int) -> re.Match[str] | None:
    match = REASON.match(answer, start)
    return match if match and len(match["label"].split()) <= LONGEST_LABEL else None
