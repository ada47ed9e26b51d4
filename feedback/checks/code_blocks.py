"""The code in a response: what stands between fences, or all of it where there are none."""

import re

OPENS = re.compile(r"[ \t]{0,9}(`{3,}+|~{3,}+)[ \t]*+([^\s`]*+)[^\n`]*+\Z")


def lines_of(text: str) -> list[str]:
    """The lines of a text, which end as those of files do: other signs that end a line, as U+2028, can stand within code."""
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, code) of each fenced block, the last one though it is not closed; the language is "" where none is named."""
    languages: list[tuple[str, str]] = []
    fence, language, code = "", "", list[str]()
    for line in lines_of(text):
        if fence:
            mark = line.strip()
            if len(mark) >= len(fence) and not mark.strip(fence[0]):
                languages.append((language, "\n".join(code)))
                fence, code = "", []
            else:
                code.append(line)
        elif ("```" in line or "~~~" in line) and (opened := OPENS.match(line)) is not None:
            fence, language = opened[1], opened[2].lower()
    if fence:
        languages.append((language, "\n".join(code)))
    return languages


def code_of(text: str, *languages: str) -> str:
    """The code of those languages: in blocks that name one of them, else in blocks that name none, else the whole text."""
    if "```" not in text and "~~~" not in text:
        return text
    found = blocks(text)
    named = [code for language, code in found if language in languages]
    unnamed = [code for language, code in found if not language]
    return "\n\n".join(named or unnamed) or text


def without_code(text: str) -> str:
    """The text without its fenced blocks."""
    if "```" not in text and "~~~" not in text:
        return text
    kept, fence = list[str](), ""
    for line in lines_of(text):
        if fence:
            mark = line.strip()
            fence = "" if len(mark) >= len(fence) and not mark.strip(fence[0]) else fence
        elif (opened := OPENS.match(line)) is not None:
            fence = opened[1]
        else:
            kept.append(line)
    return "\n".join(kept)
