"""The installed wheel: nothing of ours but `claywright`, beside whatever a user's own folder holds."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import uv

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel puts into site-packages."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([uv.find_uv_bin(), "build", "--wheel", "-q", "-o", str(out), str(ROOT)], check=True)
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(out / "site-packages")
    return out / "site-packages"


def python(installed: Path, folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Runs code in `folder`, with the wheel before the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_only_claywright_is_installed(installed: Path) -> None:
    assert sorted(path.name.partition("-")[0] for path in installed.iterdir()) == ["claywright", "claywright"]
    shipped = {path.name for path in (installed / "claywright").iterdir()}
    assert {"__init__.py", "py.typed", "app", "tasks", "feedback"} == shipped
    for file in (
        "tasks/prompts/genstruct.v1.jinja2", "tasks/local/server.py", "feedback/local/server.py",
        "tasks/local/requirements.txt", "feedback/local/requirements.txt", "app/docs/export.md",
    ):  # fmt: skip
        assert (installed / "claywright" / file).is_file()
    assert not list((installed / "claywright").rglob("README.md"))
    deploy = {path.name for path in (installed / "claywright/app/deploy").iterdir()}
    assert deploy == {"__init__.py", "hub_backup.py"}  # what else lies there, as passwords in a .env, is nobody's


@pytest.mark.parametrize("order", ["ours first", "theirs first"])
def test_a_users_own_packages_of_the_same_names_keep_working(installed: Path, tmp_path: Path, order: str) -> None:
    for name in ("tasks", "feedback"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("mine = True\n")
    (tmp_path / "app.py").write_text("mine = True\n")
    theirs = "import app, tasks, feedback\nassert app.mine and tasks.mine and feedback.mine\n"
    ours = (
        "import claywright\nfrom claywright import Magpie, Recipe, UltraFeedback\n"
        "assert 'site-packages' in claywright.__file__, claywright.__file__\n"
        "assert Magpie.__module__ == 'claywright.app.api.tasks'\n"
    )
    done = python(installed, tmp_path, ours + theirs if order == "ours first" else theirs + ours + theirs)
    assert done.returncode == 0, done.stderr


def test_the_wheel_reads_in_a_process_of_its_own(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<h1>Tides</h1>")
    code = (
        "from claywright.app.inputs.inputs import Inputs, rows\nprint(list(rows(Inputs(path='a.html'), ('content',))))"
    )
    done = python(installed, tmp_path, code)
    assert (done.returncode, done.stdout.count("# Tides")) == (0, 1), done.stderr


def test_the_command_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    done = python(installed, tmp_path, "import sys, claywright; sys.argv[1:] = ['--version']; claywright.main()")
    assert (done.returncode, done.stdout) == (0, "claywright 0.1.0\n"), done.stderr


def test_the_documents_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "import sys, claywright; sys.argv[1:] = ['docs', 'security']; claywright.main()"
    done = python(installed, tmp_path, code)
    assert (done.returncode, done.stdout) == (0, (ROOT / "app/docs/security.md").read_text(encoding="utf-8")), (
        done.stderr
    )
    code = "from claywright.app.web.html.fragments import help_panel; print(help_panel('review'))"
    assert 'data-doc="export"' in python(installed, tmp_path, code).stdout


def test_a_checkout_behind_a_users_own_package_says_so(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("mine = True\n")
    code = "import sys; sys.path.insert(0, ''); import app\nfrom claywright import Magpie"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "claywright runs from a checkout here" in done.stderr and "install the wheel" in done.stderr


def test_the_wheel_renders_a_foreign_template(installed: Path, tmp_path: Path) -> None:
    """By a process that is started from a file of the wheel."""
    code = "from claywright.tasks.prompts import render_foreign as r; print(r('{{ a|upper }}', {'a': 'x'}))"
    done = python(installed, tmp_path, code)
    assert (done.returncode, done.stdout) == (0, "X\n"), done.stderr
