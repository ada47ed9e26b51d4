"""The raw prompt for Magpie: a model's own template up to the open user turn, whatever the template does."""

import re

import pytest

from tasks.errors import SettingsError, Unsupported
from tasks.models.base import Capabilities
from tasks.models.chat_templates import FAMILIES, NAMES, clean, open_user_turn, resolve
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
FOUND = Capabilities(raw_prompts=True, bos_token="<|begin_of_text|>", eos_token="<|eot_id|>")
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
TEMPLATES = {**FAMILIES, "smol": SMOL, "llama": LLAMA}


@pytest.mark.parametrize("family", TEMPLATES)
@pytest.mark.parametrize("talk", TALKS)
def test_the_prompt_ends_in_an_open_user_turn(family: str, talk: list[Message]) -> None:
    opened = open_user_turn(TEMPLATES[family], FOUND, talk)
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
        ("zephyr", "</s>"),
    ],
)
@pytest.mark.parametrize("talk", TALKS)
def test_the_turn_stops_where_the_template_ends_it(family: str, ends: str, talk: list[Message]) -> None:
    opened = open_user_turn(TEMPLATES[family], Capabilities(eos_token="<end>"), talk)
    assert opened.stop[0] == ends
    assert "<end>" in opened.stop
    assert 2 <= len(opened.stop) <= 4 and len(set(opened.stop)) == len(opened.stop)
    assert all(opened.stop)


def test_whole_prompts() -> None:
    assert open_user_turn("{{ bos_token }}" + FAMILIES["llama3"], FOUND, []).prompt == (
        "<|start_header_id|>user<|end_header_id|>\n\n"
    )
    assert open_user_turn(FAMILIES["chatml"], FOUND, [SYSTEM, *PAIR]).prompt == (
        "<|im_start|>system\nYou talk about tides.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n"
        "<|im_start|>assistant\nThe moon.<|im_end|>\n<|im_start|>user\n"
    )
    assert open_user_turn(SMOL, FOUND, []).prompt == "<|im_start|>system\nYou help.<|im_end|>\n<|im_start|>user\n"
    opened = open_user_turn(MISTRAL, Capabilities(), PAIR)
    assert opened.prompt == "[INST] Why? [/INST]The moon.</s>[INST] "
    assert opened.stop[0] == "[/INST]"


def test_a_turn_that_ends_in_plain_words_stops_there() -> None:
    template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\nEND\n{% endfor %}"
    assert open_user_turn(template, Capabilities(), []).stop == ("END",)


@pytest.mark.parametrize(
    "template",
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
def test_a_hostile_or_broken_template_is_a_wrong_setting(template: str) -> None:
    with pytest.raises(SettingsError, match=r"chat template .*\.$"):
        open_user_turn(template, FOUND, [])


def test_a_template_finds_neither_files_nor_our_own_things() -> None:
    seen = open_user_turn("{{ raise_exception.__globals__ }}|{{ self.__init__ }}|{{ messages[0].content }}", FOUND, [])
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
        ("Is a < b | c > d?", "Is a < b | c > d?"),
        ("What does <s1> mean?", "What does <s1> mean?"),
    ],
)
def test_clean(turn: str, words: str) -> None:
    assert clean(turn) == words


def test_the_users_template_wins_over_the_servers_over_the_name() -> None:
    told = Capabilities(chat_template="told")
    assert resolve("chatml", told, "Llama-3-8B") == FAMILIES["chatml"]
    assert resolve("my own {{ messages }}", told, "Llama-3-8B") == "my own {{ messages }}"
    assert resolve(None, told, "Llama-3-8B") == "told"
    assert resolve("", Capabilities(), "meta/Llama-3.1-8B-Instruct") == FAMILIES["llama3"]
    assert (
        resolve(None, Capabilities(), "Qwen2.5-7B")
        == resolve(None, Capabilities(), "SmolLM2-135M")
        == FAMILIES["chatml"]
    )
    with pytest.raises(Unsupported, match=r"chat template of gpt-nobody.*chatml"):
        resolve(None, Capabilities(), "gpt-nobody")


def test_every_name_leads_to_a_family() -> None:
    assert {family for _, family in NAMES} == set(FAMILIES)
    assert all(re.compile(pattern) for pattern, _ in NAMES)
