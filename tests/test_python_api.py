"""The Python API: what its documentation says is true; the loop by a recipe, in notebooks, through Ctrl-C and kills."""

import asyncio
import doctest
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import claywright
import pytest
from claywright import (
    LLM,
    Inputs,
    Magpie,
    Pipeline,
    Recipe,
    ScriptedLLM,
    TextGeneration,
    TextGenerationTask,
    UltraFeedback,
    export,
    rate,
    run,
)

from app.api import functions
from app.errors import RunError
from app.recipe import recipe_of
from app.store.store import Store
from tasks.errors import EndpointRefused, SettingsError
from tests import documentation
from tests.conftest import ArgillaServer
from tests.python_api import answered, asked, chain
from tests.servers import FakeOpenAI
from tests.test_kill import kill_when, resume

pytestmark = pytest.mark.usefixtures("data")


ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(f"app.api.{path.stem}" for path in (ROOT / "app/api").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", MODULES)
def test_every_example_of_the_documentation_is_true(name: str) -> None:
    module = importlib.import_module(name)
    names = {one: getattr(claywright, one) for one in claywright.__all__}
    found = doctest.DocTestFinder(exclude_empty=True).find(module, module.__name__, globs={**vars(module), **names})
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for example in found:
        runner.run(example, clear_globs=False)
    assert runner.summarize(verbose=False).failed == 0


def test_every_public_name_is_documented_with_an_example() -> None:
    examples = "\n".join(documentation.blocks("python"))
    for name in claywright.__all__:
        docstring = getattr(claywright, name).__doc__ or ""
        assert len(docstring) > 40, name
        assert ">>>" in docstring or f"{name}(" in examples or name in ("Distiset", "Answers"), name
    assert list(claywright.__all__) == list(functions.__all__)


def test_the_examples_of_the_documents_run(
    argilla: ArgillaServer, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a script in place of the models, and the session's Argilla."""
    monkeypatch.setenv("ARGILLA_API_URL", argilla.url)
    monkeypatch.setenv("ARGILLA_API_KEY", argilla.api_key)
    (tmp_path / "answers.csv").write_text("question,response\nName a river.,The Loire.\n")
    blocks = documentation.blocks("python")
    assert len(blocks) == 5 and len(documentation.blocks("python", documentation.README)[0].strip().splitlines()) == 6
    for block in blocks:
        program = re.sub(r'\bLLM\("qwen2.5:7b", base_url="[^"]*"', "ScriptedLLM(", block)
        program = program.replace("LocalLLM()", "ScriptedLLM()").replace("(, ", "(")
        program = re.sub(r"(Recipe\(task=\w+\(\),)(?! generator)", r"\1 generator=ScriptedLLM(),", program)
        exec(compile(f"from claywright import ScriptedLLM\n{program}", "a document", "exec"), {})
    written = ("rows.jsonl", "long.jsonl", "conversations.jsonl", "steps.png")
    assert all((tmp_path / name).exists() for name in written)


def test_the_loop_with_progress(data: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    made = run(
        Recipe(task=Magpie(n_turns=2), generator=ScriptedLLM(), rows=4, rating=UltraFeedback(aspect="honesty")),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert made.state == "done" and seen[-1] == (4, 4) and seen[0][1] == 4
    rate(made.id, UltraFeedback(aspects=("helpfulness", "honesty")), labeller=ScriptedLLM(model="other"), progress=True)
    written = export(made.id, tmp_path / "out.jsonl", unreviewed=True, format="sft")
    assert written.written == 4
    with Store(data) as store:
        assert {r["aspect"] for r in store.db.all("SELECT DISTINCT aspect FROM ratings")} == {"helpfulness", "honesty"}


def test_a_model_that_is_named_is_the_one_that_is_asked(data: Path) -> None:
    made = run(
        Recipe(task=Magpie(llm=ScriptedLLM(model="pen")), rating=UltraFeedback(llm=ScriptedLLM(model="judge")), rows=2)
    )
    with Store(data) as store:
        kept = recipe_of(store.runs.get(made.id))
        assert (kept.generator.model, kept.labeller.model) == ("pen", "judge")
    with pytest.raises(SettingsError, match="Two models are given"):
        Recipe(task=Magpie(llm=ScriptedLLM(model="pen")), generator=ScriptedLLM(model="other"), rows=2)
    with pytest.raises(SettingsError, match="A recipe holds no script"):
        Recipe(task=Magpie(), generator=ScriptedLLM([("a", "b")]), rows=2)
    with pytest.raises(SettingsError, match="Mappings and groups are of steps"):
        Recipe(task=TextGeneration(input_mappings={"instruction": "a"}), rows=2)


def test_keys_are_of_a_recipes_models(data: Path) -> None:
    with FakeOpenAI() as server:
        (data.parent / "in.jsonl").write_text('{"instruction": "q"}\n')
        inputs = Inputs(path=str(data.parent / "in.jsonl"))
        pen, judge = (LLM(name, base_url=server.url, api_key=f"key-{name}") for name in ("pen", "judge"))
        run(Recipe(task=TextGeneration(), generator=pen, labeller=judge, rating=UltraFeedback(), inputs=inputs))
        said = {(call["body"]["model"], call["authorization"]) for call in server.calls}
        assert said == {("pen", "Bearer key-pen"), ("judge", "Bearer key-judge")}
        with pytest.raises(SettingsError, match="two different keys"):
            Recipe(
                task=TextGeneration(),
                generator=pen,
                labeller=LLM("pen", base_url=server.url, api_key="k"),
                inputs=inputs,
            )


def test_another_input_is_another_run(data: Path) -> None:
    file, refused = data.parent / "in.jsonl", True
    with FakeOpenAI(faults=lambda body, number: 401 if refused else None) as server:
        made = Recipe(task=TextGeneration(), generator=LLM("m", base_url=server.url), inputs=Inputs(path=str(file)))
        file.write_text('{"instruction": "q"}\n')
        with pytest.raises(EndpointRefused):
            run(made)
        file.write_text('{"instruction": "another"}\n')
        refused = False
        assert run(made).state == "done"


def test_a_recipe_that_another_process_works_on(data: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"instruction": f"q{k}"}) + "\n" for k in range(40)))
    with FakeOpenAI(latency=0.1) as server:
        command = [sys.executable, "-c", PROGRAM, server.url, "run", "script"]
        first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while len(asked(server)) < 8:
            assert first.poll() is None, first.communicate()
            time.sleep(0.01)
        llm = LLM("m", base_url=server.url, num_threads=4)
        made = Recipe(task=TextGeneration(), generator=llm, inputs=Inputs(path="in.jsonl"), seed=3)
        with pytest.raises(RunError, match="Another process works on the run"):
            run(made)
        assert first.communicate(timeout=60)[0] == "ended done\n" and len(asked(server)) == 40


def test_a_refused_key_leaves_a_run_that_is_gone_on_with(data: Path) -> None:
    refused = True
    with FakeOpenAI(faults=lambda body, number: 401 if refused else None) as server:
        (data.parent / "in.jsonl").write_text("".join(f'{{"instruction": "q{k}"}}\n' for k in range(4)))
        inputs = Inputs(path=str(data.parent / "in.jsonl"))
        with pytest.raises(EndpointRefused, match="api_key"):
            run(Recipe(task=TextGeneration(), generator=LLM("m", base_url=server.url, api_key="wrong"), inputs=inputs))
        refused = False
        done = run(
            Recipe(task=TextGeneration(), generator=LLM("m", base_url=server.url, api_key="right"), inputs=inputs)
        )
        assert done.state == "done" and server.calls[-1]["authorization"] == "Bearer right"
        with Store(data) as store:
            assert [one.id for one in store.runs.all()] == [done.id]
        assert b"right" not in (data / "claywright.db").read_bytes()
        made = Recipe(task=TextGeneration(), generator=LLM("m", base_url=server.url), inputs=inputs)
        assert run(made).id != done.id  # a finished one is not gone on with


def test_a_notebooks_own_loop_is_no_hindrance() -> None:
    async def cell() -> None:
        rows = next(TextGeneration(llm=answered()).process([{"instruction": "a"}]))
        assert rows[0]["generation"]
        assert run(Recipe(task=Magpie(), generator=ScriptedLLM(), rows=2)).state == "done"
        assert len(chain(answered(), 3).run()["default"]["train"]) == 3
        made = Pipeline(generator=answered(task=TextGenerationTask())).generate([{"input": "a"}])
        assert made[0]["generations"]

    asyncio.run(cell())


PROGRAM = """
import asyncio, sys
from claywright import LLM, LoadDataFromDicts, Pipeline, TextGeneration, Recipe, Inputs, run

def work():
    llm = LLM("m", base_url=sys.argv[1], num_threads=4)
    if sys.argv[2] == "run":
        return run(Recipe(task=TextGeneration(), generator=llm, inputs=Inputs(path="in.jsonl"), seed=3)).state
    with Pipeline() as pipeline:
        LoadDataFromDicts(data=[{"instruction": f"q{k}"} for k in range(40)]) >> TextGeneration(llm=llm)
    return len(pipeline.run()["default"]["train"])

async def cell():
    return work()

try:
    print("ended", asyncio.run(cell()) if sys.argv[3] == "loop" else work())
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("where", ["loop", "script"])
@pytest.mark.parametrize("what", ["run", "pipeline"])
def test_ctrl_c_loses_nothing_and_a_second_call_goes_on(data: Path, tmp_path: Path, what: str, where: str) -> None:
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"instruction": f"q{k}"}) + "\n" for k in range(40)))
    with FakeOpenAI(latency=0.1) as server:

        def begin() -> subprocess.Popen[str]:
            command = [sys.executable, "-c", PROGRAM, server.url, what, where]
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)

        first = begin()
        while len(asked(server)) < 12:
            assert first.poll() is None, first.communicate()
            time.sleep(0.01)
        first.send_signal(signal.SIGINT)
        out, err = first.communicate(timeout=60)
        assert out == "interrupted\n" and "Traceback" not in err, err
        before = len(asked(server))
        assert before < 40
        out, err = begin().communicate(timeout=60)
        assert out == ("ended done\n" if what == "run" else "ended 40\n"), err
        assert len(asked(server)) == 40 and len({call["draw"] for call in asked(server)}) == 40


@pytest.mark.parametrize("what", ["run", "pipeline"])
def test_killed_and_started_again_it_asks_only_for_what_was_in_flight(data: Path, tmp_path: Path, what: str) -> None:
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"instruction": f"q{k}"}) + "\n" for k in range(40)))
    with FakeOpenAI(latency=0.05) as server:
        program, words = [sys.executable, "-c", PROGRAM], [server.url, what, "script"]
        assert kill_when(words, dict(os.environ), lambda: len(asked(server)) >= 17, program)
        at_the_kill = len(asked(server))
        resume(words, dict(os.environ), program)
        assert len({call["draw"] for call in asked(server)}) == 40 and at_the_kill < 40
        assert len(asked(server)) - 40 <= 4


USER = """
from claywright import LLM, LoadDataFromDicts, Magpie, Pipeline, Recipe, TextGeneration, UltraFeedback, export, run

llm = LLM("m", base_url="http://localhost:8000/v1", generation_kwargs={"temperature": 0.5})
rows = next(TextGeneration(llm=llm).process([{"instruction": "a"}]))
texts: list[object] = rows["generation"]
with Pipeline("two steps") as pipeline:
    LoadDataFromDicts(data=[{"instruction": "a"}]) >> TextGeneration(llm=llm)
train = pipeline.run(use_cache=False)["default"]["train"]
made = run(Recipe(task=Magpie(n_turns=2), generator=llm, rating=UltraFeedback(aspect="honesty"), rows=5), progress=True)
state: str = made.state
written: int = export(made.id, "rows.jsonl").written
"""


def test_a_users_program_is_typed(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(USER)
    (tmp_path / "wrong.py").write_text(USER + 'wrong: int = rows["generation"]\nMagpie(turns=2)\n')
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--cache-dir",
        str(tmp_path / "cache"),
        "program.py",
        "wrong.py",
    ]
    env = {**os.environ, "MYPYPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=env)
    assert "program.py" not in done.stdout and done.stdout.count("wrong.py") == 2, done.stdout + done.stderr
