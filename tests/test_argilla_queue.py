"""Argilla's page and its list of records, which changes while somebody reviews."""

import re

import httpx
from playwright.sync_api import Browser

from tests.conftest import ArgillaServer

SCRIPT = re.compile(r'src="([^"]+\.js)"')
APPEND = re.compile(r'key:"append",value:(function append\(\w\)\{.*?this\.arrangeQueue\(\)\})')
LISTED = """([have, loaded]) => {
  const queue = {
    records: have.map(([id, page]) => ({ id, page })),
    get lastRecord() { return this.records.at(-1); },
    arrangeQueue() { this.records.sort((one, other) => one.page - other.page); },
    append: APPEND,
  };
  queue.append({ records: loaded.map(([id, page]) => ({ id, page })) });
  return queue.records.map(({ id, page }) => [id, page]);
}"""


def test_records_stay_where_a_reviewer_comes_to_them(argilla: ArgillaServer, browser: Browser) -> None:
    """Two rows came in front of what was loaded: the next page holds two of its records again."""
    with httpx.Client(base_url=argilla.url, follow_redirects=True, timeout=60) as http:
        scripts = [http.get(path).text for path in SCRIPT.findall(http.get("/").text)]
    (append,) = [found[1] for script in scripts if (found := APPEND.search(script))]
    with browser.new_context() as context:
        page = context.new_page()

        def listed(have: list[tuple[str, int]], loaded: list[tuple[str, int]]) -> list[list[str | int]]:
            found: list[list[str | int]] = page.evaluate(LISTED.replace("APPEND", append), [have, loaded])
            return found

        assert listed([], [("a", 1), ("b", 2)]) == [["a", 1], ["b", 2]]
        have = [("a", 1), ("b", 2), ("c", 3), ("d", 4)]
        assert listed(have, [("e", 5), ("f", 6)]) == [["a", 1], ["b", 2], ["c", 3], ["d", 4], ["e", 5], ["f", 6]]
        assert listed(have, [("c", 5), ("d", 6), ("e", 7), ("f", 8)]) == [
            ["a", 1], ["b", 2], ["c", 3], ["d", 4], ["e", 5], ["f", 6],
        ]  # fmt: skip
        assert listed([("c", 3), ("d", 4)], [("b", 2)]) == [["b", 2], ["c", 3], ["d", 4]]  # backwards
