"""The response holds no e-mail address, phone number, card number or IBAN that there can be.

[[checks]]
kind = "personal-data"
region = "DE"
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from feedback.checks.base import Check, CheckResult, failed, passed
from tasks.errors import SettingsError
from tasks.settings import setting
from tasks.types import Response, Row

KINDS = ("email", "phone", "card", "iban")
MOST = 1_500
"""Numbers of a response that are looked at, of each kind."""
EMAIL = re.compile(r"(?<![\w.%+-])[A-Za-z0-9._%+-]{1,64}+@((?:[A-Za-z0-9-]{1,63}+\.){1,8}[A-Za-z]{2,24}+)(?![\w@])")
NOBODYS = re.compile(r"(?:\A|\.)(?:example(?:\.(?:com|net|org))?|test|invalid|localhost)\Z", re.IGNORECASE)
"""Domains that are kept for examples (RFC 2606)."""
PHONE = re.compile(r"(?<![\w.,/+-])(?:\+|\(|00)?\d(?:[ ()./\u00a0-]{0,3}\d){6,16}+(?![\d\w])")
CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}+(?![\w-])")
ISSUERS = re.compile(
    r"4\d{12}(?:\d{3})?(?:\d{3})?|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
)
"""How the cards of those who issue them begin, with their lengths."""
IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}+")
SHORTEST, LONGEST = 15, 34
REGION = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, kw_only=True)
class PersonalData(Check):
    """Passes where nothing of that kind is found; what has a wrong check digit, or a domain for examples, is nobody's."""

    kind: ClassVar[str] = "personal-data"
    title: ClassVar[str] = "Holds no personal data"
    summary: ClassVar[str] = (
        "The response has no e-mail address, phone number, card number or IBAN that is a valid one."
    )

    kinds: tuple[str, ...] = setting(KINDS, "What is looked for.", choices=KINDS)
    region: str = setting(
        "", "Country whose phone numbers count without a + before them, as US or DE. Empty: only numbers with a +."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.kinds or not set(self.kinds) <= set(KINDS):
            raise SettingsError(f"kinds must be some of: {', '.join(KINDS)}.", setting="kinds")
        if self.region and not REGION.fullmatch(self.region):
            raise SettingsError(
                f"region must be a country of two capital letters, as US or DE (given: {self.region[:20]!r}).",
                setting="region",
            )

    def verdict(self, row: Row, response: Response) -> CheckResult:
        text = response.text
        looks: dict[str, Callable[[], bool]] = {
            "email": lambda: "@" in text and any(_is_somebodys(match[1]) for match in EMAIL.finditer(text)),
            "iban": lambda: any(_is_iban(match[0]) for match in _first(IBAN, text)),
            "card": lambda: any(_is_card(re.sub(r"\D", "", match[0])) for match in _first(CARD, text)),
            "phone": lambda: any(_is_phone(match[0], self.region) for match in _first(PHONE, text)),
        }
        names = {"email": "an e-mail address", "phone": "a phone number", "card": "a card number", "iban": "an IBAN"}
        kinds = [names[kind] for kind, look in looks.items() if kind in self.kinds and look()]
        return failed(f"holds {' and '.join(kinds)}") if kinds else passed("nothing found")


def _first(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    return (match for match, _ in zip(pattern.finditer(text), range(MOST), strict=False))


def _is_somebodys(domain: str) -> bool:
    return NOBODYS.search(domain) is None


def _is_card(digits: str) -> bool:
    from stdnum import luhn

    return ISSUERS.fullmatch(digits) is not None and len(set(digits)) > 1 and bool(luhn.is_valid(digits))


def _is_iban(text: str) -> bool:
    from stdnum import iban

    number = re.sub(r"[ -]", "", text)
    return any(
        iban.is_valid(number[:length], check_country=False) for length in range(SHORTEST, min(LONGEST, len(number)) + 1)
    )


def _is_phone(text: str, region: str) -> bool:
    if not region and not text.startswith(("+", "00")):
        return False
    import phonenumbers

    number = f"+{text[2:]}" if text.startswith("00") and not region else text
    try:
        parsed = phonenumbers.parse(number, region or None)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_valid_number(parsed))
