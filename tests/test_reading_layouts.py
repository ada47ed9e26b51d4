"""Layouts of a labeller's answer that nobody asked for and that models give: where a part begins, and where it ends."""

import pytest

from feedback.labeller.answer_parser import read
from feedback.labeller.scores import kinds, score

ASKED = "#### Output for Text 1\nRating: 4\nRationale: Good.\n\n#### Output for Text 2\nRating: 2\nRationale: Bad."


def said(answer: str, texts: int = 2) -> list[tuple[float | None, str]]:
    return [(entry.value, entry.rationale) for entry in read(answer, texts, not_applicable=True)]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ASKED.replace("\n\n", " ").replace("\n", " "), id="all on one line, with hashes"),
        pytest.param("Text 1: 4/5 - Good.\nText 2: 2/5 - Bad.", id="rating and reason on the header's line"),
        pytest.param("1. Text 1: 4 - Good.\n2. Text 2: 2 - Bad.", id="a list of those"),
        pytest.param("**Text 1**: ★★★★☆ (4/5)\nRationale: Good.\n**Text 2**: ★★☆☆☆ (2/5)\nRationale: Bad.", id="stars"),
        pytest.param(ASKED.replace("#### Output for ", "1. **").replace("\nRating", "**\n - Rating"), id="numbered headers"),
        pytest.param(ASKED.replace("Text 1", "Text 1 - Fine").replace("Text 2", "Text 2: poor work"), id="titled headers"),
        pytest.param(ASKED.replace("Rationale: ", ""), id="a reason without its label"),
        pytest.param(ASKED.replace("\nRationale: ", " - "), id="a reason behind a dash"),
        pytest.param(ASKED.replace("\nRationale: ", " (so so): "), id="a reason behind a word about the rating"),
        pytest.param(ASKED.replace("Rationale:", "**Rationale for the rating:**"), id="a longer label"),
        pytest.param(ASKED.replace("Rationale:", "Justification:"), id="justification"),
        pytest.param("Rating: 4\nRationale: Good.\n\nRating: 2\nRationale: Bad.", id="no headers at all"),
        pytest.param(ASKED.partition("\n")[2], id="on from the first header"),
        pytest.param(ASKED.replace(": 4", ": Four (4)").replace(": 2", ": Two (2)"), id="the number in words too"),
        pytest.param("Rationale: Good.\nRating: 4\n\nRationale: Bad.\nRating: 2", id="no headers, rationale first"),
        pytest.param(f"{ASKED}\n\n---\n\nText 1 wins. Shall I go on?", id="a word behind a rule"),
        pytest.param(f"{ASKED}\n\n#### Final ranking\n1. Text 1 (4)\n2. Text 2 (2)", id="a heading of the same height"),
        pytest.param(f"{ASKED}\n\n## In all\nBoth texts are short.", id="a higher heading"),
        pytest.param(f"{ASKED}\n\n**Summary:** Text 1 is the better one.", id="a summary"),
        pytest.param(f"Here you are:\n\n```markdown\n{ASKED}\n```\n\nI hope this helps!", id="a word behind a fence"),
        pytest.param(
            '{"Text 1": {"Rating": 4, "Rationale": "Good."}, "Text 2": {"Rating": 2, "Rationale": "Bad."}}',
            id="JSON with capitals",
        ),
        pytest.param(
            '{"ratings": [{"id": "Text 2", "rating": "2", "reason": "Bad."}, {"id": "Text 1", "rating": "4", "reason": "Good."}]}',
            id="JSON items with names",
        ),
        pytest.param('{"ratings": [4, 2], "rationales": ["Good.", "Bad."]}', id="JSON lists"),
        pytest.param(ASKED.replace(": 4", ": Fine work (4)").replace(": 2", ": Poor - 2"), id="a word before the number"),
        pytest.param("### Text 1: ★★★★☆ (4/5)\nGood.\n\n### Text 2: ★★☆☆☆ (2/5)\nBad.", id="stars in a heading"),
        pytest.param(ASKED.replace("Good.", "[Good.]").replace(": 4", ": [4]"), id="the brackets of the form"),
        pytest.param(ASKED.replace("Rating:", "**Final Rating:**"), id="final rating"),
        pytest.param(f"{ASKED}<|im_end|>\n<|im_start|>user\nThanks!", id="another turn"),
        pytest.param(f"{ASKED}\n\nI hope this helps!", id="a courtesy"),
        pytest.param(f"{ASKED}\n\nNote: These ratings are my own view.", id="a note"),
        pytest.param(f"{ASKED}\n\nOverall, Text 1 is the best of the two.", id="a last word about another text"),
        pytest.param(f"{ASKED}\n\nIn conclusion, both texts are short.", id="a last word about both"),
        pytest.param(ASKED.replace("Rating:", "- **Helpfulness Rating:**"), id="the aspect in the label"),
        pytest.param("1. **Text 1** – Rating: 4\n   Rationale: Good.\n\n2. **Text 2** – Rating: 2\n   Rationale: Bad.", id="dash"),
        pytest.param(
            '<output text="1">\n<rating>4</rating>\n<rationale>Good.</rationale>\n</output>\n'
            '<output text="2">\n<rating>2</rating>\n<rationale>Bad.</rationale>\n</output>',
            id="tags with labels",
        ),
    ],
)  # fmt: skip
def test_layouts(answer: str) -> None:
    assert said(answer) == [(4.0, "Good."), (2.0, "Bad.")]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param("Rating: 4\nRationale: Good.", [(None, ""), (None, "")], id="one part for two texts"),
        pytest.param(
            "Rating: 4\nRationale: a\n\nRating: 3\nRationale: b\n\nRating: 2\nRationale: c", [(None, ""), (None, "")],
            id="three parts for two texts",
        ),
        pytest.param(
            "Rating: 4\nRationale: a\n\nRationale: b\nRating: 2", [(None, ""), (None, "")], id="parts that are built otherwise"
        ),
        pytest.param('[{"rating": 4, "rationale": "Good."}]', [(None, ""), (None, "")], id="JSON of one"),
        pytest.param(
            "Rating: 4\nRationale: a\n\n#### Output for Text 3\nRating: 2\nRationale: c", [(None, ""), (None, "")],
            id="on from a header, with one left out",
        ),
        pytest.param('{"ratings": [4], "rationales": ["Good."]}', [(None, ""), (None, "")], id="a list too short"),
        pytest.param("Text 1: 3 paragraphs.\nText 2: 2 of them.", [(None, ""), (None, "")], id="a number that counts"),
        pytest.param(f"{ASKED}\n\nText 1: 1\nText 2: 2", [(4.0, "Good."), (2.0, "Bad.\n\nText 1: 1\nText 2: 2")], id="ranks"),
    ],
)  # fmt: skip
def test_what_could_mean_another_text_is_unrated(answer: str, expected: list[tuple[float | None, str]]) -> None:
    assert said(answer) == expected


B = "#### Text 1\nRating: 4\nRationale: Good.\n\n#### Text 2\nRating: 2\nRationale: Bad."
GOOD = [(4, "Good."), (2, "Bad.")]


@pytest.mark.parametrize(
    "answer",
    [
        f"#### Output for Texts 1 and 2\n\n{B}", f"# Output for Text 1 and Text 2\n\n{B}",
        B.replace("Rating", "Helpfulness score: 5\nHonesty score: 2\nRating"),
        "### Text 1\n4\nGood.\n\n### Text 2\n2\nBad.", "Helpfulness Rating:\nText 1: 4 - Good.\nText 2: 2 - Bad.",
        "**Overall Rating:**\n\n**Text 1**: 4 - Good.\n**Text 2**: 2 - Bad.",
        "**Helpfulness Rating:**\n\n| Text | Rating | Rationale |\n|---|---|---|\n| Text 1 | 4 | Good. |\n| Text 2 | 2 | Bad. |",
        'Overall reasoning: 1.\n\n{"text 1": {"rationale": "Good.", "rating": 4}, "text 2": {"rationale": "Bad.", "rating": 2}}',
        f"{B}\n\nRanking:\n\nText 1, Text 2",
        f"{B}\n\n**Summary:** Text 1 is better.\n\nOverall rating: 3 on average",
    ],
)  # fmt: skip
def test_what_a_second_reviewer_found(answer: str) -> None:
    assert said(answer) == GOOD


@pytest.mark.parametrize(
    ("answer", "ratings"),
    [
        ("#### Texts 1 and 2\nRating: 4, 2\nRationale: The first is good, the second bad.", [None, None]),
        ("**Response 1/2**\nRating: 4\nRationale: Good.\n\n**Response 2/2**\nRating: 2\nRationale: Bad.", [None, None]),
        ("Helpfulness rating: 5\nHonesty rating: 2\nFinal rating: 3\nRationale: Mixed.", [3]),
        ("Helpfulness rating: 5\nHonesty rating: 2\nRationale: Mixed.", [None]),
        ("Rating: 3\nRationale: Right, but for these two:\n- Answers 3 and 4\n\nThe rest is fine.", [3]),
        ("Rating: 4\n/10\nRationale: Good.", [None]), ("Rating: 4\nout of 10\nRationale: Good.", [None]),
    ],
)  # fmt: skip
def test_no_rating_of_another_thing(answer: str, ratings: list[float | None]) -> None:
    assert [value for value, _ in said(answer, len(ratings))] == ratings


@pytest.mark.parametrize(
    "paragraph",
    [
        "Overall, Text 2 is poor.", "Overall, response 3 of its dialogue is rude.", "Overall, Text Two, unlike Text 1, is poor.",
        "In short, ranked-choice voting is explained well.", "Overall rating: 9/10 is what the review gives.",
        "Note that these ratings of the films are made up: no critic gave them.",
    ],
)  # fmt: skip
def test_a_last_paragraph_about_its_own_text_stays(paragraph: str) -> None:
    assert said(f"{B}\n\n{paragraph}") == [(4, "Good."), (2, f"Bad.\n\n{paragraph}")]


def test_a_conclusion_that_is_the_whole_reason_stays() -> None:
    answer = B.replace("Bad.", "\n\nOverall, Text 1 is better than this one.")
    assert said(answer)[1] == (2, "Overall, Text 1 is better than this one.")
    assert said("Rating: 4\nRationale: Solved.\n\nOverall, answers 1 and 2 are right.", 1)[0][1].endswith("are right.")


def test_types_in_words_count_where_types_were_asked_for() -> None:
    answer = "Rating: 3\nRationale: A good report.\nType: bug\nReason: the steps are missing."
    assert said(answer, 1) == [(3, "A good report.\nType: bug\nReason: the steps are missing.")]
    (entry,) = read("Type: Minor slips\nRationale: Two dates are off.\nRating: 4", 1, not_applicable=True, types=3)
    assert (entry.value, entry.rationale, entry.types) == (4, "Two dates are off.", None)


def test_a_reason_below_the_rating_says_nothing_about_the_scale() -> None:
    answer = "#### Text 1\nRating: 4\n\nIt keeps out of politics.\n\n#### Text 2\nRating: 2\n\n- 3 faults."
    assert said(answer) == [(4, "It keeps out of politics."), (2, "- 3 faults.")]


def test_types_in_words_keep_their_reason_apart() -> None:
    answer = "Text 1\nType: Factual error\nRationale: Bats are no birds.\nRating: 2\nRationale: A gross error."
    entry = read(answer, 1, not_applicable=True, types=3)[0]
    assert (entry.value, entry.rationale, entry.types, entry.types_rationale) == (
        2,
        "A gross error.",
        None,
        "Bats are no birds.",
    )


def test_a_rationale_keeps_its_own_headings_rules_and_notes() -> None:
    own = "Good.\n\n##### Strengths\n- clear\n\n---\n\nSummary: short."
    assert said(ASKED.replace("Good.", own))[0] == (4.0, own)


def test_code_that_a_rationale_quotes_has_no_labels() -> None:
    own = "It began like this:\n\n```markdown\n#### Setup\nRating: none yet\n```\n\nThe rest is fine."
    assert said(ASKED.replace("Good.", own)) == [(4.0, own), (2.0, "Bad.")]


TYPED = (
    "#### Output for Text 1\nType: 1, 3\nRationale: Two slips.\nRating: 2\nRationale: Wrong.\n\n"
    "#### Output for Text 2\nType: None\nRationale: No slip.\nRating: 5\nRationale: Right."
)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(TYPED, id="as asked"),
        pytest.param(
            TYPED.replace("Rationale: Two", "Rationale for type: Two").replace(
                "Rationale: W", "Rationale for rating: W"
            ),
            id="labels that say what for",
        ),
        pytest.param(TYPED.replace("1, 3", "1 (the world), 3 (itself)"), id="names of types"),
        pytest.param(TYPED.replace("1, 3", "#1, #3"), id="hashes"),
        pytest.param(TYPED.replace("1, 3", "Type 1, Type 3").replace("None", "[]"), id="a word before each"),
        pytest.param(TYPED.replace("\nRa", " Ra"), id="a part on one line"),
        pytest.param(
            '[{"text": 1, "type": [1, 3], "rationale": "Two slips.", "rating": 2, "rationale for rating": "Wrong."},'
            ' {"text": 2, "type": [], "rationale": "No slip.", "rating": 5, "rationale for rating": "Right."}]',
            id="JSON",
        ),
    ],
)
def test_types(answer: str) -> None:
    entries = read(answer, 2, not_applicable=True, types=3)
    found = [(entry.types, entry.types_rationale, entry.value, entry.rationale) for entry in entries]
    assert found == [((1, 3), "Two slips.", 2.0, "Wrong."), ((), "No slip.", 5.0, "Right.")]


def test_a_number_in_the_name_of_a_type_is_no_type() -> None:
    assert kinds("1 (see type 2)", 3) == (1,)


@pytest.mark.parametrize(
    ("answer", "texts", "expected"),
    [
        ("Rating: 2\nRationale: wrong sum.\nAnswer 1: 5", 1, [(2.0, "wrong sum.\nAnswer 1: 5")]),
        ("Rating: 4\nRationale: Compared,\nText 1: 3, 5 and 7 are primes", 1, [(4.0, "Compared,\nText 1: 3, 5 and 7 are primes")]),
        ("#### Output for Text B\nRating: 4\nRationale: b\n\n#### Output for Text A\nRating: 2\nRationale: a", 2,
         [(2.0, "a"), (4.0, "b")]),
        ("Text 2 is better.\nRating: 4\nRationale: b\n\nText 1 is worse.\nRating: 2\nRationale: a", 2, None),
        ("The second one:\nRating: 4\nRationale: b\n\nThe first one:\nRating: 2\nRationale: a", 2, None),
        ("**Accuracy**\nRating: 3\nRationale: x\n\n**Style**\nRating: 4\nRationale: y", 2, None),
        ("Rating: 3\nRationale: draft for text 1\n\nRating: 4\nRationale: final for text 1", 2, None),
        ("Text 1: 4:30 pm is right\nText 2: 3:15 is wrong", 2, None),
        ("Text 1: 4|10\nText 2: 3|10", 2, None),
        ("Text 1: 4, 5, 3\nText 2: 3, 3, 2", 2, None),
        ("Ranking:\nText 1: 1 - best\nText 2: 2 - second\n", 2, None),
        ("Text 1: 3, because it is ok\nText 2: 2, as it is short", 2, [(3.0, "because it is ok"), (2.0, "as it is short")]),
        ("#### Output for Text 1\n#### Rationale: a\n#### Rating: 4\n\n#### Output for Text 2\n#### Rationale: b\n#### Rating: 2",
         2, [(4.0, "a"), (2.0, "b")]),
        ("```\nRating: N/A\nRationale: a\n```", 1, [(None, "a")]),
        ('{"text 1": {"rationale": "Uses the <score> tag.", "rating": 4}, "text 2": {"rationale": "b", "rating": 2}}',
         2, [(4.0, "Uses the <score> tag."), (2.0, "b")]),
        ("Rating: 4\nRationale: Tags as <b>b</b> and <score>3</score>.", 1, [(4.0, "Tags as <b>b</b> and <score>3</score>.")]),
        ('[{"index": 0, "rating": 4, "rationale": "a"}, {"index": 1, "rating": 2, "rationale": "b"}]', 2, [(4.0, "a"), (2.0, "b")]),
        ('{"texts": [2, 1], "ratings": [4, 2], "rationales": ["b", "a"]}', 2, [(2.0, "a"), (4.0, "b")]),
        ("Rating: 4\nRationale: First.\n\n---\n\nSecond para.", 1, [(4.0, "First.\n\n---\n\nSecond para.")]),
        ("Rating: 4\nRationale: a\n\n**Overall:** a weak text.", 1, [(4.0, "a\n\n**Overall:** a weak text.")]),
        (f"{ASKED}\n\n#### Text 1 - Analysis\nlong\n#### Text 2 - Analysis\nlonger", 2, [(4.0, "Good."), (2.0, "Bad.")]),
        ("Rating: 4\nRationale: Good.\nReasoning: it is fine", 1, [(4.0, "Good.\nReasoning: it is fine")]),
        ("Rating: 4\nRationale: [1]", 1, [(4.0, "[1]")]),
    ],
)  # fmt: skip
def test_what_a_reviewer_found(answer: str, texts: int, expected: list[tuple[float | None, str]] | None) -> None:
    found = said(answer, texts)
    assert found == expected if expected is not None else [value for value, _ in found] == [None] * texts


@pytest.mark.parametrize(
    "words",
    [
        "I cannot rate this (1)", "worse than text (2)", "see Text: 2", "Issues found: 3", "Errors (2)", "lowered by - 1",
        "out of (5)", "less than - 2", "not (4)", "None (1)", "minus -4",
    ],
)  # fmt: skip
def test_a_number_behind_other_words_is_no_rating(words: str) -> None:
    assert score(words, not_applicable=False)[1] is None


@pytest.mark.parametrize(
    "part",
    [
        "*",
        "* ",
        "- - ",
        "_",
        "> ",
        "\n\nNote: ",
        "---\n",
        "\n\nSummary: x",
        "<|im_end|>",
        "Text 1 Rating: 4\n",
        "Text 1: 4 - a\n",
        "\n\nOverall, Text 1\u00a0",
    ],
)
@pytest.mark.parametrize("texts", [1, 2])
def test_a_long_hostile_answer_is_read(part: str, texts: int) -> None:
    assert (
        len(read(("Rating: 4\nRationale: g\n" + part * (100_000 // len(part)))[:100_000], texts, not_applicable=True))
        == texts
    )


def test_reasons_that_say_what_for() -> None:
    answer = "Type: 1\nRationale for rating: W\nRating: 2\nRationale for type: T"
    (entry,) = read(answer, 1, not_applicable=True, types=3)
    assert (entry.types, entry.types_rationale, entry.value, entry.rationale) == ((1,), "T", 2.0, "W")
    assert kinds("1 type 2", 3) == (1,)
