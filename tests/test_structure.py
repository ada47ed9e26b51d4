"""What holds for the code as a whole: who may import whom, and that the public names say what is there."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path

import pytest

from app import launch
from app.api import functions
from app.web.tab_state import NEW_TAB, TabState
from tasks import TASKS
from tests.conftest import ROOT

FORBIDDEN = {
    "tasks": {"feedback", "app", "argilla", "gradio", "sqlite3"},
    "feedback": {"app", "gradio"},
    "app": set(),
}
HEAVY = {
    "argilla", "datasets", "pandas", "gradio", "pyarrow", "openai",
    "numpy", "scipy", "choix", "bs4", "markdownify", "mammoth", "pypdf", "semantic_text_splitter",
    "python_calamine", "charset_normalizer", "xlsxwriter", "ray", "prometheus_client",
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


ROOMS = (
    ("app.deploy",),
    ("app.web", "app.cli", "app.api"),
    ("app.workflow",),
    ("app.runs", "app.review"),
    ("app.recipe",),
    ("app.inputs",),
    ("app.store",),
    ("feedback.exports", "feedback.stats"),
    ("feedback.argilla",),
    ("feedback.labeller", "feedback.checks"),
    ("feedback",),
    ("tasks",),
)
"""Who may import whom: only what stands further down, and not what stands beside it. The first that a name begins with counts."""
WITHIN_TASKS = (
    ("tasks.engine", "tasks.cluster"),
    ("tasks.models",),
    ("tasks.templates", "tasks.text", "tasks.columns"),
)
"""The rooms of tasks/. Of the modules above them they import `FOUNDATION` alone; the tasks themselves may import all rooms."""
FOUNDATION = {"tasks.base", "tasks.errors", "tasks.settings", "tasks.types"}
SHARED = {
    "app.api_keys", "app.build_hook", "app.config", "app.dataset_import", "app.docs", "app.errors", "app.file_locks",
    "app.launch", "app.services", "app.workspace", "app.__main__", "app",
}  # fmt: skip
"""Modules at the top of app/ that several rooms use, or that start everything. They are in no circle either."""
STARTS_THE_APP = {
    ("app.cli.options", "app.web.server"),
    ("app.cli.options", "app.web.security.reach"),
    ("app.cli.options", "app.web.security.oidc"),
    ("app.cli.status", "app.web.server"),
    ("app.cli.people", "app.web.server"),
}
"""The command without a name, and `claywright open`."""
MOST_MODULES = {"app": 14, "feedback": 8, "tasks": 18}
MOST_IN_A_ROOM = 20
LONGEST_STORY = 200
"""Lines of app/workflow.py, which tells what the product does."""


@cache
def graph() -> dict[str, set[str]]:
    """What each module imports of ours, late or at once, what is only for types left out."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for top in FORBIDDEN for path in modules(top)}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    services = {"tasks.local", "feedback.local"}

    def imported(nodes: list[ast.AST]) -> Iterator[str]:
        for node in nodes:
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                continue
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                parts = {f"{node.module}.{alias.name}" for alias in node.names}
                yield from parts & names.keys() or {node.module} - {
                    part.rpartition(".")[0] for part in parts & services
                }
            yield from imported(list(ast.iter_child_nodes(node)))

    return {
        name: {other for other in imported([ast.parse(path.read_text(encoding="utf-8"))]) if other in names} - {name}
        for name, path in names.items()
    }


def room(name: str, rooms: tuple[tuple[str, ...], ...]) -> tuple[int, str]:
    """(how far down a module stands, its room); (-1, "") for one that is in none."""
    for level, beside in enumerate(rooms):
        for begins in beside:
            if name == begins or name.startswith(f"{begins}."):
                return level, begins
    return -1, ""


def test_arrows_between_rooms_go_down() -> None:
    for name, imported in graph().items():
        for other in imported:
            if SHARED & {name, other} or (name, other) in STARTS_THE_APP:
                continue
            level, own = room(name, ROOMS)
            below, theirs = room(other, ROOMS)
            assert level >= 0 and below >= 0, f"{name} or {other} is in no room"
            assert own == theirs or below > level, f"{name} imports {other}"


def test_arrows_between_the_rooms_of_tasks_go_down() -> None:
    for name, imported in graph().items():
        level, own = room(name, WITHIN_TASKS)
        for other in imported if own else ():
            below, theirs = room(other, WITHIN_TASKS)
            assert own == theirs or below > level or other in FOUNDATION, f"{name} imports {other}"
    for name in FOUNDATION:
        assert graph()[name] <= FOUNDATION | {other for other in graph() if room(other, WITHIN_TASKS)[1]}, name


def test_no_module_is_in_a_circle() -> None:
    left = graph()
    while ends := {name for name, imported in left.items() if not imported & left.keys()}:
        left = {name: imported for name, imported in left.items() if name not in ends}
    assert not left, f"in circles, or before one: {sorted(left)}"


def test_no_room_is_overfull() -> None:
    folders = [ROOT / top for top in FORBIDDEN]
    folders += [path for top in folders for path in top.rglob("*") if path.is_dir() and any(path.glob("*.py"))]
    for folder in folders:
        own = [path for path in folder.iterdir() if path.suffix == ".py" or path.name == "py.typed"]
        most = MOST_MODULES.get(str(folder.relative_to(ROOT)), MOST_IN_A_ROOM + 1)  # with the __init__ of a package
        assert len(own) <= most, f"{folder.relative_to(ROOT)}/ has {len(own)} files"


def test_heavy_libraries_are_imported_when_they_are_needed() -> None:
    for package in FORBIDDEN:
        for path in modules(package):
            at_once = imports(ast.parse(path.read_text(encoding="utf-8")).body)
            heavy = HEAVY - {"gradio"} if page(path) else HEAVY - LATE.get(str(path.relative_to(ROOT)), set())
            assert not at_once & heavy, f"{path.relative_to(ROOT)} imports {at_once & heavy} at once"


def test_a_run_loads_nothing_that_only_other_work_needs() -> None:
    """Each module of ours takes memory, and a run takes as long to start as all of them take to load."""
    needless = {
        "app.dataset_import",
        "app.inputs.sandbox",
        "app.review.pull",
        "app.review.push_plan",
        "feedback.stats.agreement",
        "feedback.exports.to_argilla",
        "feedback.exports.hub",
        "feedback.exports.writers",
        "app.store.maintenance",
        "feedback.argilla.pull",
        "feedback.argilla.push",
        "feedback.argilla.client",
        "multiprocessing",
        "tasks.cluster.replicas",
        "tasks.columns.layouts",
        "tasks.templates.sandbox",
    }
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


STORED = {
    "library": {"Kept"},
    "local_verdicts": {"Added"},
    "ratings": {"Wide"},
    "row_search": {"FILTERS", "ORDERS", "RATED", "SPREAD", "VALUES", "Reason", "RowQuery"},
    "runs": {"Listed", "Run"},
}
"""Values that the store gives and takes, by their module: dataclasses, and what the fields of a search may hold."""


def test_pages_hold_no_store() -> None:
    """They read a view of the run, and change things by its methods and those of the app's state."""
    for path in [*modules("app/web/pages"), *modules("app/web/html"), ROOT / "app" / "web" / "page_builder.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = path.relative_to(ROOT)
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("store", "_store"), f"{name}:{node.lineno} uses a store"
            if isinstance(node, ast.Import):
                assert not [alias for alias in node.names if alias.name.startswith("app.store")], name
            if isinstance(node, ast.ImportFrom) and node.module and f"{node.module}.".startswith("app.store."):
                allowed = STORED.get(node.module.removeprefix("app.store").removeprefix("."), set())
                names = {alias.name for alias in node.names}
                assert names <= allowed, f"{name} imports {names - allowed} of {node.module}"
            if isinstance(node, ast.ImportFrom) and node.module == "app":
                assert "store" not in {alias.name for alias in node.names}, name


OWNERS = {
    "switcher": ("header.py", "run_switcher.py"),
    "drawer": ("recipes.py", "recipe_compare.py"),
    "models": ("models.py", "model_sets.py"),
    "generate": ("generate.py", "row_edits.py"),
    "rate": ("rating/",),
    "review": ("review/",),
    "insights": ("insights.py", "quality.py"),
}
"""Who reads each part of a tab's state that is not shared, below app/web/pages."""


def test_a_page_reads_only_its_own_part_of_a_tab() -> None:
    parts = {f.name for f in fields(TabState) if is_dataclass(getattr(NEW_TAB, f.name))}
    assert parts == OWNERS.keys()
    for path in modules("app/web/pages"):
        name = str(path.relative_to(ROOT / "app/web/pages"))
        nodes = [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
        fields_of_tab = [node for node in nodes if isinstance(node, ast.Attribute) and _is_tab(node.value)]
        copies = [node for node in nodes if isinstance(node, ast.Call) and node.args and _is_tab(node.args[0])]
        named = [(node.attr, node.lineno) for node in fields_of_tab]
        named += [(keyword.arg or "", node.lineno) for node in copies for keyword in node.keywords]
        for part, line in named:
            assert part not in parts or name.startswith(OWNERS[part]), f"{name}:{line} uses {part}"
        known = [node.value for node in fields_of_tab] + [node.args[0] for node in copies if _is_replace(node)]
        for tab in filter(_is_tab, nodes):  # nor under another name
            assert tab in known, f"{name}: a tab is handed on"


def _is_replace(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == "replace"


def _is_tab(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "tab"


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
    "feedback/checks/python_code.py: _QUIET": "which warnings are shown is a matter of the whole process",
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


def test_the_story_stays_short() -> None:
    assert len((ROOT / "app" / "workflow.py").read_text(encoding="utf-8").splitlines()) <= LONGEST_STORY
