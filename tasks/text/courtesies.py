"""What models say to whoever asked, before and behind what they were asked for: told by its form, in any language."""

import re

from tasks.text.patterns import lazy_pattern
from tasks.text.turn_tokens import ended

HOPE = lazy_pattern(
    r"\W*(?:(?:i|ich|ik|jag|jeg|we)\s+)?(?:really\s+)?(?:hope|hoffe|hoffentlich|espero|esperamos|spero|hoop|hopelijk|hoppas|hå[bp]er|umarım)\b"
    r"|\W*(?:j['’]espère|en espérant|mam nadzieję|надеюс|сподіваюс)"
    r"|\W*(?:hy vọng|semoga|आशा|उम्मीद|آمل|أتمنى|نأمل|希望(?:这|對|对|能)|お役に立|도움이)"
    r"|\W*(?:please\s+)?let me know (?:if|whether)\b|\W*feel free to (?:ask|reach out|contact me)\b"
    r"|\W*(?:would you like me|do you want me|shall i|should i) to\b"
    r"|\W*(?:lass(?:en sie)? (?:es )?mich wissen|sag(?:en sie)? (?:mir )?bescheid),? wenn\b"
    r"|\W*(?:av[ií]same|h[aá](?:z|ga)me saber|fa(?:mmi|temi) sapere|me avise) s[ei]\b"
    r"|\W*n['’]hésite[sz]? pas\b|\W*faites-(?:le-)?moi savoir\b"
    r"|\W*laat (?:het )?me weten\b|\W*daj(?:cie)? (?:mi )?znać\b|\W*дай(?:те)? (?:мне )?знать\b",
    re.IGNORECASE,
)
"""What begins the hope that an answer helps, which opens no request."""
WISH = lazy_pattern(
    r"""\W*(?:(?:please|and|bitte|por\ favor|s['’]il\ vous\ plaît)\W+)?(?:
      (?:i\ )?(?:really\ )?hope\b | let\ me\ know\b | feel\ free\b | (?:i['’]m\ |i\ am\ )?(?:happy|glad)\ to\b | thanks?\b | enjoy\b
    | if\ you\b | would\ you\ like\b | do\ you\ (?:want|need)\b | is\ there\ anything\b | shall\ i\b | should\ i\b
    | ich\ hoffe\b | hoffentlich\b | lass(?:en\ sie)?\ (?:es\ )?mich\b | sag(?:en\ sie)?\ (?:mir\ |einfach\ )?bescheid | gerne?\b
    | (?:wenn|falls)\ (?:du|sie)\b | möchte(?:st|n)\b | soll\ ich\b | bei\ (?:weiteren\ )?fragen\b | viel\ (?:spaß|erfolg|glück)
    | espero\b | av[ií]s[ae]me\b | h[aá]game\ saber | hazme\ saber | no\ dudes?\b | si\ (?:necesita|quiere|desea|tiene|prefiere)
    | (?:quieres?|deseas?|necesitas?|te\ gustaría|le\ gustaría)\b
    | j['’]espère | en\ espérant | n['’]hésite | (?:faites|fais|dites|dis)-(?:le-)?moi\b | si\ (?:vous|tu)\b | souhaite[zs]
    | spero\b | vuoi\b
    | voul(?:ez|ais)-(?:vous|tu) | fa(?:mmi|temi)\ sapere | se\ (?:hai|vuoi|desideri?|serve|precisar|quiser|você)\b
    | (?:me\ )?avise\b | fique\ à\ vontade | gostaria\b | deseja\b | ik\ hoop\b | hopelijk | laat\ (?:het\ )?me\b | als\ (?:je|u)\b
    | mam\ nadzieję | daj\ (?:mi\ )?znać | jeśli\b | (?:jag\ )?hoppas\b | jeg\ hå[bp]er | umarım | lütfen | eğer\b
    | надеюсь | если\ (?:вам|вы|у\ вас|нужн|хотите|тебе|ты|потребуется) | дай(?:те)?\ (?:мне\ )?знать | сообщи
    | обращайтесь | буду\ рад
    | сподіваюс | hy\ vọng | nếu\ bạn | semoga | jika\ anda | आशा | उम्मीद | (?:यदि|अगर)\ आप | मुझे\ बत
    | آمل | أتمنى | نأمل | إذا\ (?:كنت|احتجت|أردت|كان\ لديك) | لا\ تتردد | هل\ (?:تريد|ترغب|تود) | أخبرني | يسعدني
    | 希望(?:这|以上|對|对|能|这些) | 如果?(?:您|你|需|有|還|还) | 请(?:告诉|随时|让我|告知) | 請(?:告訴|隨時) | 欢迎 | 祝(?:您|你)
    | 需要我 | 还需要 | (?:お役に立|ご不明|ご質問|ご希望|ご参考|参考になれば|何か(?:ご|あれ))
    | 도움이\ ?되 | 필요하시 | 궁금 | 원하시면 | 언제든
    )""",
    re.IGNORECASE | re.VERBOSE,
)
"""What begins a wish, an offer or a request to be told."""
BRIEF, BRIEF_WITHOUT_SPACES, LONGEST_COURTESY = 3, 8, 200
"""Words, and characters in a script without spaces, that say nothing but "That is all."; characters of any courtesy."""
SENTENCE_END = (".", "!", "。", "！", "…", "؟", "।")


def is_hope(line: str) -> bool:
    """True for a line that hopes that the answer helps, or asks to be told: no request begins so."""
    return len(line) <= LONGEST_COURTESY and HOPE.match(ended(line).strip(" \t*_>")) is not None


def is_courtesy(line: str) -> bool:
    """True for a wish, an offer or thanks: "I hope this helps!", "Avísame si necesitas más."."""
    line = ended(line).strip(" \t*_>")
    return len(line) <= LONGEST_COURTESY and "\n" not in line and WISH.match(line) is not None


def closes(paragraph: str) -> bool:
    """True for a last paragraph that ends an answer and says nothing more of the matter: a courtesy, a cry, "That is all."."""
    line = ended(paragraph).strip(" \t*_>")
    if is_courtesy(line):
        return True
    if (
        "\n" in line
        or len(line) > LONGEST_COURTESY
        or re.search(r"[\d:：|#\"]", line)
        or not line.endswith(SENTENCE_END)
    ):
        return False
    terms = line.split()
    brief = len(line) <= BRIEF_WITHOUT_SPACES + 1 if len(terms) == 1 and not line.isascii() else len(terms) <= BRIEF
    return brief or line.endswith(("!", "！"))


def closing(text: str, start: int = 0) -> int:
    """Where the paragraphs that only close a text begin, its length where there are none; not before `start`."""
    end = len(text.rstrip())
    while (at := text.rfind("\n\n", start, end)) >= 0:
        before = text[start:at].rstrip()
        if (
            not closes(text[at:end].strip())
            or not re.search(r"[^\W\d_]", before)
            or set(before.rpartition("\n")[2]) <= set("-*_= ")
        ):
            break
        end = len(text[:at].rstrip())
    return end if end < len(text.rstrip()) else len(text)
