"""Kinds of answers that a labeller gives: labels, digits, names of texts, corrections and closings of any sort and language."""

import pytest

from feedback.labeller.answer_parser import read

ASKED = "#### Output for Text 1\nRating: 4\nRationale: Good.\n\n#### Output for Text 2\nRating: 2\nRationale: Bad."
PLAIN = "Rating: 4\nRationale: Good.\n\nRating: 2\nRationale: Bad."
GOOD, BOTH = [(4.0, "Good.")], [(4.0, "Good."), (2.0, "Bad.")]
NOTHING = [(None, ""), (None, "")]


def said(answer: str, texts: int = 2) -> list[tuple[float | None, str]]:
    return [(entry.value, entry.rationale) for entry in read(answer, texts, not_applicable=True)]


@pytest.mark.parametrize(
    "label",
    [
        "Rating (1-5): ", "**Rating (1–5):** ", "Rating [1-5]: ", "Rating (out of 5): ", "Rating out of 5: ", "Score (/5): ",
        "Rating (von 1 bis 5): ", "Rating (de 1 a 5) : ", "Rating（1-5）：", "Rating from 1 to 5: ", "Rating (helpfulness): ",
        "Rating on a scale of 1 to 5: ", "Score (1 = worst, 5 = best): ", "Rating: Rating: ", "**Rating:** Rating: ",
        "Rating: **Rating (1-5):** ", "Rating: Rating: Rating: ", "Rating:\nRating: ", "Rating: Score: ",
    ],
)  # fmt: skip
def test_labels_with_a_scale_and_labels_given_twice(label: str) -> None:
    assert said(ASKED.replace("Rating: ", label)) == BOTH


@pytest.mark.parametrize(
    "label",
    [
        "Rating (1-10): ",
        "Rating (out of 10): ",
        "Rating (0-100): ",
        "Rating (%): ",
        "Rating out of ten: ",
        "Rating: Rating (1-10): ",
    ],
)
def test_another_scale_is_none(label: str) -> None:
    assert said(ASKED.replace("Rating: ", label)) == [(None, "Good."), (None, "Bad.")]


@pytest.mark.parametrize(
    ("four", "two"),
    [
        ("４", "２"), ("٤", "٢"), ("۴", "۲"), ("४", "२"), ("৪", "২"), ("๔", "๒"), ("４／５", "２／５"), ("٤/٥", "٢/٥"), ("④", "②"),
        ("4️⃣", "2️⃣"), ("★★★★☆", "★★☆☆☆"), ("★★★★", "★★"), ("⭐⭐⭐⭐", "⭐⭐"), ("⭐️⭐️⭐️⭐️", "⭐️⭐️"), ("★ ★ ★ ★ ☆", "★ ★ ☆ ☆ ☆"),
        ("**★★★★☆**", "**★★☆☆☆**"), ("🌟🌟🌟🌟", "🌟🌟"),
    ],
)  # fmt: skip
def test_digits_of_any_script_and_stars(four: str, two: str) -> None:
    assert said(ASKED.replace(": 4", f": {four}").replace(": 2", f": {two}")) == BOTH
    assert said(f"| Text | Rating | Rationale |\n|---|---|---|\n| 1 | {four} | Good. |\n| 2 | {two} | Bad. |") == BOTH
    assert said(f"Rating: {four} - Good.", 1) == GOOD


@pytest.mark.parametrize("rating", ["★★★★★★★☆☆☆", "★★★★½", "☆☆☆☆☆", "★★★★☆☆", "4²", "٧/١٠", "８", "★★★★★★"])
def test_numbers_and_stars_off_the_scale(rating: str) -> None:
    assert said(f"Rating: {rating}\nRationale: Good.", 1) == [(None, "Good.")]


def test_digits_of_any_script_name_texts() -> None:
    for one, two in ("１２", "١٢", "१२"):
        assert said(ASKED.replace("Text 1", f"Text {one}").replace("Text 2", f"Text {two}")) == BOTH


@pytest.mark.parametrize(
    "text",
    [
        '{"rating": 4, "rationale": "Good.",}', "{'rating': 4, 'rationale': 'Good.'}", '{rating: 4, rationale: "Good."}',
        '```json\n{\n  "rating": 4,\n  "rationale": "Good.",\n}\n```', '{"rating": 4/5, "rationale": "Good."}',
        '{"rating": ★★★★☆, "rationale": "Good."}', '{"rating": "Rating: ４", "rationale": "Rationale: Good."}',
        '{"Rating (1-5)": 4, "Rationale": "Good."}',
        '{"rating": 3, "rationale": "x"}\n\nActually:\n{"rating": 4, "rationale": "Good."}',
    ],
)  # fmt: skip
def test_what_is_nearly_json(text: str) -> None:
    assert said(text, 1) == GOOD


def test_json_of_several_texts() -> None:
    assert said('{"rating": 4, "rationale": "Good.\nReally."}', 1) == [(4.0, "Good.\nReally.")]
    one, two = '{"text": 1, "rating": 4, "rationale": "Good."}', '{"text": 2, "rating": 2, "rationale": "Bad."}'
    for answer in (f"[{one}, {two},]", f"{one}\n{two}"):
        assert said(answer) == BOTH
    for names in ("Text 1", "Text 2"), ("Response A", "Response B"), ("Antwort 1", "Antwort 2"), ("text_a", "text_b"):
        first, second = names
        assert said(f'{{"{first}": {one}, "{second}": {two},}}') == BOTH
    assert said('{"criterion 1": {"rating": 4}, "criterion 2": {"rating": 2}}') == NOTHING
    assert (
        said('{"rating": 1 or 2, "rationale": "Good."}', 1) == said('{"rating": 4, "rationale": "Go', 1) == [(None, "")]
    )


@pytest.mark.parametrize(
    "form",
    [
        "<text_{n}><rating>{r}</rating><rationale>{w}</rationale></text_{n}>",
        "<text{n}>\n  <rationale>{w}</rationale>\n  <rating>{r}</rating>\n</text{n}>\n",
        '<response id="{n}"><score>{r}</score> <reason>{w}</reason></response>',
        "<response_{a}><score>{r}</score><reason>{w}</reason></response_{a}>\n",
        "<Antwort {n}><rating>{r}</rating><rationale>{w}</rationale></Antwort {n}>\n",
        "text_{n}:\n  rating: {r}\n  rationale: {w}\n",
        "text_{n}:\n  rating: {r}\n  rationale: '{w}'\n",
        "text_{n}:\n  rating: {r}\n  rationale: >-\n    {w}\n",
        "- text: {n}\n  rating: {r}\n  rationale: {w}\n",
        "{n}:\n  rating: {r}\n  rationale: {w}\n",
        "response_{a}:\n  rating: {r}\n  rationale: {w}\n",
        "Text {n} ({r}/5): {w}\n",
        "**Text {n} ({r}/5):** {w}\n",
        "### Text {n} ({r}/5)\n{w}\n\n",
        "### Text {n} – {r}/5\n{w}\n\n",
        "**Text {n}** (Rating: {r}): {w}\n",
        "Text {n} (Score: {r}/5)\nRationale: {w}\n\n",
        "1. Response {n} [{r} out of 5] - {w}\n",
        "Response {A}: {r}/5 - {w}\n",
        "Rating for Response {A}: {r}\nRationale: {w}\n",
        "Rating (Text {n}): {r}\nRationale: {w}\n",
    ],
)
def test_tags_yaml_and_ratings_in_headers(form: str) -> None:
    values = [(1, "a", 4, "Good."), (2, "b", 2, "Bad.")]
    answer = "".join(form.format(n=n, a=a, A=a.upper(), r=r, w=w) for n, a, r, w in values)
    assert said(answer) == said(f"Sure.\n\n{answer}") == BOTH
    if ">-" not in form:
        assert said(f"```\n{answer}\n```") == BOTH


@pytest.mark.parametrize(
    "header",
    [
        "Response {}", "**Answer {}**", "### Response {}:", "#### Output for Response {}", "Option {}", "Antwort {}",
        "Réponse {} :",
        "Respuesta {}:", "## Ответ {}", "**回答{}**", "النص {}", "Texto nº {}", "Évaluation de la réponse {}", "Assistant {}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("names", ["12", "AB", "１２"])
def test_texts_by_other_names(header: str, names: str) -> None:
    first, second = (
        f"{header.format(name)}\nRating: {value}\nRationale: {why}"
        for name, (value, why) in zip(names, BOTH, strict=True)
    )
    for answer in (
        f"{first}\n\n{second}",
        f"Here you are.\n\n{second}\n\n{first}",
        f"{first}\n{second}".replace("\nRating", ": Rating"),
    ):
        assert said(answer) == BOTH


@pytest.mark.parametrize("name", ["Response {}", "{}", "**Text {}**", "Antwort {}"])
@pytest.mark.parametrize("reason", ["Reasoning", "Comment", "Begründung", "理由", "Why"])
def test_tables(name: str, reason: str) -> None:
    for names in ("12", "AB"):
        rows = [f"| {name.format(k)} | {value} | {why} |" for k, (value, why) in zip(names, BOTH, strict=True)]
        assert said("\n".join([f"| Response | Rating (1-5) | {reason} |", "|---|---|---|", *rows])) == BOTH
        assert said("\n".join([f"| Response | Rating (1-10) | {reason} |", "|---|---|---|", *rows])) == NOTHING


@pytest.mark.parametrize("header", ["Criterion {}", "Draft {}", "Schritt {}", "标准{}", "Aspect {}"])
def test_what_else_has_numbers_is_no_text(header: str) -> None:
    answer = f"{header.format(1)}\nRating: 4\nRationale: a\n\n{header.format(2)}\nRating: 2\nRationale: b"
    assert [value for value, _ in said(answer)] == [None, None]


@pytest.mark.parametrize(
    "begin",
    [
        "assistantfinal",
        "<|message|>",
        "<|channel|>final<|message|>",
        "<|start|>assistant<|channel|>final<|message|>",
        "assistant",
    ],
)
def test_what_is_left_of_tokens_before_an_answer(begin: str) -> None:
    assert said(begin + ASKED) == said(begin + ASKED.replace("#### Output for ", "")) == BOTH
    assert said(f"{begin}Rating: 4\nRationale: Good.", 1) == GOOD


def test_a_draft_before_the_channel_of_the_answer_is_none() -> None:
    final = "<|end|><|start|>assistant<|channel|>final<|message|>"
    assert said(f"<|channel|>analysis<|message|>Maybe\nRating: 3\n{final}Rating: 4", 1) == [(4.0, "")]
    draft = ASKED.replace("4", "3").replace(": 2", ": 5").replace("Good", "Hm")
    assert said(f"<|channel|>analysis<|message|>{draft}\n{final}{ASKED}") == BOTH


@pytest.mark.parametrize(
    "correction",
    [
        "Actually, rating: 3", "Final rating: 3", "On reflection, rating: 3/5", "Revised rating: 3", "**Revised Rating:** 3",
        "Korrektur: Rating: 3", "En realidad, rating: 3", "更正：Rating: 3", "На самом деле, rating: 3", "Wait - Rating: 3",
        "Final Rating (1-5): 3", "Hmm. Actually, my rating: 3", "Corrected score: ３",
    ],
)  # fmt: skip
def test_a_correction_counts(correction: str) -> None:
    for gap in ("\n", "\n\n"):
        assert said(f"Rating: 4\nRationale: Good.{gap}{correction}", 1) == [(3.0, "Good.")]
        assert said(ASKED.replace("Good.", f"Good.{gap}{correction}")) == [(3.0, "Good."), BOTH[1]]
        assert said(f"Rating: 4\nRationale: Good.{gap}{correction}\nRationale: New.", 1) == [(3.0, "New.")]


@pytest.mark.parametrize(
    ("answer", "texts", "expected"),
    [
        ("Rating: 4\nRationale: Good. Actually, rating: 3", 1, [(3, "Good.")]),
        ("Rating: 4\nRationale: Good.\nRating: 3\nRationale: New.", 1, [(3, "New.")]),
        ("Rationale: Good.\nRating: 4\n\nRationale: New.\nRating: 3", 1, [(3, "New.")]),
        (f"{ASKED}\n\n#### Output for Text 1\nRating: 3\nRationale: I was too kind.", 2, [(3, "I was too kind."), BOTH[1]]),
        (f"{ASKED}\n\n**Text 1 (revised)**\nRating: 3\nRationale: I was too kind.", 2, [(3, "I was too kind."), BOTH[1]]),
        (f"{ASKED}\n\nCorrection for Text 2:\nRating: 3\nRationale: I was too harsh.", 2, [BOTH[0], (3, "I was too harsh.")]),
        (f"{ASKED}\n\nText 1: Rating: 3 would be too low.", 2, [BOTH[0], (2, "Bad.\n\nText 1: Rating: 3 would be too low.")]),
        ("Accuracy\nRating: 3\nRationale: x\n\nStyle\nRating: 4\nRationale: y", 1, [(None, "")]),
        ("**Genauigkeit**\nRating: 3\nRationale: x\n\n**Stil**\nRating: 4\nRationale: y", 1, [(None, "")]),
        ("An example is {rating: 3}.\nRating: 4\nRationale: Good.", 1, GOOD),
        ("Rating: 4\nRationale: Good.\nClarity rating: 5", 1, [(4, "Good.\nClarity rating: 5")]),
        ("Rating: 4\nRationale: In the review, rating: 3 of 10 was given.", 1, [(4, "In the review, rating: 3 of 10 was given.")]),
    ],
)  # fmt: skip
def test_the_last_verdict_counts(answer: str, texts: int, expected: list[tuple[float | None, str]]) -> None:
    assert said(answer, texts) == expected


@pytest.mark.parametrize(
    "before",
    [
        "Sure.", "Gerne!", "Claro, aquí están mis valoraciones de los dos textos:", "Here are my ratings for the two texts:",
        "Here are the ratings for both responses.", "当然，以下是我的评分：", "Конечно!", "بالتأكيد!", "Voici mes évaluations :",
    ],
)  # fmt: skip
def test_a_preamble_before_ratings_without_headers(before: str) -> None:
    assert said(f"{before}\n\n{PLAIN}") == said(f"{before}\n{PLAIN}") == BOTH


@pytest.mark.parametrize("before", ["The second one first:", "Text B, then Text A:", "**Accuracy**", "2, then 1:"])
def test_a_preamble_that_may_name_a_text_leaves_it_unclear(before: str) -> None:
    assert [value for value, _ in said(f"{before}\n{PLAIN}")] == [None, None]


@pytest.mark.parametrize(
    "behind",
    [
        "That is all.", "Hope this helps!", "Ich hoffe, das hilft!", "Das ist alles.", "¡Espero que esto ayude!", "C'est tout.",
        "J'espère que cela vous aide.", "希望这对你有帮助！", "就这些。", "Надеюсь, это поможет.", "آمل أن يكون هذا مفيدًا.", "Fin.",
        "Avísame si necesitas algo más.", "Toivottavasti tästä on apua!", "Let me know if you need more.\n\nCheers!",
    ],
)  # fmt: skip
def test_what_closes_an_answer_is_no_reason(behind: str) -> None:
    assert said(f"{ASKED}\n\n{behind}") == said(f"{PLAIN}\n\n{behind}") == BOTH
    assert said(f"Rating: 4\nRationale: Good.\n\n{behind}", 1) == GOOD


@pytest.mark.parametrize(
    ("rating", "reason"),
    [
        ("[Rating]", "[Rationale]"), ("<rating>", "<rationale>"), ("[1-5]", "[your reason]"), ("[Bewertung]", "[Begründung]"),
        ("[评分]", "[理由]"), ("{rating}", "{rationale}"), ("a number from 1 to 5", "your reason in one or two sentences"),
    ],
)  # fmt: skip
def test_the_form_given_back_is_no_reason(rating: str, reason: str) -> None:
    assert said(f"Rating: {rating}\nRationale: {reason}", 1) == [(None, "")]


def test_quotes_around_a_reason_go() -> None:
    for answer in (
        'Rating: 4\nRationale: "Good."',
        'Rating: "4"\nRationale: “Good.”',
        "Rating: [4]\nRationale: [Good.]",
    ):
        assert said(answer, 1) == GOOD


@pytest.mark.parametrize(
    "answer",
    [
        "text,rating,rationale\n1,4,Good.\n2,2,Bad.",
        '```csv\nText;Score;Reason\nText 2;2;"Bad."\nText 1;4;"Good."\n```',
        '{"ratings": {"text_1": {"rating": 4, "rationale": "Good."}, "text_2": {"rating": 2, "rationale": "Bad."}}}',
        '{"result": {"ratings": {"Text 1": {"score": 4, "reason": "Good."}, "Text 2": {"score": 2, "reason": "Bad."}}}}',
    ],
)
def test_tables_of_commas_and_objects_around_the_ratings(answer: str) -> None:
    assert said(answer) == BOTH


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("$\\boxed{3}$", 3), ("Rating: $\\boxed{4}$\nRationale: b", 4), ('{"evaluation": {"rating": 2, "rationale": "b"}}', 2),
        ("Clear. I would give this response a 4 out of 5.", 4), ("I'd rate it **3/5** because it drifts.", 3),
        ("I would give it 4 out of 5 facts.", None), ("I would not give it a 5 out of 5.", None), ("It covers 3 out of 5.", None),
        ("I would give it a 4/5. A better one gets 5/5.", None), ("The sum is \\boxed{3}, as it says.", None),
        ('{"ranking": {"text 1": 1}}', None), ('{"criteria": {"text 1": {"rating": 2}}}', None), ("text,words\n1,4", None),
    ],
)  # fmt: skip
def test_one_rating_in_a_box_an_object_or_a_sentence(answer: str, value: float | None) -> None:
    assert read(answer, 1, not_applicable=True)[0].value == value


def test_ratings_by_name_in_an_object() -> None:
    assert [entry.value for entry in read('{"ratings": {"text 1": 4, "text 2": 2}}', 2, not_applicable=True)] == [4, 2]
    assert [entry.value for entry in read('{"ranks": {"text 1": 1, "text 2": 2}}', 2, not_applicable=True)] == [
        None
    ] * 2
