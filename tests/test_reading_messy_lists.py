"""Lists among courtesies, remarks, titles and refusals: what of each answer is an item of its list."""

import pytest

from tasks import self_instruct

TWO = ["Name a river.", "Why is rain wet?"]

MESSY = {
    "requests that end in a colon": (
        "Summarize this article in two sentences:\nRewrite this paragraph in a friendlier tone:",
        ["Summarize this article in two sentences:", "Rewrite this paragraph in a friendlier tone:"],
    ),
    "a courtesy on a line": ("Sure!\n\n1. Name a river.\n2. Why is rain wet?", TWO),
    "a remark at the end": ("1. Name a river.\n2. Why is rain wet?\n\nLet me know if you need more!", TWO),
    "a remark right below": ("1. Name a river.\n2. Why is rain wet?\nI hope these help!", TWO),
    "a remark below plain lines": ("Name a river.\nWhy is rain wet?\n\nLet me know if you would like others.", TWO),
    "an introduction without a colon": ("Here are two requests that fit.\n\nName a river.\nWhy is rain wet?", TWO),
    "a courtesy with an introduction": (
        "Certainly! Below are two queries:\n\nName a river.\nWhy is rain wet?\n\nEnjoy!",
        TWO,
    ),
    "a heading before": ("## Requests\n\n1. Name a river.\n2. Why is rain wet?", TWO),
    "a bold heading before": ("**Queries**\n\n- Name a river.\n- Why is rain wet?", TWO),
    "headings between": ("### Places\n1. Name a river.\n\n### Weather\n2. Why is rain wet?\n", TWO),
    "titles with items below": ("1. **Places**\n   - Name a river.\n2. **Weather**\n   - Why is rain wet?", TWO),
    "a title over several": (
        "- **Things To Ask:**\n  - Name a river.\n  - Why is rain wet?\n- **More**\n  - Sing it.",
        [*TWO, "Sing it."],
    ),
    "titles with the item below": ("1. **Places**\n   Name a river.\n2. **Weather**\n   Why is rain wet?", TWO),
    "headings that are numbered": ("### 1. Name a river.\n\n### 2. Why is rain wet?", TWO),
    "bold titles before": ("1. **Places**: Name a river.\n2. **Weather:** Why is rain wet?", TWO),
    "a bold label": (
        "1. **Explain**: Explain how tides work.\n2. **Name**: Name a river.",
        ["Explain how tides work.", "Name a river."],
    ),
    "a bold beginning": (
        "1. **Explain** how tides work.\n2. **Name** a river.",
        ["Explain how tides work.", "Name a river."],
    ),
    "what only looks like a title": (
        "1. **Write a poem**: It is about rain.\n2. **Name**: a river.", ["Write a poem: It is about rain.", "Name: a river."],
    ),
    "bold and numbered": ("**1. Name a river.**\n**2. Why is rain wet?**", TWO),
    "bold titles, numbered within": ("**1. Places:** Name a river.\n**2. Weather:** Why is rain wet?", TWO),
    "Query 1": ("Query 1: Name a river.\nQuery 2: Why is rain wet?", TWO),
    "bold Query 1": ("**Query 1:** Name a river.\n\n**Query 2:** Why is rain wet?", TWO),
    "bold Request 1 outside": ("**Request 1**: Name a river.\n**Request 2**: Why is rain wet?", TWO),
    "Question #1": ("Question #1: Name a river.\nQuestion #2: Why is rain wet?", TWO),
    "Q1": ("Q1. Name a river.\nQ2. Why is rain wet?", TWO),
    "#1": ("#1: Name a river.\n#2: Why is rain wet?", TWO),
    "Task 1 with a dash": ("Task 1 - Name a river.\nTask 2 - Why is rain wet?", TWO),
    "a bracketed number": ("[1] Name a river.\n[2] Why is rain wet?", TWO),
    "an escaped dot": ("1\\. Name a river.\n2\\. Why is rain wet?", TWO),
    "keycaps": ("1️⃣ Name a river.\n2️⃣ Why is rain wet?", TWO),
    "circled numbers": ("① Name a river.\n② Why is rain wet?", TWO),
    "numbers of wide type": ("１．川の名前を一つ。\n２．雨はなぜ濡れる？", ["川の名前を一つ。", "雨はなぜ濡れる？"]),
    "Chinese numbers": ("一、说出一条河。\n二、为什么下雨？", ["说出一条河。", "为什么下雨？"]),
    "a Chinese comma": ("1、说出一条河。\n2、为什么下雨？", ["说出一条河。", "为什么下雨？"]),
    "Arabic numbers": ("١. اذكر نهرا.\n٢. لماذا المطر رطب؟", ["اذكر نهرا.", "لماذا المطر رطب؟"]),
    "Hindi numbers": (
        "१. एक नदी का नाम बताओ।\n२. बारिश क्यों होती है?",
        ["एक नदी का नाम बताओ।", "बारिश क्यों होती है?"],
    ),
    "Russian letters": ("а) Назови реку.\nб) Почему дождь мокрый?", ["Назови реку.", "Почему дождь мокрый?"]),
    "Roman numbers": ("i. Name a river.\nii. Why is rain wet?", TWO),
    "checkboxes": ("- [ ] Name a river.\n- [x] Why is rain wet?", TWO),
    "pictures for bullets": ("👉 Name a river.\n✅ Why is rain wet?", TWO),
    "dashes for bullets": ("– Name a river.\n– Why is rain wet?", TWO),
    "CRLF and blank lines": ("1. Name a river.\r\n\r\n2. Why is rain wet?\r\n", TWO),
    "indented": ("  1. Name a river.\n  2. Why is rain wet?", TWO),
    "twelve of them": (
        "\n".join(f"{n:>2}. Name {n} rivers." for n in range(1, 13)),
        [f"Name {n} rivers." for n in range(1, 13)],
    ),
    "all on one line": ("1) Name a river. 2) Why is rain wet?", TWO),
    "all on one line with an introduction": ("Here are two requests: 1. Name a river. 2. Why is rain wet?", TWO),
    "bullets on one line": ("• Name a river. • Why is rain wet?", TWO),
    "numbers in one request": (
        "Compare these: 1) cats and 2) dogs.\nName a river.",
        ["Compare these: 1) cats and 2) dogs.", "Name a river."],
    ),
    "an indented continuation": (
        "1. Fix this sentence:\n   He go home.\n2. Name a river.",
        ["Fix this sentence:\nHe go home.", "Name a river."],
    ),
    "a continuation at the margin": (
        "1. Translate this:\nIl pleut.\n2. Name a river.",
        ["Translate this:\nIl pleut.", "Name a river."],
    ),
    "a continuation behind a blank line": (
        "1. Sum up this text:\n\nRain fell.\n\n2. Name a river.",
        ["Sum up this text:\nRain fell.", "Name a river."],
    ),
    "wrapped lines": (
        "- Name a river that\n  crosses two borders.\n- Why is rain wet?",
        ["Name a river that\ncrosses two borders.", TWO[1]],
    ),
    "nested bullets of one request": (
        "1. Write a story with:\n   - a dog\n   - a storm\n2. Name a river.",
        ["Write a story with:\n- a dog\n- a storm", "Name a river."],
    ),
    "code in an item": (
        "1. Explain this code:\n   ```python\n   print(1)\n   ```\n2. Name a river.",
        ["Explain this code:\n```python\nprint(1)\n```", "Name a river."],
    ),
    "JSON in an item": (
        '1. Explain this JSON:\n{"a": ["x"]}\n2. Name a river.',
        ['Explain this JSON:\n{"a": ["x"]}', "Name a river."],
    ),
    "a fence in the middle": (
        "Here you go:\n\n```\n1. Name a river.\n2. Why is rain wet?\n```\n\nLet me know if you want more.",
        TWO,
    ),
    "a label on every line": ("Instruction: Name a river.\nInstruction: Why is rain wet?", TWO),
    "bold labels": ("- **Request:** Name a river.\n- **Question:** Why is rain wet?\n- **Request:** Sing.", [*TWO, "Sing."]),
    "a number on a line of its own": ("1.\nName a river.\n\n2.\nWhy is rain wet?", TWO),
    "a label on a line of its own": ("### Request 1\nName a river.\n\n### Request 2\nWhy is rain wet?", TWO),
    "emphasis around": ("*Name a river.*\n_Why is rain wet?_", TWO),
    "a courtesy that is part of it": ("Okay, list three rivers.\nName a lake.", ["Okay, list three rivers.", "Name a lake."]),
    "a refusal": ("I'm sorry, but I can't help with that.", []),
    "another refusal": ("I cannot fulfill this request.", []),
    "a table": ("| # | Query |\n|---|:---|\n| 1 | Name a river. |\n| 2 | Why is rain wet? |", TWO),
    "a table with kinds": (
        "Here they are:\n\n| Request | Kind |\n| --- | --- |\n| Name a river. | easy |\n| Why is rain wet? | hard |\n\nEnjoy!", TWO,
    ),
    "tags": ("<requests>\n<request>Name a river.</request>\n<request>Why is rain wet?</request>\n</requests>", TWO),
    "HTML": ("<ol>\n<li>Name a river.</li>\n<li>Why is rain wet?</li>\n</ol>", TWO),
    "lines that end with a colon": (
        "Name a river.\nTranslate the next sentence into French:\nIt rains.",
        ["Name a river.", "Translate the next sentence into French:\nIt rains."],
    ),
    "headings between plain lines": ("Places:\nName a river.\n\nWeather:\nWhy is rain wet?", TWO),
    "bold captions over plain lines": (
        "**Simple queries**\nName a river.\n\n**Harder queries**\nWhy is rain wet?", TWO,
    ),
    "headings over plain lines": (
        "### Places\nName a river.\nName a lake.\n\n### Weather\nWhy is rain wet?",
        ["Name a river.", "Name a lake.", "Why is rain wet?"],
    ),
    "quotes with commas": ('"Name a river.",\n"Why is rain wet?"', TWO),
    "German quotes": ("1. „Name a river.“\n2. „Why is rain wet?“", TWO),
    "Japanese quotes": ("「川の名前」\n「雨はなぜ」", ["川の名前", "雨はなぜ"]),
    "one item": ("Sure! Here is one:\n\n1. Name a river.\n\nI hope it helps.", ["Name a river."]),
    "one line": ("Name a river.", ["Name a river."]),
    "a request to be told": (
        "Let me know how tides work.\nName a river.",
        ["Let me know how tides work.", "Name a river."],
    ),
    "JSON with prose around": (
        'Sure!\n\nHere it is, as asked:\n\n```json\n["Name a river.", "Why is rain wet?"]\n```\n\nI hope it helps.',
        TWO,
    ),
    "JSON of objects": ('[{"id": 1, "query": "Name a river."}, {"id": 2, "query": "Why is rain wet?"}]', TWO),
    "JSON lines": ('{"instruction": "Name a river."}\n{"instruction": "Why is rain wet?"}\n', TWO),
    "JSON with numbered keys": ('{"1": "Name a river.", "2": "Why is rain wet?"}', TWO),
    "JSON with named keys": ('{"request_1": "Name a river.", "request_2": "Why is rain wet?"}', TWO),
    "JSON with numbers in it": ('["1. Name a river.", "2. Why is rain wet?"]', TWO),
    "JSON with a comma too many": ('{"instructions": [\n"Name a river.",\n"Why is rain wet?",\n]}', TWO),
    "JSON with a line end in a text": ('["Name a river.", "Fix:\nHe go."]', ["Name a river.", "Fix:\nHe go."]),
    "a table in an item": (
        "1. Which row is wrong?\n\n   | a | b |\n   |---|---|\n   | 1 | 2 |\n\n2. Name a river.\n3. Name a lake.",
        ["Which row is wrong?\n| a | b |\n|---|---|\n| 1 | 2 |", "Name a river.", "Name a lake."],
    ),
    "two tables": (
        "### Easy\n| # | Query |\n|---|---|\n| 1 | Name a river. |\n\n### Hard\n| # | Query |\n|---|---|\n| 2 | Why is rain wet? |",
        TWO,
    ),
    "JSON in a plain list": (
        'Sum the numbers in this JSON object.\n{"a": ["1", "2"]}\nName a river.\nName a lake.',
        ["Sum the numbers in this JSON object.", '{"a": ["1", "2"]}', "Name a river.", "Name a lake."],
    ),
    "JSON with a note": ('{"note":["x"],"instructions":["Name a river."]}', ["Name a river."]),
    "JSON with words and requests": ('{"kinds":["a","b"],"found":["Name a river.","Why is rain wet?"]}', TWO),
    "JSON with a sentence behind": ('["Name a river.", "Why is rain wet?"]\n\nThe two of them differ in kind.', TWO),
    "a first item with its material": (
        'Translate the following sentence into French:\n"Good morning"\nName a river.',
        ['Translate the following sentence into French:\n"Good morning"', "Name a river."],
    ),
    "an introduction of many words": ("Five requests a user might send:\nName a river.\nWhy is rain wet?", TWO),
    "an apology that is part of it": (
        "I'm sorry, but as a customer I want a refund. Write a letter.",
        ["I'm sorry, but as a customer I want a refund. Write a letter."],
    ),
    "an AI that is part of it": (
        "As an AI researcher, I need a plan. Write one.\nName a river.",
        ["As an AI researcher, I need a plan. Write one.", "Name a river."],
    ),
    "a short first item with its material": (
        "Translate this sentence:\nIl pleut.\nName a river.",
        ["Translate this sentence:\nIl pleut.", "Name a river."],
    ),
    "a table with a sentence before": (
        "I made you a table.\n\n| # | Query |\n|---|---|\n| 1 | Name a river. |\n| 2 | Why is rain wet? |", TWO,
    ),
    "a refusal without a but": ("I'm sorry, I can't help with that.", []),
    "a refusal by an AI": ("I'm sorry, but as an AI language model, I can't do that.", []),
}  # fmt: skip


def read(answer: str) -> tuple[list[str], list[str]]:
    kept, rest, _ = self_instruct.read(answer, 50)
    return kept, rest


@pytest.mark.parametrize("name", MESSY)
def test_messy_answers(name: str) -> None:
    answer, items = MESSY[name]
    assert read(answer) == (items, [])
    if "JSON" not in name or name == "JSON in an item":
        assert read(answer.replace("\n", "\r\n")) == (items, [])
