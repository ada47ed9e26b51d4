"""Several rows at once: chosen in the list, then approved, rejected or dropped in one go, with one button that undoes it."""

from dataclasses import replace

from markupsafe import Markup

from app.errors import PageError, RunError
from app.web.html import fragments
from app.web.html.fragments import attrs, count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Done
from app.web.pages.review import filters
from app.web.state import RunView
from app.web.tab_state import Undo

MOST = 1_000
"""Rows that are chosen at once."""
PAST = {"approve": "approved", "reject": "rejected", "drop": "dropped"}


def selected(view: RunView) -> list[str]:
    """The ids of the rows of the run that are chosen and listed: what a filter hides is not acted upon unseen."""
    chosen = _chosen(view)
    wanted = filters.wanted(view) if chosen else None
    if view.run is None or wanted is None or wanted.narrowed.everything:
        return chosen
    listed = view.rows.fitting(wanted, chosen)
    return [row for row in chosen if row in listed]


def _chosen(view: RunView) -> list[str]:
    """The ids of the rows of the run that were chosen, listed or not."""
    return [row for row in view.tab.review.selected if view.run is not None and row.startswith(f"{view.run.id}-")]


def pick(view: RunView, row: str, name: str, *, here: bool) -> Markup:
    """The box that chooses a row of the list."""
    is_chosen = str(row in view.tab.review.selected).lower()
    key = Markup('data-key="x"') if here else Markup()
    return markup(
        '<button type="button" role="checkbox" aria-checked="{}" class="pick" aria-label="Select: {}" {} {}></button>',
        is_chosen,
        name,
        attrs(act="select", row=row),
        key,
    )


def bar(view: RunView) -> Markup:
    """The buttons for the rows that are chosen, and the outcome of the last one that was pressed."""
    if view.run is None:
        return Markup()
    chosen, undo = selected(view), view.tab.review.undo
    hidden = len(_chosen(view)) - len(chosen)
    done = Markup()
    if undo is not None and undo.run == view.run.id:
        button = fragments.button("Undo", act="undo") if undo.number else Markup()
        done = markup('<div class="done" role="status"><p>{}</p>{}</div>', undo.sentence, button)
    unlisted = (
        fragments.note(f"{count(hidden, 'selected row is', 'selected rows are')} not listed, and left out.")
        if hidden
        else Markup()
    )
    if not chosen:
        none = (
            markup('<div class="chosen">{}{}</div>', unlisted, fragments.button("Select none", act="select-none"))
            if hidden
            else Markup()
        )
        return markup('<div class="bulk">{}{}</div>', none, done) if none or done else Markup()
    buttons = joined(
        markup('<button type="button" class="{}" {}>{}</button>', word, attrs(act="bulk", word=word), title)
        for word, title in (("approve", "Approve"), ("reject", "Reject"), ("drop", "Drop"))
    )
    total = view.rows.count(filters.wanted(view))
    every = (
        fragments.button(f"Select all {total:,} listed", act="select-all") if len(chosen) < total <= MOST else Markup()
    )
    clear = every + fragments.button("Select none", act="select-none")
    return markup(
        '<div class="bulk"><div class="chosen" role="group" aria-label="Selected rows"><b>{count} selected</b>'
        "{unlisted}{buttons}{clear}</div>{done}</div>",
        count=count(len(chosen), "row"),
        unlisted=unlisted,
        buttons=buttons,
        clear=clear,
        done=done,
    )


# -- what can be done


def act_on(act: Act) -> Done | None:
    """Does what a box of the list or a button of the bar asks for; None for anything else. Raises PageError, RunError."""
    match act.word:
        case "select":
            return _select(act)
        case "select-all":
            return _select_all(act)
        case "select-none":
            return Done(own=replace(act.tab.review, selected=(), anchor=""))
        case "bulk":
            return _bulk(act)
        case "undo":
            return _undo(act)
    return None


def _select(act: Act) -> Done:
    """Chooses a row, or leaves it; with shift, all from the one that was chosen before it as well."""
    view, row = act.look, act.row().id
    chosen, anchor = selected(view), act.tab.review.anchor
    if act.text("shift", "") and anchor and anchor != row:
        listed = dict.fromkeys([*chosen, *_between(view, anchor, row)])
    elif row in chosen:
        listed = dict.fromkeys(row_id for row_id in chosen if row_id != row)
    else:
        listed = dict.fromkeys([*chosen, row])
    if len(listed) > MOST:
        raise RunError(f"At most {MOST:,} rows can be selected at once. Do something with these first.")
    return Done(own=replace(act.tab.review, selected=tuple(listed), anchor=row))


def _select_all(act: Act) -> Done:
    """Chooses all rows of the list, where they are no more than can be."""
    view = act.look
    if view.run is None:
        return Done()
    listed = view.rows.search(filters.wanted(view), 0, MOST + 1)
    if len(listed) > MOST:
        raise RunError(f"At most {MOST:,} rows can be selected at once. Narrow the list first.")
    return Done(own=replace(act.tab.review, selected=tuple(listed), anchor=""))


def _between(view: RunView, row_id: str, until: str) -> list[str]:
    """The rows of the list from one to another."""
    query = filters.wanted(view)
    positions = [view.rows.index_in(query, row) for row in (row_id, until)]
    known = sorted(position for position in positions if position is not None)
    if len(known) < 2:
        return [until]
    if known[1] - known[0] >= MOST:
        raise RunError(f"At most {MOST:,} rows can be selected at once. Narrow the list first, or select fewer.")
    return view.rows.search(query, known[0], known[1] - known[0] + 1)


def _bulk(act: Act) -> Done:
    """Approves, rejects or drops what is chosen, but rows of a blind audit: each of those is to be read."""
    word, view = act.text("word"), act.look
    if word not in PAST:
        raise PageError
    if not (chosen := selected(view)) or view.run is None:
        return Done()
    blind = view.reviews.blind(chosen)
    rows = [row for row in chosen if row not in blind]
    if word == "drop":
        dropped, kept = view.rows.drop_all(rows)
        undo = Undo(view.run.id, _sentence(word, len(dropped), len(blind), kept), dropped=tuple(dropped))
    else:
        if rows and not (who := act.state.reviewer(act.browser, deciding=True)):
            return Done(own=replace(act.tab.review, pending=dict(act.data)))
        added = view.reviews.decide_all(rows, who, word) if rows else []
        undo = Undo(view.run.id, _sentence(word, len(added), len(blind), len(rows) - len(added)), tuple(added))
    return Done(own=replace(act.tab.review, undo=undo, selected=(), anchor=""))


def _sentence(word: str, number: int, blind: int, kept: int) -> str:
    added = [f"{count(number, 'row')} {PAST[word]}." if number else f"No row was {PAST[word]}."]
    if blind:
        added.append(f"{count(blind, 'row')} of the blind audit {_was(blind)} left out: each of them is to be read.")
    if kept and word == "drop":
        added.append(
            f"{count(kept, 'row')} {'stays' if kept == 1 else 'stay'}: Argilla has them, or somebody decided about them."
        )
    elif kept:
        added.append(f"{count(kept, 'row')} {_was(kept)} {PAST[word]} by you already.")
    return " ".join(added)


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _undo(act: Act) -> Done:
    """The rows are as they were before, those that nobody changed meanwhile. Raises RunError while they are sent: what Argilla
    was told of them is not known until then.
    """
    undo, view = act.tab.review.undo, act.look
    if undo is None or undo.run != act.run_id or not undo.number:
        return Done()
    job = act.state.jobs.of(undo.run)
    if undo.added and job is not None and job.what == "push" and job.state == "working":
        raise RunError("Argilla is being told of these rows. Wait until they are sent, or stop that, then undo it.")
    number = view.reviews.take_back(undo.added) if undo.added else view.rows.keep_all(undo.dropped)
    left = undo.number - number
    message = f"{count(number, 'row is', 'rows are')} as before." if number else "Nothing was undone."
    if left:
        message += f" {count(left, 'row')} {_was(left)} changed meanwhile and {'stays' if left == 1 else 'stay'} so."
    return Done(own=replace(act.tab.review, undo=Undo(undo.run, message)))
