"""What is behind "Recipe" and "CLI command", at the right end of the tabs: one drawer, closed until it is asked for.

The recipe of what the forms describe, to copy, save, open; two of them side by side; the command that does the same.
"""

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import gradio as gr
from markupsafe import Markup

from app.recipe import Recipe, plain, to_toml
from app.store.library import Kept
from app.web import form_values
from app.web.cli_snippets import way
from app.web.form_values import FormError
from app.web.html import fragments
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done
from app.web.pages import confirm, recipe_compare
from app.web.saved import LONGEST_NAME, file_name, from_file, read
from app.web.security.event_values import upload_button
from app.web.state import RunView
from tasks.errors import ClaywrightError, SettingsError

RECIPE, COMMAND = "recipe", "command"
TITLES = {RECIPE: "Recipe", COMMAND: "CLI command"}
LINES = {
    RECIPE: "What the forms say now: everything that makes these rows, but for keys.",
    COMMAND: "What this page would do now, as a line to type into a terminal.",
}
WHAT = "recipe"


def build(board: Board) -> None:
    """The drawer. It belongs to no page."""
    with gr.Column(visible=False, elem_id="drawer") as drawer:
        board.part(head, turn, elem_id="drawer-head")
        board.part(shown)
        with gr.Row(visible=False, elem_classes="keep") as row:
            name = gr.Textbox(
                "", label="Save under a name", interactive=True, min_width=180, max_lines=1, elem_id="recipe-name",
                max_length=10 * LONGEST_NAME, html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
            )  # fmt: skip
            save_it = gr.Button("Save", size="sm", scale=0, min_width=80, elem_id="save-recipe")
            upload = upload_button("Open a file", scale=0, min_width=100, elem_id="open-recipe")
        board.problem("save", "open")
        board.part(kept, library, elem_id="drawer-kept")
    board.dress(drawer, lambda view: gr.update(visible=_panel(view) in TITLES))
    board.dress(row, lambda view: gr.update(visible=_panel(view) == RECIPE))
    for event in (save_it.click, name.submit):
        board.act(event, save, forms=True, extra=[name])
    board.act(upload.upload, open_file, forms=True, extra=[upload])


def tools(view: RunView) -> Markup:
    """The two buttons that open the drawer."""
    return joined(
        markup(
            '<button type="button" {} aria-expanded="{}">{}</button>',
            fragments.attrs(act=panel),
            "true" if _panel(view) == panel else "false",
            title,
        )
        for panel, title in TITLES.items()
    )


def turn(act: Act) -> Done:
    """Opens one side of the drawer, or closes it."""
    panel = act.word
    opened = panel if panel in TITLES and panel != act.tab.drawer.panel else ""
    return Done(own=replace(act.tab.drawer, panel=opened, confirmation=confirm.CALM))


def _panel(view: RunView) -> str:
    return view.tab.drawer.panel


# -- what it says


def head(view: RunView) -> Markup:
    panel = _panel(view)
    if panel not in TITLES:
        return Markup()
    title = markup('<div><h2 tabindex="-1">{}</h2><p>{}</p></div>', TITLES[panel], LINES[panel])
    return markup('<div class="drawer-head edged">{}{}</div>', title, fragments.button("Close", act="close"))


def shown(view: RunView) -> Markup:
    """The recipe, or the command."""
    panel = _panel(view)
    return _recipe(view) if panel == RECIPE else _command(view) if panel == COMMAND else Markup()


def _recipe(view: RunView) -> Markup:
    """The recipe as TOML; where the forms describe nothing that runs, what is missing, and the rest of it."""
    recipe, trouble = view.wanted, Markup()
    if recipe is None:
        trouble = fragments.notice(f"This can't be run yet. {_missing(view)}", "warn")
    text = to_toml(recipe.dump() if recipe is not None else plain(form_values.parts_from(view.filled)))
    file = file_name(str(view.filled.get("name") or "dataset"))
    link = markup(
        '<a class="save" download="{}" href="data:application/toml;charset=utf-8,{}">Download</a>', file, quote(text)
    )
    return trouble + _well(text, "The recipe as TOML", link if recipe is not None else Markup())


def _missing(view: RunView) -> str:
    try:
        view.state.recipe(view.filled)
    except FormError as error:
        return f"{error.place.capitalize()}: {error}"
    except (ClaywrightError, OSError) as error:
        return str(error)
    return ""


def _well(text: str, label: str, more: Markup = Markup()) -> Markup:
    """A text to take away."""
    copy = Markup('<button type="button" data-copy aria-live="polite">Copy</button>')
    return markup(
        '<div class="well edged"><pre tabindex="0" role="region" aria-label="{}">{}</pre>'
        '<div class="acts">{}{}</div></div>',
        label,
        text,
        copy,
        more,
    )


def _command(view: RunView) -> Markup:
    snippet = way(view, view.tab.page)
    notes = [*snippet.notes]
    if snippet.file:
        notes.insert(
            0, f"Download the recipe first (under Recipe), as {snippet.file}, into the folder that the terminal is in."
        )
    remarks = joined(fragments.note(sentence) for sentence in notes)
    python = markup("<h3>In Python</h3>{}", _well(snippet.python, "The same in Python")) if snippet.python else Markup()
    return _well(snippet.command, "The command") + remarks + python


def kept(view: RunView) -> Markup:
    """The saved recipes, what is asked about one of them, and two of them side by side."""
    if _panel(view) != RECIPE:
        return Markup()
    saved = view.state.saved.recipes()
    items = joined(_entry(entry, view) for entry in saved)
    none = fragments.note("None yet. What you save is kept in the data folder, for all browsers of this app.")
    listed = markup('<ul class="kept edged">{}</ul>', items) if items else none
    question = confirm.question(view.tab.drawer.confirmation, WHAT)
    return markup("{}<h3>Saved recipes</h3>{}{}", question, listed, recipe_compare.comparison(view, saved))


def _entry(entry: Kept, view: RunView) -> Markup:
    trouble = Markup()
    try:
        recipe = read(entry)
        rows = "all rows" if recipe.rows is None else fragments.count(recipe.rows, "row")
        line = f"{recipe.task.title} · {rows} · {fragments.ago(entry.updated)}"
    except SettingsError as error:
        line, trouble = fragments.ago(entry.updated), fragments.problem(str(error))
    opens = Markup() if trouble else fragments.button("Open", act="open", name=entry.name)
    again = fragments.button("Duplicate", act="duplicate", name=entry.name)
    return markup(
        '<li><div><b translate="no">{name}</b><span>{line}</span>{trouble}</div>'
        '<div class="acts">{opens}{again}{delete}</div></li>',
        name=entry.name,
        line=line,
        trouble=trouble,
        opens=opens,
        again=again,
        delete=confirm.delete_button(view.tab.drawer.confirmation, entry.name),
    )


# -- what can be done


def _own(act: Act) -> confirm.Own:
    return lambda confirmation: replace(act.tab.drawer, confirmation=confirmation)


def save(act: Act) -> Done:
    """Keeps what the forms describe, unless the name is taken: then it asks."""
    recipe = _made(act)
    typed = str((act.extra[0] if act.extra else "") or "")
    return confirm.kept(_own(act), typed, lambda name: act.state.saved.keep_recipe(name, recipe), "save")


def library(act: Act) -> Done:
    """Everything that the list of saved recipes can do."""
    what, name, shelf = act.word, act.text("name", ""), act.state.saved
    if what == "left":
        return Done(own=replace(act.tab.drawer, left=act.text("value")))
    if what == "right":
        return Done(own=replace(act.tab.drawer, right=act.text("value")))
    if what == "delete":
        return confirm.deleted(act.text("name"), WHAT, act.tab.drawer.confirmation, _own(act), shelf.delete_recipe)
    try:
        if what == "open":
            return _opened(act, form_values.fill(shelf.recipe(name)), f"The forms are as “{name}” says.")
        if what == "duplicate":
            return Done(own=_own(act)(confirm.CALM), toast=f"Saved once more, as “{shelf.duplicate_recipe(name)}”.")
        if what == "replace":
            shelf.keep_recipe(name, _made(act), replace=True)
            return Done(own=_own(act)(confirm.CALM), toast=f"“{name}” is replaced.")
    except FormError:
        raise
    except SettingsError as error:
        raise FormError("save", str(error)) from error
    return Done(own=_own(act)(confirm.CALM))


def open_file(act: Act) -> Done:
    """The forms are filled from a recipe that was chosen on the reader's own machine."""
    if not act.extra or not act.extra[0]:
        return Done()
    path = Path(str(act.extra[0]))
    try:
        filled, more = from_file(path)
    except SettingsError as error:
        message = str(error)
        raise FormError("open", message if path.name in message else f"{path.name}: {message}") from error
    return _opened(act, filled, f"The forms are as {path.name} says. {more}".strip())


def _opened(act: Act, filled: form_values.FormValues, message: str) -> Done:
    own = replace(act.tab.drawer, panel="", confirmation=confirm.CALM)
    return Done(fill={**act.filled, **filled}, own=own, toast=f"{message} What stood there before is replaced.")


def _made(act: Act) -> Recipe:
    try:
        return act.state.recipe(act.filled)
    except FormError as error:
        raise FormError("save", f"It can't be saved yet. {error.place.capitalize()}: {error}") from error
    except OSError as error:
        raise FormError("save", f"It can't be saved yet: {error.strerror}.") from error
