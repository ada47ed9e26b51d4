"""Formulas are drawn where all of them shows, and run and load nothing; else their source is shown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from app.web.html.formulas import ATTRIBUTES, ELEMENTS, LONGEST, drawn
from app.web.html.markdown import MOST_FORMULAS, rendered


@pytest.mark.parametrize(
    ("source", "part"),
    [
        (r"A = \pi r^2", "<msup><mi>r</mi><mn>2</mn></msup>"),
        (r"\frac{1}{2}", "<mfrac><mrow><mn>1</mn></mrow><mrow><mn>2</mn></mrow></mfrac>"),
        (r"\int_0^1 x \, dx", "<mo>∫</mo>"),
        (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", "<mtable>"),
        (r"\left\{ \begin{array}{ll} x & y \end{array} \right.", "<mtable"),
        (r"x < 0 \text{ and } y > 0", "<mo>&lt;</mo>"),
        (r"\mathbb{R}", "ℝ"),
    ],
)
def test_a_formula_is_drawn_and_keeps_its_source(source: str, part: str) -> None:
    shown = drawn(source)
    assert part in shown
    assert f'<annotation encoding="application/x-tex">{escape(source)}</annotation>' in shown
    assert drawn(source, is_block=True).startswith('<math display="block">')


@pytest.mark.parametrize(
    "source",
    [
        r"\foo x", r"\href{javascript:alert(1)}{x}", r"\style{background:url(http://example.org)}{x}", r"\color{red}{x}",
        r"\phantom{lost}", r"\frac{1}{", "{" * 400, "x" * (LONGEST + 1), "",
    ],
)  # fmt: skip
def test_a_formula_that_would_not_show_whole_stays_its_source(source: str) -> None:
    assert drawn(source) == ""
    if source and "\n" not in source and len(source) < 100:
        assert f"{escape(source)}</code>" in rendered(f"A ${source}$ here.")


@given(st.text("\\{}^_&$ab12<>\"'frcleightsymbo ", max_size=60) | st.text(max_size=40))
def test_nothing_but_what_draws_comes_out(source: str) -> None:
    shown = drawn(source)
    tags = re.findall(r"<(/?)([a-z]+)([^<>]*)>", shown)
    assert len(tags) == shown.count("<")
    for _, name, attributes in tags:
        assert name in ELEMENTS | {"semantics", "annotation"}
        named = set(re.findall(r' ([a-z]+)="', attributes))
        assert named <= ATTRIBUTES | {"encoding"} and not re.search(
            "style=|href|src|on[a-z]+=", attributes.replace("displaystyle=", "")
        )


def test_a_text_of_formulas_alone_is_drawn_up_to_a_number() -> None:
    page = rendered("$x$ " * (MOST_FORMULAS + 5))
    assert page.count("<math>") == MOST_FORMULAS and page.count('<code class="formula"') == 5
