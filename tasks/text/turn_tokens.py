"""The tokens that open and end a model's turn, where an endpoint leaves them in the text, and further turns behind them."""

import re

MOST_ENDS, LONGEST_END = 4, 50
FINAL = re.compile(r"<\|channel\|>final[^<\n]{0,20}<\|message\|>")
BEGINS = re.compile(
    r"\A\s*+(?:<\|(?:start|channel|message|im_start|start_header_id|end_header_id|begin_of_text)\|>\s*+"
    r"(?:(?:assistant|final)\b\s*+)*+)++|\A\s*+(?:assistant)?(?:final|(?<=assistant))(?=[A-Z#*\[<{])"
)
"""Tokens that open a turn, or what is left of them: "assistantfinal"."""
END = r"(?:<\|[\w.:/-]{1,40}\|>|<｜[^｜<>\n]{1,40}｜>|<end_of_turn>|<turn\|>|<eos>|<EOS_TOKEN>)"
ENDS = re.compile(rf"(?<![^\s.!?…]\s)(?:{END}|</s>)\Z")
"""A token that ends a turn, at the end of a text; behind a word and a space it is what the text speaks of."""
RUN_ON = re.compile(
    rf"(?:(?<=[.!?。！？…])|(?<=[.!?。！？…]\n)){END}"
    rf"|(?:{END}|</s>)\s{{0,3}}(?=<\|(?:im_start|start)\|>(?:user|assistant|system)|<\|start_header_id\|>|<start_of_turn>|<s>|\[INST\]"
    r"|<\|(?:user|assistant|system|START_OF_TURN_TOKEN)\|>)"
)
"""A token that ends a turn right behind a sentence, or before the token that opens another turn."""


def turn(text: str) -> str:
    """The one turn that a text gives, without the tokens around it and without what follows them."""
    text = begun(text)
    return ended(text[: run_on(text)])


def run_on(text: str, start: int = 0) -> int:
    """Where what follows a turn begins, the text's length where nothing does; not before `start`."""
    match = RUN_ON.search(text, start)
    return match.start() if match else len(text)


def begun(text: str) -> str:
    """A text without the tokens that begin a turn before it, and without what stands before the channel for the answer."""
    return BEGINS.sub("", FINAL.split(text)[-1], count=1)


def ended(text: str) -> str:
    """A text without the tokens that end a turn behind it."""
    text = text.strip()
    for _ in range(MOST_ENDS):
        if (match := ENDS.search(text, max(0, len(text) - LONGEST_END))) is None:
            break
        text = text[: match.start()].rstrip()
    return text
