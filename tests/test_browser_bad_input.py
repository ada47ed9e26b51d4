"""What can go wrong for a person at the page: a sentence that says what and what to do, and the page goes on."""

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from app import workflow
from app.config import Settings
from app.recipe import Recipe
from app.store.store import Store
from app.workspace import Workspace
from tasks.magpie import Magpie
from tasks.models.spec import ModelSpec
from tests.browser import SLOW, App, Person, person
from tests.conftest import ArgillaServer
from tests.servers import FakeOpenAI, Fault, protocol
from tests.test_bad_input import closed_port

KEY = "sk-secret-in-the-page-0815"
HOSTILE = '<script>window.hit=1</script><img src=x onerror="window.hit=1">'
DOCUMENTS = "Questions and answers from documents"
ANSWERS = "Answers to a prompt made from your columns"
LINES = '{"instruction": "Name a river."}\n{"instruction": "Name a lake."}\n'


@contextmanager
def newcomer(app: App, browser: Browser, url: str = "", model: str = "fake") -> Iterator[Person]:
    """A new browser at a draft for Magpie with the model at `url`; in the end its page still works."""
    spec = ModelSpec(url=url or "http://127.0.0.1:1/v1", model=model)
    with Store(app.data) as store:
        made = Recipe(task=Magpie(), rows=3, generator=spec, labeller=spec)
        draft = workflow.start(Workspace(Settings(data=app.data, owner="tester"), store), made)
    with person(browser) as curator:
        page = curator.page
        curator.open(f"{app.url}?run={draft.id}")
        yield curator
        expect(page.locator("body")).not_to_contain_text("Traceback")
        for name in ("Insights", "Generate"):
            curator.tab(name)
        expect(page.locator("#task")).to_be_visible()
        assert curator.complaints == []
        assert curator.foreign == []


def told(curator: Person, *words: str) -> None:
    """The sentence that the page shows about what is wrong."""
    sentence: Locator = curator.page.locator(".field-error, .notice.warn, .fails").locator("visible=true")
    for word in words:
        sentence = sentence.filter(has_text=re.compile(re.escape(word), re.IGNORECASE))
    expect(sentence.first).to_be_visible(timeout=SLOW)
    assert '{"' not in sentence.first.inner_text()


def task(curator: Person, title: str = ANSWERS, source: str = "Paste") -> None:
    curator.tab("Generate")
    curator.page.get_by_text(title).click()
    curator.page.locator("#source").get_by_label(source).click()


def pasted(curator: Person, text: str, found: str = "pasted: 2 rows") -> None:
    task(curator)
    curator.write("pasted", text)
    if found:
        curator.wait(found)


def uploaded(curator: Person, *files: Path) -> None:
    with curator.page.expect_file_chooser() as choosing:
        curator.press("upload")
    choosing.value.set_files(files)


def previewed(curator: Person) -> None:
    curator.press("preview")
    curator.wait("They are kept, and not paid for again")


# -- models


def test_a_wrong_address(app: App, browser: Browser) -> None:
    with newcomer(app, browser) as curator:
        for url, *expected in (
            ("localhost:8000", "not a web address", "http://localhost:8000/v1"),
            (f"http://127.0.0.1:{closed_port()}/v1", "can't be reached", "is the address right"),
            ("", "the address is missing", "http://localhost:8000/v1"),
        ):
            curator.tab("Models")
            curator.write("generator-url", url)
            curator.press("test-generator")
            told(curator, *expected)
            pasted(curator, LINES)
            curator.press("preview")
            told(curator, *expected)


@pytest.mark.parametrize(
    ("status", "words", "expected"),
    [
        (401, f"Incorrect key {KEY}", ("refused the key", "Type it again on the page Models")),
        (404, "The model `fake` does not exist", ("The model `fake` does not exist", "Check the model's name")),
    ],
    ids=["key", "model"],
)
def test_a_refusal_is_told_without_the_key(
    app: App, browser: Browser, status: int, words: str, expected: tuple[str, ...]
) -> None:
    def refuse(body: dict[str, Any], number: int) -> Fault:
        return status, {}, {"error": {"message": words}}

    with FakeOpenAI(faults=refuse) as server, newcomer(app, browser, server.url) as curator:
        curator.tab("Models")
        curator.choose("generator-key-from", "typed")
        curator.write("generator-typed", KEY)
        expect(curator.page.locator("#generator-typed input")).to_have_attribute("placeholder", re.compile("typed ✓"))
        curator.press("test-generator")
        told(curator, *expected)
        expect(curator.page.locator(".card .pill.bad").first).to_have_text("off")
        pasted(curator, LINES)
        curator.press("preview")
        told(curator, *expected)
        assert KEY not in curator.page.content()


def test_magpie_on_an_endpoint_without_raw_prompts(app: App, browser: Browser) -> None:
    with FakeOpenAI(chat_only=True) as server, newcomer(app, browser, server.url) as curator:
        curator.press("preview")
        told(curator, "raw prompts", "vLLM")


def test_extra_settings_that_are_no_json_object(app: App, browser: Browser) -> None:
    with FakeOpenAI() as server, newcomer(app, browser, server.url) as curator:
        curator.tab("Models")
        curator.page.get_by_role("button", name="More").first.click()
        expect(curator.page.locator("#generator-extra textarea, #generator-extra input").first).to_be_visible()
        curator.answered()  # a part that is opened is filled a moment later
        for extra, expected in (
            ('{"top_k": ', "extra is not JSON"),
            ("[1, 2]", "'[1, 2]'"),
            ("top_k = 3", "'top_k = 3'"),
        ):
            curator.write("generator-extra", extra)
            curator.press("test-generator")
            told(curator, "extra", expected)
            curator.answered()  # a press that is not answered yet takes no other one
        curator.write("generator-extra", '{"top_k": 3}')
        curator.press("test-generator")
        expect(curator.page.locator(".badges").first).to_be_visible()


# -- input


def test_bad_files(app: App, browser: Browser, tmp_path: Path) -> None:
    good = tmp_path / "good.jsonl"
    good.write_text(LINES)
    with newcomer(app, browser) as curator:
        task(curator, source="Upload")
        for name, content, *expected in (
            ("empty.jsonl", b"", "is empty"),
            ("binary.jsonl", b"\x00\x01\x02\xff" * 100, "binary", "the kind of file it says"),
            ("utf16.jsonl", LINES.encode("utf-16")[:-1], "UTF-16", "Save it as UTF-8"),
            ("broken.jsonl", b'{"instruction": "a"}\nnot json\n', "line 2", "is not JSON", "one JSON object"),
            ("picture.png", b"\x89PNG", "ending", "It can be .jsonl"),
            ("text.docx", b"PK\x03\x04 text", "can't be read as a Word file", "Save it again"),
            ("damaged.parquet", b"PAR1 text", "can't be read as Parquet"),
        ):
            (tmp_path / name).write_bytes(content)
            uploaded(curator, tmp_path / name)
            told(curator, name, *expected)
        (tmp_path / "both.csv").write_bytes("q;Größe\n".encode() + "Köln;1\n".encode("cp1252"))
        uploaded(curator, tmp_path / "both.csv")
        told(curator, "both.csv", "line 2 is not UTF-8", "choose its encoding")
        curator.page.get_by_label("Encoding").fill("windows-1252")
        curator.page.get_by_label("Encoding").blur()
        curator.wait("both.csv: 1 row")
        curator.page.get_by_label("Encoding").fill("")
        uploaded(curator, good)
        curator.wait("good.jsonl: 2 rows")
        expect(curator.page.locator(".field-error:visible")).to_have_count(0)


def test_files_of_100_mb(app: App, browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "line.jsonl").write_bytes(b"x" * 100_000_000)
    row = json.dumps({"instruction": "word " * 2000}) + "\n"
    (tmp_path / "large.jsonl").write_text(row * 10_000)
    with newcomer(app, browser) as curator:
        task(curator, source="Upload")
        uploaded(curator, tmp_path / "line.jsonl")
        told(curator, "line.jsonl", "line 1 is longer than")
        uploaded(curator, tmp_path / "large.jsonl")
        curator.wait("large.jsonl: 10,000 rows")


def test_a_file_without_the_column(app: App, browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "wrong.csv").write_text("question,answer\nWhy?,Because.\n")
    with FakeOpenAI() as server, newcomer(app, browser, server.url) as curator:
        task(curator, source="Upload")
        uploaded(curator, tmp_path / "wrong.csv")
        curator.wait("wrong.csv: 1 row, columns question, answer")
        curator.press("preview")
        told(curator, "no column 'instruction'", "question")
        curator.choose("inputs-column0", "question")
        previewed(curator)


def test_bad_pasted_text(app: App, browser: Browser) -> None:
    with FakeOpenAI() as server, newcomer(app, browser, server.url) as curator:
        pasted(curator, "", "")
        curator.press("preview")
        told(curator, "Nothing was pasted yet", "Paste lines")
        pasted(curator, '{"instruction": "a"}\n{"instruction": ', "")
        told(curator, "line 2", "is not JSON", "one JSON object")
        curator.press("preview")
        told(curator, "line 2", "is not JSON", "one JSON object")
        pasted(curator, LINES)
        previewed(curator)


def test_a_dataset_that_does_not_exist(app: App, browser: Browser) -> None:
    with newcomer(app, browser) as curator:
        task(curator, source="Dataset")
        curator.write("inputs-dataset", "nobody/no-such-dataset")
        told(curator, "nobody/no-such-dataset", "can't be loaded")
        curator.press("preview")
        told(curator, "nobody/no-such-dataset", "can't be loaded")


def test_numbers_of_rows_that_can_not_be(app: App, browser: Browser) -> None:
    with FakeOpenAI() as server, newcomer(app, browser, server.url) as curator:
        curator.write("rows", "")
        curator.press("preview")
        told(curator, "draws for ever", "how many rows")
        pasted(curator, LINES)
        curator.write("rows", "1" + "0" * 30)
        told(curator, "Rows must be a smaller number", "stays as it was")
        expect(curator.page.locator("#rows input")).to_have_value("")
        curator.write("rows", "1" + "0" * 15)
        curator.press("preview")
        told(curator, "Rows must be at least 1", "at most")
        curator.write("rows", "2")
        previewed(curator)


def test_a_prompt_longer_than_the_context_costs_its_row_alone(served_app: App, browser: Browser) -> None:
    with newcomer(served_app, browser) as curator:
        curator.tab("Models")
        curator.choose("generator-preset", "Built-in")
        curator.write("generator-max_tokens", "8")
        pasted(curator, json.dumps({"instruction": "word " * 9000}) + '\n{"instruction": "Say hello."}')
        curator.press("preview")
        told(curator, "does not fit", "context")
        curator.counted("generated", 1)
        expect(curator.page.locator(".row-card")).to_have_count(1)


# -- what is shown, sent and taken out


def test_a_dataset_of_that_name_with_other_settings(served_app: App, browser: Browser, argilla: ArgillaServer) -> None:
    import argilla as rg

    taken = f"taken-{secrets.token_hex(3)}"
    client = rg.Argilla(api_url=argilla.url, api_key=argilla.api_key)
    settings = rg.Settings(fields=[rg.TextField(name="other")], questions=[rg.TextQuestion(name="what")])
    rg.Dataset(name=taken, workspace="default", settings=settings, client=client).create()
    client.http_client.close()
    with FakeOpenAI() as server, newcomer(served_app, browser, server.url) as curator:
        pasted(curator, LINES)
        previewed(curator)
        curator.tab("Review")
        curator.page.get_by_role("button", name="Settings", exact=True).click()
        curator.page.get_by_role("button", name="How rows are sent").click()
        curator.write("review-dataset", taken)
        curator.press("send")
        told(curator, taken, "no field 'instruction'", "dataset")
        curator.write("review-dataset", f"{taken}-too")
        curator.press("send")
        curator.wait("2 rows sent.")


def test_nothing_to_export_yet(app: App, browser: Browser) -> None:
    with FakeOpenAI() as server, newcomer(app, browser, server.url) as curator:
        curator.tab("Export")
        curator.wait("Make some rows first, on the page Generate.")
        expect(curator.page.locator("#export")).to_be_hidden()
        pasted(curator, LINES)
        previewed(curator)
        curator.tab("Export")
        curator.wait("No row is approved yet")
        curator.wait("Or take rows that nobody has reviewed.")
        expect(curator.page.locator("#export")).to_be_hidden()
        curator.page.get_by_label("Approved or not reviewed yet").click()
        expect(curator.page.locator("#export")).to_have_text("Export 2 rows")


def test_a_name_with_emoji_and_quotes(served_app: App, browser: Browser) -> None:
    name = "Été 🌊 \"tides\" & 'more' <b>"
    with FakeOpenAI() as server, newcomer(served_app, browser, server.url) as curator:
        page = curator.page
        pasted(curator, LINES)
        curator.write("name", name)
        previewed(curator)
        expect(page.locator("details.switch .run b").first).to_have_text(name)
        curator.tab("Review")
        curator.press("send")
        curator.wait("2 rows sent.")
        curator.tab("Export")
        page.get_by_label("Approved or not reviewed yet").click()
        curator.press("export")
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download").click()
        assert len(downloading.value.path().read_text().splitlines()) == 2


def hostile(body: dict[str, Any], number: int) -> Fault:
    """A model that says nothing but markup, in the shape that it is asked for."""
    asked = json.dumps(body)
    if "Rating: a number from 1 to 5" in asked:
        return 200, {}, protocol(f"Rating: 4\nRationale: {HOSTILE}" if number % 2 else HOSTILE, body)
    if "User: the question or task" in asked:
        return 200, {}, protocol(f"User: {HOSTILE} {number}\nAssistant: {HOSTILE}", body)
    return 200, {}, protocol(HOSTILE, body)


def test_what_a_model_or_a_file_says_is_text_and_nothing_else(app: App, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "documents.jsonl"
    passage = f"{HOSTILE} The tide rises and falls twice a day. " * 5
    file.write_text("".join(json.dumps({"title": HOSTILE, "content": f"{n} {passage}"}) + "\n" for n in range(3)))
    with FakeOpenAI(faults=hostile) as server, newcomer(app, browser, server.url, HOSTILE) as curator:
        page = curator.page
        curator.tab("Models")
        curator.press("test-generator")
        expect(page.locator(".probe blockquote").first).to_have_text(HOSTILE)
        task(curator, DOCUMENTS, source="Upload")
        uploaded(curator, file)
        curator.wait("documents.jsonl: 3 rows")
        curator.write("rows", "3")
        curator.write("name", HOSTILE)
        previewed(curator)
        curator.tab("Rate")
        curator.press("rate")
        curator.wait("could not be read")
        markup = re.escape(HOSTILE)
        for name, place, rows in (
            ("Generate", ".row-card .user .text", markup),
            ("Generate", ".row-card .assistant .text", markup),
            ("Generate", ".row-card .fold summary", markup),
            ("Rate", ".looks b", markup),
            ("Review", ".detail .user .text", markup),
            ("Review", ".detail .response .text", markup),
            ("Insights", ".kpis", "mean rating"),
            ("Export", ".json", re.escape(json.dumps(HOSTILE)[1:-1])),
        ):
            curator.tab(name)
            if name == "Export":
                page.get_by_label("Approved or not reviewed yet").click()
            expect(page.locator(place).filter(has_text=re.compile(rows)).first).to_be_visible()
            expect(page.locator("img[src=x]")).to_have_count(0)
            assert page.evaluate("window.hit") is None
