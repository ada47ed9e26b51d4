"""Genstruct against a scripted model: the rows it gives, over chat and in its own model's words, and what it drops."""

from tasks import Genstruct
from tests.scripts import Model, dropped, made, row


def test_genstruct() -> None:
    model = Model()
    one = row(made(Genstruct(), {"title": "Tides", "content": "The moon pulls."}, model))
    whole = {"document": 1, "start": 0, "end": 15}
    assert one.origin == {"title": "Tides", "passage": "The moon pulls.", "prompt": "genstruct.v1", **whole}
    assert len(one.messages) == len(one.responses) == 1 and one.responses[0].text
    assert model.asked[0][1]["schema"]["required"] == ["question", "answer"]
    text = Model([("Passage", "User: Why?\nAssistant: So.")], json_schema=False)
    one = row(made(Genstruct(), {"title": "Tides", "content": "The moon pulls."}, text))
    assert (one.instruction, one.responses[0].text) == ("Why?", "So.")
    assert text.asked[0][1]["max_tokens"] == 700 and "schema" not in text.asked[0][1]


NATIVE = (
    "[[[Title]]] Tides\n[[[Content]]] The moon pulls.\n\n"
    "The following is an interaction between a user and an AI assistant that is related to the above text.\n\n[[[User]]] "
)


def test_genstruct_in_its_own_models_words() -> None:
    """As a raw prompt, exactly as its card has it, with the space at the end; over chat where nothing else is to be had."""
    script = [("Content", " Why?\n[[[Assistant]]] So.")]
    for model, kind in (
        (Model(script, name="NousResearch/Genstruct-7B"), "complete"),
        (Model(script, name="m", weights="someone/genstruct-7b-gguf"), "complete"),
        (Model(script, name="Genstruct", raw_prompts=False), "chat"),
    ):
        one = row(made(Genstruct(), {"title": " Tides\n", "content": "The moon pulls.\n"}, model))
        assert (one.instruction, one.responses[0].text, one.origin["prompt"]) == ("Why?", "So.", "genstruct_native.v1")
        assert model.prompts == [NATIVE]
        assert [asked[0] for asked in model.asked] == [kind] and "schema" not in model.asked[0][1]


def test_genstruct_drops() -> None:
    inputs = {"title": "Tides", "content": "The moon pulls."}
    assert dropped(made(Genstruct(), {"title": "Tides", "content": ""})) == ("empty document", "")
    assert dropped(made(Genstruct(), inputs, Model([("moon", "I can't.")]))) == (
        "no question and answer in it",
        "I can't.",
    )
    assert dropped(made(Genstruct(), inputs, Model([("moon", '{"user": "W')], cut="user"))) == (
        "cut off at the token limit",
        '{"user": "W',
    )
