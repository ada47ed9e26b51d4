"""Magpie and its preset: what is drawn from a scripted model, how its turn is opened, what is dropped and refused."""

import itertools
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import InstructionResponse, Magpie
from tasks.engine.engine import Engine
from tasks.errors import SettingsError, Unsupported
from tasks.magpie import repeats_itself
from tasks.models.openai import OpenAIEndpoint
from tasks.models.spec import ModelSpec
from tasks.settings import build
from tasks.types import Dropped, Row, Unit
from tests.scripts import Memo, Model, Script, do, dropped, made, row, said
from tests.servers import FakeOpenAI


def test_magpie() -> None:
    model = Model()
    one = row(made(Magpie(), model=model))
    assert [message["role"] for message in one.messages] == ["user"] and len(one.responses) == 1
    assert one.origin == {}
    assert [kind for kind, _ in model.asked] == ["complete", "chat"]
    assert model.prompts == ["<|im_start|>user\n", one.instruction]
    assert model.asked[0][1]["stop"] == ["<|im_end|>", "<|im_start|>"]
    assert model.asked[0][1]["max_tokens"] == 256


def test_magpie_over_several_turns() -> None:
    model = Model()
    one = row(made(Magpie(n_turns=3, system_prompt="Tides only."), model=model))
    assert [message["role"] for message in one.messages] == ["user", "assistant", "user", "assistant", "user"]
    assert len(one.responses) == 1
    assert one.origin == {"system_prompt": "Tides only."}
    opened = [prompt for (kind, _), prompt in zip(model.asked, model.prompts, strict=True) if kind == "complete"]
    assert len(opened) == 3
    for turn, prompt in enumerate(opened):
        assert prompt.startswith("<|im_start|>system\nTides only.<|im_end|>\n") and prompt.endswith(
            "<|im_start|>user\n"
        )
        assert prompt.count("<|im_start|>assistant") == turn
    chats = [body["messages"] for kind, body in model.asked if kind == "chat"]
    assert [message["role"] for message in chats[-1]] == ["system", "user", "assistant", "user", "assistant", "user"]


def test_magpie_forms() -> None:
    only = row(made(Magpie(only_instruction=True, n_turns=3)))
    assert [m["role"] for m in only.messages] == ["user"] and only.responses == ()
    assert Magpie(only_instruction=True).wants_answers and not Magpie().wants_answers
    ends = row(made(Magpie(end_with_user=True, n_turns=2)))
    assert [m["role"] for m in ends.messages] == ["user", "assistant", "user"] and ends.responses == ()
    with_system = row(made(Magpie(include_system_prompt=True, system_prompt="Tides only.")))
    assert said(with_system.messages)[0] == ("system", "Tides only.") and len(with_system.messages) == 2


def test_magpie_chooses_among_system_prompts_by_draw() -> None:
    named = Magpie(system_prompt={"tides": "Tides only.", "bread": "Bread only."})
    found = [row(made(named, index=n)) for n in range(12)]
    assert {(one.origin["system_prompt_key"], one.origin["system_prompt"]) for one in found} == {
        ("tides", "Tides only."),
        ("bread", "Bread only."),
    }
    assert [one.origin for one in found] == [row(made(named, index=n)).origin for n in range(12)]
    listed = Magpie(system_prompt=["Tides only.", "Bread only."])
    assert {row(made(listed, index=n)).origin["system_prompt"] for n in range(12)} == {"Tides only.", "Bread only."}
    assert "system_prompt_key" not in row(made(listed)).origin
    nothing: tuple[Any, ...] = ([], {}, "")
    for none in nothing:
        assert row(made(Magpie(system_prompt=none))).origin == {}
    own = row(made(named, {"system_prompt": "Mine."}))
    assert own.origin == {"system_prompt": "Mine."}


def test_magpie_units() -> None:
    assert [unit.index for unit in itertools.islice(Magpie().units([]), 3)] == [0, 1, 2]
    rows: list[dict[str, Any]] = [{"system_prompt": "a"}, {}]
    assert list(Magpie().units(rows)) == [Unit(0, {"system_prompt": "a"}), Unit(1, {})]


@pytest.mark.parametrize(
    ("script", "reason", "raw"),
    [
        ([(r"user\n\Z", " \n<|im_end|>")], "user turn 1: empty", " \n<|im_end|>"),
        ([(r"user\n\Z", "A long story")], "user turn 1: cut off at the token limit", "A long story"),
        ([(r"user\n\Z", "Why?")], "user turn 2: repeats an earlier turn", "Why?"),
        ([(r"user\n\Z", "Why is it so? " * 9)], "user turn 1: repeats itself", "Why is it so? " * 9),
        ([(r"user\n\Z", "Why? {draw}"), ("Why", " ")], "answer 1: empty", ""),
    ],
)
def test_magpie_drops(script: Script, reason: str, raw: str) -> None:
    assert dropped(made(Magpie(n_turns=2), model=Model(script, cut="long"))) == (reason, raw)


def test_magpie_cleans_what_the_user_says() -> None:
    one = row(made(Magpie(), model=Model([(r"user\n\Z", "\n Why?<|im_end|>\n<|im_start|>assistant\nSo.")])))
    assert one.instruction == "Why?"


def test_magpie_refuses_an_endpoint_that_lets_nobody_speak_as_the_user() -> None:
    with pytest.raises(Unsupported, match=r"raw prompts, which gpt does not take .*continue_final_message.*vLLM"):
        made(Magpie(), model=Model(name="gpt", raw_prompts=False))
    with pytest.raises(Unsupported, match="chat template of gpt"):
        made(Magpie(), model=Model(name="gpt", chat_template=None))
    broken = Model()
    broken.template = "{{ 1 / 0 }}"
    with pytest.raises(SettingsError, match="chat template can't be rendered"):
        made(Magpie(), model=broken)
    family = Model(chat_template="{{ never.used }}")
    family.template = "llama3"
    assert row(made(Magpie(), model=family)).instruction
    assert family.prompts[0] == "<|start_header_id|>user<|end_header_id|>\n\n"


def test_magpie_over_chat_where_that_leaves_the_users_turn_open() -> None:
    model = Model(raw_prompts=False, continues_turns=True)
    one = row(made(Magpie(n_turns=2, system_prompt="Tides only."), model=model))
    assert [message["role"] for message in one.messages] == ["user", "assistant", "user"]
    assert [kind for kind, _ in model.asked] == ["chat"] * 4
    as_user, _, as_user_again, _ = [body for _, body in model.asked]
    assert said(as_user["messages"]) == [("system", "Tides only."), ("user", "")]
    assert said(as_user_again["messages"])[-2:] == [("assistant", one.messages[1]["content"]), ("user", "")]
    for body in (as_user, as_user_again):
        assert (body["add_generation_prompt"], body["continue_final_message"]) == (False, True)
        assert body["stop"] == ["<|im_end|>", "<|im_start|>"] and body["max_tokens"] == 256
    assert all("continue_final_message" not in body for _, body in model.asked[1::2])


@pytest.mark.parametrize(
    ("task", "own", "sent"),
    [
        (Magpie(), {}, 256), (Magpie(), {"max_tokens": 96}, 256), (Magpie(), {"max_tokens": 0}, 256),
        (Magpie(), {"max_tokens": 2048}, 2048), (Magpie(max_instruction_tokens=120), {"max_tokens": 2048}, 120),
        (Magpie(max_instruction_tokens=400), {}, 400),
    ],
)  # fmt: skip
def test_a_longer_limit_of_the_models_own_holds_for_the_users_turn(
    task: Magpie, own: dict[str, Any], sent: int
) -> None:
    """Unless the task's own was set, too. Nothing else of the request changes: what was answered before is remembered."""

    async def draw(url: str) -> list[Row | Dropped]:
        endpoint = OpenAIEndpoint(ModelSpec(url=url, model="fake", template="chatml", **own))
        try:
            return await task.rows(Unit(0), Engine(Memo()).bind(endpoint, "7/unit/0"))
        finally:
            await endpoint.close()

    with FakeOpenAI() as server:
        assert row(do(draw(server.url))).instruction
        (body,) = [
            call["body"] for call in server.calls if str(call["body"].get("prompt", "")).startswith("<|im_start|>")
        ]
    assert body.keys() == {"model", "prompt", "max_tokens", "stop", "seed"} and body["max_tokens"] == sent


def test_magpie_over_chat_needs_no_template() -> None:
    model = Model(name="served", raw_prompts=False, continues_turns=True, chat_template=None)
    assert row(made(Magpie(), model=model)).instruction
    assert "stop" not in model.asked[0][1]


def test_magpie_over_real_http_with_an_endpoint_that_continues_turns() -> None:
    async def draw(url: str) -> list[Row | Dropped]:
        endpoint = OpenAIEndpoint(ModelSpec(url=url, model="fake"))
        try:
            return await Magpie(n_turns=2).rows(Unit(0), Engine(Memo()).bind(endpoint, "7/unit/0"))
        finally:
            await endpoint.close()

    with FakeOpenAI(chat_only=True, continues="vllm") as server:
        one = row(do(draw(server.url)))
    roles = [(message["role"], message["content"].split()[0]) for message in one.messages]
    assert roles == [("user", "What"), ("assistant", "reply"), ("user", "What")]
    assert one.responses[0].text.startswith("reply ")
    with FakeOpenAI(chat_only=True) as server, pytest.raises(Unsupported, match="raw prompts"):
        do(draw(server.url))


def test_magpie_gives_a_model_without_a_system_role_its_text_in_the_first_user_turn() -> None:
    model = Model()
    model.template = "gemma2"
    one = row(made(Magpie(system_prompt="Tides only.", include_system_prompt=True), model=model))
    assert model.prompts[0] == "<start_of_turn>user\nTides only.\n\n"
    assert said(model.asked[1][1]["messages"]) == [("user", f"Tides only.\n\n{one.instruction}")]
    assert [message["role"] for message in one.messages] == ["system", "user"]


def test_magpie_chooses_among_weighted_system_prompts() -> None:
    named = {"tides": ("Tides only.", 3.0), "bread": ("Bread only.", 1.0), "never": ("Never.", 0.0)}
    weighted = Magpie(system_prompt={**named})
    drawn = [weighted.chosen_system_prompt(Unit(n)) for n in range(2000)]
    assert drawn == [weighted.chosen_system_prompt(Unit(n)) for n in range(2000)]
    counts = Counter(drawn)
    assert set(counts) == {("tides", "Tides only."), ("bread", "Bread only.")}
    assert 0.70 < counts["tides", "Tides only."] / 2000 < 0.80
    smaller = Magpie(system_prompt={name: (words, weight / 7e9) for name, (words, weight) in named.items()})
    assert [smaller.chosen_system_prompt(Unit(n)) for n in range(2000)] == drawn
    plain = Magpie(system_prompt={"tides": ("Tides only.", 3), "bread": "Bread only.", "never": ("Never.", 0)})
    assert [plain.chosen_system_prompt(Unit(n)) for n in range(2000)] == drawn
    one = row(made(weighted))
    assert one.origin["system_prompt_key"] in ("tides", "bread")


def test_equal_weights_choose_as_no_weights_do() -> None:
    plain = Magpie(system_prompt={"a": "A.", "b": "B.", "c": "C."})
    weighted = Magpie(system_prompt={"a": ("A.", 0.2), "b": ("B.", 0.2), "c": ("C.", 0.2)})
    for n in range(50):
        assert plain.chosen_system_prompt(Unit(n)) == weighted.chosen_system_prompt(Unit(n))


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ((-1.0, 2.0), "from 0 up"),
        ((float("nan"), 1.0), "from 0 up"),
        ((float("inf"), 1.0), "from 0 up"),
        ((0.0, 0.0), "above 0"),
    ],
)
def test_magpie_refuses_weights_that_are_none(weights: tuple[float, float], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Magpie(system_prompt={"a": ("A.", weights[0]), "b": ("B.", weights[1])})


def test_weights_come_from_toml_and_from_the_page() -> None:
    asked = {"coder": ["You write code.", 0.3], "poet": "You rhyme."}
    task = build(Magpie, {"system_prompt": asked}, "[task]")
    assert task == Magpie(system_prompt={"coder": ("You write code.", 0.3), "poet": "You rhyme."})
    with pytest.raises(SettingsError, match=r"system_prompt\.coder\.1: .*valid number"):
        build(Magpie, {"system_prompt": {"coder": ["You write code.", "often"]}}, "[task]")


LOOPS = [
    "What is the capital of France? " * 8,
    "Write a poem about the sea.\n" * 6,
    "".join(f"{n}. Explain how tides work.\n" for n in range(1, 9)),
    "I would like to know how to bake bread. " + "and then bake it again " * 12,
    "please " * 20,
    "\n\n".join(["First, tell me why the sky is blue. Then, tell me why grass is green."] * 6),
    "".join(f"Note {'xyz'[n % 3]}{n}! How do I sort this list in Python?\n" for n in range(12)),
]
NO_LOOPS = [
    "Why is rain wet?",
    "",
    "No, no, no, no! Why does my cat do that?",
    "Make a list:\n- milk\n- bread\n- milk\n- eggs\n- milk\n- butter\n- milk",
    "\n".join(
        f"{n}. Name a river in {place}."
        for n, place in enumerate(("France", "Spain", "Peru", "Mali", "Laos", "Iran"), 1)
    ),
    "Sort this matrix:\n" + "0 0 0 0 0 0 0 0\n" * 8,
    "What comes next? 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2",
    "Explain this:\n```\n" + "x = x + 1\n" * 12 + "```\nWhat is x?",
    "def f(x):\n    if x:\n        return x\n    return None\n\ndef g(x):\n    if x:\n        return x\n    return None\n",
    "| a | b |\n|---|---|\n" + "| - | - |\n" * 10,
    (
        "Set this to music:\n"
        + "".join(
            f"The {a} goes out upon the sea,\nthe {b} comes in again;\nOh carry me home, my love, said she,\n"
            "and wait no more for rain.\n\n"
            for a, b in (("boat", "tide"), ("gull", "moon"), ("sail", "fog"), ("light", "dawn"), ("wind", "day"))
        )
    ),
    "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream. Who wrote it?",
]


@pytest.mark.parametrize("turn", LOOPS)
def test_a_turn_that_loops_repeats_itself(turn: str) -> None:
    assert repeats_itself(turn)


@pytest.mark.parametrize("turn", NO_LOOPS)
def test_lists_code_tables_and_poems_do_not_repeat_themselves(turn: str) -> None:
    assert not repeats_itself(turn)


@pytest.mark.parametrize("part", ["\n", "\r\n", "-\n", "> \n", "```\n", "1. ", "* ", "| ", "a b "])
def test_a_long_hostile_turn_is_read(part: str) -> None:
    assert repeats_itself(part * (200_000 // len(part))) is (part == "a b ")


@given(st.text(alphabet="ab \n.`1") | st.text())
def test_looking_for_loops_never_fails(turn: str) -> None:
    assert repeats_itself(turn) in (True, False)
    if len(turn.split()) < 12:
        assert not repeats_itself(turn) or any(turn.casefold().split().count(w) >= 5 for w in turn.casefold().split())


# -- InstructionResponse


def test_instruction_response() -> None:
    model = Model()
    writer = "You are a creative AI Assistant writer."
    one = row(made(InstructionResponse(), model=model))
    assert [message["role"] for message in one.messages] == ["user"] and len(one.responses) == 1
    assert one.origin == {"system_prompt": writer}
    assert model.prompts[0].startswith(f"<|im_start|>system\n{writer}<|im_end|>\n")
    preset = row(made(Magpie(system_prompt=writer)))
    assert (one.messages, one.responses) == (preset.messages, preset.responses)
    plain = InstructionResponse(system_prompt="", n_turns=2)
    assert len(row(made(plain)).messages) == 3 and row(made(plain)).origin == {}
