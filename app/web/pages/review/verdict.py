"""A verdict in the app itself, for a curator without reviewers: decide, rate, correct. It goes to Argilla with the next push."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr
from markupsafe import Markup

from app.errors import PageError, RunError
from app.web.form_values import FormError
from app.web.html import fragments
from app.web.html.fragments import attrs
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Do, Done, reads
from app.web.saved import LONGEST_NAME, named
from app.web.state import RunView, person_name
from app.web.tab_state import Correction, Draft, ReviewPart
from feedback.argilla.dataset_settings import DECISION, rating_question
from feedback.rating_summary import opinion, rounded
from feedback.response_order import letter, slots
from feedback.reviewed_row import ReviewedRow
from feedback.rubrics import STANDARD_LEVELS, STANDARD_RUBRICS, WHOLE_ROW
from feedback.types import (
    ALSO_FINE,
    CORRECTED_INSTRUCTION,
    CORRECTED_RESPONSE,
    CORRECTION_OF,
    NAMED_RESPONSE,
    TIE,
    WHICH_IS_BETTER,
    sendable,
)
from tasks.errors import SettingsError
from tasks.types import Row

HIDDEN = "model hidden"
MOST_DRAFTS, LONGEST_DRAFT = 20, 400_000
"""Corrections that a tab remembers though they were left, and how many characters of each."""
DECISIONS = (("approve", "Approve", "a"), ("reject", "Reject", "r"), ("unsure", "Unsure", "u"))
KEYS = (
    ("j", "next row"), ("k", "row before"), ("h l", "response before, next response"),
    ("1 to 9", "rate the response, and on to the next unrated one; 0 for 10"),
    ("Shift+A, B", "say which is better, where the labeller compared"), ("Shift+T", "a tie"),
    ("a", "approve"), ("r", "reject"), ("u", "unsure"), ("e", "correct"), ("x", "select"), ("o", "all of each text"),
    ("m", "raw texts"), ("/", "search"),
)  # fmt: skip


def build_name(board: Board, pressed: Do) -> None:
    """The field for a name, while that is asked for. `pressed` does what a button of the row says, once there is one."""
    with gr.Column(elem_classes=["card", "naming"]) as who:
        board.part(
            lambda view: fragments.card_head(
                "Who decides here?", "Your name is kept with each verdict of this browser."
            )
        )
        with gr.Row():
            name = gr.Textbox(
                "", label="Your name", interactive=True, max_lines=1, max_length=LONGEST_NAME, elem_id="reviewer-name",
                html_attributes=gr.InputHTMLAttributes(autocomplete="name"),
            )  # fmt: skip
            me = gr.Button("That is me", variant="primary", size="sm", scale=0, min_width=110, elem_id="that-is-me")
        board.problem("name")
    board.show_while(who, lambda view: view.tab.review.pending is not None)
    for event in (me.click, name.submit):
        board.act(event, partial(be, do=pressed), extra=[name])


def build(board: Board) -> None:
    """The fields for a correction, while one is written."""
    with gr.Column(elem_classes=["card", "correcting"]) as box:
        board.part(
            lambda view: fragments.card_head("Correct this row", "What you write is what goes into the dataset.")
        )
        radio = gr.Radio(
            [],
            label="Response to correct",
            visible=False,
            interactive=True,
            elem_classes="inline",
            elem_id="correct-which",
        )
        instruction = gr.Textbox(
            "", label="Instruction", lines=2, max_lines=12, interactive=True, elem_id="correct-instruction"
        )
        response = gr.Textbox("", label="Response", lines=4, max_lines=24, interactive=True, elem_id="correct-response")
        board.part(lambda view: fragments.notice(meanwhile(view), "warn"), elem_id="meanwhile")
        with gr.Row():
            keep = gr.Button(
                "Approve as corrected", variant="primary", scale=0, min_width=170, elem_id="keep-correction"
            )
            anyway = gr.Button(
                "Approve with mine", variant="primary", scale=0, min_width=150, visible=False, elem_id="keep-anyway"
            )
            leave = gr.Button("Leave it", variant="secondary", scale=0, min_width=90, elem_id="leave-correction")
    board.show_while(box, lambda view: bool(correcting(view)))
    board.dress(radio, _choice)
    board.dress(instruction, lambda view: gr.update(value=_begun(view)[0]))
    board.dress(response, lambda view: gr.update(value=_begun(view)[1], label=_name_of(view)))
    fields = [radio, instruction, response]
    board.dress(keep, lambda view: gr.update(visible=not meanwhile(view)))
    board.dress(anyway, lambda view: gr.update(visible=bool(meanwhile(view))))
    board.act(radio.input, switch, extra=fields, keeps=True)
    board.act(keep.click, correct, extra=fields, keeps=True)
    board.act(anyway.click, lambda act: correct(act, anyway=True), extra=fields, keeps=True)
    board.act(leave.click, leave_it, extra=fields)


def name_of(view: RunView) -> str:
    """The reviewer's name of what is decided here; "" where that is not known yet."""
    return view.reviewer


def _correction(view: RunView) -> Correction | None:
    """The correction that is being written; None where there is none of the row that is open."""
    correction = view.tab.review.correcting
    return correction if correction is not None and correction.row == view.tab.row else None


def correcting(view: RunView) -> str:
    """The row that is being corrected; "" for none."""
    correction = _correction(view)
    return correction.row if correction is not None else ""


def hidden(view: RunView, row_ids: Sequence[str]) -> set[str]:
    """Those of the rows whose ratings are not to be seen yet: of a blind audit, and not decided in this browser's name."""
    blind = view.reviews.blind(row_ids)
    return blind - view.reviews.decided(blind, name_of(view)) if blind else blind


def covered(judged: ReviewedRow) -> ReviewedRow:
    """A row without what the labeller and other people said of it, and without who wrote its responses."""
    responses = tuple(replace(r, model=HIDDEN, principle="") for r in judged.row.responses)
    row = replace(judged.row, responses=responses)
    return replace(judged, row=row, ratings=(), preferences=(), verdicts=(), settlement=None)


def letters(view: RunView, row: Row) -> dict[int, str]:
    """{index: letter} of a row's responses, in the order in which people see them, here and in Argilla."""
    order = view.reviews.response_order(row.id)
    return {index: letter(slot) for index, slot in slots(order, len(row.responses)).items()}


def letter_of(view: RunView, row_id: str, index: int) -> str:
    """The letter of one response, where the row itself is not at hand."""
    order = view.reviews.response_order(row_id)
    return letter(order.index(index) if index in order else index)


def corrected(view: RunView, judged: ReviewedRow) -> int:
    """Which response is being corrected."""
    correction = view.tab.review.correcting
    return correction.index if correction is not None and 0 <= correction.index < len(judged.row.responses) else 0


def _judged(view: RunView, row_id: str) -> ReviewedRow | None:
    by_id = view.rows.reviewed([row_id]) if view.run is not None else {}
    judged = by_id.get(row_id)
    return covered(judged) if judged is not None and hidden(view, [row_id]) else judged


def _begun(view: RunView) -> tuple[str, str]:
    """What the fields hold when a correction begins; what is typed there since is nobody else's."""
    correction = _correction(view)
    return (correction.instruction, correction.response) if correction is not None else ("", "")


def _to_correct(view: RunView, judged: ReviewedRow, focus: int | None) -> int:
    """The response that a correction begins with: the one that this person rated best, else the one in focus, else the one
    that the labeller rated best.
    """
    verdicts = view.reviews.verdicts(judged.row.id)
    own = next((verdict for verdict in verdicts if verdict.reviewer == name_of(view)), None)
    best = own.best(len(judged.row.responses)) if own is not None else []
    if best:
        return focus if focus in best else min(best)
    return judged.best_by_labeller if focus is None else focus


def _decided(view: RunView, row_id: str) -> dict[str, tuple[str, ...]]:
    """The decision and the texts of each reviewer of a row; of a row that is covered this browser's own alone."""
    own = name_of(view) if hidden(view, [row_id]) else ""
    return {
        verdict.reviewer: tuple(
            str(verdict.answers.get(name) or "") for name in (DECISION, CORRECTED_INSTRUCTION, CORRECTED_RESPONSE)
        )
        for verdict in view.reviews.verdicts(row_id)
        if verdict.status == "submitted" and (not own or verdict.reviewer == own)
    }


def meanwhile(view: RunView) -> str:
    """Who decided the row while its correction was being written, in a sentence; "" for nobody."""
    correction = _correction(view)
    if correction is None:
        return ""
    before, now = correction.decided, _decided(view, correction.row)
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if not changed:
        return ""
    what = {"approve": "approved it", "reject": "rejected it", "unsure": "was unsure", "": "took the verdict back"}
    who = [f"{name} {what.get(now.get(name, ('',))[0], 'decided')}" for name in changed]
    stands = (
        "Approving with yours replaces that."
        if name_of(view) in changed
        else "Approving with yours stands beside that."
    )
    return f"While you were writing, {' and '.join(who)}. {stands} “Leave it” keeps the row as it is now."


def written(act: Act) -> dict[str, Draft] | None:
    """The drafts with a correction that is left for something else: coming back to the row brings it back. None where
    nothing was written.
    """
    view, texts = act.look, act.data.get("written")
    correction = _correction(view)
    if (
        correction is None
        or not isinstance(texts, list)
        or len(texts) != 2
        or not all(isinstance(x, str) for x in texts)
    ):
        return None
    if tuple(texts) == _begun(view) or sum(map(len, texts)) > LONGEST_DRAFT:
        return None
    drafts = {row: draft for row, draft in act.tab.review.drafts.items() if row != correction.row}
    newest = dict(list(drafts.items())[1 - MOST_DRAFTS :])
    return {**newest, correction.row: Draft(correction.index, texts[0], texts[1])}


def _without_draft(act: Act) -> ReviewPart:
    """The page's part once a correction is over."""
    over = correcting(act.look)
    drafts = {row: draft for row, draft in act.tab.review.drafts.items() if row != over}
    return replace(act.tab.review, correcting=None, drafts=drafts)


def _without_correction(act: Act) -> ReviewPart:
    return replace(act.tab.review, correcting=None)


def _choice(view: RunView) -> Any:
    """The choice of the response to correct, where there are several."""
    judged = _judged(view, correcting(view)) if correcting(view) else None
    if judged is None or len(judged.row.responses) < 2:
        return gr.update(visible=False)
    choices = [(f"{label} · {judged.row.responses[k].model}", str(k)) for k, label in letters(view, judged.row).items()]
    return gr.update(visible=True, choices=choices, value=str(corrected(view, judged)))


def _name_of(view: RunView) -> str:
    """What the field of the correction is called."""
    judged = _judged(view, correcting(view)) if correcting(view) else None
    if judged is None or not judged.row.responses:
        return "Response"
    of = corrected(view, judged)
    suffix = f" {letters(view, judged.row)[of]}" if len(judged.row.responses) > 1 else ""
    return f"Response{suffix}, {judged.row.responses[of].model}"


def _as_corrected(judged: ReviewedRow, of: int) -> tuple[str, str]:
    """(the instruction, the response at `of`) as they stand, with what was corrected before."""
    corrected = judged.corrected_response()
    own = corrected[0] if corrected is not None and corrected[1] == of else _texts(judged, of)[1]
    return judged.corrected_instruction() or judged.row.instruction, own


def _texts(judged: ReviewedRow, of: int) -> tuple[str, str]:
    """(the instruction, the response at `of`) as the row has them."""
    responses = judged.row.responses
    return sendable(judged.row.instruction), sendable(responses[of].text) if responses else ""


def bar(view: RunView, judged: ReviewedRow) -> Markup:
    """The buttons under a row, with their keys; what was decided here is pressed."""
    answers = view.reviews.answers(judged.row.id, name_of(view))
    buttons = joined(
        markup(
            '<button type="button" class="say {word}" aria-pressed="{pressed}" data-key="{key}"'
            " {data}>{title} <kbd>{key}</kbd></button>",
            word=word,
            pressed=str(answers.get(DECISION) == word).lower(),
            key=key,
            data=attrs(act="say", row=judged.row.id, said=word),
            title=title,
        )
        for word, title, key in DECISIONS
    )
    fix = markup(
        '<button type="button" class="say" data-key="e" {}>Correct <kbd>e</kbd></button>',
        attrs(act="correct", row=judged.row.id),
    )
    back = Markup()
    if answers.get(DECISION) or _rated(answers):
        back = markup('<button type="button" {}>Take it back</button>', attrs(act="unsay", row=judged.row.id))
    who = name_of(view)
    as_whom = (
        markup('<span class="note whose">as {} {}</span>', person_name(who), fragments.button("Change", act="rename"))
        if who
        else Markup()
    )
    keys = joined(markup("<li><kbd>{}</kbd> {}</li>", key, label) for key, label in KEYS)
    fold = markup(
        '<details class="keys"><summary data-key="?"><kbd>?</kbd> Keys</summary><div><ul>{}</ul>{}</div></details>',
        keys,
        _switch("keys", "Single keys do this"),
    )
    onward = _switch("onward", "Next row by itself")
    return markup(
        '<div class="verdict" role="group" aria-label="Your verdict">{buttons}{fix}{back}{onward}{as_whom}{keys}</div>',
        buttons=buttons,
        fix=fix,
        back=back,
        onward=onward,
        as_whom=as_whom,
        keys=fold,
    )


def _switch(name: str, label: str) -> Markup:
    """A switch that the browser remembers, on where it remembers nothing (keys.js)."""
    return markup(
        '<label class="remembered"><input type="checkbox" checked data-remember="{}"> {}</label>', name, label
    )


def stars(view: RunView, judged: ReviewedRow, index: int) -> Markup:
    """The levels for one response, or for the row (WHOLE_ROW) where people rate the instruction; "" where they rate the other.

    They are one stop of Tab, in which the arrow keys move (keys.js), and rate nothing by themselves.
    """
    aspect = aspect_of(view)
    rubric = view.rubrics[aspect] if aspect else None
    if (rubric is not None and rubric.judges == "instruction") is not (index == WHOLE_ROW):
        return Markup()
    levels = rubric.scale if rubric is not None else STANDARD_LEVELS
    question = rating_question(aspect, index)
    answers = view.reviews.answers(judged.row.id, name_of(view))
    rating, also = answers.get(question), answers.get(question + ALSO_FINE)
    buttons = joined(
        markup(
            '<button type="button" aria-pressed="{pressed}" aria-label="{value} of {levels}{means}" tabindex="{tab}" {data}>'
            "{value}</button>",
            pressed=str(value in (rating, also)).lower(),
            value=value,
            levels=levels,
            means="" if rubric is None or rubric.key in STANDARD_RUBRICS else f", {rubric.levels[value - 1]}",
            tab=0 if value == (rating or 1) else -1,
            data=attrs(act="rate", row=judged.row.id, place=index, value=value),
        )
        for value in range(1, levels + 1)
    )
    title = f"Your rating, {rubric.name.replace('-', ' ')}" if rubric is not None else "Your rating"
    group = markup('<div class="stars" role="toolbar" aria-label="{}">{}</div>', title, buttons)
    beside = _also_fine(view, judged.row.id, index, rating, also, levels)
    return markup('<div class="rate"><span class="note">{}</span>{}{}</div>', title, group, beside)


def _also_fine(view: RunView, row: str, index: int, rating: object, also: object, levels: int) -> Markup:
    """The levels beside the one that was given, of which one may be as fine; "" for rows that are not of the audit."""
    if not isinstance(rating, int) or row not in view.reviews.audit_among([row]):
        return Markup()
    buttons = joined(
        markup(
            '<button type="button" aria-pressed="{pressed}" aria-label="{value} is also fine" {data}>{value}</button>',
            pressed=str(value == also).lower(), value=value, data=attrs(act="also", row=row, place=index, value=value),
        )
        for value in (rating - 1, rating + 1)
        if 1 <= value <= levels
    )  # fmt: skip
    return markup('<span class="also" role="group" aria-label="Also fine">also fine? {}</span>', buttons)


def aspect_of(view: RunView) -> str:
    """What a rating here is about: the first aspect that people rate in Argilla."""
    recipe = view.recipe
    return recipe.review.rated(recipe.rating.keys if recipe.rating else ())[0] if recipe is not None else ""


def compares(view: RunView) -> bool:
    """True for a run whose labeller compares responses in pairs."""
    return view.recipe is not None and view.recipe.rating is not None and view.recipe.rating.method == "pairwise"


def _preferred(view: RunView, row_id: str) -> dict[str, Any]:
    """What the labeller prefers, as an answer to the question; {} where it compared nothing."""
    ranking = view.rows.reviewed([row_id])[row_id].ranking
    return {} if ranking is None else {WHICH_IS_BETTER: TIE if ranking.top is None else f"response-{ranking.top + 1}"}


def _rated(answers: Any) -> bool:
    return any(isinstance(value, int) for value in answers.values()) or WHICH_IS_BETTER in answers


# -- what can be done


def say(act: Act) -> Done | None:
    """What a click on a row's own buttons means; None for one that is not about a verdict. Raises PageError, RunError."""
    if act.word == "rename":
        return Done(own=replace(act.tab.review, pending={}))
    if act.word not in ("say", "rate", "also", "better", "unsay", "correct"):
        return None
    view, pressed = act.look, act.row()
    row, decides = pressed.id, act.word != "unsay"
    who = act.state.reviewer(act.browser, deciding=decides)
    if not who and decides:
        return Done(row=row, own=replace(act.tab.review, pending=dict(act.data)))
    blind = bool(hidden(view, [row]))
    match act.word:
        case "say":
            decision = act.text("said")
            if decision not in [word for word, _, _ in DECISIONS]:
                raise PageError
            view.reviews.answer(row, who, {DECISION: decision}, {}, blind=blind)
            return Done(row=row, own=_without_correction(act))
        case "rate":
            index, aspect = act.number("place", WHOLE_ROW, len(pressed.responses) - 1), aspect_of(view)
            question = rating_question(aspect, index)
            value = act.number("value", 1, view.rubrics.scale(aspect))
            again = view.reviews.answers(row, who).get(question) == value
            suggested = None if blind else opinion(view.rows.ratings(row), index, aspect)
            in_sight = {question: rounded(suggested[0])} if suggested is not None else {}
            changes = {question: None if again else value, question + ALSO_FINE: None}
            view.reviews.answer(row, who, changes, {}, suggested=in_sight, blind=blind)
            return Done(row=row)
        case "also":
            index = act.number("place", WHOLE_ROW, len(pressed.responses) - 1)
            question = rating_question(aspect_of(view), index)
            value, answers = act.number("value", 1, view.rubrics.scale(aspect_of(view))), view.reviews.answers(row, who)
            given = answers.get(question)
            if not isinstance(given, int) or abs(value - given) != 1 or not view.reviews.audit_among([row]):
                raise PageError
            again = answers.get(question + ALSO_FINE) == value
            view.reviews.answer(row, who, {question + ALSO_FINE: None if again else value}, {}, blind=blind)
            return Done(row=row)
        case "better":
            which = act.text("said")
            named = NAMED_RESPONSE.fullmatch(which)
            if which != TIE and (named is None or int(named[1]) > len(pressed.responses)):
                raise PageError
            again = view.reviews.answers(row, who).get(WHICH_IS_BETTER) == which
            in_sight = {} if blind else _preferred(view, row)
            view.reviews.answer(
                row, who, {WHICH_IS_BETTER: None if again else which}, {}, suggested=in_sight, blind=blind
            )
            return Done(row=row)
        case "unsay":
            view.reviews.answer(
                row, who, dict.fromkeys(view.reviews.answers(row, who)), {}, status="discarded", blind=blind
            )
            return Done(row=row, own=_without_correction(act), toast="Taken back.")
        case "correct":
            if correcting(view) == row:
                return Done(own=_without_correction(act))
            if (judged := _judged(view, row)) is None:
                return Done(row=row)
            decided = _decided(view, row)
            if draft := act.tab.review.drafts.get(row):
                correction = Correction(row, draft.index, draft.instruction, draft.response, decided)
                own = replace(act.tab.review, correcting=correction)
                return Done(row=row, own=own, toast="What you wrote is here again.")
            slot = act.number("focus", 0, max(len(pressed.responses) - 1, 0)) if "focus" in act.data else None
            focus = None if slot is None else [*letters(view, pressed)][slot]
            of = _to_correct(view, judged, focus)
            correction = Correction(row, of, *_as_corrected(judged, of), decided)
            return Done(row=row, own=replace(act.tab.review, correcting=correction))
    return None


@reads
def be(act: Act, do: Do = say) -> Done:
    """This browser decides under that name from now on; what was pressed before it was asked for is done."""
    typed = str((act.extra[0] if act.extra else "") or "")
    try:
        act.state.keep(act.browser, {"reviewer.name": named(typed)})
    except SettingsError as error:
        raise FormError("name", str(error)) from error
    named_now = replace(act.tab.review, pending=None)
    done = Done(own=named_now)
    if pressed := act.tab.review.pending:
        with contextlib.suppress(PageError, RunError):  # another run is shown by now, or the row is gone
            done = do(replace(act, data=pressed, extra=(), tab=replace(act.tab, review=named_now))) or done
    own = done.own if isinstance(done.own, ReviewPart) else named_now
    return replace(done, own=replace(own, pending=None))


def switch(act: Act) -> Done:
    """Another response is to be corrected; what was written already stays."""
    view = act.look
    correction = _correction(view)
    judged = _judged(view, correction.row) if correction is not None else None
    chosen, instruction, response = (str(value or "") for value in [*act.extra, "", "", ""][:3])
    if correction is None or judged is None or not chosen.isdecimal() or int(chosen) >= len(judged.row.responses):
        return Done()
    is_untouched = response.strip() in {
        text.strip() for text in (_as_corrected(judged, corrected(view, judged))[1], "")
    }
    text = _as_corrected(judged, int(chosen))[1] if is_untouched else response
    correction = replace(correction, index=int(chosen), instruction=instruction, response=text)
    return Done(own=replace(act.tab.review, correcting=correction))


def leave_it(act: Act) -> Done:
    return Done(own=_without_draft(act))


def correct(act: Act, *, anyway: bool = False) -> Done:
    """Approves the row with the texts as they were written; where somebody decided meanwhile, only `anyway`."""
    view = act.look
    judged = _judged(view, correcting(view)) if correcting(view) else None
    who = act.state.reviewer(act.browser, deciding=True)
    if judged is None or not who:
        return Done(own=_without_correction(act))
    if meanwhile(view) and not anyway:
        return Done()
    was = dict(zip((CORRECTED_INSTRUCTION, CORRECTED_RESPONSE), _texts(judged, corrected(view, judged)), strict=True))
    written = dict(zip(was, (sendable(str(text or "").strip()) for text in act.extra[1:]), strict=True))
    changes = {name: text if text and text != was[name] else None for name, text in written.items()}
    if len(judged.row.responses) > 1:
        changes[CORRECTION_OF] = f"response-{corrected(view, judged) + 1}" if changes[CORRECTED_RESPONSE] else None
    blind = bool(hidden(view, [judged.row.id]))
    view.reviews.answer(judged.row.id, who, {DECISION: "approve", **changes}, was, blind=blind)
    return Done(own=_without_draft(act), toast="Approved as corrected." if any(changes.values()) else "Approved.")
