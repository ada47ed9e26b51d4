"""Reading the input of a run: files of rows, documents, a folder or a zip of them, or a dataset by its id.

What is in a file is read by app/inputs/readers.py, which a run without a file never loads.
"""

import contextlib
import itertools
import threading
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from app.file_locks import exists, expanded
from app.inputs.files import DAMAGED, WRITTEN_BY_DATASETS, Say, Still, called, ending, go_on, short_error, sources
from app.inputs.files import fingerprint as fingerprint_of
from app.inputs.known_inputs import KnownInputs
from app.inputs.table import Rows, TableOptions
from tasks.columns.missing_values import python_values
from tasks.errors import InputError, SettingsError
from tasks.settings import setting

MOST_ROWS = 10**12
ASK_EVERY = 0.2
"""Seconds between two looks at whether a library is ready."""
SEPARATORS = {"tab": "\t", "\\t": "\t"}
"""Words for a separator that can't be seen."""
DOCUMENT = "content"
"""Where a task wants this column, a .txt file is one document; elsewhere each of its lines is a row."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a task works on: the rows of a file, of a folder or zip of files, or of a dataset; one column a name.

    `columns` gives the columns the names that the task knows. Raises SettingsError where two places are named.
    """

    title: ClassVar[str] = "inputs"

    path: str = setting(
        "",
        "A file of rows (.csv, .tsv, .jsonl, .json, .parquet, .feather, .arrow, .xlsx, .xls, .ods; .txt: a line a row, column "
        "'instruction'), also packed (.gz, .bz2, .xz, .zst), a document (.md, .html, .pdf, .docx; .txt for tasks on documents; "
        "columns 'title' and 'content'), or a folder or .zip of them.",
    )
    dataset: str = setting("", "A dataset of the Hugging Face Hub, or a folder with one.")
    config: str = setting("", "The configuration of that dataset, where it has several.")
    split: str = setting("train", "The split of that dataset.")
    columns: dict[str, str] = setting({}, "The task's name of a column = your name of it.")
    skip: int = setting(0, "Rows to leave out at the beginning.", label="Input rows to skip")
    limit: int | None = setting(None, "Most rows to take.", label="Most input rows")
    separator: str = setting("", "What separates the cells of a CSV file, as ; or tab. Empty: it is detected.")
    header: bool = setting(
        True, "False if the first row of a CSV file or a sheet holds values, not the names of columns."
    )
    sheet: str = setting("", "The sheet of a spreadsheet. Empty: the first that holds anything.")
    encoding: str = setting("", "The encoding of a text file, as windows-1252. Empty: it is detected.")

    def __post_init__(self) -> None:
        if self.path and self.dataset:
            raise SettingsError("[inputs] has both a path and a dataset: name one of them.", setting="dataset")
        if "\0" in self.path + self.dataset:
            raise SettingsError(
                "[inputs] names a path that no file can have: it holds a NUL character.", setting="path"
            )
        for name, value, least in (("skip", self.skip, 0), ("limit", self.limit, 1)):
            if value is not None and value < least:
                raise SettingsError(f"[inputs] {name} must not be below {least}.", setting=name)
            if value is not None and value > MOST_ROWS:
                raise SettingsError(f"[inputs] {name} must be smaller: no input has so many rows.", setting=name)
        if len(self.table.separator) > 1 or self.table.separator in ('"', "\n", "\r", "\0"):
            raise SettingsError("[inputs] separator must be one character, or 'tab'.", setting="separator")
        if self.encoding:
            from app.inputs.encodings import known_encoding

            try:
                known_encoding(self.encoding)
            except InputError as error:
                raise SettingsError(f"[inputs] encoding: {error}", setting="encoding") from error

    @property
    def given(self) -> bool:
        return bool(self.path or self.dataset)

    @property
    def options(self) -> TableOptions:
        """How tables are to be read, as the settings say it."""
        return TableOptions(self.separator, self.header, self.sheet, self.encoding)

    @property
    def table(self) -> TableOptions:
        """The same as a reader takes it."""
        return replace(self.options, separator=SEPARATORS.get(self.separator, self.separator))


def rows(
    inputs: Inputs,
    columns: Collection[str] = (),
    say: Say = lambda message: None,
    still: Still = go_on,
    known: KnownInputs | None = None,
) -> Rows:
    """The rows, with the columns renamed. Yields nothing where no input is named.

    `columns` are the columns that the task needs, which decide how a .txt file is read. `say` is told what is left out of a
    folder or a zip. `still` is called again and again meanwhile, and may raise to end that. `known` keeps
    the digests of files that are read to their end. Raises InputError.
    """
    if inputs.path:
        unmapped = _files(expanded(inputs.path), documents_in(inputs, columns), inputs.table, say, still, known)
    elif inputs.dataset:
        unmapped = _dataset(inputs, still)
    else:
        return iter(())
    end = None if inputs.limit is None else inputs.skip + inputs.limit
    taken = itertools.islice(unmapped, inputs.skip, end)
    if (first := next(taken, None)) is None:
        after = f" behind the first {inputs.skip}, which skip leaves out" if inputs.skip else ""
        raise InputError(f"{called(inputs.path) or inputs.dataset} holds no rows{after}.")
    return (_renamed(python_values(row), inputs.columns) for row in itertools.chain([first], taken))


def documents_in(inputs: Inputs, columns: Collection[str]) -> bool:
    """True where a task wants documents, so that a .txt file is one."""
    return DOCUMENT in {inputs.columns.get(column, column) for column in columns}


def fingerprint(inputs: Inputs, still: Still = go_on, known: KnownInputs | None = None) -> str:
    """Names the content of an input file or folder, so that a resumed run can tell that it is the same; "" for others."""
    if not inputs.path:
        return ""
    from app.inputs.readers import KNOWN

    try:
        return fingerprint_of(expanded(inputs.path), KNOWN, still, known)
    except OSError as error:
        raise _unreadable(Path(inputs.path), error) from error


def _renamed(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    if missing := [column for column in columns.values() if column not in row]:
        have = ", ".join(map(str, row)) or "none"
        raise InputError(
            f"The input has no column '{missing[0]}' (columns there: {have}). Choose another one.",
            terminal="It is named under [inputs.columns] in the recipe.",
        )
    others = {name: value for name, value in row.items() if name not in columns and name not in columns.values()}
    return {**{task_column: row[column] for task_column, column in columns.items()}, **others}


def _files(
    path: Path, as_documents: bool, options: TableOptions, say: Say, still: Still, digests: KnownInputs | None
) -> Rows:
    """The rows of a file, or of the files in a folder or a zip.

    There, a file that can't be read is left out, and said; one that turns out to be damaged behind its first row is an error.
    """
    from app.inputs.readers import KNOWN, rows_of, sandbox_when_needed

    try:
        if ending(path.name) in KNOWN and path.is_file() and path.stat().st_size == 0:
            raise InputError(f"{called(path)} is empty.")
        with sources(path, KNOWN, still, digests) as (files, left), sandbox_when_needed(still) as sandbox:
            for sentence in left:
                say(sentence)
            reason, empty = "", True
            for source in files:
                try:
                    rows = rows_of(source, as_documents, options, say, sandbox)
                    if (first := next(rows, None)) is None:
                        raise InputError(f"{source.name} holds no rows.")
                except InputError as error:
                    if not source.inside:
                        raise
                    say(f"{error} It is left out.")
                    reason = reason or str(error)
                    continue
                empty = False
                for row in itertools.chain([first], rows):
                    yield row
                    still()
            if empty:
                raise InputError(reason)
    except DAMAGED as error:
        raise InputError(f"{called(path)} is damaged: {short_error(error)}. Pack it again.") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"{called(path)} can't be read: {error.strerror or error}.", terminal=f"It was looked for at {path.absolute()}."
    )


def _dataset(inputs: Inputs, still: Still) -> Rows:
    """Not streamed: a run reads its input several times, also when it is resumed, and a copy on disk serves them all.

    Nothing ends the library while it fetches or converts: it goes on in a thread that nobody waits for any more.
    """
    loaded: Future[Any] = Future()
    threading.Thread(target=_load, args=(inputs, loaded), name="dataset", daemon=True).start()
    while True:
        still()
        with contextlib.suppress(TimeoutError):
            dataset = loaded.result(ASK_EVERY)
            break
    for row in dataset:
        still()
        yield dict(row)


def _load(inputs: Inputs, loaded: "Future[Any]") -> None:
    try:
        loaded.set_result(_loaded(inputs))
    except BaseException as error:  # noqa: BLE001 - whatever it is goes to who asked
        loaded.set_exception(error)


def _loaded(inputs: Inputs) -> Any:
    import datasets

    name, split = inputs.dataset, inputs.split
    try:
        folder = expanded(name)
        if any(exists(folder / marker) for marker in WRITTEN_BY_DATASETS):
            dataset = datasets.load_from_disk(str(folder))
            parts = dataset.values() if isinstance(dataset, dict) else [dataset]
            _check_inside(folder, [file["filename"] for part in parts for file in part.cache_files])
        elif folder.is_dir():
            builder = datasets.load_dataset_builder(str(folder), inputs.config or None)
            _check_inside(folder, itertools.chain.from_iterable((builder.config.data_files or {}).values()))
            builder.download_and_prepare()
            dataset = builder.as_dataset()
        else:  # of the Hub: the library takes no file but the dataset's own
            dataset = datasets.load_dataset(name, inputs.config or None)
        if isinstance(dataset, dict):
            if split not in dataset:
                raise InputError(f"The dataset {name} has no split '{split}', it has {', '.join(map(str, dataset))}.")
            dataset = dataset[split]
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        hint = " Name one as config." if "config" in str(error).lower() else ""
        raise InputError(f"The dataset {name} can't be loaded: {short_error(error)}.{hint}") from error
    return dataset


def _check_inside(folder: Path, files: Iterable[str]) -> None:
    """Raises InputError where a dataset's folder leads out of itself: by a link, or by what its README or state.json names."""
    whole = folder.resolve()
    if outside := next((file for file in files if not Path(file).resolve().is_relative_to(whole)), None):
        raise InputError(
            f"The dataset {folder.name} takes a file from outside of its folder: {outside}. Copy that file into the folder, or "
            "name it as the input."
        )
