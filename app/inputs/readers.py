"""Which reader reads which file: rows of a table, or a document as one row.

Each reader is loaded when it is first needed, and so is the process that libraries read in.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from app.inputs import documents, tabular
from app.inputs.files import Say, Source, Still
from app.inputs.table import Rows, TableOptions

if TYPE_CHECKING:
    from app.inputs.sandbox import Sandbox

KNOWN = tuple(dict.fromkeys([*tabular.READERS, *documents.READERS]))
"""Endings of the files that can be read."""


@contextlib.contextmanager
def sandbox_when_needed(still: Still) -> "Iterator[Callable[[], Sandbox]]":
    """Gives a function that opens the sandbox of one input at its first call; it is closed at the end."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def opened() -> "Sandbox":
            from app.inputs.sandbox import Sandbox

            return stack.enter_context(Sandbox(still))

        yield opened


def rows_of(
    source: Source, as_documents: bool, options: TableOptions, say: Say, sandbox: "Callable[[], Sandbox]"
) -> Rows:
    """Many of a file of rows, one of a document. Raises InputError or OSError."""
    if source.suffix in tabular.READERS and not (as_documents and source.suffix in documents.READERS):
        reader = sandbox().rows if source.suffix in tabular.BY_LIBRARIES else tabular.READERS[source.suffix]
        return reader(source, options, say)
    title, content = documents.document(source, lambda of: sandbox().document(of))
    return iter([dict(zip(documents.COLUMNS, (title, content, source.inside or source.name), strict=True))])
