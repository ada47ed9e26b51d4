"""The files by which the app is put up: they fit their schemas, each other and the program, and leave no door open."""

import configparser
import json
import re
from fnmatch import fnmatch
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
import yaml

from app.cli.main import app as command_line
from app.deploy.hub_backup import app as hub_backup
from app.web.security.oidc import provider
from app.web.security.reach import Reach
from tests.conftest import ROOT
from tests.empty_root import Image, read

FOLDER = ROOT / "app/deploy"
TEXTS = sorted(path for path in FOLDER.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc"))
COMPOSE = FOLDER / "compose.yaml"
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::([?-])([^}]*))?\}")
PLACEHOLDER = "replace-me"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file with its anchors followed."""
    services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return services


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    """example.env."""
    lines = (FOLDER / "example.env").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


@pytest.fixture(scope="module")
def image() -> Image:
    """The Containerfile."""
    return read()


def unit() -> configparser.RawConfigParser:
    """The systemd unit; of what is named several times, all lines."""
    parser = configparser.RawConfigParser(strict=False, dict_type=dict)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their capitals
    parser.read_string((FOLDER / "claywright.service").read_text(encoding="utf-8"))
    return parser


def filled(value: str, example: dict[str, str]) -> str:
    """A value of compose.yaml as it is with example.env."""
    return VARIABLE.sub(lambda match: example[match[1]], value)


# -- all files


def known_variables() -> set[str]:
    """The CLAYWRIGHT_ variables that the program reads: those of the options of its commands, and those in its sources."""
    options = [parameter for app in (command_line, hub_backup) for parameter in typer.main.get_command(app).params]
    named = {str(option.envvar) for option in options if isinstance(option, typer.core.TyperOption) and option.envvar}
    for package in ("app", "feedback", "tasks"):
        for path in (ROOT / package).rglob("*.py"):
            named |= set(re.findall(r"[\"'](CLAYWRIGHT_[A-Z_]*[A-Z])[\"']", path.read_text(encoding="utf-8")))
    return named


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_every_variable_of_ours_is_one_that_the_program_reads(path: Path) -> None:
    named = set(re.findall(r"\bCLAYWRIGHT_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")))
    of_provider = {name for name in named if name.startswith("CLAYWRIGHT_OIDC_")}
    assert named - of_provider <= known_variables()
    complete = {f"CLAYWRIGHT_OIDC_{name}": "https://a.example" for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET")}
    assert provider(complete | dict.fromkeys(of_provider, "x")) is not None  # which refuses those that it does not know


def test_what_is_named_of_the_program_is_there() -> None:
    group = typer.main.get_command(command_line)
    options = {name for parameter in group.params for name in (*parameter.opts, *parameter.secondary_opts)}
    image, space = read(), read(FOLDER / "space/Dockerfile")
    module, *command = space.words("CMD")[2:]
    assert (ROOT / f"{module.removeprefix('claywright.').replace('.', '/')}.py").is_file()
    started = unit()["Service"]["ExecStart"].split()
    for words in (image.words("ENTRYPOINT") + image.words("CMD"), command[1:], started):
        assert Path(words[0]).name == "claywright"
        assert {word for word in words if word.startswith("--")} <= options


def test_no_file_holds_a_secret(example: dict[str, str]) -> None:
    secrets = [name for name in example if re.search(r"PASSWORD|SECRET|KEY\b|TOKEN", name)]
    assert secrets and {example[name] for name in secrets} == {PLACEHOLDER, ""}
    assert "app/deploy/.env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


# -- compose.yaml


def test_compose_fits_the_schema_of_its_specification(compose: dict[str, Any]) -> None:
    schema = files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    jsonschema.validate(compose, json.loads(schema.read_text(encoding="utf-8")))


def test_each_service_has_an_image_of_a_known_version(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        version = service["image"].rpartition("/")[2].partition(":")[2]
        assert re.match(r"v?\d+(\.\d+)*(-\w+)?$", version), name
    services = compose["services"]
    assert services["claywright"]["image"].endswith(f":{metadata.version('claywright')}")
    server = re.search(r"^argilla-server==(\S+)", (ROOT / "feedback/local/requirements.txt").read_text(), re.MULTILINE)
    assert server and services["argilla"]["image"] == f"argilla/argilla-server:v{server[1]}"


def test_only_caddy_is_reached_from_outside(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["caddy"]
    assert not [name for name, service in services.items() if "network_mode" in service or service.get("privileged")]
    behind = {name for name, service in services.items() if service["networks"] == ["behind-argilla"]}
    assert behind == {"postgres", "elasticsearch", "redis"} and compose["networks"]["behind-argilla"]["internal"]
    assert "behind-argilla" not in {*services["caddy"]["networks"], *services["claywright"]["networks"]}


def test_the_app_believes_caddy_and_nobody_else(compose: dict[str, Any], example: dict[str, str]) -> None:
    services = compose["services"]
    environment = {name: filled(value, example) for name, value in services["claywright"]["environment"].items()}
    web = services["caddy"]["networks"]["web"]
    proxies = environment["CLAYWRIGHT_TRUSTED_PROXIES"].split()
    assert proxies == [web["ipv4_address"]]
    reach = Reach("0.0.0.0", environment["CLAYWRIGHT_URL"], proxies=tuple(proxies))
    reach.check(people=True)
    (subnet,) = compose["networks"]["web"]["ipam"]["config"]
    given_out = Reach("0.0.0.0", "https://a.example", proxies=(subnet["subnet"], subnet["ip_range"], *proxies)).networks
    assert given_out[2].subnet_of(given_out[0]) and not given_out[2].overlaps(given_out[1])  # type: ignore[arg-type]
    assert [filled(alias, example) for alias in web["aliases"]] == [environment["ARGILLA_API_URL"].partition("//")[2]]
    assert environment["CLAYWRIGHT_WEBHOOK"].endswith("/argilla/said")


def test_the_app_runs_as_nobody_in_particular_and_writes_where_it_may(compose: dict[str, Any], image: Image) -> None:
    service = compose["services"]["claywright"]
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and "cap_add" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["user"] == image.last("USER") == "10001:10001"
    assert [mount.partition(":")[2] for mount in service["volumes"]] == [image.last("VOLUME")] == ["/data"]
    assert service["tmpfs"][0].startswith("/tmp:")
    environment = image.environment({})
    writes = [value for name, value in environment.items() if re.search(r"HOME|CACHE|DATA", name)]
    assert len(writes) == 7 and all(value.startswith("/data") for value in writes)
    assert all(value == "/data" or value.startswith("/data/.") for value in writes)  # else it is not the store's alone
    context = (COMPOSE.parent / service["build"]["context"]).resolve()
    assert context == ROOT and (context / service["build"]["dockerfile"]).is_file()


def test_each_service_can_be_told_to_be_well(compose: dict[str, Any], image: Image) -> None:
    services = compose["services"]
    ours = services["claywright"]["healthcheck"]["test"]
    assert ours[0] == "CMD" and ours[1:] == image.words("HEALTHCHECK")
    compile(ours[-1], "healthcheck", "exec")
    assert {name for name, service in services.items() if "healthcheck" not in service} == {"caddy", "argilla-worker"}
    for service in services.values():
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"} and "healthcheck" in services[needed]
        assert service["restart"] == "unless-stopped" and service["logging"]["options"]["max-size"]
        assert "no-new-privileges:true" in service["security_opt"]


def test_every_variable_is_in_the_example_and_is_used(compose: dict[str, Any], example: dict[str, str]) -> None:
    text = "\n".join(line for line in COMPOSE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    found = [(match[1], match[2], match[3]) for match in VARIABLE.finditer(text)]
    assert {name for name, _, _ in found} == example.keys()
    required = {name for name, sign, _ in found if sign == "?"}
    assert all(sentence == "is missing - set it in app/deploy/.env" for _, sign, sentence in found if sign == "?")
    optional = {name for name, sign, _ in found if sign == "-"}
    assert not required & optional and required | optional == example.keys()
    assert {name for name, value in example.items() if not value} <= optional
    assert not [name for name in required if not example[name]]


def test_every_volume_and_network_is_there_and_used(compose: dict[str, Any]) -> None:
    services = compose["services"].values()
    mounts = {mount.partition(":")[0] for service in services for mount in service.get("volumes", [])}
    assert {mount for mount in mounts if not mount.startswith(".")} == compose["volumes"].keys()
    assert all((FOLDER / mount).exists() for mount in mounts if mount.startswith("."))
    assert {name for service in services for name in service["networks"]} == compose["networks"].keys()


def test_caddy_leads_to_both(compose: dict[str, Any], example: dict[str, str]) -> None:
    text = (FOLDER / "Caddyfile").read_text(encoding="utf-8")
    assert set(re.findall(r"\{\$(\w+)\}", text)) == compose["services"]["caddy"]["environment"].keys() <= example.keys()
    assert dict(re.findall(r"reverse_proxy ([a-z]+):(\d+)", text)) == {"claywright": "7860", "argilla": "6900"}


# -- the images


@pytest.mark.parametrize("name", ["Containerfile", "space/Dockerfile"])
def test_an_image_is_of_a_known_version_and_not_of_root(name: str) -> None:
    image = read(FOLDER / name)
    bases = [rest.split()[0] for instruction, rest in image.steps if instruction == "FROM"]
    assert set(bases) == {"python:3.12-slim-bookworm"}
    assert int(image.last("USER").partition(":")[0]) >= 1000 and image.last("EXPOSE") == "7860"
    environment = image.environment({})
    assert (environment["CLAYWRIGHT_HOST"], environment["CLAYWRIGHT_DATA"]) == ("0.0.0.0", "/data")


def test_an_image_is_built_from_what_the_wheel_needs_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    assert lines[0] == "*"
    kept = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert kept == {"app", "feedback", "tasks", "pyproject.toml", "README.md", "LICENSE"}
    assert any(fnmatch("app/deploy/.env", line) for line in lines[1:] if not line.startswith("!"))


def test_the_space_is_one() -> None:
    text = (FOLDER / "space/README.md").read_text(encoding="utf-8")
    header = yaml.safe_load(text.split("---")[1])
    assert (header["sdk"], header["app_port"]) == ("docker", 7860)
    reach = read(FOLDER / "space/Dockerfile").environment({})
    Reach(reach["CLAYWRIGHT_HOST"], "https://a-b.hf.space", proxies=(reach["CLAYWRIGHT_TRUSTED_PROXIES"],)).check(
        people=True
    )


# -- the unit


def test_the_unit_lets_the_app_write_in_its_folder_alone(image: Image) -> None:
    service = unit()["Service"]
    assert service["StateDirectory"] == "claywright" and service["ProtectSystem"] == "strict"
    assert service["User"] != "root" and not service["CapabilityBoundingSet"]
    text = (FOLDER / "claywright.service").read_text(encoding="utf-8")
    environment = dict(re.findall(r"(?<=[= ])([A-Z_]+)=(\S+)", text.partition("[Service]")[2]))
    assert environment.pop("PYTHONDONTWRITEBYTECODE") == "1"
    inside = {value for name, value in environment.items() if value.startswith("/")}
    assert all(value.startswith("/var/lib/claywright") for value in inside)
    assert {name for name in environment if name.endswith(("HOME", "CACHE_DIR"))} == {
        name for name in image.environment({}) if name.endswith(("HOME", "CACHE_DIR"))
    }


def test_the_unit_waits_for_the_calls_on_their_way(compose: dict[str, Any]) -> None:
    service = unit()["Service"]
    assert (service["KillMode"], service["Restart"], service["SuccessExitStatus"]) == ("mixed", "on-failure", "143")
    assert int(service["TimeoutStopSec"]) == 120 and compose["services"]["claywright"]["stop_grace_period"] == "2m"
