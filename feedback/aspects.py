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
