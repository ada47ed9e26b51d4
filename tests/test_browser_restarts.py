"""The app ends, or is killed, in the middle of a run, or is started twice."""

import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from app.store.store import Store
from tests.browser import App, running
from tests.servers import FakeOpenAI
from tests.test_browser_jobs import AT_ONCE, ROWS, data, exactly_done, run_under_way

__all__ = ["data"]  # a fixture


def test_a_killed_app_shows_its_run_as_interrupted_and_resumes_it(data: Path, browser: Browser, tmp_path: Path) -> None:
    with FakeOpenAI(latency=0.3) as server:
        app = App(data).start()
        try:
            with run_under_way(app, browser, server, tmp_path / "killed.jsonl") as curator:
                port = app.port
                app.stop(signal.SIGKILL)
                app = App(data).start(port)
                curator.page.reload()
                curator.there()
                curator.wait("Interrupted after")
                curator.press("resume")
                exactly_done(curator, server, repeats=AT_ONCE)
                with Store(data) as store:
                    run = store.runs.get(str(curator.page.locator("[data-run]").get_attribute("data-run")))
                    ids = [row.id for row in store.rows.walk(run.id)]
                assert len(ids) == len(set(ids)) == ROWS
        finally:
            app.stop()


def test_a_second_app_on_the_same_data_says_where_the_first_one_is(data: Path) -> None:
    with running(data) as app:
        second = App(data)
        with pytest.raises(AssertionError, match="runs already"):
            second.start()
        assert app.url in "".join(second.said)
        second.stop()


def test_the_app_ends_cleanly_in_the_middle_of_a_run(data: Path, browser: Browser, tmp_path: Path) -> None:
    with (
        FakeOpenAI(latency=1.0) as server,
        running(data) as app,
        run_under_way(app, browser, server, tmp_path / "ended.jsonl"),
    ):
        said = app.stop(signal.SIGTERM)
    assert "Traceback" not in said
    assert app.process is not None and app.process.returncode in (143, -signal.SIGTERM)
    with Store(data) as store:
        newest = store.runs.all()[0]
        assert newest.state == "stopped"
    assert not (data / "app.json").exists()
