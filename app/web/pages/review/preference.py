"""Which response of a row is better: said by a key or a button, with what the labeller prefers and why beside it."""

from collections import defaultdict

from markupsafe import Markup

from app.web.html import fragments
from app.web.html.fragments import attrs
from app.web.html.markup import joined, markup
from app.web.pages.review import verdict
from app.web.state import RunView
from feedback.argilla.dataset_settings import which_is_better
from feedback.comparisons import renamed
from feedback.rating_summary import MOST_RESPONSES
from feedback.response_order import letter
from feedback.reviewed_row import ReviewedRow
from feedback.types import TIE, WHICH_IS_BETTER, Preference

Letters = dict[int, str]
"""{index of a response: the letter by which people know it}"""


def part(view: RunView, judged: ReviewedRow) -> Markup:
    """The question and the labeller's answer to it; "" in a run whose labeller does not compare, and for a single response."""
    letters = {index: name for index, name in verdict.letters(view, judged.row).items() if index < MOST_RESPONSES}
    if not verdict.compares(view) or len(letters) < 2:
        return Markup()
    own = view.reviews.answers(judged.row.id, verdict.name_of(view)).get(WHICH_IS_BETTER)
    choices = [*((f"response-{index + 1}", name, name) for index, name in letters.items()), (TIE, "Tie", "T")]
    buttons = joined(
        markup(
            '<button type="button" aria-pressed="{pressed}" data-key="{key}" {data}>{title} <kbd>Shift+{key}</kbd></button>',
            pressed=str(own == value).lower(),
            key=key,
            data=attrs(act="better", row=judged.row.id, said=value),
            title=title,
        )
        for value, title, key in choices
    )
    title = which_is_better(len(letters))
    return markup(
        '<section class="better" aria-label="{title}"><h3>{title}</h3><div role="group" aria-label="{title}">{buttons}</div>'
        "{labeller}</section>",
        title=title,
        buttons=buttons,
        labeller=_labeller(judged, letters),
    )


def _labeller(judged: ReviewedRow, letters: Letters) -> Markup:
    """What the labeller prefers, in a sentence, and its reasons; "" where it compared nothing, or where that is covered."""
    if not judged.preferences:
        return Markup()
    compared, ranking = judged.comparisons, judged.ranking
    unread = sum(p.status != "compared" for p in judged.preferences)
    if ranking is None:
        line = "The labeller's answers could not be read in both orders."
    else:
        changed = sum(c.changed for c in compared)
        if ranking.top is None:
            line = (
                "The labeller prefers neither."
                if len(letters) == 2
                else "The labeller prefers no response to all others."
            )
        elif len(letters) == 2:
            line = f"The labeller prefers {letters.get(ranking.top, letter(ranking.top))} in both orders."
        else:
            order = _order(ranking.ranks, letters)
            top = letters.get(ranking.top, letter(ranking.top))
            line = f"The labeller ranks {order}; that {top} is the best is {ranking.sure:.0%} likely."
        if changed:
            pairs = "its preference" if len(compared) == 1 else f"{changed} of {len(compared)} preferences"
            line += f" It changed {pairs} with the order, which counts as a tie."
    if unread:
        line += f" {fragments.count(unread, 'answer')} could not be read."
    reasons = joined(_reason(p, letters, judged) for p in judged.preferences if p.status == "compared")
    fold = fragments.fold("Why", markup("<ul>{}</ul>", reasons)) if reasons else Markup()
    return markup('<div class="of-labeller"><p>{}</p>{}</div>', line, fold)


def _order(ranks: dict[int, int], letters: Letters) -> str:
    """Responses from best to worst: B, A = C."""
    by_rank: dict[int, list[str]] = defaultdict(list)
    for index, rank in ranks.items():
        by_rank[rank].append(letters.get(index, letter(index)))
    return ", ".join(" = ".join(by_rank[rank]) for rank in sorted(by_rank))


def _reason(preference: Preference, letters: Letters, judged: ReviewedRow) -> Markup:
    first, second = (letters.get(index, letter(index)) for index in (preference.first, preference.second))
    chosen = {"first": f"{first} is better", "second": f"{second} is better"}.get(str(preference.better), "a tie")
    several = len({p.aspect for p in judged.preferences}) > 1
    aspect = f"{judged.rubrics.name(preference.aspect)}, " if several else ""
    return markup(
        '<li dir="auto"><b>{aspect}{first} before {second}: {chosen}.</b> {why}</li>',
        aspect=aspect,
        first=first,
        second=second,
        chosen=chosen,
        why=renamed(preference.rationale, first, second) or "No reason given.",
    )
