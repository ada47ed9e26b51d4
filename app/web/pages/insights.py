"""Insights: what the labeller thinks, what people said, what it took."""

from collections.abc import Sequence

import gradio as gr
from markupsafe import Markup

from app.errors import PageError
from app.runs.cost import pricing
from app.web import stats as web_stats
from app.web import stats_tables
from app.web.html import fragments, plots
from app.web.html.fragments import attrs, count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done, reads
from app.web.pages import quality, rejection_reasons
from app.web.pages.rating import checks
from app.web.pages.review import filters, verdict
from app.web.state import RunView
from feedback.stats import advice
from feedback.stats.agreement import DECISION, Agreement
from feedback.stats.histograms import by_aspect, by_model, of_all
from feedback.stats.length_bias import LEAST, ByLength
from feedback.stats.measures import Measure
from tasks.response_flags import MEANINGS

LOOKS = {"risk", "second-opinions", "reason", "failing", "rated", "marked"}
"""What a click on a panel says that only shows something."""
WHY_AUDIT = (
    "Only the audit sample counts: rows drawn at random before anybody saw one. Rows picked because something may be wrong "
    "with them would make any labeller look bad."
)
MEANING = (
    "Same decision: the labeller rates its best response from the level on from which the rubric keeps (4 of 5) and people "
    "approve, or less and they reject. People minus labeller: above 0, people rate higher. Kappa is 1 where all ratings agree, 0 "
    "where only chance makes them."
)
ALPHA = "Alpha is 1 where all agree, 0 where only chance makes them, less than 0 where people differ more than that."
COUNTED = (
    "Tokens are those that the endpoints report; time is that of all calls added up, also of those that ran at once."
)
NO_PRICE = " What a call costs is told for models with prices in their settings, on the page Models."
CORRELATION = (
    "Rank correlation (Spearman): 1 where each longer response has the higher rating, −1 where each has the lower, 0 where "
    "length says nothing."
)
BIAS = (
    "Position bias: the share of pairs that the first place won in both orders, minus that of the second place; 0 where neither "
    "is favoured."
)
TALL = 96


def build(board: Board) -> None:
    with gr.Row(elem_classes="page-bar"):
        board.part(
            lambda view: fragments.page_head(
                "Insights", "What the labeller thinks, what people said, and what it took."
            )
        )
    board.problem("insights")
    board.part(key_numbers)
    board.part(quality.panels, pressed, elem_id="proof")
    board.part(panels, pressed)


@reads
def pressed(act: Act) -> Done | None:
    """Follows a click on a panel."""
    if act.word not in LOOKS:
        act.to_work()
    done = quality.act_on(act) or rejection_reasons.act_on(act) or checks.act_on(act)
    return done or rated(act) or marked_rows(act) or take_prices(act)


def rated(act: Act) -> Done | None:
    """The rows behind a bar of ratings, on Review; None for a click on something else. Raises PageError."""
    if act.word != "rated":
        return None
    of, name = act.text("of"), act.text("name")
    levels = act.look.rubrics.scale(name) if of == "aspect" else filters.scale(act.look)
    value = str(act.number("value", 1, levels))
    known = act.look.rows.aspects() if of == "aspect" else act.look.rows.models()
    if of not in ("aspect", "model") or name not in known:
        raise PageError
    return filters.lead_to(act, {of: name, "value": value})


def marked_rows(act: Act) -> Done | None:
    """The rows whose responses have a mark, on Review; None for a click on something else. Raises PageError."""
    if act.word != "marked":
        return None
    if (mark := act.text("mark")) not in MEANINGS:
        raise PageError
    return filters.lead_to(act, {"mark": mark})


def key_numbers(view: RunView) -> Markup:
    """The key numbers in a row."""
    if view.run is None or not view.counts.answered:
        return fragments.empty("Nothing to tell yet", "Make some rows first, on the page Generate.")
    counts = view.counts
    rating_counts = view.counted(web_stats.ratings) or []
    every = of_all(rating_counts)
    rated, mean = every.n, "–" if every.mean is None else f"{every.mean:.2f}"
    approved = f"{counts.approved / counts.reviewed:.0%}" if counts.reviewed else "–"
    cells = [
        (f"{counts.answered:,}", "rows", f"{counts.dropped:,} dropped, {counts.failed:,} failed"),
        (mean, "mean rating", f"{count(rated, 'rating')}, all aspects"),
        (approved, "approved", f"{counts.approved:,} of {counts.reviewed:,} reviewed, {counts.sent:,} sent"),
        _agreeing(view),
        _spending(view),
    ]
    inner = joined(
        markup("<div><b>{}</b><span>{}</span><em>{}</em></div>", value, word, more) for value, word, more in cells
    )
    return markup('<div class="kpis">{}</div>', inner)


def _agreeing(view: RunView) -> tuple[str, str, str]:
    """How often people and the labeller decide alike, with its interval; or why that is not known."""
    title = "same decision as people"
    agreement = view.counted(web_stats.agreement)
    measures = next(iter(agreement.labeller.values()), ()) if agreement is not None else ()
    same = next((measure for measure in measures if measure.name == DECISION), None)
    if same is None and agreement is not None and agreement.which_is_better is not None:
        title, same = "same preference as people", agreement.which_is_better.measures[0]
    if same is None:
        return "–", title, "no audit row is reviewed yet"
    if same.value is None:
        return "–", title, same.shown
    return same.shown, title, f"{same.interval}, {count(same.n, same.of)}"


def _spending(view: RunView) -> tuple[str, str, str]:
    """The cost of the run's calls, or how many there were."""
    assert view.run is not None
    lines = stats_tables.spent(view.state, view.run)
    tally = web_stats.added(*(tally for _, _, tally in lines))
    known = pricing.prices(view.recipe) if view.recipe else {}
    dollars = pricing.total([pricing.cost(known, model, each) for _, model, each in lines])
    calls = count(tally.sent, "call")
    if not tally.sent:
        return "–", "spent", "no model was asked"
    if dollars is None:
        return f"{tally.sent:,}", "calls" if tally.sent != 1 else "call", "no prices are known of these models"
    return pricing.format_dollars(dollars), "spent", f"{calls}, by the prices on Models"


def panels(view: RunView) -> Markup:
    """Plots over the whole width, then what else is known in two columns."""
    if view.run is None or not view.counts.answered:
        return Markup()
    left = markup("<div>{}{}{}{}</div>", by_length(view), cost(view), lost(view), marked(view) + checks.panel(view))
    right = rejection_reasons.panel(view) + agreement(view)
    return markup(
        '<div class="insights">{}<div class="stacks">{}<div>{}</div></div></div>',
        which_is_better(view) + ratings(view),
        left,
        right,
    )


def which_is_better(view: RunView) -> Markup:
    """Whether the labeller favours a place, how often it changes its mind, and whose responses it prefers; "" for a run in which
    it compared nothing.
    """
    assert view.run is not None
    title, line = "Which is better", "the labeller compares two responses at a time, in both orders"
    figures = view.counted(web_stats.which_is_better)
    if figures is None:
        return plots.counting(title) if verdict.compares(view) else Markup()
    if not figures.compared and not figures.unread and not figures.failed:
        if not verdict.compares(view):
            return Markup()
        return fragments.panel(title, line, fragments.note("No pair is compared yet. Compare them on the page Rate."))
    shares = [figures.bias, figures.changed, figures.first, figures.second]
    lines = [[fragments.sentence(m.name), m.shown, m.interval, f"{m.n:,}"] for m in shares]
    body = markup(
        '<p class="finding">{}</p>{}',
        figures.sentence,
        fragments.table(["measure", "share of pairs", "95% interval", "pairs"], lines),
    )
    if figures.models:
        wins = [
            [
                w.model or "unknown",
                f"{w.wins:,}",
                f"{w.ties:,}",
                f"{w.losses:,}",
                w.won.shown,
                w.won.interval,
                f"{w.won.n:,}",
            ]
            for w in figures.models
        ]
        body += fragments.table(["responses of", "won", "ties", "lost", "share won", "95% interval", "pairs"], wins)
    notes = [BIAS]
    if figures.unread + figures.failed:
        notes.append(
            f"{count(figures.unread + figures.failed, 'answer')} could not be read or asked for; such pairs are left out."
        )
    return plots.plot(
        title, line, body, stats_tables.of_comparisons(figures), view.run, "which-is-better", " ".join(notes)
    )  # fmt: skip


def ratings(view: RunView) -> Markup:
    """Histograms by aspect and by model."""
    assert view.run is not None
    rating_counts = view.counted(web_stats.ratings)
    if rating_counts is None:
        return plots.counting("Rating by aspect") + plots.counting("Rating by model")
    if not rating_counts:
        at_it = view.working and view.job is not None and view.job.what in ("work", "rate")
        judging = at_it and view.recipe is not None and view.recipe.rating is not None
        if verdict.compares(view):
            return Markup()
        message = "Rows are being rated." if judging else "Rate the rows on the page Rate."
        return fragments.panel("Ratings", "none yet", fragments.note(message))
    aspects, models = by_aspect(rating_counts), by_model(rating_counts)
    named = view.rubrics.title
    notes = joined(_advice(advice.on_scale(named(key), scale)) for key, scale in aspects.items())
    aspect_plot = plots.plot(
        "Rating by aspect", "how many of each; at the right the mean",
        plots.multiples(aspects, TALL, of="aspect", named=named) + notes,
        stats_tables.of_aspects(aspects), view.run, "ratings-by-aspect", plots.remarks(aspects),
    )  # fmt: skip
    together = "all aspects together" if len(aspects) > 1 else f"by {named(next(iter(aspects)))}"
    return aspect_plot + plots.plot(
        "Rating by model", f"the model that wrote the response; {together}", plots.multiples(models, TALL, long=True, of="model"),
        stats_tables.of_models(rating_counts), view.run, "ratings-by-model", plots.left_out(models),
    )  # fmt: skip


def by_length(view: RunView) -> Markup:
    """Mean rating in bands of length, and whether the one goes with the other."""
    assert view.run is not None
    title = "Rating by length"
    lengths = view.counted(web_stats.lengths)
    if lengths is None:
        return plots.counting(title)
    if not lengths:
        return fragments.panel(title, "words in the response", fragments.note("No response has a rating yet."))
    every = lengths[""]
    aspects = [aspect for aspect in lengths if aspect]
    line = "words in the response; mean with its 95% interval"
    if len(aspects) > 1:
        line += "; all aspects together"
    body = markup('{}<p class="finding">{}</p>{}', plots.dots(every), _finding(every), _advice(advice.on_length(every)))
    if len(aspects) > 1 and every.n >= LEAST:
        rows = [
            [view.rubrics.title(aspect), _correlation(lengths[aspect]), f"{lengths[aspect].n:,}"] for aspect in aspects
        ]
        body += fragments.table(["aspect", "rank correlation with length", "responses"], rows)
    return plots.plot(
        title, line, body, stats_tables.of_lengths(lengths), view.run, "ratings-by-length",
        CORRELATION if every.correlation is not None else "",
    )  # fmt: skip


def _finding(stats: ByLength) -> str:
    if stats.correlation is None:
        return stats.words
    return f"{stats.words} Rank correlation {_correlation(stats)}, {count(stats.n, 'response')}."


def _correlation(stats: ByLength) -> str:
    return stats_tables.in_words(stats.correlation)


def agreement(view: RunView) -> Markup:
    """How people and the labeller agree, and reviewers with each other; what is missing where nothing can be said yet."""
    assert view.run is not None
    labeller, reviewers = "How well people and the labeller agree", "How well reviewers agree"
    agreement = view.counted(web_stats.agreement)
    if agreement is None:
        return plots.counting(labeller) + plots.counting(reviewers)
    if not agreement.rows:
        message = "Nothing yet: no row of this run was sent to Argilla as part of an audit sample. "
        body = fragments.note(message + WHY_AUDIT)
        return fragments.panel(labeller, "audit sample", body) + fragments.panel(reviewers, "audit sample", body)
    line = f"{agreement.reviewed:,} of {count(agreement.rows, 'audit row')} reviewed"
    tables = joined(
        _measures(view.rubrics.title(aspect), measures)
        + _caveat(agreement.left_out(aspect))
        + _advice(advice.on_labeller(agreement, aspect, view.rubrics.scale(aspect)))
        for aspect, measures in agreement.labeller.items()
    )
    preferred = _preferred(view, agreement)
    body = tables + preferred or fragments.note("Nobody has reviewed a row that the labeller rated yet.")
    if tables or preferred:
        body += _caveat(
            f"{agreement.blind:,} of {count(agreement.reviews, 'review')} without the labeller's ratings in sight; seeing them "
            "draws people towards them."
        )
        body += _advice(advice.on_seen(agreement))
    if tables:
        body += _crossed(view, agreement)
    if tables or not preferred:
        body += fragments.note(MEANING)
    body += fragments.note(WHY_AUDIT) + plots.behind(stats_tables.of_people(agreement), view.run, "people-and-labeller")
    labeller_panel = fragments.panel(labeller, line, markup('<div class="measures">{}</div>', body))
    return labeller_panel + fragments.panel(reviewers, line, _reviewers(view, agreement))


def _measures(title: str, measures: Sequence[Measure]) -> Markup:
    rows = [[measure.name, measure.shown, measure.interval, count(measure.n, measure.of)] for measure in measures]
    return fragments.table([title, "value", "95% interval", "from"], rows)


def _caveat(sentence: str) -> Markup:
    """What a number leaves out, right under it and as large as it; "" for nothing."""
    return markup('<p class="finding">{}</p>', sentence) if sentence else Markup()


def _advice(sentence: str) -> Markup:
    """A sentence on what to do about a figure, beside it; "" for none."""
    return fragments.notice(sentence, "warn") if sentence else Markup()


def _preferred(view: RunView, agreement: Agreement) -> Markup:
    """How well people and the labeller agree on which response is better, with the table of both behind a click; "" where nothing
    was compared.
    """
    better = agreement.which_is_better
    if better is None:
        return Markup()
    assert view.run is not None
    shown = _measures("Which is better", better.measures) + _caveat(better.left_out)
    behind = plots.behind(stats_tables.of_preferences(agreement), view.run, "preferences")
    if not better.table:
        return (
            shown
            + fragments.note("Nobody has said which response is better yet, of rows that the labeller compared.")
            + behind
        )
    names = [name if len(name) == 1 else fragments.sentence(name) for name in better.names]
    legend = fragments.note(
        "How often people preferred the response at the left where the labeller preferred the one above. With an edge: both "
        "prefer the same. A preference of the labeller's that changes with the order is a tie."
    )
    table = plots.heat("Which is better", better.table, names, "answer")
    crossed = plots.behind(stats_tables.of_preferences_crossed(agreement), view.run, "preferences-by-labeller")
    body = markup('<div class="agree">{}</div>{}{}', table, legend, crossed)
    answers = count(sum(map(sum, better.table)), "answer")
    return shown + fragments.fold("People's preferences by the labeller's", body, answers, "open-wide") + behind


def _crossed(view: RunView, agreement: Agreement) -> Markup:
    """The table of people's ratings by the labeller's, for each aspect, behind a click."""
    assert view.run is not None
    if not agreement.tables:
        own = "no ratings of their own" if agreement.accepted else "no ratings"
        return fragments.note(
            f"People gave {own} in these reviews, only decisions: nothing to set beside the labeller's."
        )
    tables = joined(plots.heat(view.rubrics.title(aspect), table) for aspect, table in agreement.tables.items())
    pairs = sum(sum(line) for table in agreement.tables.values() for line in table)
    legend = fragments.note(
        "How often people gave the rating at the left where the labeller gave the one above (its mean, rounded). With an edge: "
        "both say the same."
    )
    behind = plots.behind(stats_tables.of_tables(agreement), view.run, "people-by-labeller")
    body = markup('<div class="agree">{}</div>{}{}', tables, legend, behind)
    return fragments.fold("People's ratings by the labeller's", body, count(pairs, "rating"), "open-wide")


def _reviewers(view: RunView, agreement: Agreement) -> Markup:
    assert view.run is not None
    better = agreement.which_is_better
    rows = [
        [view.rubrics.title(measure.name), measure.shown, measure.interval, count(measure.n, measure.of)]
        for measure in [*agreement.reviewers, *([better.reviewers] if better is not None else [])]
    ]
    shown = fragments.table(["Krippendorff's alpha", "value", "95% interval", "judged by two or more"], rows)
    shown += _advice(advice.on_reviewers(agreement)) + _caveat(agreement.left_out())
    if agreement.spread:
        most = max(map(len, agreement.spread.values()))
        far = [
            [view.rubrics.title(aspect), *counts, *[""] * (most - len(counts))]
            for aspect, counts in agreement.spread.items()
        ]
        shown += fragments.table(["Responses whose ratings differ by", *range(most)], far)
    return shown + fragments.note(ALPHA) + plots.behind(stats_tables.of_reviewers(agreement), view.run, "reviewers")


def cost(view: RunView) -> Markup:
    """Calls, tokens, time and money of each stage and model."""
    assert view.run is not None
    lines = stats_tables.spent(view.state, view.run)
    if not lines:
        return fragments.panel(
            "What it took", "", fragments.note("Nothing yet." if not view.busy else "It is being worked.")
        )
    table = stats_tables.of_cost(lines, pricing.prices(view.recipe) if view.recipe else {})
    rows = [
        [
            f"{stage}",
            f"{model}",
            *(stats_tables.in_words(value) for value in (calls, recalled, prompt_tokens, answer_tokens)),
            fragments.duration(_number(took)),
            "–" if dollars is None else pricing.format_dollars(_number(dollars)),
        ]
        for stage, model, calls, recalled, prompt_tokens, answer_tokens, _, took, dollars in stats_tables.cells(table)
    ]
    total = web_stats.added(*(tally for _, _, tally in lines))
    saved = ""
    if total.recalled:
        saved = f"{count(total.recalled, 'call was', 'calls were')} remembered and cost nothing"
        saved += f": {count(total.remembered_tokens, 'token')} not paid again. " if total.remembered_tokens else ". "
    if view.recipe is not None and (source := pricing.price_source(view.recipe)):
        saved += f"Cost by {source}. "
    if lines[-1][0] == web_stats.EARLIER:
        saved += "Not told apart: worked by an earlier version, which counted all models together. "
    shown = fragments.table(
        ["for", "model", "calls", "remembered", "prompt tokens", "answer tokens", "time", "cost"], rows
    )
    button = fragments.button("Take the prices that Models says", act="prices") if _prices_to_take(view) else Markup()
    body = markup('<div class="broad">{}</div>{}{}', shown, button, _servers(view))
    note = saved + COUNTED + ("" if table[stats_tables.DOLLARS].notna().all() else NO_PRICE)
    return plots.plot("What it took", "counted by stage and model", body, table, view.run, "cost", note)


def _servers(view: RunView) -> Markup:
    """What each server answered, where a model has several addresses."""
    assert view.run is not None
    if not (served := stats_tables.served(view.state, view.run)):
        return Markup()
    table = stats_tables.of_servers(served)
    shown = fragments.table(
        ["server", "calls", "prompt tokens", "answer tokens", "tokens a second"], stats_tables.shown(table)
    )
    numbers = plots.behind(table, view.run, "servers", "Numbers by server")
    return markup('<h3>By server</h3><div class="broad">{}</div>{}', shown, numbers)


def _prices_to_take(view: RunView) -> bool:
    """Whether the forms know prices of the run's models that the run does not."""
    if view.recipe is None or view.wanted is None or view.busy:
        return False
    return pricing.priced(view.recipe, view.wanted) != view.recipe


def take_prices(act: Act) -> Done | None:
    """The run's models get the prices that the forms say: of what it took and takes."""
    view = act.look
    if act.word == "prices" and view.run is not None and view.recipe is not None and _prices_to_take(view):
        assert view.wanted is not None
        view.keep_prices(view.wanted)
    return None


def _number(value: stats_tables.Cell) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def lost(view: RunView) -> Markup:
    """Answers that could not be used, by reason."""
    assert view.run is not None
    drops = view.rows.drop_reasons()
    if not drops:
        return fragments.panel("Dropped", "answers that could not be used", fragments.note("None."))
    shown = fragments.table(["reason", "answers"], [[why, f"{n:,}"] for why, n in list(drops.items())[:12]])
    more = f"The 12 most frequent of {len(drops)} reasons; all are in the numbers." if len(drops) > 12 else ""
    return plots.plot(
        "Dropped", "answers that could not be used", shown, stats_tables.of_drops(drops), view.run, "dropped", more
    )


def marked(view: RunView) -> Markup:
    """Responses that are kept and that a curator should look at, by mark."""
    assert view.run is not None
    title, line = "Marked", "responses that are kept, to look at"
    counts = view.counted(web_stats.marked)
    if counts is None:
        return plots.counting(title)
    if not counts:
        return fragments.panel(title, line, fragments.note("None."))
    table = stats_tables.of_marks(counts)
    ways = joined(
        markup(
            '<button type="button" class="link" {}>Show {}: {}</button>',
            attrs(act="marked", mark=mark),
            count(n, "response"),
            mark,
        )
        for mark, n in counts.items()
    )
    body = fragments.table(list(table), stats_tables.shown(table)) + markup('<p class="to-rows">{}</p>', ways)
    body += _advice(advice.on_marks(counts, view.counts.answered))
    return plots.plot(title, line, body, table, view.run, "marked", "")
