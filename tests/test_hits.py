"""What a search found is marked in texts alone, and nothing else of the page changes."""

import html
import re

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from app.web.html.fragments import attrs, bubble
from app.web.html.markup import markup
from app.web.html.search_hits import excerpt, marked

TEXTS = st.text() | st.lists(
    st.sampled_from(["<b>", "&amp;", "a", "A", "Ä", "ß", "İ", '"', ">", "mark", " "]), max_size=20
).map("".join)


@given(TEXTS, TEXTS)
def test_what_is_shown_stays_the_same_text(text: str, wanted: str) -> None:
    page = markup('<div class="text" {}>{}</div><b title="{}">{}</b>', attrs(word=text), text, text, text)
    for inside in ("", "text"):
        found = str(marked(page, wanted, inside))
        assert found.replace("<mark>", "").replace("</mark>", "") == page
        for hit in re.findall("<mark>(.*?)</mark>", found, re.DOTALL):
            assert len(html.unescape(hit)) == len(wanted.strip() if inside else " ".join(wanted.split()))
            assert "<" not in hit


def test_hits_are_marked_in_any_case_and_only_in_texts() -> None:
    page = bubble("user", "Name a RIVER & a river.", "as corrected")
    assert marked(page, "river", "text").count("<mark>") == 2 and "<mark>RIVER</mark> &amp; a" in marked(
        page, "river", "text"
    )
    assert marked(page, "user", "text") == page  # who says it is no text
    assert marked(page, "& a", "text").count("<mark>&amp; a</mark>") == 1
    assert marked(Markup('<i class="x">text</i>'), "x") == '<i class="x">te<mark>x</mark>t</i>'
    assert marked(Markup("<svg><title>river</title></svg>river<br>river"), "river").count("<mark>") == 2
    assert marked(escape("FLÜSSE"), "flüsse") == "<mark>FLÜSSE</mark>"
    hostile = escape("<script>alert(1)</script>")
    assert marked(hostile, "<script>") == "<mark>&lt;script&gt;</mark>alert(1)&lt;/script&gt;"
    for empty in ("", "   ", "x" * 2_000):
        assert marked(page, empty, "text") == page


def test_marks_are_bounded() -> None:
    assert marked(escape("a" * 100_000), "a").count("<mark>") == 2_000


def test_the_list_shows_where_it_was_found() -> None:
    long = "word " * 100 + "the Rhine " + "word " * 100
    assert (
        excerpt(["Name it.", long], "RHINE").startswith("…")
        and "the Rhine" in excerpt(["Name it.", long], "rhine")[:60]
    )
    assert excerpt(["Name\n a  river."], "a river") == "Name a river."
    for before in ("河" * 500, "x" * 500):  # no word begins anywhere near
        assert excerpt([f"{before}Rhine{before}"], "rhine").startswith(f"…{before[:24]}Rhine")
    assert excerpt(["Name it."], "rhine") == excerpt(["Name it."], " ") == ""
