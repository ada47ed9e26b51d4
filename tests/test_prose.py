"""Texts of models at the page: they read as Markdown, show all of themselves, and load and run nothing."""

import random
import re
import subprocess
import sys

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, expect

from app.store.store import Store
from app.web.html.markdown import LONGEST, plain, rendered
from tests.browser import App, person
from tests.conftest import ROOT
from tests.make_runs import edit, with_run

RICH = r"""## Sorting

Use `sorted`, *please*:

```python
def top(items: list[int]) -> list[int]:
    return sorted(items, reverse=True)[:3]  # a line that is longer than the column which it has on the page
```

3. It copies.
4. It is **stable**.

| method | cost |
|:--|--:|
| `sorted` | n log n |

The cost is $O(n \log n)$ and \(x_1\), or

\[
\sum_{k=1}^{n} k
\]
"""
HOSTILE = """[a](javascript:window.hacked=1) <javascript:window.hacked=2> ![p](http://evil.example/p.png "t") [d](data:text/html,x)
<script>window.hacked = 3</script><img src=x onerror="window.hacked = 4"><iframe src="http://evil.example/f"></iframe>
<style>body { display: none }</style> <https://evil.example/a?b=1&c="onclick=x> [b](http://evil.example/"onmouseover=y)
$<img src=x onerror=window.hacked=5>$

```html" onclick="window.hacked=6
<b>
```
| <svg onload=window.hacked=7> |
|---|
| ![q](//evil.example/q.png) |
"""
PARTS = (
    "`", "```", "```py\n", "~~~\n", "\n", "\n\n", "a ", "b1", "    ", "- ", "1. ", "2) ", "> ", "---\n", "|", "|-|\n", "[", "](",
    "[a]: b \"c\"\n", "$", "$$", "\\(", "\\)", "\\[\n", "\\]", "~~", "*", "_", "\\", "<a>", "<!-- c -->", "&amp;", "&#65;",
    "<https://x.y>", "![", ")", "# ", "=\n", "\t", "ä", "ع", "\0",
)  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=24).map("".join) | st.text())
def test_no_letter_of_a_text_is_lost_and_no_tag_is_its_own(text: str) -> None:
    body = str(rendered(text))
    soup = BeautifulSoup(re.sub(r'<li value="([0-9]+)">', r"<li>\1", body), "html.parser")
    for drawing in soup.find_all("math"):  # what it may hold: test_formulas
        source = drawing.find("annotation")
        assert source is not None
        drawing.replace_with(source.get_text())
    assert "".join(filter(str.isalnum, soup.get_text())) == "".join(filter(str.isalnum, text.replace("\0", "")))
    for tag in soup.find_all(True):
        assert tag.name in TAGS and set(tag.attrs) <= {"class", "dir", "value"}, tag


TAGS = {
    "div", "p", "br", "ul", "ol", "li", "blockquote", "pre", "code", "span", "em", "strong", "s", "hr", "table", "thead", "tbody",
    "tr", "th", "td",
}  # fmt: skip


def test_markdown_reads_as_it_is_meant() -> None:
    soup = BeautifulSoup(rendered(RICH), "html.parser")
    for selector, text in {
        "p.heading": "Sorting",
        ".language": "python",
        "strong": "stable",
        "td.right": "n log n",
    }.items():
        assert [part.get_text() for part in soup.select(selector)] == [text], selector
    assert soup.select("pre")[0].get_text().startswith("def top(")
    assert [li["value"] for li in soup.select("li")] == ["3", "4"]
    formulas = [part.get_text() for part in soup.find_all("annotation")]
    assert formulas == [r"O(n \log n)", "x_1", r"\sum_{k=1}^{n} k"]
    assert "<math" not in rendered("It costs $5 and $10, or $7/$8.")
    parts = BeautifulSoup(
        rendered("Let $x$ be.\n\nThen a longer part with $y$.\n\n| a | b |\n|-|-|\n| $p$ | and $q$ |"), "html.parser"
    )
    assert [part.get_text() for part in parts.find_all("annotation")] == ["x", "y", "p", "q"]


@pytest.mark.parametrize(
    "text",
    [
        "> " * 30 + "deep",
        "| a |\n|---|\n| b | lost |",
        "[a](b&amp;c)",
        "x" * (LONGEST + 1),
        "|" + "a|" * 99 + "\n|" + "-|" * 99 + "\n" + "|\n" * 99,
    ],
)
def test_what_would_lose_something_is_shown_as_it_is(text: str) -> None:
    assert rendered(text) == plain(text)


def test_links_and_images_are_words_with_their_address() -> None:
    body = rendered(HOSTILE)
    assert not re.search(r"<(a|img|script|iframe|style|svg)\b", body) and " on" not in "".join(
        re.findall(r"<[^<>]*>", body)
    )
    text = BeautifulSoup(body, "html.parser").get_text()
    for told in (
        "a (javascript:window.hacked=1)",
        "p (http://evil.example/p.png “t”)",
        "<script>window.hacked = 3</script>",
    ):
        assert told in text


def test_long_texts_take_no_more_time_than_they_are_long() -> None:
    """One that looked for its end from each of its marks would take minutes."""
    pieces = [
        "[",
        "![",
        "*a_",
        "`",
        "> ",
        "- ",
        "|",
        "$",
        "$a ",
        "\\(",
        "\\[\nx\n",
        "<a",
        "[a](",
        "**",
        "$$\nx",
        "|a|\n|-|\n",
    ]
    program = (
        f"from app.web.html.markdown import rendered\nfor piece in {pieces!r}:\n    rendered(piece * (49_000 // len(piece)))\n"
        r"    rendered(piece * (40_000 // len(piece)) + ' $ \) \] x')"
        "\nprint('well')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "well\n", done.stderr


def test_a_row_reads_as_it_is_meant(app: App, browser: Browser) -> None:
    with Store(app.data) as store:
        run = with_run(store, 3, responses=2, name=f"prose-{random.randrange(10**9)}")
        edit(store, f"{run.id}-000000-0", f"{RICH}\n{HOSTILE}\n\n{'More of it. ' * 200}the end")
        edit(
            store,
            f"{run.id}-000001-0",
            "أفضل وقت هو الربيع، من سبتمبر إلى نوفمبر.\n\n1. الطقس معتدل.\n\n**Bold** in English.",
        )
    with person(browser) as curator:
        page = curator.page
        curator.open(f"{app.url}?run={run.id}&show=review")
        first = page.locator(".detail .response").first
        text = first.locator(".text")
        expect(text.locator("pre code")).to_contain_text(["def top(", "<b>"])
        expect(text.locator("th")).to_have_text(["method", "cost", "<svg onload=window.hacked=7>"])
        assert text.evaluate("text => getComputedStyle(text.querySelector('.heading')).fontWeight") == "700"
        assert page.evaluate("window.hacked") is None and curator.foreign == []

        # too long for its place: that is seen, and all of it is a button and a key away, and stays so
        assert text.evaluate("text => text.scrollHeight > text.clientHeight")
        expect(page.get_by_role("button", name="All of it")).to_have_count(1)
        first.get_by_role("button", name="All of it").click()
        expect(first.get_by_role("button", name="Less of it")).to_have_attribute("aria-expanded", "true")
        assert text.evaluate("text => text.scrollHeight <= text.clientHeight + 1")
        curator.key("4")
        expect(first.get_by_label("4 of 5", exact=True)).to_have_attribute("aria-pressed", "true")
        expect(first.get_by_role("button", name="Less of it")).to_be_visible()
        curator.key("o")
        expect(first.get_by_role("button", name="All of it")).to_be_visible()
        curator.key("o")
        expect(first.get_by_role("button", name="Less of it")).to_be_visible()
        # what goes on sideways can be reached by keyboard
        page.set_viewport_size({"width": 390, "height": 844})
        expect(text.locator("pre").first).to_have_attribute("tabindex", "0")
        page.set_viewport_size({"width": 1440, "height": 900})

        # as it is: of this row alone
        curator.key("m")
        expect(first.locator(".text")).to_contain_text("```python")
        expect(page.get_by_role("button", name="Raw")).to_have_attribute("aria-pressed", "true")
        curator.key("j")
        expect(page.get_by_role("button", name="Raw")).to_have_attribute("aria-pressed", "false")
        expect(first.locator("strong")).to_have_text("Bold")
        # each part has its own direction
        sides = "part => getComputedStyle(part).direction"
        assert [part.evaluate(sides) for part in first.locator(".rendered > *").all()] == ["rtl", "rtl", "ltr"]
        curator.key("k")
        expect(first.locator(".text")).to_contain_text("```python")

        # a fold of one card that is opened opens no other one
        curator.tab("Generate")
        card = page.locator(".row-card")
        expect(card.first.locator(".heading")).to_have_text("Sorting")
        curator.answered()
        card.nth(1).get_by_text("Raw").click()
        expect(page.get_by_text("finish_reason").locator("visible=true")).to_have_count(1)
        card.nth(2).get_by_role("button", name="Drop").click()
        expect(card.nth(2).get_by_role("button", name="Keep")).to_be_visible()
        expect(page.get_by_text("finish_reason").locator("visible=true")).to_have_count(1)
        assert curator.complaints == [] and curator.foreign == [] and page.evaluate("window.hacked") is None
