"""What holds for the code as a whole: who may import whom, and that the public names say what is there."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import launch
from app.api import functions
from tasks import TASKS
from tests.conftest import ROOT

FORBIDDEN = {
    "tasks": {"feedback", "app", "argilla", "gradio", "sqlite3"},
    "feedback": {"app", "gradio"},
    "app": set(),
}
HEAVY = {
    "argilla", "datasets", "pandas", "gradio", "pyarrow", "openai",
    "numpy", "scipy", "bs4", "markdownify", "mammoth", "pypdf", "semantic_text_splitter",
    "python_calamine", "charset_normalizer", "xlsxwriter",
}  # fmt: skip


LATE = {"app/api/custom_dataset.py": {"datasets"}}
"""Modules that are themselves imported when they are needed, as they name a class of a heavy library."""


def modules(package: str) -> Iterator[Path]:
    """The package's files, but for the local services, which run in environments of their own."""
    return (path for path in sorted((ROOT / package).rglob("*.py")) if "local" not in path.parts)


def imports(nodes: list[ast.stmt] | Iterator[ast.AST]) -> set[str]:
    """Top-level names of what is imported, type-checking blocks left out by `statements`."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_go_one_way(package: str) -> None:
    for path in modules(package):
        wrong = imports(ast.walk(ast.parse(path.read_text(encoding="utf-8")))) & FORBIDDEN[package]
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_heavy_libraries_are_imported_when_they_are_needed() -> None:
    for package in FORBIDDEN:
        for path in modules(package):
            at_once = imports(ast.parse(path.read_text(encoding="utf-8")).body)
            heavy = HEAVY - {"gradio"} if page(path) else HEAVY - LATE.get(str(path.relative_to(ROOT)), set())
            assert not at_once & heavy, f"{path.relative_to(ROOT)} imports {at_once & heavy} at once"


def test_a_run_loads_nothing_that_only_other_work_needs() -> None:
    """Each module of ours takes memory, and a run takes as long to start as all of them take to load."""
    needless = {
        "app.dataset_import", "app.inputs.sandbox", "app.review.pull", "app.review.push_plan",
        "feedback.stats.agreement",
        "feedback.exports.to_argilla",
        "feedback.exports.hub", "feedback.argilla.pull", "feedback.argilla.push", "feedback.argilla.client",
        "multiprocessing", "tasks.columns.layouts",
        "tasks.templates.sandbox",
    }  # fmt: skip
    assert all((ROOT / f"{name.replace('.', '/')}.py").exists() for name in needless - {"multiprocessing"})
    code = "import sys, app.cli.main, app.runs.runner, app.runs.session, app.workflow; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not needless & set(loaded.stdout.split())


PAGE = (
    "app/web/pages/", "app/web/layout", "app/web/page_builder", "app/web/form_fields", "app/web/tab_sync",
    "app/web/gradio_patch", "app/web/html/theme", "app/web/security/event_values",
)  # fmt: skip


def page(path: Path) -> bool:
    """True for what the page is made of, which nothing else imports before it is asked for."""
    return str(path.relative_to(ROOT)).startswith(PAGE)


def test_nothing_but_the_page_imports_the_page_at_once() -> None:
    for path in modules("app"):
        if page(path):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    assert not f"{node.module}.{alias.name}".replace(".", "/").startswith(PAGE), path


def test_pages_know_no_store_no_argilla_and_no_model() -> None:
    """A page takes a look and presses buttons; what is behind it is asked for by its names alone."""
    wrong = {"sqlite3", "argilla", "openai", "httpx"}
    for path in filter(page, modules("app")):
        assert not imports(ast.walk(ast.parse(path.read_text(encoding="utf-8")))) & wrong, path


def test_a_new_task_adds_no_code_to_the_pages() -> None:
    for path in [*filter(page, modules("app")), ROOT / "app" / "web" / "form_values.py"]:
        text = path.read_text(encoding="utf-8")
        for name in [*TASKS.keys() - {"existing", "magpie"}, *(task.__name__ for task in TASKS.values())]:
            assert not re.search(rf"\b{name}\b", text), f"{path.name} names {name}"


def test_rules_for_narrow_pages_name_no_container_of_gradios() -> None:
    """Gradio puts its container before each rule within @media: one that names it there as well is never followed."""
    sheets = list((ROOT / "app" / "web" / "static").glob("*.css"))
    assert sheets
    for path in sheets:
        text = path.read_text(encoding="utf-8")
        inner = [found[1] for found in re.finditer(r"@media[^{]*\{((?:[^{}]*\{[^{}]*\})*)\s*\}", text)]
        assert len(inner) == text.count("@media")
        assert not [rule for rules in inner for rule in rules.split("}") if ".gradio-container" in rule], path.name


STATE = {
    "app/services.py: _local": "who starts services from Python hands nothing down, and never says that it is done",
    "app/file_locks.py: _stores": "which locks closing a file takes away is a matter of the whole process",
    "app/web/security/connections.py: others": "uvicorn makes the connections, and hands them nothing of ours",
    "tasks/models/tokenizer_config.py: _one_at_a_time": "a lock in front of an lru_cache, so that nobody asks the Hub twice",
}
"""Modules may keep these, and why."""
CHANGING = {
    "acquire", "add", "append", "appendleft", "clear", "discard", "extend", "insert", "move_to_end", "pop", "popitem",
    "popleft", "release", "remove", "reverse", "set", "setdefault", "sort", "submit", "subtract", "update",
}  # fmt: skip
MADE_TO_CHANGE = {
    "BoundedSemaphore", "Condition", "Counter", "Event", "Lock", "OrderedDict", "ProcessPoolExecutor", "Queue", "RLock",
    "Semaphore", "SimpleQueue", "Thread", "ThreadPoolExecutor", "WeakKeyDictionary", "WeakSet", "WeakValueDictionary",
    "bytearray", "count", "defaultdict", "deque", "dict", "list", "local", "set",
}  # fmt: skip


def state(tree: ast.Module) -> set[str]:
    """Names of a module, or of its classes, that hold something that is made to change, or that the module changes."""
    inner = {id(node) for function in ast.walk(tree) if isinstance(function, FUNCTIONS) for node in ast.walk(function)}
    outer = [node for node in ast.walk(tree) if id(node) not in inner]
    of_classes = {id(node) for a_class in outer if isinstance(a_class, ast.ClassDef) for node in a_class.body}
    held: set[str] = set()
    found: set[str] = set()
    for node in outer:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {target.id for target in targets if isinstance(target, ast.Name)}
            found |= names if made_to_change(node.value) else set()
            held |= names if id(node) not in of_classes else set()  # a local is often called like a field
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            found.update(node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            found |= named(node.func.value) & held
        elif isinstance(node, ast.Assign | ast.Delete):
            found |= {name for target in node.targets for name in parts_of(target)} & held
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            found |= parts_of(node.target) & held
    return found


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def made_to_change(value: ast.expr) -> bool:
    """True for what holds nothing yet, or is called by a name that says so."""
    if isinstance(value, ast.Call):
        function = value.func.value if isinstance(value.func, ast.Subscript) else value.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        return name in MADE_TO_CHANGE
    return isinstance(value, ast.List | ast.Dict) and not ast.unparse(value).strip("[]{}")


def named(node: ast.expr) -> set[str]:
    return {node.id} if isinstance(node, ast.Name) else set()


def parts_of(target: ast.expr) -> set[str]:
    """The name in `name[...] = ...`, `name.part = ...` and `del name[...]`."""
    return named(target.value) if isinstance(target, ast.Subscript | ast.Attribute) else set()


def test_modules_keep_no_state() -> None:
    """What changes belongs to an object that somebody makes and hands down: tests and threads would share a module's."""
    kept = {
        f"{path.relative_to(ROOT)}: {name}"
        for package in FORBIDDEN
        for path in modules(package)
        for name in state(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert kept == STATE.keys()


@pytest.mark.parametrize(
    "code",
    [
        "kept = {}", "kept: list[int] = []", "kept = set[int]()", "import threading\nkept = threading.Lock()",
        "kept = {'a': None}\ndef f():\n    kept['a'] = 1", "kept = [1]\ndef f():\n    kept.append(2)",
        "kept = 0\ndef f():\n    global kept\n    kept = 1", "kept = {'a': 1}\ndef f():\n    del kept['a']",
        "class A:\n    kept = []", "try:\n    kept = {}\nexcept ValueError:\n    pass",
    ],
)  # fmt: skip
def test_state_of_a_module_is_noticed(code: str) -> None:
    assert state(ast.parse(code)) == {"kept"}


def test_what_belongs_to_an_object_or_a_call_is_no_state_of_a_module() -> None:
    code = "KNOWN = {'a': 1}\nclass A:\n    def f(self):\n        self.kept = {}\n        own = []\n        own.append(KNOWN['a'])"
    assert state(ast.parse(code)) == set()


def test_the_public_names_are_those_of_the_api() -> None:
    assert launch.__all__ == functions.__all__
    for name in functions.__all__:
        assert getattr(functions, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = launch.Nothing


def test_the_tree_has_no_other_folder() -> None:
    wanted = {"app", "tasks", "feedback", "tests"}
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert folders - {"dist", "build"} == wanted
