"""Families of chat templates that are known without asking anyone: how each writes a talk, and what ends a turn.

Each source is the least Jinja that writes what the family's own templates write for talks without tools, to the character.
Where models of one name had several templates, the one of the latest release counts. tests/test_chat_families.py holds
what the models' own templates rendered.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """How one family of models writes a talk.

    `names` is a regular expression found in the models' names, "" for a family that only users name. `stop` are the
    strings that end the user's turn. `bos` and `eos` are its begin-of-text and end-of-text tokens.
    """

    source: str
    stop: tuple[str, ...]
    names: str = ""
    bos: str = ""
    eos: str = ""


_SYSTEM_FIRST = "{% set system = messages[0].content if messages[0].role == 'system' else '' %}"
_AFTER_SYSTEM = "{% for m in (messages[1:] if messages[0].role == 'system' else messages) %}"


def _chatml(default: str = "", header_end: str = "\n", turn_end: str = "<|im_end|>\n") -> str:
    """Turns between <|im_start|> and <|im_end|>; `default` is the system text where the talk has none."""
    opening = (
        f"{{% if messages[0].role != 'system' %}}<|im_start|>system{header_end}{default}{turn_end}{{% endif %}}"
        if default
        else ""
    )
    return (
        f"{opening}{{% for m in messages %}}<|im_start|>{{{{ m.role }}}}{header_end}{{{{ m.content }}}}{turn_end}"
        f"{{% endfor %}}{{% if add_generation_prompt %}}<|im_start|>assistant{header_end}{{% endif %}}"
    )


def _llama(system: str = "") -> str:
    """Llama 3; from 3.1 on, `system` begins a system turn that is always there."""
    turn = "<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>"
    turns = f"{{% for m in messages %}}{turn}{{% endfor %}}"
    if system:
        turns = (
            f"{_SYSTEM_FIRST}<|start_header_id|>system<|end_header_id|>\n\n{system}{{{{ system | trim }}}}<|eot_id|>"
            f"{_AFTER_SYSTEM}{turn}{{% endfor %}}"
        )
    generation_prompt = "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
    return "{{ bos_token }}" + turns + generation_prompt


def _gemma(system: str) -> str:
    """Gemma has no system role: `system` says what to do with one."""
    return (
        "{{ bos_token }}" + _SYSTEM_FIRST + system + _AFTER_SYSTEM + "<start_of_turn>"
        "{{ 'model' if m.role == 'assistant' else m.role }}\n"
        "{% if loop.first and system %}{{ system }}\n\n{% endif %}{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
        "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
    )


def _mistral(opens: str, closes: str, answer: str, *, system: str) -> str:
    """`system` says in whose user turn the system text stands: "loop.first" or "loop.last"."""
    return (
        "{{ bos_token }}" + _SYSTEM_FIRST + _AFTER_SYSTEM + "{% if m.role == 'user' %}" + opens + "{% if " + system
        + " and system %}{{ system }}\n\n{% endif %}{{ m.content }}" + closes + "{% else %}" + answer
        + "{{ eos_token }}{% endif %}{% endfor %}"
    )  # fmt: skip


def _mistral_with_system(space: str) -> str:
    """From v7 on, the system text has tokens of its own; `space` stands after what opens a turn."""
    return (
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST]" + space + "{{ m.content }}[/INST]"
        "{% elif m.role == 'system' %}[SYSTEM_PROMPT]" + space + "{{ m.content }}[/SYSTEM_PROMPT]"
        "{% else %}" + space + "{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
    )


def _roles(end: str, after_role: str) -> str:
    """Turns that open with the role as a token: <|user|>."""
    return (
        "{% for m in messages %}<|{{ m.role }}|>" + after_role + "{{ m.content }}" + end + "{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>" + after_role + "{% endif %}"
    )


def _granite(default: str = "") -> str:
    turn = "<|start_of_role|>{{ m.role }}<|end_of_role|>{{ m.content }}<|end_of_text|>\n"
    opening = (
        "{% if messages[0].role != 'system' %}<|start_of_role|>system<|end_of_role|>" + default + "<|end_of_text|>\n"
        "{% endif %}"
        if default
        else ""
    )
    return (
        opening + "{% for m in messages %}" + turn + "{% endfor %}"
        "{% if add_generation_prompt %}<|start_of_role|>assistant<|end_of_role|>{% endif %}"
    )


def _deepseek(answer: str, generation_prompt: str) -> str:
    return (
        "{{ bos_token }}" + _SYSTEM_FIRST + "{{ system }}" + _AFTER_SYSTEM + "{% if m.role == 'user' %}<｜User｜>"
        "{{ m.content }}{% else %}" + answer + "{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}" + generation_prompt + "{% endif %}"
    )


_COMMAND_R = (
    "{{ bos_token }}{% for m in messages %}<|START_OF_TURN_TOKEN|>"
    "<|{{ {'user': 'USER', 'system': 'SYSTEM'}.get(m.role, 'CHATBOT') }}_TOKEN|>"
    "{{ m.content if m.role == 'system' else m.content.strip() }}<|END_OF_TURN_TOKEN|>{% endfor %}"
    "{% if add_generation_prompt %}<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{% endif %}"
)
_DEEPSEEK_2 = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}User: {{ m.content }}\n\n"
    "{% elif m.role == 'system' %}{{ m.content }}\n\n{% else %}Assistant: {{ m.content }}{{ eos_token }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
_OLMO_2 = (
    "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}"
    "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
# Its own template closes the system turn only where tools are listed, and tells the date and the mode of reasoning.
_SMOLLM_3 = (
    _SYSTEM_FIRST + "<|im_start|>system\n## Metadata\n\nKnowledge Cutoff Date: June 2025\n"
    "Today Date: {{ strftime_now('%d %B %Y') }}\nReasoning Mode: /no_think\n\n## Custom Instructions\n\n"
    "{{ system.rstrip() or 'You are a helpful AI assistant named SmolLM, trained by Hugging Face.' }}\n\n"
    + _AFTER_SYSTEM + "<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}<think>\n\n</think>\n{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n{% endif %}"
)  # fmt: skip
# The system text stands bare before the first turn.
_YI_1_5 = (
    _SYSTEM_FIRST + "{{ system }}" + _AFTER_SYSTEM + "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_LLAMA_DATES = "Cutting Knowledge Date: December 2023\nToday Date: {{ strftime_now('%d %b %Y') }}\n\n"
_GRANITE_LINES = ("Knowledge Cutoff Date: April 2024.", "Today's Date: {{ strftime_now('%B %d, %Y') }}.")
_GRANITE_NAME = "You are Granite, developed by IBM. You are a helpful AI assistant."
_IM = ("<|im_end|>", "<|im_start|>")
_LLAMA_STOP = ("<|eot_id|>", "<|start_header_id|>")
_GRANITE_STOP = ("<|end_of_text|>", "<|start_of_role|>")
_INST = ("[/INST]", "</s>", "[INST]")
_DEEPSEEK_BOS, _DEEPSEEK_EOS = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
_DEEPSEEK_STOP = ("<｜Assistant｜>", _DEEPSEEK_EOS, "<｜User｜>")

FAMILIES: dict[str, Family] = {
    "deepseek-v3.1": Family(
        _deepseek("<｜Assistant｜></think>", "<｜Assistant｜></think>"), _DEEPSEEK_STOP,
        r"deepseek-v3\.1", _DEEPSEEK_BOS, _DEEPSEEK_EOS,
    ),
    "deepseek": Family(
        _deepseek("<｜Assistant｜>", "<｜Assistant｜>"), _DEEPSEEK_STOP,
        r"deepseek-?(?:v2\.5|v3(?!\.[1-9])|r1)", _DEEPSEEK_BOS, _DEEPSEEK_EOS,
    ),
    "deepseek-v2": Family(
        _DEEPSEEK_2, ("\n\nAssistant:", _DEEPSEEK_EOS), r"deepseek-v2(?!\.5)", _DEEPSEEK_BOS, _DEEPSEEK_EOS
    ),
    "chatml": Family(_chatml(), _IM, r"chatml|hermes|dolphin|\byi-(?:6b|9b|34b)", "", "<|im_end|>"),
    "zephyr": Family(
        _roles("{{ eos_token }}\n", "\n"), ("</s>", "<|assistant|>"), r"zephyr-7b-(?:alpha|beta)|zephyr:7b|notus",
        "<s>", "</s>",
    ),
    "olmo2": Family(
        _OLMO_2, ("<|assistant|>", "<|endoftext|>", "<|user|>"), r"olmo-?2|tulu-?3", "<|endoftext|>", "<|endoftext|>"
    ),
    "yi-1.5": Family(_YI_1_5, _IM, r"yi-1\.5", "", "<|im_end|>"),
    "qwen1.5": Family(_chatml("You are a helpful assistant"), _IM, r"qwen-?1\.5", "", "<|im_end|>"),
    "qwen2.5": Family(
        _chatml("You are Qwen, created by Alibaba Cloud. You are a helpful assistant."), _IM,
        r"qwen-?2\.5(?!.*(?:math|vl|omni))", "", "<|im_end|>",
    ),
    "qwen2": Family(_chatml("You are a helpful assistant."), _IM, r"qwen-?2(?![.\d])(?!.*(?:math|audio))", "", "<|im_end|>"),
    "qwen3": Family(_chatml(), _IM, r"qwen-?3|qwq", "", "<|im_end|>"),
    "smollm3": Family(_SMOLLM_3, _IM, r"smollm-?3", "", "<|im_end|>"),
    "smollm2": Family(
        _chatml("You are a helpful AI assistant named SmolLM, trained by Hugging Face"), _IM,
        r"smollm-?2", "", "<|im_end|>",
    ),
    "gemma2": Family(
        _gemma("{% if system %}{{ raise_exception('There is no system role') }}{% endif %}"),
        ("<end_of_turn>", "<start_of_turn>"), r"gemma(?:-?2|-[27]b|-1\.1)", "<bos>", "<eos>",
    ),
    "gemma3": Family(_gemma(""), ("<end_of_turn>", "<start_of_turn>"), r"gemma-?3", "<bos>", "<eos>"),
    "phi4-mini": Family(
        _roles("<|end|>", ""), ("<|end|>", "<|assistant|>"), r"phi-?4-mini(?!.*(?:reasoning|flash))", "", "<|endoftext|>"
    ),
    "phi4": Family(
        _chatml(header_end="<|im_sep|>", turn_end="<|im_end|>"), _IM, r"phi-?4(?!.*(?:reasoning|multimodal|mini))",
        "", "<|im_end|>",
    ),
    "phi3": Family(_roles("<|end|>\n", "\n"), ("<|end|>", "<|assistant|>"), r"phi-?3", "<s>", "<|endoftext|>"),
    "mistral-v7-tekken": Family(
        _mistral_with_system(""), _INST,
        r"mistral-small-(?:3|24b)|mistral-small(?=:|-).*(?:2501|2503|2506)", "<s>", "</s>",
    ),
    "mistral-v7": Family(_mistral_with_system(" "), _INST, r"(?:mistral|pixtral)-large.*2411", "<s>", "</s>"),
    "mistral-v3-tekken": Family(
        _mistral("[INST]", "[/INST]", "{{ m.content }}", system="loop.last"), _INST,
        r"mistral-nemo|ministral-8b.*2410", "<s>", "</s>",
    ),
    "mistral-v3": Family(
        _mistral("[INST] ", "[/INST]", " {{ m.content | trim }}", system="loop.last"), _INST,
        r"mistral-7b-instruct-v0\.3|mistral:|mistral-large.*2407|mistral-small.*2409|mixtral-8x22b|codestral-22b",
        "<s>", "</s>",
    ),
    "mistral-v1": Family(
        _mistral(" [INST] ", " [/INST]", " {{ m.content }}", system="loop.first"), _INST,
        r"mistral-7b-instruct-v0\.[12]|mixtral-8x7b", "<s>", "</s>",
    ),
    "command-r": Family(
        _COMMAND_R, ("<|END_OF_TURN_TOKEN|>", "<|START_OF_TURN_TOKEN|>"), r"command-r(?!-?7b)",
        "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>",
    ),
    "granite3.3": Family(
        _granite(" ".join((*_GRANITE_LINES, _GRANITE_NAME))), _GRANITE_STOP, r"granite-?3\.3", "", "<|end_of_text|>"
    ),
    "granite3.1": Family(
        _granite("\n".join((*_GRANITE_LINES, _GRANITE_NAME))), _GRANITE_STOP, r"granite-?3\.[12]", "", "<|end_of_text|>"
    ),
    "granite3": Family(_granite(), _GRANITE_STOP, r"granite-?3\.0|granite-3b|granite3-", "", "<|end_of_text|>"),
    "llama3.1": Family(
        _llama(_LLAMA_DATES), _LLAMA_STOP, r"llama-?3\.[123](?!.*nemotron)", "<|begin_of_text|>", "<|eot_id|>"
    ),
    "llama3": Family(_llama(), _LLAMA_STOP, r"llama-?3(?![.\d])", "<|begin_of_text|>", "<|eot_id|>"),
}  # fmt: skip
"""In the order in which a model's name is tried: what was trained into another family's format stands before that family."""


LONGEST_NAME = 200
"""Characters of a model's name that are looked at."""


def family_of(model: str) -> str | None:
    """The family that a model's name reveals."""
    begins = model[:LONGEST_NAME]
    return next((name for name, f in FAMILIES.items() if f.names and re.search(f.names, begins, re.IGNORECASE)), None)
