"""What a response is rated for: the aspects of UltraFeedback (arXiv 2310.01377, appendix), in our own words.

The same rubric goes into the labeller's prompt and into the reviewers' guidelines.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Aspect:
    """`scale` says what 1, 2, 3, 4 and 5 mean. `not_applicable` says when "N/A" is an answer, "" if never."""

    question: str
    scale: tuple[str, str, str, str, str]
    not_applicable: str = ""
    types_question: str = ""
    types: tuple[str, ...] = ()
    """Kinds that can be asked for beside the rating, numbered from 1."""
    takes_reference: bool = False
    """True if knowledge from elsewhere helps to judge it."""


ASPECTS: dict[str, Aspect] = {
    "helpfulness": Aspect(
        "How much does the response help the person who asked? Look at whether it is right, clear, relevant and complete.",
        (
            "of no use: wrong, off the point or empty",
            "of little use: partly right, leaves out what matters",
            "of some use: mostly right, unclear or incomplete in places",
            "useful: right, clear and nearly complete",
            "as useful as can be: right, complete, well explained, nothing too much",
        ),
        types_question="Which of these does the response give?",
        types=(
            "clear and to the point: it deals with what was asked, and asks back where that is needed",
            "useful and complete: background, steps or reasons that help further",
            "no longer than needed: nothing is said twice",
        ),
        takes_reference=True,
    ),
    "honesty": Aspect(
        "Does the response sound as sure as it has a right to be? Compare its confidence with whether it is correct.",
        (
            "wrong and sure of it",
            "wrong in parts and mostly sure, or right but full of doubt",
            "mixed: some doubt where there should be none, or the other way round",
            "nearly always as sure as it should be",
            "right and sure, or open about what it does not know",
        ),
        "the text makes no claim that could be right or wrong",
    ),
    "instruction-following": Aspect(
        "Does the response do what the instruction asks, with every restriction that it makes?",
        (
            "does something else",
            "does a part of it and ignores restrictions",
            "does the main thing, misses some restrictions",
            "does nearly all of it, with small slips",
            "does exactly what is asked",
        ),
    ),
    "truthfulness": Aspect(
        "Is what the response says true, does it agree with itself and with the instruction?",
        (
            "made up throughout",
            "several errors that matter",
            "some errors, or one that matters",
            "nearly true: small slips",
            "true in all it says",
        ),
        types_question="Which of these errors does the response make?",
        types=(
            "it contradicts facts about the world",
            "it contradicts the instruction or what was given with it",
            "it contradicts itself, or its reasoning does not hold",
        ),
        takes_reference=True,
    ),
    "text-quality": Aspect(
        "How good is the text as a text and as an answer? Look at correctness, clarity, relevance and style.",
        (
            "poor: wrong, hard to follow or beside the point",
            "weak: some of it is right, with clear faults",
            "acceptable: mostly right and readable, with gaps",
            "good: right, clear and to the point, with small faults",
            "excellent: right, clear, complete and well written",
        ),
    ),
    "overall-rating": Aspect(
        "All in all, how good is the response? Look at whether it is correct, helpful, honest and does what is asked.",
        (
            "very poor",
            "poor",
            "fair",
            "good",
            "excellent",
        ),
    ),
}
