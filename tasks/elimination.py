"""Which evolved instructions can't be used: the elimination rules of WizardLM (Xu et al. 2023, arXiv 2304.12244, section 3.2).

What only a model can judge, that an instruction gains nothing over the one before it, is in `evol_instruct`; here is what
can be told from the words. A word that the instruction had before counts against nothing.
"""

import re
from collections.abc import Sequence

from tasks.text.answers import unbold
from tasks.text.patterns import lazy_pattern

SHORT = 80
"""Words: an apology in a text that is not shorter belongs to the instruction."""
WORD = re.compile(r"\w+")
LONGEST_REFUSAL = 200
"""Characters in which a refusal says so."""
PUNCTUATION = ".,;:!?…'\"“”„‘’‚«»‹›`()[]{}。、，；：！？「」『』（）—–"
"""What may stand around a word and be no part of it; "C++", "C#" and "-2" are not "C" and "2"."""
STOP_WORDS = frozenset(
    WORD.findall(
        """a about above after again all also am an and any are as at be because been before being below between both but by can
        could d did do does doing don down during each few for from further had has have having he her here hers him his how i
        if in into is it its itself just let ll m me more most my no nor not now of off on once only or other our out over own
        please re s same shall she should so some such t than that the their them then there these they this those through to
        too under until up us ve very was we were what when where which while who whom why will with would you your"""
    )
)
LEAKED = lazy_pattern(r"\b(?:given|rewritten|created)[ _-](?:prompt|instruction)\b", re.IGNORECASE)
WE = r"(?:i|we)"
DECLINE = r"(?:\s?(?:['’](?:m|re)|am|are)\s+(?:not\b|un)|\s(?:ca|could|can|wo|will|do|must|have\s+to)(?:not|n['’]?t|\s+not)?\b)"
REFUSED = lazy_pattern(
    rf"""(?:\A|[.!?]\s{{1,3}})[*_>\s]{{0,6}}(?:
        (?:{WE}\s?(?:['’](?:m|re)|am|are)\s+)?(?:so\s+|very\s+|really\s+|truly\s+)?sorry
          (?:\s*[,.!;:—–-]|\s+(?:but\b|(?:that\s+)?{WE}{DECLINE}|(?:that\s+)?{WE}\b(?![^.!?\n]{{1,80}}[.!?]\s+\w))|\s+for\s+(?:the|any)\s+(?:confusion|inconvenience)\b|\s*\Z)
        | {WE}\s+(?:must\s+)?apologi[sz]e\s*(?:[,.]|but\b|for\s+(?:the|any)\s+(?:confusion|inconvenience))
        | (?:unfortunately,?\s+)?{WE}\s?(?:can(?:no|['’])t|can\ not|won['’]t|will\ not|(?:['’]m|am)\ (?:unable|not\ able)\ to)\s+
          (?:(?:help|assist)(?:\s+you)?\s+with\s+(?:that|this|your)\b
            |(?:\w+\s+){{1,3}}?(?:that|this|your|the|such)\s+(?:\w+\s+)?(?:request|prompt|instruction)s?\b)
        | as\ an?\ (?:AI|(?:AI\ |large\ )?language\ model)\b[^.!?\n]*\b{WE}\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)


SORRY = lazy_pattern(
    r"es tut mir (?:sehr )?leid|tut mir leid|entschuldigung|leider|bedauere|lo siento|lamento|desafortunadamente"
    r"|(?:je suis )?(?:vraiment )?désolée?"
    r"|malheureusement|mi dispiace|purtroppo|desculp|sinto muito|lamentavelmente|infelizmente|het spijt me|helaas"
    r"|przepraszam|przykro mi|niestety"
    r"|üzgünüm|maalesef|к сожалению|извините|простите|прошу прощения|мне жаль|на жаль|آسف|عذر|للأسف|أعتذر"
    r"|क्षमा|माफ|对不起|對不起|抱歉|很遗憾|遗憾"
    r"|申し訳|すみません|ごめん|残念|죄송|미안|유감|xin lỗi|maaf|tyvärr|beklager|desværre",
    re.IGNORECASE,
)
UNABLE = lazy_pattern(
    r"\b(?:ich|wir|dabei|damit)\b[^.!?\n]{0,40}\bnicht\b|\bno (?:puedo|podemos|me es posible)\b"
    r"|\bne (?:peux|pouvons|suis pas en mesure)\b"
    r"|\bnon posso\b|\bnon sono in grado\b|\bnão (?:posso|consigo)\b|\bkan (?:ik|je|jag|jeg)?[^.!?\n]{0,30}\b(?:niet|inte|ikke)\b"
    r"|\bnie mogę\b|yardımcı olamam|edemem|\bне (?:могу|можем|в состоянии|можу)\b|لا (?:أستطيع|يمكنني|أقدر)"
    r"|لا يمكن|नहीं (?:कर|दे|लिख)|सकता"
    r"|(?:不能|无法|無法|没办法|不可以)|できません|出来ません|いたしかねます|수 없습니다|어렵습니다|không thể|tidak (?:bisa|dapat)",
    re.IGNORECASE,
)
"""An apology, and words for not being able to, in other languages than English."""


def why_not(instruction: str, earlier: Sequence[str], *, adds: bool) -> str | None:
    """Why an evolved instruction can't be used, or None. `earlier` are those it comes from, the newest last.

    `adds` is True for an operation that only adds to an instruction: one that has no more words than before is then no gain.
    """
    new_words, before = words(instruction), earlier[-1]
    if not set(WORD.findall(instruction.casefold())) - STOP_WORDS:
        return "only stop words or punctuation"
    if refuses(instruction) and not refuses(before):
        return "a refusal"
    if leaks(instruction) - leaks(before):
        return "copies words of the prompt"
    if any(new_words == words(other) for other in earlier):
        return "a copy of an earlier one"
    if adds and _within(new_words, words(before)):
        return "no gain: not a word was added"
    return None


def words(text: str) -> list[str]:
    """The words and symbols of a text, whatever their case and the punctuation around them."""
    return [word for token in unbold(text).casefold().split() if (word := token.strip(PUNCTUATION))]


def _within(new_words: Sequence[str], before: Sequence[str]) -> bool:
    """True if all these words stand among those before, in the same order."""
    rest = iter(before)
    return all(word in rest for word in new_words)


def refuses(text: str) -> bool:
    """True for a short text that apologises or declines in a sentence of its own, not for one that is about an apology."""
    if len(text.split()) >= SHORT:
        return False
    begin = text.strip(' *_>"“„«\n')[:LONGEST_REFUSAL]
    apology = SORRY.match(begin)
    declines = apology is not None and UNABLE.search(begin, apology.end()) is not None and "?" not in text
    return declines or REFUSED.search(text) is not None


def leaks(text: str) -> set[str]:
    """The words of an evolving prompt that a text repeats."""
    return {phrase.casefold() for phrase in LEAKED.findall(text)}
