"""The link to the embedded Argilla signs a browser in, once; no password stands in a page."""

import re

import httpx
import pytest

from app.config import Settings
from app.review import argilla as review_argilla
from tests.conftest import ArgillaServer

PATH = review_argilla.SIGN_IN


def test_a_code_is_good_once_and_for_who_asked(argilla: ArgillaServer, services_data: Settings) -> None:
    address = review_argilla.signed_in(services_data, "/dataset/x/annotation-mode?sort=a&b=c")
    assert address.startswith(f"{argilla.url}{PATH}?code=") and argilla.password not in address
    first = httpx.get(address)
    assert first.status_code == 200 and first.headers["cache-control"] == "no-store"
    assert '"to": "/dataset/x/annotation-mode?sort=a&b=c"' in first.text and argilla.api_key not in first.text
    (token,) = re.findall(r'"token": "([^"]+)"', first.text)
    me = httpx.get(f"{argilla.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"}).json()
    assert me["username"] == argilla.username
    again = httpx.get(address)
    assert again.status_code == 303 and "token" not in again.text


@pytest.mark.parametrize("key", ["", "argilla.apikey", "x" * 200, "\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_nobody_without_a_key_gets_a_code(argilla: ArgillaServer, key: str) -> None:
    headers = {b"X-Argilla-Api-Key": key.encode()}
    assert httpx.post(f"{argilla.url}{PATH}", headers=headers).status_code == 401
    made_up = httpx.get(f"{argilla.url}{PATH}", params={"code": "a" * 43, "to": "/"})
    assert made_up.status_code == 303 and made_up.headers["location"] == "/"


@pytest.mark.parametrize(
    "to", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "/\n//x"]
)
def test_it_leads_nowhere_else(argilla: ArgillaServer, services_data: Settings, to: str) -> None:
    refused = httpx.get(f"{argilla.url}{PATH}", params={"code": "no", "to": to})
    assert refused.headers["location"] == "/"
    page = httpx.get(review_argilla.signed_in(services_data, "/").replace("to=%2F", ""), params={"to": to})
    assert "evil" not in page.text and "javascript" not in page.text


def test_what_is_led_to_is_no_markup(argilla: ArgillaServer, services_data: Settings) -> None:
    page = httpx.get(review_argilla.signed_in(services_data, "/x?</script><script>alert(1)</script>"))
    assert page.status_code == 200 and "<script>alert" not in page.text


def test_another_argilla_is_opened_as_it_is(services_data: Settings) -> None:
    there = Settings(
        data=services_data.data, owner="tester", argilla_url="https://argilla.example.org", argilla_key="k"
    )
    assert (
        review_argilla.opening(there, "https://argilla.example.org/dataset/x")
        == "https://argilla.example.org/dataset/x"
    )
    assert review_argilla.owner(there) is None
    assert review_argilla.opening(services_data, "") == ""


def test_where_argilla_does_not_run_there_is_no_address(here: Settings) -> None:
    here.services.mkdir(parents=True)
    assert review_argilla.signed_in(here, "/") == "" and review_argilla.owner(here) is None
