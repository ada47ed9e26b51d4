"""The raw prompt for Magpie: a model's own template up to the open user turn, whatever the template does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import SettingsError
from tasks.models.chat_templates import CONTROL, Template, clean, fold, open_user_turn
from tasks.models.template_families import FAMILIES
from tasks.types import Message

SMOL = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou help.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA = """{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}{{- "Environment: ipython\\n" }}{%- endif %}
{{- "Today: " + strftime_now("%Y") + "\\n\\n" + system_message + "<|eot_id|>" }}
{%- for message in messages %}
    {%- if message.role not in ['user', 'assistant'] %}{{- raise_exception('Unknown role') }}{%- endif %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""
MISTRAL = (
    "<s>{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% else %}{{ m.content }}</s>{% endif %}{% endfor %}"
)
SYSTEM: Message = {"role": "system", "content": "You talk about tides."}
PAIR: list[Message] = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "The moon."}]
TALKS: list[list[Message]] = [[], [SYSTEM], PAIR, [SYSTEM, *PAIR]]
HEADERS = {
    "chatml": "<|im_start|>{role}\n",
    "llama3": "<|start_header_id|>{role}<|end_header_id|>\n\n",
    "zephyr": "<|{role}|>\n",
    "smol": "<|im_start|>{role}\n",
    "llama": "<|start_header_id|>{role}<|end_header_id|>\n\n",
}
TEMPLATES = {**{name: FAMILIES[name].source for name in ("chatml", "llama3", "zephyr")}, "smol": SMOL, "llama": LLAMA}


def template(source: str, bos: str = "<|begin_of_text|>", eos: str = "<|eot_id|>") -> Template:
    return Template(source, bos, eos)


@pytest.mark.parametrize("family", TEMPLATES)
@pytest.mark.parametrize("talk", TALKS)
def test_the_prompt_ends_in_an_open_user_turn(family: str, talk: list[Message]) -> None:
    opened = open_user_turn(template(TEMPLATES[family], eos="</s>"), talk)
    header = HEADERS[family]
    assert opened.prompt.endswith(header.format(role="user"))
    assert opened.prompt.count(header.format(role="assistant")) == sum(m["role"] == "assistant" for m in talk)
    assert opened.prompt.count(header.format(role="user")) == 1 + sum(m["role"] == "user" for m in talk)
    assert "<|begin_of_text|>" not in opened.prompt
    assert "CLAYWRIGHT" not in opened.prompt
    at = [opened.prompt.find(message["content"]) for message in talk]
    assert -1 not in at and at == sorted(at)


@pytest.mark.parametrize(
    ("family", "ends"),
    [
        ("chatml", "<|im_end|>"),
        ("smol", "<|im_end|>"),
        ("llama3", "<|eot_id|>"),
        ("llama", "<|eot_id|>"),
        ("zephyr", "<|endoftext|>"),
    ],
)
@pytest.mark.parametrize("talk", TALKS)
def test_the_turn_stops_where_the_template_ends_it(family: str, ends: str, talk: list[Message]) -> None:
    opened = open_user_turn(template(TEMPLATES[family], eos="<|endoftext|>"), talk)
    assert opened.stop[0] == ends
    assert "<|endoftext|>" in opened.stop
    assert 2 <= len(opened.stop) <= 4 and len(set(opened.stop)) == len(opened.stop)
    assert all(opened.stop)


def test_whole_prompts() -> None:
    assert open_user_turn(template("{{ bos_token }}" + TEMPLATES["llama3"]), []).prompt == (
        "<|start_header_id|>user<|end_header_id|>\n\n"
    )
    assert open_user_turn(template(SMOL), []).prompt == ("<|im_start|>system\nYou help.<|im_end|>\n<|im_start|>user\n")
    opened = open_user_turn(Template(MISTRAL), PAIR)
    assert opened.prompt == "[INST] Why? [/INST]The moon.</s>[INST] "
    assert opened.stop[0] == "[/INST]"


def test_a_begin_of_text_token_that_the_template_does_not_write_is_not_cut_off() -> None:
    """SmolLM2 names <|im_start|> as its own, which is the beginning of every turn too."""
    assert open_user_turn(template(SMOL, bos="<|im_start|>"), []).prompt.startswith("<|im_start|>system\n")


def test_a_begin_of_text_token_inside_the_talk_stays() -> None:
    source = "{% for m in messages %}{{ bos_token }}{{ m.role }}\n{{ m.content }}</s>\n{% endfor %}"
    assert (
        open_user_turn(template(source, bos="<s>"), PAIR).prompt
        == "user\nWhy?</s>\n<s>assistant\nThe moon.</s>\n<s>user\n"
    )
    assert open_user_turn(template(source, bos=""), PAIR).prompt.endswith("The moon.</s>\nuser\n")
    keeps = Template(source, "<s>", "</s>", adds_bos=False)
    assert open_user_turn(keeps, []).prompt == "<s>user\n"


@pytest.mark.parametrize(
    "source",
    [
        "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
        "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}",
        "{% for m in messages if m.role != 'system' %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}",
    ],
    ids=["refused", "left out"],
)
def test_a_system_text_that_the_template_has_no_place_for_opens_the_first_user_turn(source: str) -> None:
    opened = open_user_turn(template(source), [SYSTEM])
    assert (opened.prompt, opened.folded) == ("<|user|>You talk about tides.\n\n", True)
    opened = open_user_turn(template(source), [SYSTEM, *PAIR])
    assert opened.prompt == "<|user|>You talk about tides.\n\nWhy?<|end|><|assistant|>The moon.<|end|><|user|>"
    assert not open_user_turn(template(source), PAIR).folded
    assert fold(PAIR) == PAIR and fold([]) == [] and fold([SYSTEM, *PAIR])[1:] == PAIR[1:]


def test_a_template_may_mark_what_the_model_wrote() -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}!{% endgeneration %}"
        "{% else %}<|{{ m.role }}|>{{ m.content }}{% endif %}{% endfor %}"
    )
    assert open_user_turn(template(source), PAIR).prompt == "<|user|>Why?The moon.!<|user|>"


def test_a_turn_that_ends_in_plain_words_stops_there() -> None:
    source = "{% for m in messages %}{{ m.role }}: {{ m.content }}\nEND\n{% endfor %}"
    assert open_user_turn(Template(source), []).stop == ("END",)


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages.__class__.__mro__[1].__subclasses__() }}{{ messages[0].content }}",
        "{{ ''.__class__.__base__.__subclasses__() }}{{ messages[0].content }}",
        "{{ raise_exception.__globals__['re'].compile }}{{ messages[0].content }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}{{ messages[0].content }}",
        "{{ messages.append(1) }}{{ messages[0].content }}",
        "{% for i in range(1000000000) %}{{ i }}{% endfor %}{{ messages[0].content }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}{{ messages[0].content }}",
        "{{ 1 / 0 }}{{ messages[0].content }}",
        "{{ messages[0].content + 1 }}",
        "{{ messages[7].content.x }}{{ messages[0].content }}",
        "{{ strftime_now(3) }}{{ messages[0].content }}",
        "{{ '%d' | format('x') }}{{ messages[0].content }}",
        "{% include '/etc/passwd' %}{{ messages[0].content }}",
        "{{ raise_exception('Only users speak here') }}",
        "{% for m in messages %}",
        "{{ nothing.here }}",
        "No words of the user.",
        "",
    ],
)
def test_a_hostile_or_broken_template_is_a_wrong_setting(source: str) -> None:
    with pytest.raises(SettingsError, match=r"chat template .*\.$"):
        open_user_turn(template(source), [])


def test_a_template_finds_neither_files_nor_our_own_things() -> None:
    source = "{{ raise_exception.__globals__ }}|{{ self.__init__ }}|{{ messages[0].content }}"
    seen = open_user_turn(template(source), [])
    assert seen.prompt == "||"


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (" Why is rain wet?\n", "Why is rain wet?"),
        ("Why?<|im_end|>\n<|im_start|>assistant\nSo.", "Why?"),
        ("Why?<|eot_id|><|start_header_id|>assistant", "Why?"),
        ("Why?</s>", "Why?"),
        ("Why?<end_of_turn>", "Why?"),
        ("Why? [/INST] So.", "Why?"),
        ("<|im_end|>", ""),
        ("", ""),
        ("Why?<｜Assistant｜>So.", "Why?"),
        ("Why?<|User|>", "Why?"),
        ("Why?<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|>", "Why?"),
        ("Why?<|end|>\n<|assistant|>", "Why?"),
        ("<|reserved_special_token_0|>", ""),
        ("Why?<｜end▁of▁sentence｜>", "Why?"),
        ("Why?[SYSTEM_PROMPT]", "Why?"),
        ("<<SYS>> Be brief.", ""),
        ("<think>They ask why.</think>Why?", ""),
        ("Why?<s>[INST] So.</s>", "Why?"),
        ("Why?<s>", "Why?"),
        ("Why <s>old</s> new?</s> So.", "Why <s>old</s> new?"),
        ("Is a < b | c > d?", "Is a < b | c > d?"),
        ("What does <s1> mean?", "What does <s1> mean?"),
        ("Fix <s>7</s> 8 in this page.", "Fix <s>7</s> 8 in this page."),
        ("let f = g <| h |> i", "let f = g <| h |> i"),
        ("| a <| b |> c |\n|---|---|", "| a <| b |> c |\n|---|---|"),
        ("Read [INSTALL] and [this](x).", "Read [INSTALL] and [this](x)."),
        ("<div><end></div> <user> <system>", "<div><end></div> <user> <system>"),
        ("cat << EOF > x\n<<SYSTEM>>", "cat << EOF > x\n<<SYSTEM>>"),
    ],
)
def test_clean(turn: str, words: str) -> None:
    assert clean(turn) == words


PIECES = ["<|", "|>", "<s>", "</s>", "[INST]", "<｜", "｜>", "User", " ", "\n", "a", "<think>", "<|im_end|>", "[/INST]"]


@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
def test_what_is_cleaned_is_the_beginning_of_what_was_said(turn: str) -> None:
    cleaned = clean(turn)
    assert turn.strip().startswith(cleaned) and cleaned == cleaned.strip() and clean(cleaned) == cleaned
    assert all(token in ("<s>", "</s>") for token in CONTROL.findall(cleaned))
