"""Responses that refuse, in any language, and that do not."""

from tests.check_cases import Case, wrong

CASES: list[Case] = [
    ({}, "I'm sorry, but I can't help with that.", False),
    ({}, "I am sorry, but I cannot assist with that request.", False),
    ({}, "Sorry, I can't do that.", False),
    ({}, "I apologize, but I can't.", False),
    ({}, "I cannot help with that.", False),
    ({}, "I can't assist you with this.", False),
    ({}, "I won't help with this.", False),
    ({}, "I'm unable to help with your question.", False),
    ({}, "Unfortunately, I cannot help with that.", False),
    ({}, "As an AI language model, I have no opinions.", False),
    ({}, "As an AI, I can't feel.", False),
    ({}, "We are sorry, but we can't.", False),
    ({}, "I’m sorry, but I can’t help with that.", False),
    ({}, "**I'm sorry, but I can't help.**", False),
    ({}, "Es tut mir leid, aber ich kann dabei nicht helfen.", False),
    ({}, "Leider kann ich das nicht.", False),
    ({}, "Lo siento, pero no puedo ayudar con eso.", False),
    ({}, "Je suis désolé, mais je ne peux pas vous aider.", False),
    ({}, "Mi dispiace, ma non posso aiutarti.", False),
    ({}, "Desculpe, não posso ajudar com isso.", False),
    ({}, "Helaas kan ik daar niet bij helpen.", False),
    ({}, "К сожалению, я не могу помочь.", False),
    ({}, "抱歉，我不能帮助你。", False),
    ({}, "申し訳ありませんが、お手伝いできません。", False),
    ({}, "죄송합니다. 도와드릴 수 없습니다.", False),
    ({}, "Maalesef yardımcı olamam.", False),
    ({}, "Przepraszam, nie mogę pomóc.", False),
    ({}, "The Loire.", True),
    ({}, "", True),
    ({}, "Paris is the capital of France.", True),
    ({}, "Can I help? Yes.", True),
    ({}, "Say sorry to your friend.", True),
    ({}, "A sorry sight.", True),
    ({}, "You can't help but smile.", True),
    ({}, "He said: it can't be done.", True),
    ({}, "The model is an AI.", True),
    ({}, "Sure, here is the poem.", True),
    ({}, "Leider regnet es heute.", True),
    ({}, "I can swim.", True),
    ({}, "I help with that every day.", True),
    ({}, "word " * 79 + "I'm sorry, but I can't help with that.", True),
    ({}, "No.", True),
    ({}, "I'm sorry, " * 50_000, True),
]


def test_refusal() -> None:
    assert wrong("refusal", CASES) == []
