# lint and the tests that need no browser and no service
default: lint quick

# format, lint
lint:
    uv run ruff format --check .
    uv run ruff check .

# tests of structure, documents, tasks, recipes and engine
quick:
    uv run pytest -q -n 2 tests/test_structure.py tests/test_documentation.py tests/test_tasks.py tests/test_prompts.py tests/test_recipe.py tests/test_engine.py

# all tests, or those given: just test tests/test_magpie.py
test *paths:
    uv run pytest -n 4 --dist worksteal {{ paths }}

# the tests in a browser
test-browser:
    uv run pytest -n 4 --dist worksteal tests/test_browser_*.py

types:
    uv run mypy

# a benchmark: just bench engine --times 3
bench name *options:
    uv run python tests/bench/{{ name }}.py {{ options }}

# bring the API reference up to date, and check all documents
docs:
    uv run python -m tests.api_reference --write
    uv run pytest -q -n 2 tests/test_documentation.py
