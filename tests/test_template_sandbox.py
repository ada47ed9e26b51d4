"""Foreign templates: whatever one asks for, it ends, with a text or a sentence, and nothing else waits for it."""

import asyncio
import datetime as dt
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import Magpie, TextGeneration
from tasks.columns.missing_values import cell_text
from tasks.engine.engine import Engine
from tasks.errors import ClaywrightError, InputError, SettingsError
from tasks.models.chat_templates import Template, open_user_turn
from tasks.prompts import columns_in, render_foreign, simple
from tasks.templates.renderer import MOST_MEMORY
from tasks.templates.sandbox import LONGEST_SOURCE, SANDBOX, CantRender, Sandbox
from tasks.types import Unit
from tests.conftest import ROOT, Command
from tests.hostile_templates import HEAVY, ODD, TALK, chat_templates
from tests.scripts import Memo, Model

ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """A template has a tenth of a second, so that these tests take no longer than they must."""
    SANDBOX.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SANDBOX, "seconds", 0.1)
        yield
        SANDBOX.close()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    own = Sandbox(seconds=0.1)
    yield own
    own.close()


def within(work: Callable[[], Any], patience: float = 60.0) -> Any:
    """What it gives; a failure where it never ends."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result(patience)


def filled(source: str) -> str:
    columns_in(source)
    return render_foreign(source, {"a": "tides"})


@pytest.mark.parametrize("what", HEAVY)
def test_a_heavy_template_ends_with_a_sentence_or_a_result(what: str) -> None:
    try:
        assert len(within(lambda: filled(HEAVY[what]))) < 10_000_000
    except (SettingsError, InputError) as error:
        assert re.fullmatch(r"The template .{20,500}\.", str(error)), error


@pytest.mark.parametrize("what", ODD)
def test_an_odd_template_ends_with_a_sentence_or_a_short_text(what: str) -> None:
    try:
        assert len(within(lambda: filled(ODD[what]))) < 100_000
    except (SettingsError, InputError) as error:
        assert re.fullmatch(r"The template .{20,500}\.", str(error)), error


@pytest.mark.parametrize("what", list(HEAVY)[::5])
def test_a_heavy_chat_template_ends_with_a_sentence_or_a_prompt(what: str) -> None:
    template = Template(chat_templates()[what])
    try:
        assert within(lambda: open_user_turn(template, TALK)).prompt
    except SettingsError as error:
        assert re.fullmatch(r"The chat template .{20,900}\.", str(error)), error


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (ENDLESS + "{{ a }}", "takes more than 0.1 seconds"),
        ("{{ 9**(9**9) }}", "a number of too many digits"),
        ("{{ 'a'*10**9 }}", "repeats a text too often"),
        ("{{ '%999999999d' % 1 }}", "needs more than 300 MB of memory"),
        (ENDLESS.replace("{% endfor %}", "x{% endfor %}", 1) + "{{ a }}", "takes more than|makes more than"),
        ("{{ a.ljust(10**9) }}", "asks ljust for more than 1,000,000"),
        ("{% if a %}" + "a" * LONGEST_SOURCE + "{% endif %}", "is longer than 64,000 characters"),
        ("{{" * 60, "nested too deeply"),
    ],
)
def test_what_is_wrong_is_said(source: str, words: str) -> None:
    if sys.platform != "linux" and "MB" in words:
        pytest.skip("memory is bounded on Linux")
    with pytest.raises(ClaywrightError, match=words):
        filled(source)


def test_a_refused_template_is_not_tried_again(sandbox: Sandbox) -> None:
    """A thousand rows do not wait a thousand times."""
    started = set()
    for n in range(1000):
        with pytest.raises(CantRender, match="takes more than") as caught:
            sandbox.prompt(ENDLESS + "{{ a }}", {"a": n})
        assert caught.value.heavy
        started.add(sandbox.pid)
    assert started == {None}
    assert sandbox.prompt("{{ a|upper }}", {"a": "x"}) == "X"


def test_nothing_else_waits_while_a_template_is_rendered() -> None:
    """Neither for a prompt nor for a chat template that an endpoint gave."""

    async def beside(work: Any) -> int:
        task, ticks = asyncio.ensure_future(work), 0
        while not task.done():
            await asyncio.sleep(0.005)
            ticks += 1
        assert task.exception() is not None
        return ticks

    asked = Engine(Memo()).bind(Model(chat_template=ENDLESS + chat_templates()["a power"]), "unit")
    prompts = TextGeneration(template=ENDLESS + "{{ a }}!").rows(Unit(0, {"a": "x"}), asked)
    for work in (prompts, Magpie().rows(Unit(0), asked)):
        assert asyncio.run(beside(work)) >= 5


def test_a_template_of_a_recipe_that_can_not_be_read_is_a_sentence_at_the_terminal(
    tmp_path: Path, command: Command
) -> None:
    for source in ("{{" * 60, "{{ instruction }}{{ 9**(9**9) }}"):
        task = f"[task]\nkind = 'text-generation'\ntemplate = '{source}'\n"
        text = f"[generator]\npreset = 'scripted'\n[inputs]\npath = 'in.jsonl'\n{task}"
        (tmp_path / "in.jsonl").write_text('{"instruction": "Name a river."}\n' * 3, encoding="utf-8")
        (tmp_path / "r.toml").write_text(text, encoding="utf-8")
        ended = command("run", "r.toml", "--no-push")
        assert ended.code != 0 and "Traceback" not in ended.err + ended.out
        assert "template" in ended.err + ended.out


NAMES = ["a", "b", "_c", "名", "range", "none", "class", "a b", "1a", "", "a.b", "a|upper", "-a", "a-", "a }", "{a"]
PIECES = st.sampled_from(
    ["{{ %s }}", "{{%s}}", "{{\t%s\n}}", "{{", "}}", "{", "}", "{%", "{#", "\n", "\r\n", "\r", " ", "x", "é"]
)


@given(st.lists(PIECES.flatmap(lambda piece: st.sampled_from(NAMES).map(lambda name: piece.replace("%s", name)))))
def test_what_is_filled_here_is_what_jinja_renders(pieces: list[str]) -> None:
    source = "".join(pieces)
    values = {"a": "A {{ b }}", "b": 7, "_c": [None, "x"], "名": "N", "class": {"k": 1.5}}
    if simple(source) is None:
        return
    assert columns_in(source) == SANDBOX.columns(source)
    try:
        told = SANDBOX.prompt(source, values)
    except CantRender as reason:
        with pytest.raises(InputError, match=re.escape(str(reason))):
            render_foreign(source, values)
    else:
        assert render_foreign(source, values) == told


def test_a_plain_template_may_be_long_and_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    example = "Example.\n" * 20_000
    assert render_foreign(example + "{{ a }}", {"a": "x"}) == example + "x"


MOMENTS = st.datetimes().map(lambda when: when.replace(fold=0))  # which isoformat() leaves out
CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates() | MOMENTS
    | st.timedeltas() | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=8,
)  # fmt: skip


@given(CELLS)
def test_a_cell_is_rendered_as_it_is_without_the_process(cell: Any) -> None:
    assert SANDBOX.prompt("{{ a }}{% if 1 %}{% endif %}", {"a": cell}) == cell_text(cell)


def test_a_cell_can_be_asked_for_its_parts() -> None:
    row = {"when": dt.datetime(2024, 7, 26, 9, 30), "price": Decimal("1.10"), "talk": [{"role": "user"}]}
    source = "{{ when.year }} {{ when.strftime('%H:%M') }} {{ price * 2 }} {{ talk[0].role }}"
    assert render_foreign(source, row) == "2024 09:30 2.20 user"


@linux
def test_the_process_has_little_and_finds_nothing(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    sandbox.prompt("{{ a|upper }}", {"a": "x"})
    pid = sandbox.pid
    assert pid is not None
    assert resource.prlimit(pid, resource.RLIMIT_AS) == (MOST_MEMORY, MOST_MEMORY)
    assert resource.prlimit(pid, resource.RLIMIT_NOFILE)[1] == 3
    assert b"secret" not in Path(f"/proc/{pid}/environ").read_bytes()
    assert sorted(path.name for path in Path(f"/proc/{pid}/fd").iterdir()) == ["0", "1", "2"]


def test_a_process_that_was_killed_is_started_anew(sandbox: Sandbox) -> None:
    seen = set()
    for n in range(3):
        assert sandbox.prompt("{{ a|upper }}", {"a": f"x{n}"}) == f"X{n}"
        assert sandbox.pid is not None
        seen.add(sandbox.pid)
        os.kill(sandbox.pid, signal.SIGKILL)
    assert len(seen) == 3


def test_many_threads_share_it(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda n: sandbox.prompt("{{ a|upper }}", {"a": f"x{n % 50}"}), range(400)))
    assert found == [f"X{n % 50}" for n in range(400)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_after_a_fork_each_process_has_its_own(sandbox: Sandbox) -> None:
    """In a process of its own, as pytest has threads."""
    program = """
import os
from tasks.templates.sandbox import SANDBOX
assert SANDBOX.prompt("{{ a|upper }}", {"a": "x"}) == "X"
ours = SANDBOX.pid
if (child := os.fork()) == 0:
    assert SANDBOX.prompt("{{ a|upper }}", {"a": "y"}) == "Y" and SANDBOX.pid != ours
    SANDBOX.close()
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert SANDBOX.prompt("{{ a|upper }}", {"a": "z"}) == "Z" and SANDBOX.pid == ours
print("well")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("well\n", 0), done.stderr


@linux
def used(pid: int) -> float:
    """Seconds that a process had of the processor."""
    times = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("busy", [False, True])
def test_it_ends_with_the_process_that_started_it(busy: bool) -> None:
    program = f"""
import sys, threading, time
from tasks.templates.sandbox import SANDBOX
SANDBOX.prompt("{{{{ a|upper }}}}", {{"a": "x"}})
print(SANDBOX.pid, flush=True)
if {busy}:
    threading.Thread(target=SANDBOX.prompt, args=({ENDLESS!r} + "{{{{ a }}}}", {{"a": 1}}), daemon=True).start()
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        before = used(pid)
        while busy and used(pid) < before + 0.1:
            time.sleep(0.01)
        process.kill()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline, "the renderer outlives who started it"
        time.sleep(0.05)


def test_it_is_gone_after_a_clean_end() -> None:
    program = (
        "from tasks.templates.sandbox import SANDBOX; SANDBOX.prompt('{{ a|upper }}', {'a': 1}); print(SANDBOX.pid)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
    assert threading.active_count() < 50
