"""What people said of a row, a part for each reviewer under it, and how an undecided row is settled."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from markupsafe import Markup

from app.errors import PageError, RunError
from app.web.html import fragments
from app.web.html.fragments import attrs, count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Done
from app.web.pages.review import verdict
from app.web.run_reviews import given_in_app
from app.web.state import RunView, person_name
from feedback.argilla.dataset_settings import DECISION
from feedback.response_order import letter
from feedback.reviewed_row import ReviewedRow
from feedback.rubrics import on_five
from feedback.stats.text_diff import word_changes
from feedback.types import (
    CORRECTED_INSTRUCTION,
    CORRECTED_RESPONSE,
    CORRECTION_OF,
    NAMED_RESPONSE,
    NOT_KNOWN,
    RANKING,
    RATED,
    WHICH_IS_BETTER,
    Verdict,
)

DECIDED = {"approve": ("approved", "ok"), "reject": ("rejected", "bad"), "unsure": ("unsure", "plain")}
SETTLES = {"approve": "Settle as approved", "reject": "Settle as rejected"}
ORIGINS = {
    "given": "given", "changed": "changed from the suggestion", "accepted": "accepted as suggested",
    NOT_KNOWN: "given or accepted, not known which",
}  # fmt: skip
Letters = dict[int, str]
"""{place of a response: the letter by which people know it}"""
LONGEST = 20_000
"""Characters of an answer that are shown."""


def opinions(view: RunView, judged: ReviewedRow) -> Markup:
    """A part for each reviewer of a row, the newest last; "" where nobody said anything, or the row is covered."""
    if not judged.verdicts:
        return Markup()
    reviews = sorted(judged.verdicts, key=lambda review: review.updated_at)
    letters = verdict.letters(view, judged.row)
    lines = joined(_opinion(judged, review, letters) for review in reviews)
    return markup(
        '<section class="opinions" aria-label="What people said"><h3>What people said</h3>{}'
        '<ul class="opinion-list">{}</ul></section>',
        _outcome(judged),
        lines,
    )


def settled_pill(judged: ReviewedRow) -> Markup:
    """How the row stands where somebody settled it; "" where nobody did."""
    if (settled := judged.settled) is None:
        return Markup()
    word, tone = DECIDED[settled.decision]
    return fragments.pill(f"{word} · settled by {person_name(settled.who)}", tone)


def _outcome(judged: ReviewedRow) -> Markup:
    """The outcome where reviewers are several or came to nothing, and how that was settled or can be."""
    row, settled = judged.row.id, judged.settled
    votes: list[str] = [review.decision for review in judged.submitted if review.decision]
    shown = ", ".join(f"{votes.count(key)} {word}" for key, (word, _) in DECIDED.items() if votes.count(key))
    if settled is not None:
        word = DECIDED[settled.decision][0]
        undo = fragments.button("Undo the settlement", act="unsettle", row=row)
        return markup(
            '<div class="settled"><p><b>Settled as {word} by {who}</b>, {at}. '
            "The reviewers stay as they are: {shown}.</p>{undo}</div>",
            word=word,
            who=person_name(settled.who),
            at=moment(settled.at),
            shown=shown,
            undo=undo,
        )
    if judged.decision != "unsure":
        if len(votes) < 2:
            return Markup()
        return markup('<p class="note">{} decided: {}.</p>', count(len(votes), "reviewer"), shown)
    buttons = joined(
        markup(
            '<button type="button" class="settle {}" {}>{}</button>',
            decision,
            attrs(act="settle", row=row, decision=decision),
            label,
        )
        for decision, label in SETTLES.items()
    )
    return markup(
        '<div class="settled open"><p><b>Undecided</b>: {}. Whoever settles it is named with the row; what the reviewers '
        'said stays as it is.</p><div role="group" aria-label="Settle the row">{}</div></div>',
        shown,
        buttons,
    )


def _opinion(judged: ReviewedRow, review: Verdict, letters: Letters) -> Markup:
    if review.status == "submitted":
        pill = fragments.pill(*DECIDED[review.decision]) if review.decision else fragments.pill("no decision")
    else:
        pill = fragments.pill(review.status)
    where = "in the app" if given_in_app(review) else "in Argilla"
    blind = ", without the labeller's ratings in sight" if review.blind else ""
    when = markup('<span class="note">{}, {}{}</span>', moment(review.updated_at), where, blind)
    lines = joined(
        markup("<div><dt>{}</dt><dd>{}</dd></div>", name, value) for name, value in _answers(judged, review, letters)
    )
    body = markup("<dl>{}</dl>", lines) if lines else Markup()
    return markup(
        '<li><header><b translate="no">{}</b>{}{}</header>{}</li>', person_name(review.reviewer), pill, when, body
    )


def _answers(judged: ReviewedRow, review: Verdict, letters: Letters) -> Iterator[tuple[str, str | Markup]]:
    """(what was answered, the answer) of everything but the decision."""
    if ratings := [_rating(judged, review, letters, *key, value) for key, value in sorted(review.ratings.items())]:
        yield "Ratings", markup('<span class="given">{}</span>', joined(ratings))
    if review.ranking:
        yield "Ranking", markup("{} {}", _ranking(review.ranking, letters), _origin(review, RANKING))
    if (named := review.answers.get(WHICH_IS_BETTER)) is not None:
        chosen = NAMED_RESPONSE.fullmatch(str(named))
        which = "tie" if chosen is None else letters.get(int(chosen[1]) - 1, chosen[1])
        yield "Better", markup("<b>{}</b> {}", which, _origin(review, WHICH_IS_BETTER))
    if review.reasons:
        reasons = joined(markup('<span class="reason">{}</span>', reason[:200]) for reason in review.reasons)
        yield "Reasons", reasons
    for question, answer in review.answers.items():
        if (
            isinstance(answer, str)
            and question not in (DECISION, CORRECTION_OF, WHICH_IS_BETTER)
            and answer.strip()
            and not _as_shown(judged, review, question)
        ):
            yield _asked(judged, review, question, letters), _text(judged, review, question, answer)


def _rating(judged: ReviewedRow, review: Verdict, letters: Letters, aspect: str, index: int, value: int) -> Markup:
    letter = letters.get(index, "") if len(letters) > 1 else ""
    named = " ".join(filter(None, [letter, judged.rubrics.name(aspect).replace("-", " ")])) or "rating"
    origin = _origin(review, f"{aspect or 'rating'}-{index + 1}")
    levels = judged.rubrics.scale(aspect)
    low, high = review.rating_ranges.get((aspect, index), (value, value))
    shown = str(value) if low == high else f"{low} or {high}"
    return markup(
        '<span>{} <b class="{}">{}</b> {}</span>', named, fragments.tone(on_five(value, levels)), shown, origin
    )


def _origin(review: Verdict, question: str) -> Markup:
    return markup('<span class="note">{}</span>', ORIGINS[review.origin(question) or NOT_KNOWN])


def _ranking(ranks: dict[int, int], letters: Letters) -> str:
    """Responses from best to worst: B, A = C."""
    levels: dict[int, list[str]] = {}
    for index, rank in sorted(ranks.items()):
        levels.setdefault(rank, []).append(letters.get(index, letter(index)))
    return ", ".join(" = ".join(levels[rank]) for rank in sorted(levels))


def _as_shown(judged: ReviewedRow, review: Verdict, question: str) -> bool:
    """True where a text is as it stood there: the labeller's reasons, or what was to be corrected."""
    known = [review.shown.get(question)]
    if question == CORRECTED_INSTRUCTION:
        known.append(judged.row.instruction)
    if question == CORRECTED_RESPONSE:
        known += [response.text for response in judged.row.responses]
    return review.answers[question] in known


def _asked(judged: ReviewedRow, review: Verdict, question: str, letters: Letters) -> str:
    """The name of a question on the page."""
    if question == CORRECTED_INSTRUCTION:
        return "Instruction, corrected"
    if question == CORRECTED_RESPONSE:
        suffix = f" {letters.get(judged.corrected_by(review), '')}" if len(letters) > 1 else ""
        return f"Response{suffix}, corrected"
    numbered = RATED.fullmatch(question)
    if numbered is not None and numbered[1] == "rationale":
        return f"On {letters.get(int(numbered[2]) - 1, numbered[2])}"
    return fragments.sentence(question.replace("-", " "))


def _text(judged: ReviewedRow, review: Verdict, question: str, answer: str) -> Markup:
    """A text as it is; a correction with what it took away and what it put there."""
    before, of = review.shown.get(question), review.correction_of
    if question == CORRECTED_INSTRUCTION and before is None:
        before = judged.row.instruction
    if question == CORRECTED_RESPONSE and of is not None and of < len(judged.row.responses):
        before = judged.row.responses[of].text  # another one may have stood there
    if before is None or question not in (CORRECTED_INSTRUCTION, CORRECTED_RESPONSE):
        return markup('<div class="text">{}</div>', answer[:LONGEST])
    tags = {"same": Markup("{}"), "gone": Markup("<del>{}</del>"), "new": Markup("<ins>{}</ins>")}
    changes = word_changes(before[:LONGEST], answer[:LONGEST])
    pieces = joined(tags[kind].format(text) for kind, text in changes)
    return markup('<div class="text diff">{}</div>', pieces)


def moment(at: str) -> str:
    """A time as people write it, in UTC."""
    try:
        time = datetime.fromisoformat(at)
    except ValueError:
        return at
    return f"{time.day} {time:%b %Y, %H:%M} UTC"


# -- what can be done


def act_on(act: Act) -> Done | None:
    """Settles a row, or undoes that; None for a click on something else. Raises PageError, RunError."""
    if act.word not in ("settle", "unsettle"):
        return None
    view, row = act.look, act.row().id
    if view.run is None or verdict.hidden(view, [row]):
        raise RunError("This row is of the blind audit: judge it yourself first.")
    judged = view.rows.reviewed([row])[row]
    if act.word == "unsettle":
        undone = view.reviews.unsettle(row)
        return Done(row=row, toast="Settlement undone." if undone else "")
    decision = act.text("decision")
    if decision not in SETTLES:
        raise PageError
    if judged.settled is None and judged.decision != "unsure":
        raise RunError("This row is not undecided any more: what its reviewers said was brought back meanwhile.")
    if not (who := act.state.reviewer(act.browser, deciding=True)):
        return Done(row=row, own=replace(act.tab.review, pending=dict(act.data)))
    view.reviews.settle(row, decision, who)
    return Done(row=row, toast=f"Settled as {DECIDED[decision][0]}.")
