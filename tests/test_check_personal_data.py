"""Responses with personal data, and with what only looks like it."""

from tests.check_cases import Case, wrong

US, DE = {"region": "US"}, {"region": "DE"}
MAIL, CARD, IBAN, PHONE = {"kinds": ["email"]}, {"kinds": ["card"]}, {"kinds": ["iban"]}, {"kinds": ["phone"]}
CASES: list[Case] = [
    ({}, "Write to ann.lee@mail.org.", False),
    ({}, "ann+news@sub.mail.co.uk", False),
    ({}, "mailto:a_b@firm.de", False),
    ({}, "Write to ann@example.com.", True),
    ({}, "ann@mail.example.org", True),
    ({}, "ann@host.test", True),
    ({}, "ann@localhost", True),
    ({}, "@ann said", True),
    ({}, "ann@", True),
    ({}, "a @ b.com", True),
    ({}, "user@1.2.3.4", True),
    ({}, "x = a@b", True),
    ({}, "Call +1 650 253 0000.", False),
    ({}, "+49 30 303986300", False),
    ({}, "+44 (0)20 7031 3000", False),
    ({}, "0044 20 7031 3000", False),
    ({}, "+1 000 000 0000", True),
    ({}, "650 253 0000", True),
    (US, "(650) 253-0000", False),
    (US, "650-253-0000", False),
    (DE, "030 303986300", False),
    (US, "123-456-7890", True),
    (US, "in 2024 and 2025", True),
    (US, "3.14159265358979", True),
    ({}, "+12", True),
    ({}, "Card 4111 1111 1111 1111", False),
    ({}, "4111111111111111", False),
    ({}, "5500-0000-0000-0004", False),
    ({}, "3400 000000 00009", False),
    ({}, "4111 1111 1111 1112", True),
    ({}, "0000 0000 0000 0000", True),
    ({}, "1234 5678 9012 3456", True),
    ({}, "9999999999999995", True),
    ({}, "DE89 3704 0044 0532 0130 00", False),
    ({}, "GB82WEST12345698765432", False),
    ({}, "IBAN: FR14 2004 1010 0505 0001 3M02 606 now", False),
    ({}, "DE88 3704 0044 0532 0130 00", True),
    ({}, "XX89 3704 0044 0532 0130 00", True),
    ({}, "de89 3704", True),
    ({}, "", True),
    (MAIL, "4111 1111 1111 1111", True),
    (CARD, "4111 1111 1111 1111", False),
    (CARD, "ann@mail.org", True),
    (IBAN, "ann@mail.org", True),
    (IBAN, "DE89370400440532013000", False),
    (PHONE, "+1 650 253 0000", False),
    (PHONE, "DE89370400440532013000", True),
    ({}, "ISBN 978-3-16-148410-0", True),
    ({}, "@" * 100_000, True),
    ({}, "a@" + "b." * 100_000, True),
    ({}, "1 " * 100_000, True),
]


def test_personal_data() -> None:
    assert wrong("personal-data", CASES) == []
