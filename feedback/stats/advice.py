"""A sentence on what to do about a figure of Insights, in one sentence, and only where the figure calls for it.

A sentence says the figure, its 95 % interval and what it comes from. None is given where the interval leaves it open.
"""

from collections.abc import Mapping

from feedback.rubrics import STANDARD_LEVELS
from feedback.stats.agreement import DECISION, Agreement
from feedback.stats.histograms import Histogram
from feedback.stats.length_bias import ByLength
from feedback.stats.measures import Measure

CUT_OFF, REFUSAL = "cut off", "refusal"
CHANCE, GOOD = 0.5, 0.8
"""Shares of the same decision: what a coin would give, and from where on the labeller decides much as people do."""
ALPHA_LOW = 0.4
"""Below, reviewers agree too little for their decisions to be relied on (Krippendorff 2004 asks for 0.667 at least)."""
MUCH_HIGHER = 0.5
"""Points of a scale of five by which a labeller is too kind, or too strict; in proportion on others."""
LONG_WINS = 0.3
ONE_VALUE = 0.9
MARKED_SHARE = 0.05
LEAST_RATINGS = 50


def on_reviewers(agreement: Agreement) -> str:
    """A sentence on what to do about how well reviewers agree on decisions; "" for none."""
    measure = agreement.reviewers[0] if agreement.reviewers else None
    if measure is None or measure.value is None or measure.low is None or measure.value >= ALPHA_LOW:
        return ""
    how = "no better than chance would have it" if measure.low <= 0 else "little"
    return (
        f"Reviewers agree on decisions {how} ({_figure('alpha', measure)}): say in the guidelines what decides, with examples, "
        "before more is reviewed."
    )


def on_labeller(agreement: Agreement, aspect: str, levels: int = STANDARD_LEVELS) -> str:
    """A sentence on what to do about how the labeller decides and rates beside people, under one aspect; "" for none.

    The aspect has so many `levels`.
    """
    measures = {measure.name: measure for measure in agreement.labeller.get(aspect, ())}
    sentences = []
    same = measures.get(DECISION)
    if same is not None and same.low is not None and same.high is not None:
        if same.low <= CHANCE:
            sentences.append(
                f"The labeller may decide no better than a coin ({_figure('same decision', same)}): do not filter by its "
                "ratings, or try another labeller."
            )
        elif same.low >= GOOD:
            sentences.append(
                f"The labeller decides much as people do ({_figure('same decision', same)}): its ratings are a fair filter for "
                "what nobody reviews."
            )
    apart = measures.get("people minus labeller")
    if apart is not None and apart.low is not None and apart.high is not None:
        much = MUCH_HIGHER * (levels - 1) / (STANDARD_LEVELS - 1)
        if apart.high <= -much:
            sentences.append(
                f"The labeller is too kind ({_figure('people minus labeller', apart)}): filter from {levels} on."
            )
        elif apart.low >= much:
            sentences.append(
                f"The labeller is too strict ({_figure('people minus labeller', apart)}): filter from a lower rating on."
            )
    return " ".join(sentences)


def on_seen(agreement: Agreement) -> str:
    """A sentence on what to do where people saw the labeller's ratings before they gave theirs; "" for none."""
    seen = agreement.reviews - agreement.blind
    if not any(measure.value is not None for measures in agreement.labeller.values() for measure in measures):
        return ""
    if 2 * seen <= agreement.reviews:
        return ""
    return (
        f"In {seen:,} of {agreement.reviews:,} reviews people saw the labeller's ratings first, which draws them towards these: "
        "send the audit without suggestions to know how people judge by themselves."
    )


def on_length(lengths: ByLength) -> str:
    """A sentence on what to do about ratings that go with length; "" for none."""
    if lengths.correlation is None or lengths.correlation < LONG_WINS:
        return ""
    return (
        f"The labeller may reward length (rank correlation {lengths.correlation:.2f}, {lengths.n:,} responses): compare a short "
        "and a long response yourself before you trust its ranking."
    )


def on_scale(name: str, scale: Histogram) -> str:
    """A sentence on what to do about an aspect under which nearly all responses get the same rating; "" for none."""
    if scale.n < LEAST_RATINGS:
        return ""
    most = max(scale.counts)
    if most / scale.n < ONE_VALUE:
        return ""
    return (
        f"{name.capitalize()} tells little apart: {most:,} of {scale.n:,} ratings are {scale.counts.index(most) + 1}. Rate by "
        "another aspect, or with a stronger labeller."
    )


def on_marks(marked: Mapping[str, int], rows: int) -> str:
    """A sentence on what to do about responses that are cut off or refuse, in so many rows; "" for none."""
    sentences = []
    cut, refused = marked.get(CUT_OFF, 0), marked.get(REFUSAL, 0)
    if cut and cut >= MARKED_SHARE * rows:
        of = f"{cut:,} response{' is' if cut == 1 else 's are'} cut off in {rows:,} row{'' if rows == 1 else 's'}"
        sentences.append(f"{of}: allow longer answers on the page Models, or ask for shorter ones.")
    if refused and refused >= MARKED_SHARE * rows:
        of = f"{refused:,} response{' refuses' if refused == 1 else 's refuse'} to answer"
        sentences.append(f"{of}: look at what they were asked, and drop those rows or reject them.")
    return " ".join(sentences)


def _figure(name: str, measure: Measure) -> str:
    plural = "" if measure.n == 1 else "s"
    return f"{name} {measure.shown}, {measure.interval}, {measure.n:,} {measure.of}{plural}"
