"""Rubrics of 2, 3, 7 and 10 levels through the whole loop by clicking, with the built-in model and the embedded Argilla.

    uv run python tests/bench/rubric_walk.py SHOTS [DATA]

Each rubric is written in the editor on Rate; a few rows are generated and rated by it, sent, reviewed in Argilla's page and by key
in the app, pulled, looked at on Insights and exported as pairs and KTO. Says what it saw and compares it with the store. Pictures
of each step go to the folder SHOTS: 1440 wide and light, 390 wide and dark. Installs the local services where they are not there.
"""

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from playwright.sync_api import Browser, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.review.reviewed_rows import agreement_of, judged_rows
from app.store.runs import Run
from app.store.store import Store
from feedback.reviewed_row import ReviewedRow
from feedback.stats.histograms import by_aspect
from tests.browser import CHROMIUM, FLAGS, SLOW, App, Person, person

ROWS = 4
Lines = list[dict[str, Any]]
LONG = 600_000
"""Milliseconds for a job of the built-in model on a busy machine, and for services that are installed first."""


@dataclass(frozen=True)
class Written:
    """A rubric as a curator writes it. `keep_from` is None where the field stays empty."""

    name: str
    question: str
    levels: tuple[str, ...]
    keep_from: int | None
    threshold: int

    @property
    def size(self) -> int:
        return len(self.levels)

    def pressed(self, row: int) -> tuple[tuple[int, int], str]:
        """(what a person rates the two responses of a row, the decision), by the number of the row."""
        top, low = self.size, 1
        return (
            ((top, low), "approve"),
            ((low, top), "approve"),
            ((low, low), "reject"),
            ((self.threshold, low), "approve"),
        )[row]


RUBRICS = (
    Written("Names a river", "Does the response name a river?", ("it does not", "it does"), None, 2),
    Written("Plain words", "Is it in plain words?", ("no", "in part", "yes"), 2, 2),
    Written("Kindness", "Is the tone kind?", tuple(f"kindness {n} of 7" for n in range(1, 8)), 5, 5),
    Written("Right length", "Is it as long as it should be?", tuple(f"fit {n} of 10" for n in range(1, 11)), 8, 8),
)


class Walk:
    """One curator at one browser, and a second one at a phone."""

    def __init__(self, app: App, browser: Browser, curator: Person, phone: Person, shots: Path) -> None:
        self.app, self.browser, self.curator, self.phone, self.shots = app, browser, curator, phone, shots
        self.page = curator.page

    def shot(self, rubric: Written, name: str, run: str = "", show: str = "") -> None:
        """The page as it is, and the same page on a phone."""
        self.curator.answered()
        self.page.screenshot(path=self.shots / f"{rubric.size:02}-{name}-1440.png", full_page=True)
        if show:
            self.phone.open(f"{self.app.url}?run={run}&show={show}")
            self.phone.answered()
            self.phone.page.screenshot(path=self.shots / f"{rubric.size:02}-{name}-390.png", full_page=True)

    def models(self) -> None:
        curator = self.curator
        curator.tab("Models")
        curator.choose("generator-preset", "Built-in small model")
        curator.choose("labeller-preset", "Built-in small model")
        curator.write("generator-temperature", "1")
        curator.write("generator-concurrency", "8")
        curator.write("generator-max_tokens", "40")
        curator.press("test-generator")
        expect(self.page.locator(".badges li.yes", has_text="raw prompts").first).to_be_visible(timeout=LONG)

    def write(self, rubric: Written) -> None:
        """The rubric, in the editor, as the only one."""
        curator, page = self.curator, self.page
        curator.tab("Rate")
        curator.answered()
        page.get_by_label("Rate rows as they are made").uncheck()
        while page.locator(".own-rubrics li").count():
            left = page.locator(".own-rubrics li").count()
            page.locator(".own-rubrics li").first.get_by_role("button", name="Remove").click()
            expect(page.locator(".own-rubrics li")).to_have_count(left - 1)
            curator.answered()
        page.get_by_role("button", name="New rubric").click()
        curator.write("rubric-name", rubric.name)
        curator.write("rubric-question", rubric.question)
        curator.write("rubric-levels", "\n".join(rubric.levels))
        if rubric.keep_from is not None:
            curator.write("rubric-keep_from", str(rubric.keep_from))
        self.shot(rubric, "editor")
        curator.press("save-rubric")
        facts = f"{rubric.size} levels, kept from {rubric.threshold}"
        expect(page.locator(".own-rubrics li")).to_contain_text(facts)
        curator.answered()
        ticked = page.locator("#aspects label:has(input:checked)").all_inner_texts()
        for name in {text.strip() for text in ticked} - {rubric.name}:
            page.locator("#aspects").get_by_label(name, exact=True).uncheck()
            curator.answered()
        print(f"  editor: {facts}")

    def generate(self, rubric: Written) -> str:
        curator, page = self.curator, self.page
        curator.tab("Generate")
        page.get_by_text("Chats from the model alone; no input").click()
        curator.answered()
        if not page.locator("#magpie-max_instruction_tokens input").is_visible():
            page.get_by_text("Settings of Magpie").click()
        curator.write("magpie-max_instruction_tokens", "40")
        curator.write("rows", str(ROWS))
        curator.write("answers-n", "2")
        curator.press("run")
        curator.wait(f"Done: {ROWS} rows", timeout=LONG)
        curator.counted("generated", ROWS)
        self.shot(rubric, "generate")
        run = str(page.locator("[data-run]").get_attribute("data-run"))
        print(f"  run {run}: {ROWS} rows of two responses")
        return run

    def rate(self, rubric: Written, run: str) -> None:
        curator, page = self.curator, self.page
        curator.tab("Rate")
        curator.press("rate")
        step = page.locator(".steps li", has=page.get_by_text("rated", exact=True)).locator("b")
        expect(step).to_have_text(str(ROWS), timeout=LONG)
        figure = page.locator(".multiples figure")
        expect(figure).to_have_count(1)
        expect(page.locator(".multiples .axis s")).to_have_count(rubric.size)
        with Store(self.app.data) as store:
            histogram = by_aspect(store.ratings.histogram(run))
        (key,) = histogram
        assert histogram[key].levels == rubric.size and sum(histogram[key].counts) == histogram[key].n > 0
        self.shot(rubric, "rate", run, "rate")
        print(f"  rated: {histogram[key].counts}, {histogram[key].unrated} not read")

    def send(self, rubric: Written, run: str) -> str:
        curator, page = self.curator, self.page
        curator.tab("Review")
        curator.press("send")
        curator.wait(f"{ROWS} rows sent.", timeout=LONG)
        curator.counted("sent", ROWS)
        self.shot(rubric, "sent", run, "review")
        address = page.get_by_role("link", name="Review in Argilla").first.get_attribute("href")
        assert address is not None
        return urljoin(self.app.url, address)

    def in_argilla(self, rubric: Written, address: str) -> None:
        """One row is rated and approved in Argilla's own page, on the rubric's levels."""
        page = self.curator.context.new_page()
        page.goto(address)
        page.wait_for_url("**/annotation-mode**")
        expect(page.get_by_text("Keep this row?")).to_be_visible(timeout=SLOW)
        shown = levels_in_argilla(page, rubric)
        assert shown == [str(level) for level in range(1, rubric.size + 1)], shown
        page.screenshot(path=self.shots / f"{rubric.size:02}-argilla-1440.png", full_page=True)
        page.get_by_text("Approve", exact=True).click()
        rate_in_argilla(page, rubric, 0, rubric.size)
        rate_in_argilla(page, rubric, 1, 1)
        with page.expect_response(lambda answer: "/responses" in answer.url and answer.request.method == "POST"):
            page.get_by_role("button", name="Submit").click()
        expect(page.get_by_text("25.00%")).to_be_visible()
        page.close()
        print(f"  Argilla asks on {shown[0]} to {shown[-1]}; one row is rated {rubric.size} and 1, and approved")

    def in_the_app(self, rubric: Written, run: str) -> dict[str, tuple[int, int]]:
        """The others are rated and decided by key; {row: what was pressed}."""
        curator, page = self.curator, self.page
        if page.locator("#pull").is_visible():
            curator.press("pull")
        curator.counted("reviewed", 1)
        with Store(self.app.data) as store:
            rows = [row.id for row in store.rows.page(run, 0, ROWS)]
            seen = {row for row, verdicts in store.verdicts.of(rows).items() if verdicts}
        pressed: dict[str, tuple[int, int]] = {}
        for number, row in enumerate(rows):
            if row in seen:
                continue
            page.locator(f".list [data-act=open][data-row='{row}']").click()
            expect(page.locator(".detail")).to_have_attribute("data-row", row)
            values, decision = rubric.pressed(number)
            cards = page.locator(".detail .response")
            expect(cards.first.locator(".stars button")).to_have_count(rubric.size)
            for place, value in enumerate(values):
                curator.key(str(value % 10))
                curator.answered()
                if page.locator("#that-is-me").is_visible():  # a browser that the app did not know yet
                    curator.write("reviewer-name", "ann")
                    curator.press("that-is-me")
                expect(cards.nth(place).locator(".stars [aria-pressed=true]")).to_have_text(str(value))
            if not pressed:
                self.shot(rubric, "review", run, "review")
            curator.key(decision[0])
            curator.answered()
            pressed[row] = values
        curator.counted("reviewed", ROWS)
        print(f"  by key in the app: {list(pressed.values())}")
        return pressed

    def insights(self, rubric: Written, run: str) -> None:
        curator, page = self.curator, self.page
        curator.tab("Insights")
        expect(page.locator(".multiples .axis").first.locator("s")).to_have_count(rubric.size)
        expect(page.get_by_text(f"{ROWS} of {ROWS} audit rows reviewed").first).to_be_visible()
        self.shot(rubric, "insights", run, "insights")
        crossed = page.locator("details", has_text="People's ratings by the labeller's").last
        crossed.locator("summary").first.click()
        table = [
            [int(cell) for cell in line.locator("td").all_inner_texts()]
            for line in crossed.locator("table.heat tbody tr").all()
        ]
        assert len(table) == rubric.size, table
        self.shot(rubric, "agreement")
        with Store(self.app.data) as store:
            (found,) = agreement_of(store, store.runs.get(run)).tables.values()
        assert [list(line) for line in found] == table
        print(
            f"  Insights: {sum(map(sum, table))} ratings by people beside the labeller's, in {rubric.size} × {rubric.size} fields"
        )

    def export(self, rubric: Written, run: str, folder: Path) -> dict[str, Lines]:
        curator, page = self.curator, self.page
        curator.tab("Export")
        lines: dict[str, Lines] = {}
        for label, name in (("Preference", "preference"), ("KTO", "kto")):
            curator.choose("export-format", label)
            curator.answered()
            self.shot(rubric, f"export-{name}", run, "export")
            button = page.locator("#export")
            if not button.is_visible():
                lines[name] = []
                continue
            button.click()
            link = page.locator(f"a.download[href*='-{name}']").first
            with page.expect_download() as downloading:
                link.click(timeout=SLOW)
            file = folder / f"{run}-{name}.jsonl"
            downloading.value.save_as(file)
            lines[name] = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        good = sum(bool(line["label"]) for line in lines["kto"])
        print(
            f"  exported: {len(lines['preference'])} pairs, {good} good and {len(lines['kto']) - good} bad texts of KTO"
        )
        return lines


def levels_in_argilla(page: Page, rubric: Written) -> list[str]:
    """The levels that Argilla's page offers for the first response."""
    question = page.locator("form .wrapper", has_text=rubric.name).first
    return [text.strip() for text in question.locator("label.label-text, .inputs-area label").all_inner_texts()]


def rate_in_argilla(page: Page, rubric: Written, response: int, value: int) -> None:
    question = page.locator("form .wrapper", has_text=rubric.name).nth(response)
    if str(value) not in {text.strip() for text in question.locator("label.label-active").all_inner_texts()}:
        question.locator(".inputs-area label").get_by_text(
            str(value), exact=True
        ).click()  # else it would be taken back


def compare(
    store: Store,
    run: Run,
    rubric: Written,
    pressed: dict[str, tuple[int, int]],
    lines: dict[str, Lines],
) -> None:
    """What the walk saw and what went out, against the store."""
    rows = list(judged_rows(store, run))
    assert len(rows) == ROWS and all(len(judged.submitted) == 1 for judged in rows)
    for judged in rows:
        (verdict,) = judged.submitted
        values = pressed.get(judged.row.id, (rubric.size, 1))
        said = {index: value for (_, index), value in verdict.ratings.items()}
        assert said == dict(enumerate(values)), judged.row.id
        if judged.row.id in pressed:
            assert verdict.own_ratings == verdict.ratings, judged.row.id
        assert (judged.scale.levels, judged.scale.keep) == (rubric.size, rubric.threshold)
    pairs = {str(line["row_id"]): line for line in lines["preference"]}
    for judged in rows:
        wanted = _pair(judged)
        assert (judged.row.id in pairs) == (wanted is not None), judged.row.id
    for line in lines["kto"]:
        judged = next(each for each in rows if each.row.id == line["row_id"])
        index = line["response"]
        assert isinstance(index, int)
        score = judged.score(index)
        assert score is not None
        if "rated low" in str(line["because"]):
            assert not line["label"] and score <= judged.scale.low
        if judged.decision == "reject":
            assert not line["label"]
    print(f"  the store says the same: {len(pairs)} pairs, kept from {rubric.threshold} of {rubric.size}")


def _pair(judged: ReviewedRow) -> tuple[int, int] | None:
    """(the better response, the other) by people's ratings, where the row was approved and its texts differ."""
    if judged.decision != "approve":
        return None
    first, second = (judged.score(index) or 0.0 for index in (0, 1))
    texts = [response.text.strip() for response in judged.row.responses]
    if first == second or texts[0] == texts[1]:
        return None
    return (0, 1) if first > second else (1, 0)


def main(shots: Path, data: Path) -> None:
    shots.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        app = App(data).start()
        try:
            with person(chromium, accept_downloads=True) as curator, person(chromium, color_scheme="dark") as phone:
                phone.page.set_viewport_size({"width": 390, "height": 844})
                walk = Walk(app, chromium, curator, phone, shots)
                for rubric in RUBRICS:
                    began = time.monotonic()
                    print(f"{rubric.name}: {rubric.size} levels", flush=True)
                    curator.fresh(app.url)
                    if rubric is RUBRICS[0]:
                        walk.models()
                    walk.write(rubric)
                    run = walk.generate(rubric)
                    walk.rate(rubric, run)
                    walk.in_argilla(rubric, walk.send(rubric, run))
                    pressed = walk.in_the_app(rubric, run)
                    walk.insights(rubric, run)
                    lines = walk.export(rubric, run, Path(folder))
                    with Store(data) as store:
                        compare(store, store.runs.get(run), rubric, pressed, lines)
                    print(f"  {time.monotonic() - began:.0f} s", flush=True)
                assert not curator.complaints and not phone.complaints, [*curator.complaints, *phone.complaints]
                assert not curator.foreign and not phone.foreign
        finally:
            app.stop()
            chromium.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(tempfile.mkdtemp()))
