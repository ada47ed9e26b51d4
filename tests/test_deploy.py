"""What is in app/deploy, as far as it can be looked at without container engines."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parent.parent / "app" / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
TEXTS = {
    path.name: path.read_text(encoding="utf-8") for path in DEPLOY.iterdir() if path.is_file() and path.name != ".env"
}


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_pinned_comes_back_and_can_do_little(name: str) -> None:
    service = SERVICES[name]
    _, _, tag = service["image"].rpartition(":")
    assert re.match(r"v?\d", tag), service["image"]
    assert service["restart"] == "unless-stopped" and "privileged" not in service
    assert ("ports" in service) == (name == "caddy")
    assert set(service["networks"]) <= COMPOSE["networks"].keys()
    for volume in service.get("volumes", ()):
        source = volume.partition(":")[0]
        assert source in COMPOSE["volumes"] or (DEPLOY / source).is_file(), volume
    for other in service.get("depends_on", {}):
        assert "healthcheck" in SERVICES[other]


def test_claywright_runs_as_nobody_on_a_root_that_is_only_read() -> None:
    service = SERVICES["claywright"]
    assert service["user"] == "10001:10001" and service["read_only"] and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"] and service["tmpfs"] == ["/tmp"]
    image = TEXTS["Containerfile"]
    assert "USER 10001:10001" in image and "HEALTHCHECK" in image and "VOLUME /data" in image and ":latest" not in image
    written = re.findall(r"(?:HOME|CACHE\w*|DATA)=(\S+)", image)
    assert len(written) >= 4 and all(path.startswith("/data") for path in written)


def test_only_caddy_and_what_it_leads_to_is_reached_from_outside() -> None:
    outside = {name for name, service in SERVICES.items() if "outside" in service["networks"]}
    assert outside == {"caddy", "claywright", "argilla"} and COMPOSE["networks"]["inside"]["internal"]
    led_to = set(re.findall(r"reverse_proxy (\w+):\d+", TEXTS["Caddyfile"]))
    assert led_to == outside - {"caddy"}
    subnet = COMPOSE["networks"]["outside"]["ipam"]["config"][0]["subnet"]
    assert SERVICES["claywright"]["environment"]["CLAYWRIGHT_TRUSTED_PROXIES"] == subnet


def test_every_variable_is_named_in_the_example_and_none_has_a_value_that_is_secret() -> None:
    example = dict(re.findall(r"^(\w+)=(.*)$", TEXTS["example.env"], re.MULTILINE))
    used = set(re.findall(r"\$\{(\w+)", TEXTS["compose.yaml"]))
    assert used == example.keys()
    assert all(not value for name, value in example.items() if not name.endswith("HOSTNAME"))
    given = SERVICES["caddy"]["environment"]
    assert set(re.findall(r"{\$(\w+)}", TEXTS["Caddyfile"])) == given.keys()


def test_every_variable_of_claywright_is_one_that_it_reads() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in DEPLOY.parent.rglob("*.py"))
    named = {name for text in TEXTS.values() for name in re.findall(r"\bCLAYWRIGHT_\w+", text)} - {
        "CLAYWRIGHT_HOSTNAME"
    }
    assert named and named <= set(re.findall(r"\bCLAYWRIGHT_\w+", sources))


def test_the_image_is_named_as_this_version() -> None:
    from importlib.metadata import version

    assert SERVICES["claywright"]["image"] == f"localhost/claywright:{version('claywright')}"
