"""A second reviewer is added from the app, and begins with a link."""

import json
import random
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.config import Settings
from app.review import argilla as review_argilla
from feedback.argilla.client import Server
from feedback.argilla.reviewers import add_reviewer, reviewers
from feedback.errors import ArgillaError
from feedback.local.sign_in import Invitations
from tasks.errors import SettingsError
from tests.conftest import ArgillaServer


def someone() -> str:
    return f"Ada {random.randrange(10**9)}"


def signed_in_as(argilla: ArgillaServer, page: str) -> str:
    (token,) = re.findall(r'"token": "([^"]+)"', page)
    me = httpx.get(f"{argilla.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    return str(me.json()["username"])


def test_a_link_signs_a_new_reviewer_in_once(argilla: ArgillaServer, services_data: Settings) -> None:
    name, to = someone(), "/dataset/x/annotation-mode?sort=a"
    invited = review_argilla.invite(services_data, f"  {name} ", "", to)
    assert (invited.name, invited.signs_in, len(invited.password) > 10) == (name, True, True)
    assert argilla.password not in invited.link and argilla.api_key not in invited.link
    assert parse_qs(urlsplit(invited.link).query)["to"] == [to]
    first = httpx.get(invited.link)
    assert first.status_code == 200 and first.headers["cache-control"] == "no-store"
    assert signed_in_as(argilla, first.text) == name
    again = httpx.get(invited.link)
    assert again.status_code == 410 and "opened already" in again.text and "token" not in again.text
    asked = {"username": name, "password": invited.password}
    assert httpx.post(f"{argilla.url}/api/v1/token", data=asked).status_code == 201
    with Server(argilla.url, argilla.api_key) as server:
        assert name in reviewers(server, "")
    assert name in review_argilla.reviewers_of(services_data, "")


def test_a_newer_link_takes_the_place_of_the_one_before(argilla: ArgillaServer, services_data: Settings) -> None:
    name = someone()
    old = review_argilla.invite(services_data, name, "", "/")
    new = review_argilla.invite(services_data, name, "", "/", anew=True)
    assert new.link != old.link and not new.password
    assert httpx.get(old.link).status_code == 410
    assert signed_in_as(argilla, httpx.get(new.link).text) == name
    same = review_argilla.invite(services_data, name, "", "/")
    assert not same.password, "their own password stays"


@pytest.mark.parametrize("stays", [False, True])
def test_no_account_is_left_whose_password_nobody_knows(
    argilla: ArgillaServer, services_data: Settings, stays: bool
) -> None:
    """The line breaks once there is an account, before it may review; where `stays`, it can't be taken back either."""
    name = someone()

    def broken(request: httpx.Request) -> None:
        is_letting_in = request.method == "POST" and "/workspaces/" in request.url.path
        if is_letting_in or (stays and request.method == "DELETE"):
            raise httpx.ConnectError("broken", request=request)

    with Server(argilla.url, argilla.api_key) as server:
        server.http.event_hooks["request"].append(broken)
        with pytest.raises(ArgillaError) as failed:
            add_reviewer(server, "", name)
        names = [user["username"] for user in server.get("/api/v1/users")["items"]]
    assert (name in names) is stays
    password = re.search(r"password (\S+),", str(failed.value))
    assert bool(password) is stays
    if password:
        asked = {"username": name, "password": password[1]}
        assert httpx.post(f"{argilla.url}/api/v1/token", data=asked).status_code == 201
    again = review_argilla.invite(services_data, name, "", "/")
    assert bool(again.password) is not stays and name in review_argilla.reviewers_of(services_data, "")


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\x07b"])
def test_who_has_no_name_is_not_added(argilla: ArgillaServer, services_data: Settings, name: str) -> None:
    with pytest.raises(SettingsError, match="needs a name"):
        review_argilla.invite(services_data, name, "", "/")


def test_nobody_becomes_the_owner(argilla: ArgillaServer, services_data: Settings) -> None:
    with pytest.raises(SettingsError, match="Take another name"):
        review_argilla.invite(services_data, argilla.username, "", "/")
    with pytest.raises(ArgillaError, match="gave no link"):
        review_argilla.invite(services_data, argilla.username, "", "/", anew=True)
    with pytest.raises(ArgillaError, match="gave no link"):
        review_argilla.invite(services_data, "nobody of that name", "", "/", anew=True)
    reviewer = review_argilla.invite(services_data, someone(), "", "/")
    token = {"username": reviewer.name, "password": reviewer.password}
    bearer = httpx.post(f"{argilla.url}/api/v1/token", data=token).json()["access_token"]
    key = httpx.get(f"{argilla.url}/api/v1/me", headers={"Authorization": f"Bearer {bearer}"}).json()["api_key"]
    asked = httpx.post(
        argilla.url + review_argilla.SIGN_IN, params={"user": argilla.username}, headers={"X-Argilla-Api-Key": key}
    )
    assert asked.status_code == 403


def test_a_link_is_used_up_by_opening_it_alone(argilla: ArgillaServer, services_data: Settings) -> None:
    name = someone()
    invited = review_argilla.invite(services_data, name, "", "/")
    assert "token" not in httpx.head(invited.link).text
    assert signed_in_as(argilla, httpx.get(invited.link).text) == name


def test_a_link_signs_nobody_in_who_became_an_owner(argilla: ArgillaServer, services_data: Settings) -> None:
    name, key = someone(), {"X-Argilla-Api-Key": argilla.api_key}
    invited = review_argilla.invite(services_data, name, "", "/")
    users = httpx.get(f"{argilla.url}/api/v1/users", headers=key).json()["items"]
    address = next(f"{argilla.url}/api/v1/users/{user['id']}" for user in users if user["username"] == name)
    assert httpx.patch(address, json={"role": "owner"}, headers=key).status_code == 200
    refused = httpx.get(invited.link)
    assert refused.status_code == 410 and "token" not in refused.text


def test_invitations_outlive_the_server_and_hold_no_code(tmp_path: Path) -> None:
    kept = tmp_path / "invitations.json"
    code = Invitations(kept).give("ada")
    assert code not in kept.read_text() and kept.stat().st_mode & 0o077 == 0
    assert Invitations(kept).take("another") == "" and Invitations(kept).take(code) == "ada"
    assert Invitations(kept).take(code) == ""
    late = Invitations(kept).give("ben")
    held = json.loads(kept.read_text())
    kept.write_text(json.dumps({digest: [name, 0.0] for digest, (name, _) in held.items()}))
    assert Invitations(kept).take(late) == ""
    kept.write_text("not JSON")
    assert Invitations(kept).take(late) == "" and Invitations(kept).give("ben")
