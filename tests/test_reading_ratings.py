"""A labeller's answer, however it is written, gives one entry for each text, and nothing that it does not say."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedback.labeller.answer_parser import Entry, read
from feedback.labeller.scores import plain_digits, score

ASKED = "#### Output for Text 1\nRating: 4\nRationale: Good.\n\n#### Output for Text 2\nRating: 2\nRationale: Bad."
BOTH = [("rated", 4.0, "Good."), ("rated", 2.0, "Bad.")]
SILENT = ("unrated", None, "")


def said(entries: list[Entry]) -> list[tuple[str, float | None, str]]:
    return [(entry.status, entry.value, entry.rationale) for entry in entries]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ASKED, id="as asked"),
        pytest.param(f"Sure! Here are my ratings:\n\n{ASKED}", id="preamble"),
        pytest.param(f"Text 1 is the better one.\nText 2 has a Rating: 5 in it.\n\n{ASKED}", id="reasoning before it"),
        pytest.param(
            ASKED.replace("Text 1\n", "Text 1\n\n").replace("Text 2\n", "Text 2\n\n"), id="blank line after header"
        ),
        pytest.param(ASKED.replace("\n\n", "\n"), id="no blank line between"),
        pytest.param(ASKED.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(ASKED.replace("\n", "\r"), id="CR"),
        pytest.param(ASKED.replace("Rating:", "**Rating:**").replace("Rationale:", "**Rationale**:"), id="bold labels"),
        pytest.param(ASKED.replace("Rating:", "- Rating:").replace("Rationale:", "* rationale:"), id="bulleted labels"),
        pytest.param(
            ASKED.replace("Rating:", "rating :").replace("Rationale:", "RATIONALE:"), id="other case and spacing"
        ),
        pytest.param(
            "Rating for Text 1: 4\nRationale: Good.\nRating for Text 2: 2\nRationale: Bad.",
            id="one label for text and rating",
        ),
        pytest.param(
            "Text 1 Rating: 4\nText 1 Rationale: Good.\n\nText 2 Rating: 2\nText 2 Rationale: Bad.",
            id="the text in each label",
        ),
        pytest.param(
            "| Text | Rating | Rationale |\n|---|:-:|---|\n| Text 1 | **4** | Good. |\n| Text 2 | 2 | Bad. |",
            id="table",
        ),
        pytest.param(
            ASKED.replace(": 4", " - 4").replace(": 2", " – 2").replace("Rationale:", "Rationale -"), id="dashes"
        ),
        pytest.param("Text 1: Rating: 4. Rationale: Good. Text 2: Rating: 2. Rationale: Bad.", id="all on one line"),
        pytest.param("1. Rating: 4\n   Rationale: Good.\n2. Rating: 2\n   Rationale: Bad.", id="a numbered list"),
        pytest.param(ASKED.replace("Text 1", "Text one").replace("Text 2", "Text Two"), id="numbers of texts in words"),
        pytest.param(ASKED.replace(":", "："), id="full-width colons"),
        pytest.param(ASKED.replace("Rating: 4", "Rating: \\boxed{4}").replace("Rating: 2", "Rating: <2>"), id="boxed"),
        pytest.param(ASKED.replace("Rating: ", "").replace("Rationale: ", ""), id="no labels"),
        pytest.param(ASKED.replace("\n", "\n> ").replace("####", "> ####", 1), id="quoted"),
        pytest.param(ASKED.replace("Rating:", "Score:").replace("Rationale:", "Reason:"), id="other words"),
        pytest.param(ASKED.replace("Rating: ", "Rating:\n"), id="number on the next line"),
        pytest.param(
            ASKED.replace("#### Output for Text", "**Text").replace("\nRating", "**\nRating"), id="bold headers"
        ),
        pytest.param(ASKED.replace("#### Output for Text", "### Response"), id="headers say response"),
        pytest.param(ASKED.replace("#### Output for ", "#### Rating for "), id="headers say rating for"),
        pytest.param(
            "<text 1>\nRating: 4\nRationale: Good.\n</text 1>\n<text 2>\nRating: 2\nRationale: Bad.\n</text 2>",
            id="tags",
        ),
        pytest.param(
            "#### Output for Text 1\nRationale: Good.\nRating: 4\n\n#### Output for Text 2\nRationale: Bad.\nRating: 2",
            id="rationale first",
        ),
        pytest.param(
            "#### Output for Text 2\nRating: 2\nRationale: Bad.\n\n#### Output for Text 1\nRating: 4\nRationale: Good.",
            id="other order",
        ),
        pytest.param(f"{ASKED}\n\n#### Output for Text 3\nRating: 5\nRationale: There is none.", id="a block too many"),
        pytest.param(f"{ASKED}\n\n{ASKED}", id="all said twice"),
        pytest.param(
            f"#### Output for Text 1\nRating: a number from 1 to 5\nRationale: your reason\n\n{ASKED}",
            id="format first",
        ),
        pytest.param(
            f"{ASKED}\n\n#### Output for Text 1\nRating: a number from 1 to 5\nRationale: your reason", id="format last"
        ),
        pytest.param(ASKED.replace("\nRationale", " Rationale"), id="block on one line"),
        pytest.param("Text 1: Rating: 4, Rationale: Good.\nText 2: Rating: 2, Rationale: Bad.", id="text on one line"),
        pytest.param(
            "#### Output for Text 1 - **Rating:** 4 - **Rationale:** Good.\n"
            "#### Output for Text 2 - **Rating:** 2 - **Rationale:** Bad.",
            id="all bold on one line",
        ),
        pytest.param(f"{ASKED}<|im_end|>\n", id="control token"),
        pytest.param(f"{ASKED}</s>", id="end of text"),
        pytest.param(f"```\n{ASKED}\n```", id="fence"),
        pytest.param(
            '{"ratings": [{"text": 1, "rationale": "Good.", "rating": 4}, {"text": 2, "rationale": "Bad.", "rating": 2}]}',
            id="JSON",
        ),
        pytest.param(
            '[{"text": 2, "rating": 2.0, "rationale": "Bad."}, {"text": 1, "rating": "4", "rationale": "Good."}]',
            id="JSON list in other order",
        ),
        pytest.param(
            'Here it is:\n```json\n{"ratings": [\n {"text": "1",\n  "rationale": "Good.",\n  "rating": 4},\n {"text": "2",\n'
            '  "rationale": "Bad.",\n  "rating": 2}]}\n```\nDone.',
            id="JSON in a fence",
        ),
    ],
)
def test_ways_to_say_the_same(answer: str) -> None:
    assert said(read(answer, 2, not_applicable=False)) == BOTH


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param("", [SILENT, SILENT], id="nothing"),
        pytest.param("I would rather not rate these.", [SILENT, SILENT], id="refusal"),
        pytest.param("Rating: 4\nRationale: Good.", [SILENT, SILENT], id="no headers"),
        pytest.param("#### Output for Text 2\nRating: 2\nRationale: Bad.", [SILENT, BOTH[1]], id="first text left out"),
        pytest.param(ASKED.partition("\n\n")[0], [BOTH[0], SILENT], id="second text left out"),
        pytest.param(
            ASKED.replace("Good.", "Good.\n\nIt is short, too."),
            [("rated", 4.0, "Good.\n\nIt is short, too."), BOTH[1]],
            id="rationale of two paragraphs",
        ),
        pytest.param(
            f"{ASKED}\n\nLet me know if you need more.",
            BOTH,
            id="closing words",
        ),
        pytest.param(
            ASKED.replace("Good.", "Good.\nRating: 3\nText 2 is better."),
            BOTH,
            id="a rating and a text named in a rationale",
        ),
        pytest.param(
            ASKED.replace("Good.", 'Good {see [1]} and {"rating": 5}.'),
            [("rated", 4.0, 'Good {see [1]} and {"rating": 5}.'), BOTH[1]],
            id="JSON in a rationale",
        ),
        pytest.param(ASKED.replace("Rating: 4\n", ""), [("unrated", None, "Good."), BOTH[1]], id="a rating left out"),
        pytest.param(
            ASKED.replace("Rating: 4\nRationale: Good.", "Rating:\n**Rationale:** 5 errors."),
            [("unrated", None, "5 errors."), BOTH[1]],
            id="a rating left empty before a rationale with a number",
        ),
        pytest.param(
            ASKED.replace("Rating: 4\nRationale: Good.", "Rationale: I thought of a rating: 3 at first."),
            [("unrated", None, "I thought of a rating: 3 at first."), BOTH[1]],
            id="a rating spoken of only",
        ),
        pytest.param(
            "| Text | Mark |\n|---|---|\n| 1 | 4 |\n| 2 | 2 |", [SILENT, SILENT], id="table of something else"
        ),
        pytest.param('[{"rating": 4}, {"rating": 2}]', [SILENT, SILENT], id="a list that does not say of which text"),
        pytest.param(
            "1. Rating: 4\n2. Rationale: Good.\n1. Rating: 2", [SILENT, SILENT], id="numbers of fields, not of texts"
        ),
        pytest.param(
            ASKED.replace("Good.", "Better. Text 2: Rating: 5 would be wrong."),
            [("rated", 4.0, "Better. Text 2: Rating: 5 would be wrong."), BOTH[1]],
            id="another text's rating spoken of",
        ),
        pytest.param(
            ASKED.replace(
                "Good.", "It quotes\n| Response | Score |\n|---|---|\n| 1 | 5 |\n| 2 | 3 |\nwhich is made up."
            ),
            [
                ("rated", 4.0, "It quotes\n| Response | Score |\n|---|---|\n| 1 | 5 |\n| 2 | 3 |\nwhich is made up."),
                BOTH[1],
            ],
            id="a table that is quoted",
        ),
        pytest.param(
            ASKED + " Better would be\nText 1: Rating: 5 if it were shorter.",
            [BOTH[0], ("rated", 2.0, "Bad. Better would be\nText 1: Rating: 5 if it were shorter.")],
            id="a remark behind it about a text that has its rating",
        ),
        pytest.param(
            "Text 1\nRating: four\nRationale: Good.\nText 2\nRating: 2\nRationale: Bad.\nText 1: Rating: 5 would be too much.",
            [("unrated", None, "Good."), BOTH[1]],
            id="a remark does not stand in for a rating that can't be read",
        ),
        pytest.param(
            "#### Output for Text 1\nRating: 4\nRationale: Good.\nText 2 rating: 5 is deserved.\n\n"
            "#### Output for Text 2\nRationale: Bad.",
            [("rated", 4.0, "Good.\nText 2 rating: 5 is deserved."), ("unrated", None, "Bad.")],
            id="a remark about the other text",
        ),
        pytest.param("Text 1: good.\nText 2: 3 errors.", [SILENT, SILENT], id="numbers that are no ratings"),
        pytest.param(
            '{"ratings": [{"text": 1, "rationale": "Rating: 3", "rating": 4}, {"text": 2, "rationale": "B',
            [SILENT, SILENT],
            id="JSON cut off",
        ),
        pytest.param(
            '```json\n{"ratings": [\n{"text": 1,\n"rationale": "a",\n"rating": 4}, {"text": 2, "rationale": "Rating: 3',
            [SILENT, SILENT],
            id="JSON cut off in a fence",
        ),
        pytest.param('{"scores": {"a": 4, "b": 2}}', [SILENT, SILENT], id="JSON with other keys"),
        pytest.param("[4, 2]", [SILENT, SILENT], id="JSON without numbers of texts"),
        pytest.param('{"ratings": 4}', [SILENT, SILENT], id="JSON without a list"),
        pytest.param(
            '{"ratings": [{"text": 1, "rating": true, "rationale": 7}, {"text": true, "rating": 2}, null, 3]}',
            [SILENT, SILENT],
            id="JSON with truth values",
        ),
        pytest.param(
            '{"ratings": [{"text": 1, "rating": 7}, {"text": 2, "rating": NaN}]}',
            [SILENT, SILENT],
            id="JSON off the scale",
        ),
        pytest.param(
            '{"ratings": [{"text": "²", "rating": 4}, {"text": 2, "rating": {"value": 3}}]}',
            [SILENT, SILENT],
            id="JSON with odd values",
        ),
    ],
)
def test_what_is_not_there_is_unrated(answer: str, expected: list[tuple[str, float | None, str]]) -> None:
    entries = read(answer, 2, not_applicable=False)
    assert said(entries) == expected
    assert all(entry.note for entry in entries if entry.status == "unrated")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Rating: 4\nRationale: Good.", ("rated", 4.0, "Good.")),
        ("Rating: 4 Rationale: Good.", ("rated", 4.0, "Good.")),
        ("- **Rating:** 4 **Rationale:** Good.", ("rated", 4.0, "Good.")),
        ("Rationale: Good. Rating: 4", ("rated", 4.0, "Good.")),
        ("Sure.\nRating: 4\nRationale: Good.", ("rated", 4.0, "Good.")),
        ("Response:\nRating: 4\nRationale: Good.", ("rated", 4.0, "Good.")),
        ("#### Output for Text 1\nRating: 4\nRationale: Good.", ("rated", 4.0, "Good.")),
        ('{"rationale": "Good.", "rating": 4}', ("rated", 4.0, "Good.")),
        ('[{"rationale": "Good.", "rating": 4}]', ("rated", 4.0, "Good.")),
        ('{"ratings": [{"text": 1, "rationale": "Good.", "rating": 4}]}', ("rated", 4.0, "Good.")),
        ('Rating: 4\nRationale: It says {"rating": 2}.', ("rated", 4.0, 'It says {"rating": 2}.')),
        ('{"rationale": "I gave it a rating: 3', SILENT),
        ('```json\n{"rationale": "I gave it\nRating: 3', SILENT),
        ("#### Output for Text 2\nRating: 4", SILENT),
        ("4", ("rated", 4.0, "")),
        ("**4/5**\n\nGood.", ("rated", 4.0, "Good.")),
        ("4 errors are in it.", SILENT),
        ("14", SILENT),
    ],
)
def test_one_text(answer: str, expected: tuple[str, float | None, str]) -> None:
    assert said(read(answer, 1, not_applicable=True)) == [expected]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("2 out of a possible 10", None), ("4 out of ten", None), ("3 stars out of 10", None), ("4, on a scale of 1 to 10", None),
        ("1 = very poor, 2 = poor. I give 4", None), ("1 (poor) ... 5 (good): 4", None), ("1 point off, so 4", None),
        ("4½", None), ("1st: 4", None), ("4 out of five", 4.0), ("4, because 2 of the facts are right", 4.0), ("4 Good", 4.0),
        ("4 very helpful", 4.0), ("4 out of 5 stars", 4.0), ("None of it is useful, so 1", None), ([4, 2], None),
        ("4", 4.0), ("4.5", 4.5), ("3.5/5", 3.5), ("4 / 5", 4.0), ("4 out of 5", 4.0), ("4 of 5", 4.0), ("**4**", 4.0),
        ("(4)", 4.0), ("4 - Good", 4.0), ("4 stars", 4.0), ("4, because of that", 4.0), ("4.", 4.0), (4, 4.0), (3.5, 3.5),
        ("1", 1.0), ("5", 5.0), ("7/10", None), ("4/10", None), ("4 out of 10", None), ("4 (out of 10)", None), ("10", None),
        ("0", None), ("-1", None), ("6", None), ("80%", None), ("4 %", None), ("four", None), ("4-5", None), ("4 to 5", None),
        ("3 or 4", None), ("4,5", None), ("4e3", None), ("4.5.6", None), ("1 2", None), ("a number from 1 to 5", None), ("", None),
        ("٤", 4.0), ("４／５", 4.0), ("४", 4.0), ("٤٫٥", 4.5),
        ("④", 4.0), ("4²", None),
        (True, None), (False, None), (None, None), ({"value": 4}, None), (10**400, None), (float("nan"), None),
    ],
)  # fmt: skip
def test_scores(words: object, expected: float | None) -> None:
    status, value, note = score(words, not_applicable=True)
    assert (status, value) == (("rated", expected) if expected is not None else ("unrated", None))
    assert bool(note) == (expected is None)


@pytest.mark.parametrize(
    "words", ["N/A", "n/a", "N/A ", "N / A", "N/A (it makes no claim)", "**N/A**", "not applicable", "None"]
)
def test_not_applicable(words: str) -> None:
    answer = ASKED.replace("Rating: 4", f"Rating: {words}")
    assert said(read(answer, 2, not_applicable=True)) == [("not-applicable", None, "Good."), BOTH[1]]
    assert said(read(answer, 2, not_applicable=False)) == [("unrated", None, "Good."), BOTH[1]]


pieces = st.sampled_from(
    [
        "Rating: ", "rating:", "**Rating**: ", "Rationale: ", "#### Output for Text ", "Text 1\n", "Text 2", "Text 3:\n", "1", "2",
        "4", "5", "7", "N/A", "\n", "\n\n", "\r\n", " ", "{", "}", "[", "]", '"', '{"ratings": [', '{"text": 1, ', '"rating": 3',
        '"text": 2', ", ", "```json\n", "```", "Good. ", "<text 2>", "</text 2>", "\ud800", "\0", "٣", "²", "-", "%", "/10",
    ]
)  # fmt: skip
anything = st.lists(pieces | st.text(max_size=4), max_size=40).map("".join)


@given(answer=anything, texts=st.integers(1, 4), not_applicable=st.booleans())
@example("[" * 5000, 2, True)
@example('{"a":' * 5000, 2, True)
@example('{"ratings": [{"text": ' + "9" * 5000 + "}]}", 2, True)
def test_any_answer_gives_an_entry_for_each_text_and_invents_nothing(
    answer: str, texts: int, not_applicable: bool
) -> None:
    entries = read(answer, texts, not_applicable=not_applicable)
    assert len(entries) == texts
    numbers = {float(number) for number in re.findall(r"[0-9]+(?:\.[0-9]+)?", plain_digits(answer))}
    numbers |= {float(len(stars)) for stars in re.findall("[★⭐🌟✭✮]+", "".join(answer.split()))}
    for entry in entries:
        assert (entry.value is not None) == (entry.status == "rated")
        assert entry.value is None or (1 <= entry.value <= 5 and entry.value in numbers)
        assert not_applicable or entry.status != "not-applicable"
        assert entry.note or entry.status != "unrated"


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30).map(
    lambda text: "It is " + " ".join(text.split()).rstrip("`>") + "."
)
part = st.tuples(st.sampled_from([1.0, 2.0, 3.0, 4.0, 4.5, 5.0, None]), words)


def tidy(text: str) -> str:
    return " ".join(text.split())


@given(data=st.data(), parts=st.lists(part, min_size=2, max_size=5))
def test_well_formed_answers_come_back_in_any_order(data: st.DataObject, parts: list[tuple[float | None, str]]) -> None:
    shown = data.draw(st.permutations(list(enumerate(parts, 1))))
    left_out = data.draw(st.sets(st.integers(1, len(parts)), max_size=1))
    blocks = [
        f"#### Output for Text {number}\nRating: {'N/A' if value is None else f'{value:g}'}\nRationale: {why}"
        for number, (value, why) in shown
        if number not in left_out
    ]
    form = data.draw(st.sampled_from(["text", "crlf", "json"]))
    answer = "\n\n".join(blocks)
    if form == "crlf":
        answer = answer.replace("\n", "\r\n")
    if form == "json":
        items = [
            {"text": number, "rationale": why, "rating": "N/A" if value is None else value}
            for number, (value, why) in shown
            if number not in left_out
        ]
        answer = json.dumps({"ratings": items})
    for number, (entry, (value, why)) in enumerate(
        zip(read(answer, len(parts), not_applicable=True), parts, strict=True), 1
    ):
        if number in left_out:
            assert said([entry]) == [SILENT]
        else:
            assert (entry.value, tidy(entry.rationale)) == (value, tidy(why))
            assert entry.status == ("not-applicable" if value is None else "rated")


@given(ratings=st.lists(st.integers(1, 5), min_size=2, max_size=4), noise=st.lists(anything, min_size=4, max_size=4))
def test_a_mangled_block_moves_no_rating_to_another_text(ratings: list[int], noise: list[str]) -> None:
    """Whatever stands in the first block, if it holds no header, the blocks after it say what they say."""
    noise[0] = re.sub(r"(?i)text|response|answer|[{\[]", "", noise[0])
    blocks = [f"#### Output for Text {k}\nRating: {value}\nRationale: So." for k, value in enumerate(ratings, 1)]
    blocks[0] = f"#### Output for Text 1\n{noise[0]}"
    entries = read("\n\n".join(blocks), len(ratings), not_applicable=True)
    assert [entry.value for entry in entries[1:]] == ratings[1:]


@pytest.mark.parametrize(
    "unit", ["\n", "\r\n", "-\n", "> \n", " ", "```\n", "1. ", "| ", "Text 1\n", "Rating: 4\n", '{ "', ". "]
)
def test_an_answer_that_loops_is_read_too(unit: str) -> None:
    for before in ("", "Rating: 4\nRationale: x"):
        assert len(read(before + unit * (40_000 // len(unit)), 4, not_applicable=True, types=3)) == 4


FOREIGN = [
    "{}\nPuntuación: {}\nMotivo: {}",
    "### Resposta sobre o {}\n**Nota:** {}/5\n**Razão:** {}",
    "**{}**\nUwaga o ocenie : {} / 5\nPowód : {}",
    "{}：\n- 得分：{}\n- 原因：{}",
    "#### {}\nरेटिंग: {}\nकारण: {}",
]


@pytest.mark.parametrize("form", FOREIGN)
@pytest.mark.parametrize("header", ["Testo {}", "النص {}", "Ausgabe für Text {}", "文章{}的评价"])
def test_labels_in_any_language(form: str, header: str) -> None:
    told = "\n\n".join(form.format(header.format(n), n + 2, why) for n, why in ((1, "a b"), (2, "c")))
    assert [(entry.value, entry.rationale) for entry in read(told, 2, not_applicable=True)] == [
        (3.0, "a b"),
        (4.0, "c"),
    ]
    alone = form.partition("\n")[2].format(2, "a b")
    assert [(entry.value, entry.rationale) for entry in read(alone, 1, not_applicable=True)] == [(2.0, "a b")]


@pytest.mark.parametrize(
    "answer", ["درجة: ٤\nسبب: ب", "Razón: ب\nNota: 4", "得分：４\n原因：ب", "Ocena (1-5): 4\nPowód: ب"]
)
def test_labels_and_digits_of_any_script(answer: str) -> None:
    assert [(entry.value, entry.rationale) for entry in read(answer, 1, not_applicable=True)] == [(4.0, "ب")]


@pytest.mark.parametrize(
    ("answer", "texts"),
    [
        ("Klarheit: 4\nStil: 2", 1),
        ("Klarheit: 4\nGrund: Kurz.\n\nStil: 2\nGrund: Lang.", 1),
        ("Ocena (1-10): 4\nPowód: b", 1),
        ("Nota: 4/10\nRazón: b", 1),
        ("Nota: 8\nRazón: b", 1),
        ("Jahr: 1984\nGrund: b", 1),
        ("Nota: 4-5\nRazón: b", 1),
        ("Die Antwort hat Lücken.\n\nAbsätze: 3\n\nDas ist wenig.", 1),
        ("Anzahl der Fehler: 3\nGrund: b", 1),
        ("Texto: 1\nBueno.\n\nTexto: 2\nMalo.", 2),
        ("Kandidat: 1\nGut.\n\nKandidat: 2\nSchlecht.", 2),
        ("Texto 1\nPuesto: 2\n\nTexto 2\nPuesto: 1", 2),
        ("Texto 1\nNota: 2\nRazón: b", 2),
        ("Schritt 1\nNote: 2\n\nSchritt 2\nNote: 4", 2),
    ],
)
def test_a_number_that_may_be_something_else_is_no_rating(answer: str, texts: int) -> None:
    assert all(entry.value is None for entry in read(answer, texts, not_applicable=True))


@pytest.mark.parametrize(
    "answer",
    [
        "Criteria: 4\nRating: 5\nRationale: G.",
        "**Criteria:** 4\n\n**Rating:** 5\n\n**Rationale:** G.",
        "Criteria: 4\nCriteria: 3\nScore: 5/5\nReason: G.",
        "#### Output for Text 1\nCriteria: 4\nRating: 5\nRationale: G.",
        "text_1:\n  criteria: 4\n  rating: 5\n  rationale: G.",
        '{"criteria": 4, "rating": 5, "rationale": "G."}',
    ],
)
def test_the_number_of_another_label_is_no_rating_beside_one(answer: str) -> None:
    assert said(read(answer, 1, not_applicable=True)) == [("rated", 5.0, "G.")]


def test_a_text_without_a_rating_takes_none_from_another_label() -> None:
    answer = "#### Output for Text 1\nCriteria: 4\nRating: 5\n\n#### Output for Text 2\nCriteria: 3\n"
    assert [entry.value for entry in read(answer, 2, not_applicable=True)] == [5.0, None]
