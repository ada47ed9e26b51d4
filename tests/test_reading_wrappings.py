"""What models put around an instruction, a list or a pair, in any language: labels, marks, courtesies, tokens, remarks."""

import pytest

from feedback.labeller import answer_parser
from tasks import genstruct, self_instruct
from tasks.elimination import refuses
from tasks.evol_instruct import read

N = "Name a river that crosses two borders."
TWO = ["Name a river.", "Why is rain wet?"]
HOPES = [
    "Ich hoffe, das hilft!",
    "¡Espero que esto ayude!",
    "Espero que te sirva.",
    "J'espère que cela vous aide.",
    "希望这些对您有帮助！",
    "Надеюсь, это поможет.",
    "آمل أن يساعدك هذا.",
    "I hope this helps!",
]


@pytest.mark.parametrize(
    "behind",
    [
        "\n\n---\n\n**Explanation of changes:** E.",
        "\n\n#Explanation#: E.",
        "\n#Explanation#\nE.",
        "\n\n**Erklärung:** E.",
        "\n\n### Cambios\nE.",
        "\n\nExplanation: I added a limit.",
        "\n\n说明：E。",
        "\n\n**Объяснение изменений:** E.",
        "\n\n**Explication des changements :** E.",
        "\n\n---\n\nI added a limit.",
        "\n\n(This revised version adds a limit.)",
        "\n\nLet me know if you need more.",
        *(f"\n\n{hope}" for hope in HOPES),
    ],
)
def test_what_is_said_behind_an_instruction_is_no_part_of_it(behind: str) -> None:
    assert read(N + behind, as_json=False) == read(N + behind, as_json=True) == N


@pytest.mark.parametrize(
    "form",
    [
        "{}<|im_end|>",
        "{}</s>",
        "{}<|im_end|>\n<|im_start|>assistant\nX",
        "{}<|endoftext|>Human: X",
        "{}\n<|im_end|>\nX",
        "{}<|eot_id|><|start_header_id|>user<|end_header_id|>\nX",
        "{}<end_of_turn>\n<start_of_turn>user\nX",
        "<|channel|>final<|message|>{}<|return|>",
        "assistantfinal{}",
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>",
    ],
)
def test_tokens_and_further_turns(form: str) -> None:
    assert read(form.format(N), as_json=False) == N
    kept, rest, _ = self_instruct.read(form.format("\n".join(TWO)), 5)
    assert kept == TWO and (not rest or "Human" in form)
    assert genstruct.read(form.format("User: Why?\nAssistant: So.")) == ("Why?", "So.")


@pytest.mark.parametrize(
    "form",
    [
        "Hier ist die überarbeitete Anweisung:\n\n{}",
        "Aquí está la instrucción reescrita:\n\n«{}»",
        "以下是改写后的指令：\n\n{}",
        "Voici l'instruction réécrite :\n\n{}",
        "Вот переписанная инструкция:\n\n{}",
        "إليك التعليمات المعاد صياغتها:\n\n{}",
        "Überarbeitete Anweisung: {}",
        "**Überarbeitete Anweisung:** {}",
        "Instrucción reescrita: {}",
        "改写后的指令：{}",
        "Новая инструкция: {}",
        "Gerne! Hier ist die neue Anweisung:\n\n{}",
        "Gerne!\n\n{}",
        "¡Claro!\n\n{}",
        "Aqui está o prompt reescrito:\n\n{}",
        "Hier ist die Anweisung, schwerer gemacht:\n\n{}",
        "### Überarbeitete Anweisung\n\n{}",
        "### Rewritten Instruction\n\n{}",
        "**Rewritten Instruction**\n\n{}",
        "## New Prompt\n{}",
        "**#Rewritten Prompt#:** {}",
        "**#Rewritten Prompt#**: {}",
        "__#Rewritten Prompt#__:\n{}",
        "> #Rewritten Prompt#:\n> {}",
        '"#Rewritten Prompt#": {}',
        "> {}",
        "> **{}**",
        "Sure!\n\n> {}",
        "<instruction>{}</instruction>",
        "<rewritten_prompt>\n{}\n</rewritten_prompt>",
        '<instruction>\n"{}"\n</instruction>',
        "```xml\n<instruction>{}</instruction>\n```",
    ],
)
def test_labels_and_wrapping_in_any_language(form: str) -> None:
    assert read(form.format(N), as_json=False) == N


@pytest.mark.parametrize(
    "instruction",
    [
        "Summarize the text below.\n\n---\n\nThe moon.",
        "Hier ist mein Prompt: 'Zeichne eine Katze.' Wie kann ich ihn verbessern?",
        "Hier ist eine Liste von Zahlen:\n3, 1, 2\nSortiere sie.",
        "Write a story.\n\nBe creative!",
        "Verbessere diesen Prompt:\n\nZeichne.",
        "Improve this explanation:\n\nExplanation: The moon pulls.",
        "What does <|im_end|> mean?",
        "Explain `<|im_end|>` and `</s>`.",
        "> To be or not to be.\nWho wrote this?",
        "<b>Stay</b> or <b>go</b>?",
        "Traduce esta frase:\n\n«Il pleut.»",
        "Review this.\n\nFeel free to use lists.",
        "### Instruction manual\nSum it up.",
        "Sort.\n#include <a>\n#define X 1",
    ],
)
def test_what_only_looks_like_it_belongs_to_an_instruction(instruction: str) -> None:
    assert read(instruction, as_json=False) == instruction


@pytest.mark.parametrize("form", ["{}\n{}", "1. {}\n2. {}", "- {}\n- {}"])
def test_what_is_said_around_a_list_in_any_language(form: str) -> None:
    told = form.format(*TWO)
    for before in ("", "Gerne!\n\n", "Claro, aquí tienes dos.\n\n", "当然！以下是两个请求：\n\n", "Конечно!\n\n"):
        for hope in [*HOPES, "Toivottavasti näistä on apua.", "Sag mir Bescheid, wenn du mehr brauchst."]:
            assert self_instruct.read(f"{before}{told}\n\n{hope}", 5) == (TWO, [], "")
    assert self_instruct.read("\n\n".join([*TWO, "Sing.", HOPES[0]]), 5)[0] == [*TWO, "Sing."]


PAIRS = [
    "[[[User]]]: Why?\n[[[Assistant]]]: So.",
    "**[[[User]]]** Why?\n**[[[Assistant]]]** So.",
    "**[[[User]]]:** Why?\n**[[[Assistant]]]:** So.",
    "```\nUser: Why?\nAssistant: So.\n```",
    "```text\n[[[User]]] Why?\n[[[Assistant]]] So.\n```",
    "**Question:** Why?\n**Answer:** So.",
    "### Question\nWhy?\n\n### Answer\nSo.",
    "Question: Why?\nAnswer: So.",
    "<question>Why?</question>\n<answer>So.</answer>",
    "<user>Why?</user><assistant>So.</assistant>",
    "Frage: Why?\nAntwort: So.",
    "**Pregunta:** Why?\n**Respuesta:** So.",
    "问题：Why?\n答案：So.",
    "Вопрос: Why?\nОтвет: So.",
    "Question : Why?\nRéponse : So.",
    "السؤال: Why?\nالجواب: So.",
    "Q: Why?\nA: So.",
    "[[[User]]] Why?\n[[[Assistant]]] [[[Assistant]]] So.",
    "User: Why?\nAssistant: Assistant: So.",
    "User: Why?\nAssistant:\nAssistant: So.",
    "User: Why?\nAssistant: So.\n\nUser: And then?",
    "{'question': 'Why?', 'answer': 'So.'}",
    '{"question": "Why?", "answer": "So.",}',
    '{"question": "Why?", "answer": "So."}<|im_end|>',
    "Sure!\n\n**Question:** Why?\n\n**Answer:** So.",
]


@pytest.mark.parametrize("answer", PAIRS)
def test_pairs_by_other_names_and_in_other_wrapping(answer: str) -> None:
    assert genstruct.read(answer) == ("Why?", "So.")


@pytest.mark.parametrize(
    "said",
    [
        "Roles are:\n- User: reads.\n- Admin: writes.",
        "Roles are:\nUser: reads.\nAssistant: helps.",
        "So.\nuser: root is it.",
        "Roles.\n\n### User\nreads.\n\n### Assistant\nhelps.",
        "Write:\n```yaml\nuser: root\nassistant: x\n```\nDone.",
        "Roles are:\n\n**User:** reads.\n**Admin:** writes.",
    ],
)
def test_an_answer_that_speaks_of_users_is_whole(said: str) -> None:
    assert genstruct.read(f"User: Why?\nAssistant: {said}") == ("Why?", said)
    assert genstruct.read(f"**User:** Why?\n\n**Assistant:** {said}") == ("Why?", said)


@pytest.mark.parametrize(
    "text",
    [
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Lo siento, pero no puedo ayudar con eso.",
        "抱歉，我无法协助处理此请求。",
        "Je suis désolé, mais je ne peux pas vous aider.",
        "Извините, но я не могу помочь с этим.",
        "آسف، لا أستطيع المساعدة في ذلك.",
        "Mi dispiace, ma non posso aiutarti.",
        "Desculpe, mas não posso ajudar com isso.",
        "申し訳ありませんが、お手伝いできません。",
        "**Leider kann ich dabei nicht helfen.**",
        "Entschuldigung, das kann ich nicht umformulieren.",
    ],
)
def test_a_refusal_in_any_language(text: str) -> None:
    assert refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "Lo siento, soy nuevo aquí. ¿Qué es un río?",
        "Schreibe eine Entschuldigung an einen Freund.",
        "翻译“对不起”这个词。",
        "Écris une lettre qui dit : je suis désolé.",
        "Извините, как пройти к реке?",
        "Warum kann ich nicht schlafen?",
    ],
)
def test_an_apology_in_a_request_is_no_refusal(text: str) -> None:
    assert not refuses(text)


@pytest.mark.parametrize(
    "behind",
    [
        "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nAnd this?\n",
        "</s>[INST] And this? [/INST] ",
        "<|end|><|user|>\nAnd this?<|assistant|>\n",
        "<｜end▁of▁sentence｜>",
        "<end_of_turn>\n<start_of_turn>user\n",
        "<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|>",
        "<|im_end|>\n<|im_start|>user\n",
    ],
)
def test_a_further_turn_behind_a_rating_does_not_count(behind: str) -> None:
    told = "Rating: {}\nRationale: {}"
    entry = answer_parser.read(told.format(5, "Sound.") + behind + told.format(1, "Wrong."), 1, not_applicable=True)[0]
    assert (entry.value, entry.rationale) == (5.0, "Sound.")
    told = '{{"rating": {}, "rationale": "{}"}}'
    entry = answer_parser.read(told.format(5, "Sound.") + behind + told.format(1, "Wrong."), 1, not_applicable=True)[0]
    assert (entry.value, entry.rationale) == (5.0, "Sound.")


def test_a_token_that_a_rationale_speaks_of_stays() -> None:
    entry = answer_parser.read(
        "Rating: 2\nRationale: It forgets the token <|im_end|> at the end.", 1, not_applicable=True
    )[0]
    assert entry.rationale == "It forgets the token <|im_end|> at the end."
