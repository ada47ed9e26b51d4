"""Every route of both local services, found by enumeration: nothing for who has no key but the way in."""

import re

import httpx
import pytest

from app import services
from app.config import Settings
from tests.conftest import ArgillaServer

OPEN = {
    "GET /api/v1/version": {"version"},
    "GET /api/v1/settings": {"argilla", "share_your_progress_enabled", "huggingface"},
    "GET /api/v1/oauth2/providers": {"items"},
}
"""What Argilla's sign-in page asks for, and all that it is told."""
MODEL_PATHS = (
    "/v1/models", "/models", "/v1/chat/completions", "/chat/completions", "/v1/completions", "/completion", "/completions",
    "/props", "/slots", "/metrics", "/tokenize", "/detokenize", "/apply-template", "/embeddings", "/v1/embeddings",
    "/infill", "/rerank", "/reranking", "/lora-adapters", "/api/show", "/api/tags", "/api/chat", "/v1/messages", "/v1/responses",
)  # fmt: skip
"""All that llama.cpp's server answers to, but `/health`."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
WORDS = {
    "user_id": "00000000-0000-0000-0000-000000000000", "username": "owner", "external_id": "1", "provider": "huggingface",
}  # fmt: skip


def paths(services_data: Settings) -> list[str]:
    """What Argilla's handlers answer to, read off their source where it was installed."""
    (folder,) = {
        path.parent for path in services_data.services.glob("argilla-*/lib/*/site-packages/argilla_server/_app.py")
    }
    routes = re.compile(r"@router\.(get|post|put|patch|delete)\(\s*\"([^\"]*)\"")
    found: set[str] = set()
    for file in (folder / "api" / "handlers" / "v1").rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        prefixes = re.findall(r"prefix=\"([^\"]+)\"", source) or [""]
        for method, path in routes.findall(source):
            filled = re.sub(r"\{(\w+)\}", lambda name: WORDS.get(name[1], WORDS["user_id"]), path)
            found.update(f"{method.upper()} /api/v1{prefix}{filled}" for prefix in prefixes)
    return sorted(found)


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"X-Argilla-Api-Key": "argilla.apikey"}, {"X-Argilla-Api-Key": "x" * 60}, {"Authorization": "Bearer e30.e30."},
        {"Authorization": "Basic b3duZXI6b3duZXI="},
    ],
)  # fmt: skip
def test_argilla_tells_nobody_anything_without_a_key(
    argilla: ArgillaServer, services_data: Settings, headers: dict[str, str]
) -> None:
    known = paths(services_data)
    assert len(known) > 60 and "GET /api/v1/users" in known and "GET /api/v1/me/datasets" in known
    more = [f"GET /api/v1{path}" for path in ("/openapi.json", "/docs", "/redoc", "/status", "", "/no/such")]
    with httpx.Client(base_url=argilla.url, headers=headers) as stranger:
        way_in = stranger.get("/sign-in").text
        for route in [*known, *more]:
            method, path = route.split(" ")
            answer = stranger.request(method, path, json={} if method != "GET" else None)
            if route in OPEN:
                assert answer.json().keys() <= OPEN[route], (route, answer.text)
            elif "/oauth2/providers/" in path:
                assert answer.status_code in (401, 404, 422), route  # no other provider is set up
            elif path == "/api/v1/token":
                assert answer.status_code in (401, 422)
            elif answer.text != way_in:
                assert answer.status_code in (401, 404), (route, answer.status_code, answer.text[:200])
            assert argilla.password not in answer.text and argilla.api_key not in answer.text


def test_argillas_password_is_asked_for(argilla: ArgillaServer) -> None:
    for username, password in (
        ("owner", "owner"),
        ("argilla", "12345678"),
        (argilla.username, "1234"),
        ("admin", "admin"),
    ):
        asked = httpx.post(f"{argilla.url}/api/v1/token", data={"username": username, "password": password})
        assert asked.status_code == 401


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer none"}, {"Authorization": "Bearer " + "a" * 43}])
def test_the_built_in_model_answers_nobody_without_its_key(
    local_model: services.Running, headers: dict[str, str]
) -> None:
    base = local_model.url.removesuffix("/v1")
    with httpx.Client(base_url=base, headers=headers) as stranger:
        for path in MODEL_PATHS:
            for method in METHODS:
                answer = stranger.request(method, path, json={} if method != "GET" else None)
                assert answer.status_code in (401, 404, 405), (method, path, answer.status_code, answer.text[:200])
        assert stranger.get("/health").status_code == 200
