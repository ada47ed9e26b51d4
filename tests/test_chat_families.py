"""Prompts by built-in family against what the models' own templates render, up to the open user turn.

Each prompt below was rendered once, outside this project, from a copy of the model's own chat template, with what
transformers gives a template: no tools, no thinking, and 26 July 2024 as the day. It is written without the
begin-of-text token at its start, which servers add. None of it comes from our own sources.

How near the copies are to the originals:
- SmolLM2's is the one inside the built-in model's weights. Most others are files that llama.cpp keeps for its tests, under
  the models' names; the one of Mistral v3 is said there to be modified as to the system text.
- Gemma 3 and Yi 34B are as Unsloth's package has them. Qwen 1.5 and 2, Phi 4 mini, OLMo 2 (of its SFT model), DeepSeek V3,
  Granite 3.1 and SmolLM3 are as other public code quotes them under the model's name; of the last three only what talks
  without tools reach was taken over.
- Zephyr's and Yi 1.5's are quoted widely, but not under the name of the very model.
- Granite 3.3's differs between copies: spaces here, line breaks elsewhere, in its default system text.
Not in the table, as their own templates were not found: Notus (documented as Zephyr's format), DeepSeek V2.5 and R1 itself
(its distilled models are), DeepSeek V3.1 (copies differ in the mark of an empty thought), Granite 3.2.
Mistral Small 3 opens a talk without a system text with one of its own, about a page long, which is not built in: those two
cases are left out. Where a template knows no system role (Gemma 2), the case shows the system text at the beginning of
the first user turn.
"""

from dataclasses import dataclass

import httpx
import pytest

from app import services
from tasks.models.base import Capabilities
from tasks.models.chat_templates import CONTROL, MOST_STOPS, clean, open_user_turn, resolve
from tasks.models.template_families import FAMILIES, family_of
from tasks.templates.renderer import DAY
from tasks.types import Message

SYSTEM: Message = {"role": "system", "content": "You talk about tides."}
PAIR: list[Message] = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "The moon."}]
TALKS: dict[str, list[Message]] = {
    "no system": [],
    "system": [SYSTEM],
    "two turns": PAIR,
    "system, two turns": [SYSTEM, *PAIR],
}


@dataclass(frozen=True)
class Own:
    """What the own templates of `models` render, by case."""

    family: str
    models: tuple[str, ...]
    prompts: dict[str, str]


# fmt: off
OWN = [
    Own("chatml", ("teknium/OpenHermes-2.5-Mistral-7B", "01-ai/Yi-34B-Chat",), {
        "no system": "<|im_start|>user\n",
        "system": (
            "<|im_start|>system\nYou talk about tides.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "two turns": (
            "<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\nThe moon.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "system, two turns": (
            "<|im_start|>system\nYou talk about tides.<|im_end|>\n"
            "<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\nThe moon.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
    }),
    Own("yi-1.5", ("01-ai/Yi-1.5-9B-Chat",), {
        "no system": "<|im_start|>user\n",
        "system": "You talk about tides.<|im_start|>user\n",
        "two turns": (
            "<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\nThe moon.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "system, two turns": (
            "You talk about tides.<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\nThe moon.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
    }),
    Own("llama3", ("meta-llama/Meta-Llama-3-8B-Instruct",), {
        "no system": "<|start_header_id|>user<|end_header_id|>\n\n",
        "system": (
            "<|start_header_id|>system<|end_header_id|>\n\nYou talk about tides.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\n"
        ),
        "two turns": (
            "<|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nThe moon.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\n"
        ),
        "system, two turns": (
            "<|start_header_id|>system<|end_header_id|>\n\nYou talk about tides.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nThe moon.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\n"
        ),
    }),
    Own("llama3.1", (
        "meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.2-3B-Instruct", "meta-llama/Llama-3.3-70B-Instruct",
    ), {
        "no system": (
            "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
            "Today Date: 26 Jul 2024\n\n<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\n"
        ),
        "system": (
            "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
            "Today Date: 26 Jul 2024\n\nYou talk about tides.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\n"
        ),
        "two turns": (
            "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
            "Today Date: 26 Jul 2024\n\n<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nThe moon.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\n"
        ),
        "system, two turns": (
            "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
            "Today Date: 26 Jul 2024\n\nYou talk about tides.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nThe moon.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\n"
        ),
    }),
    Own("qwen1.5", ("Qwen/Qwen1.5-1.8B-Chat",), {
        "no system": (
            "<|im_start|>system\nYou are a helpful assistant<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "system": (
            "<|im_start|>system\nYou talk about tides.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "two turns": (
            "<|im_start|>system\nYou are a helpful assistant<|im_end|>\n"
            "<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\nThe moon.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "system, two turns": (
            "<|im_start|>system\nYou talk about tides.<|im_end|>\n"
            "<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\nThe moon.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
    }),
    Own("qwen2", ("Qwen/Qwen2-7B-Instruct",), {
        "no system": (
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "system": (
            "<|im_start|>system\nYou talk about tides.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "two turns": (
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
            "<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\nThe moon.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "system, two turns": (
            "<|im_start|>system\nYou talk about tides.<|im_end|>\n"
            "<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\nThe moon.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
    }),
    Own("qwen2.5", ("Qwen/Qwen2.5-7B-Instruct",), {
        "no system": (
            "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful "
            "assistant.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "system": (
            "<|im_start|>system\nYou talk about tides.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "two turns": (
            "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful "
            "assistant.<|im_end|>\n"
            "<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\nThe moon.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "system, two turns": (
            "<|im_start|>system\nYou talk about tides.<|im_end|>\n"
            "<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\nThe moon.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
    }),
    Own("qwen3", ("Qwen/Qwen3-0.6B", "Qwen/QwQ-32B", "Qwen/Qwen3-Coder", "Qwen/Qwen3.5-4B",), {
        "no system": "<|im_start|>user\n",
        "system": (
            "<|im_start|>system\nYou talk about tides.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "two turns": (
            "<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\nThe moon.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "system, two turns": (
            "<|im_start|>system\nYou talk about tides.<|im_end|>\n"
            "<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\nThe moon.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
    }),
    Own("smollm2", ("HuggingFaceTB/SmolLM2-135M-Instruct",), {
        "no system": (
            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
            "Face<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "system": (
            "<|im_start|>system\nYou talk about tides.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "two turns": (
            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
            "Face<|im_end|>\n"
            "<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\nThe moon.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "system, two turns": (
            "<|im_start|>system\nYou talk about tides.<|im_end|>\n"
            "<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\nThe moon.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
    }),
    Own("smollm3", ("HuggingFaceTB/SmolLM3-3B",), {
        "no system": (
            "<|im_start|>system\n## Metadata\n\nKnowledge Cutoff Date: June 2025\nToday Date: 26 July 2024\n"
            "Reasoning Mode: /no_think\n\n## Custom Instructions\n\n"
            "You are a helpful AI assistant named SmolLM, trained by Hugging Face.\n\n"
            "<|im_start|>user\n"
        ),
        "system": (
            "<|im_start|>system\n## Metadata\n\nKnowledge Cutoff Date: June 2025\nToday Date: 26 July 2024\n"
            "Reasoning Mode: /no_think\n\n## Custom Instructions\n\nYou talk about tides.\n\n"
            "<|im_start|>user\n"
        ),
        "two turns": (
            "<|im_start|>system\n## Metadata\n\nKnowledge Cutoff Date: June 2025\nToday Date: 26 July 2024\n"
            "Reasoning Mode: /no_think\n\n## Custom Instructions\n\n"
            "You are a helpful AI assistant named SmolLM, trained by Hugging Face.\n\n"
            "<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\n<think>\n\n</think>\nThe moon.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
        "system, two turns": (
            "<|im_start|>system\n## Metadata\n\nKnowledge Cutoff Date: June 2025\nToday Date: 26 July 2024\n"
            "Reasoning Mode: /no_think\n\n## Custom Instructions\n\nYou talk about tides.\n\n"
            "<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\n<think>\n\n</think>\nThe moon.<|im_end|>\n"
            "<|im_start|>user\n"
        ),
    }),
    Own("gemma2", ("google/gemma-2-2b-it", "google/gemma-7b-it",), {
        "no system": "<start_of_turn>user\n",
        "system": "<start_of_turn>user\nYou talk about tides.\n\n",
        "two turns": (
            "<start_of_turn>user\nWhy?<end_of_turn>\n"
            "<start_of_turn>model\nThe moon.<end_of_turn>\n"
            "<start_of_turn>user\n"
        ),
        "system, two turns": (
            "<start_of_turn>user\nYou talk about tides.\n\nWhy?<end_of_turn>\n"
            "<start_of_turn>model\nThe moon.<end_of_turn>\n"
            "<start_of_turn>user\n"
        ),
    }),
    Own("gemma3", ("google/gemma-3-4b-it",), {
        "no system": "<start_of_turn>user\n",
        "system": "<start_of_turn>user\nYou talk about tides.\n\n",
        "two turns": (
            "<start_of_turn>user\nWhy?<end_of_turn>\n"
            "<start_of_turn>model\nThe moon.<end_of_turn>\n"
            "<start_of_turn>user\n"
        ),
        "system, two turns": (
            "<start_of_turn>user\nYou talk about tides.\n\nWhy?<end_of_turn>\n"
            "<start_of_turn>model\nThe moon.<end_of_turn>\n"
            "<start_of_turn>user\n"
        ),
    }),
    Own("phi3", ("microsoft/Phi-3.5-mini-instruct",), {
        "no system": "<|user|>\n",
        "system": (
            "<|system|>\nYou talk about tides.<|end|>\n"
            "<|user|>\n"
        ),
        "two turns": (
            "<|user|>\nWhy?<|end|>\n"
            "<|assistant|>\nThe moon.<|end|>\n"
            "<|user|>\n"
        ),
        "system, two turns": (
            "<|system|>\nYou talk about tides.<|end|>\n"
            "<|user|>\nWhy?<|end|>\n"
            "<|assistant|>\nThe moon.<|end|>\n"
            "<|user|>\n"
        ),
    }),
    Own("phi4", ("microsoft/phi-4",), {
        "no system": "<|im_start|>user<|im_sep|>",
        "system": (
            "<|im_start|>system<|im_sep|>You talk about tides.<|im_end|>"
            "<|im_start|>user<|im_sep|>"
        ),
        "two turns": (
            "<|im_start|>user<|im_sep|>Why?<|im_end|>"
            "<|im_start|>assistant<|im_sep|>The moon.<|im_end|>"
            "<|im_start|>user<|im_sep|>"
        ),
        "system, two turns": (
            "<|im_start|>system<|im_sep|>You talk about tides.<|im_end|>"
            "<|im_start|>user<|im_sep|>Why?<|im_end|>"
            "<|im_start|>assistant<|im_sep|>The moon.<|im_end|>"
            "<|im_start|>user<|im_sep|>"
        ),
    }),
    Own("phi4-mini", ("microsoft/Phi-4-mini-instruct",), {
        "no system": "<|user|>",
        "system": "<|system|>You talk about tides.<|end|><|user|>",
        "two turns": "<|user|>Why?<|end|><|assistant|>The moon.<|end|><|user|>",
        "system, two turns": "<|system|>You talk about tides.<|end|><|user|>Why?<|end|><|assistant|>The moon.<|end|><|user|>",
    }),
    Own("mistral-v1", ("mistralai/Mistral-7B-Instruct-v0.2",), {
        "no system": " [INST] ",
        "system": " [INST] You talk about tides.\n\n",
        "two turns": (
            " [INST] Why? [/INST] The moon.</s>"
            " [INST] "
        ),
        "system, two turns": (
            " [INST] You talk about tides.\n\nWhy? [/INST] The moon.</s>"
            " [INST] "
        ),
    }),
    Own("mistral-v3", ("mistralai/Mistral-Large-Instruct-2407",), {
        "no system": "[INST] ",
        "system": "[INST] You talk about tides.\n\n",
        "two turns": (
            "[INST] Why?[/INST] The moon.</s>"
            "[INST] "
        ),
        "system, two turns": (
            "[INST] Why?[/INST] The moon.</s>"
            "[INST] You talk about tides.\n\n"
        ),
    }),
    Own("mistral-v3-tekken", ("mistralai/Mistral-Nemo-Instruct-2407",), {
        "no system": "[INST]",
        "system": "[INST]You talk about tides.\n\n",
        "two turns": (
            "[INST]Why?[/INST]The moon.</s>"
            "[INST]"
        ),
        "system, two turns": (
            "[INST]Why?[/INST]The moon.</s>"
            "[INST]You talk about tides.\n\n"
        ),
    }),
    Own("mistral-v7", ("mistralai/Mistral-Large-Instruct-2411",), {
        "no system": "[INST] ",
        "system": "[SYSTEM_PROMPT] You talk about tides.[/SYSTEM_PROMPT][INST] ",
        "two turns": (
            "[INST] Why?[/INST] The moon.</s>"
            "[INST] "
        ),
        "system, two turns": (
            "[SYSTEM_PROMPT] You talk about tides.[/SYSTEM_PROMPT][INST] Why?[/INST] The moon.</s>"
            "[INST] "
        ),
    }),
    Own("mistral-v7-tekken", ("mistralai/Mistral-Small-3.2-24B-Instruct-2506",), {
        "system": "[SYSTEM_PROMPT]You talk about tides.[/SYSTEM_PROMPT][INST]",
        "system, two turns": (
            "[SYSTEM_PROMPT]You talk about tides.[/SYSTEM_PROMPT][INST]Why?[/INST]The moon.</s>"
            "[INST]"
        ),
    }),
    Own("zephyr", ("HuggingFaceH4/zephyr-7b-beta",), {
        "no system": "<|user|>\n",
        "system": (
            "<|system|>\nYou talk about tides.</s>"
            "\n"
            "<|user|>\n"
        ),
        "two turns": (
            "<|user|>\nWhy?</s>"
            "\n"
            "<|assistant|>\nThe moon.</s>"
            "\n"
            "<|user|>\n"
        ),
        "system, two turns": (
            "<|system|>\nYou talk about tides.</s>"
            "\n"
            "<|user|>\nWhy?</s>"
            "\n"
            "<|assistant|>\nThe moon.</s>"
            "\n"
            "<|user|>\n"
        ),
    }),
    Own("deepseek-v2", ("deepseek-ai/DeepSeek-V2-Chat",), {
        "no system": "User: ",
        "system": "You talk about tides.\n\nUser: ",
        "two turns": (
            "User: Why?\n\nAssistant: The moon.<｜end▁of▁sentence｜>"
            "User: "
        ),
        "system, two turns": (
            "You talk about tides.\n\nUser: Why?\n\nAssistant: The moon.<｜end▁of▁sentence｜>"
            "User: "
        ),
    }),
    Own("deepseek", (
        "deepseek-ai/DeepSeek-V3", "deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B",
    ), {
        "no system": "<｜User｜>",
        "system": "You talk about tides.<｜User｜>",
        "two turns": (
            "<｜User｜>Why?<｜Assistant｜>The moon.<｜end▁of▁sentence｜>"
            "<｜User｜>"
        ),
        "system, two turns": (
            "You talk about tides.<｜User｜>Why?<｜Assistant｜>The moon.<｜end▁of▁sentence｜>"
            "<｜User｜>"
        ),
    }),
    Own("command-r", ("CohereForAI/c4ai-command-r-plus",), {
        "no system": "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>",
        "system": (
            "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>You talk about tides.<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>"
        ),
        "two turns": (
            "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>Why?<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>The moon.<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>"
        ),
        "system, two turns": (
            "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>You talk about tides.<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>Why?<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>The moon.<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>"
        ),
    }),
    Own("granite3", ("ibm-granite/granite-3.0-8b-instruct",), {
        "no system": "<|start_of_role|>user<|end_of_role|>",
        "system": (
            "<|start_of_role|>system<|end_of_role|>You talk about tides.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>"
        ),
        "two turns": (
            "<|start_of_role|>user<|end_of_role|>Why?<|end_of_text|>\n"
            "<|start_of_role|>assistant<|end_of_role|>The moon.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>"
        ),
        "system, two turns": (
            "<|start_of_role|>system<|end_of_role|>You talk about tides.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>Why?<|end_of_text|>\n"
            "<|start_of_role|>assistant<|end_of_role|>The moon.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>"
        ),
    }),
    Own("granite3.1", ("ibm-granite/granite-3.1-8b-instruct",), {
        "no system": (
            "<|start_of_role|>system<|end_of_role|>Knowledge Cutoff Date: April 2024.\n"
            "Today's Date: July 26, 2024.\n"
            "You are Granite, developed by IBM. You are a helpful AI assistant.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>"
        ),
        "system": (
            "<|start_of_role|>system<|end_of_role|>You talk about tides.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>"
        ),
        "two turns": (
            "<|start_of_role|>system<|end_of_role|>Knowledge Cutoff Date: April 2024.\n"
            "Today's Date: July 26, 2024.\n"
            "You are Granite, developed by IBM. You are a helpful AI assistant.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>Why?<|end_of_text|>\n"
            "<|start_of_role|>assistant<|end_of_role|>The moon.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>"
        ),
        "system, two turns": (
            "<|start_of_role|>system<|end_of_role|>You talk about tides.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>Why?<|end_of_text|>\n"
            "<|start_of_role|>assistant<|end_of_role|>The moon.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>"
        ),
    }),
    Own("granite3.3", ("ibm-granite/granite-3.3-2b-instruct",), {
        "no system": (
            "<|start_of_role|>system<|end_of_role|>Knowledge Cutoff Date: April 2024. Today's Date: July 26, "
            "2024. You are Granite, developed by IBM. You are a helpful AI assistant.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>"
        ),
        "system": (
            "<|start_of_role|>system<|end_of_role|>You talk about tides.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>"
        ),
        "two turns": (
            "<|start_of_role|>system<|end_of_role|>Knowledge Cutoff Date: April 2024. Today's Date: July 26, "
            "2024. You are Granite, developed by IBM. You are a helpful AI assistant.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>Why?<|end_of_text|>\n"
            "<|start_of_role|>assistant<|end_of_role|>The moon.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>"
        ),
        "system, two turns": (
            "<|start_of_role|>system<|end_of_role|>You talk about tides.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>Why?<|end_of_text|>\n"
            "<|start_of_role|>assistant<|end_of_role|>The moon.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>"
        ),
    }),
    Own("olmo2", ("allenai/OLMo-2-1124-7B-Instruct",), {
        "no system": "<|user|>\n",
        "system": (
            "<|system|>\nYou talk about tides.\n"
            "<|user|>\n"
        ),
        "two turns": (
            "<|user|>\nWhy?\n"
            "<|assistant|>\nThe moon.<|endoftext|>\n"
            "<|user|>\n"
        ),
        "system, two turns": (
            "<|system|>\nYou talk about tides.\n"
            "<|user|>\nWhy?\n"
            "<|assistant|>\nThe moon.<|endoftext|>\n"
            "<|user|>\n"
        ),
    }),
]
# fmt: on

CASES = [
    pytest.param(own.family, model, case, id=f"{own.family}: {case} ({model.partition('/')[2]})")
    for own in OWN
    for model in own.models
    for case in own.prompts
]
PROMPTS = {(model, case): prompt for own in OWN for model in own.models for case, prompt in own.prompts.items()}
UNVERIFIED = {"deepseek-v3.1"}


@pytest.mark.parametrize(("family", "model", "case"), CASES)
def test_a_familys_prompt_is_what_the_models_own_template_renders(family: str, model: str, case: str) -> None:
    assert family_of(model) == family
    opened = open_user_turn(resolve(family, Capabilities(), "x"), TALKS[case])
    assert opened.prompt == PROMPTS[model, case]
    assert opened.folded == (family == "gemma2" and "system" in case and case != "no system")


def test_the_table_covers_every_family() -> None:
    assert {own.family for own in OWN} == FAMILIES.keys() - UNVERIFIED
    assert all(len(own.prompts) == len(TALKS) for own in OWN if own.family != "mistral-v7-tekken")
    assert f"{DAY:%d %B %Y}" == "26 July 2024"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("case", TALKS)
def test_the_same_template_from_a_server_opens_the_same_turn(family: str, case: str) -> None:
    """A server tells its source and two tokens; what ends the turn is then read from the rendering alone."""
    known = FAMILIES[family]
    found = Capabilities(chat_template=known.source, bos_token=known.bos, eos_token=known.eos)
    ours = open_user_turn(resolve(family, Capabilities(), "x"), TALKS[case])
    theirs = open_user_turn(resolve(None, found, "x"), TALKS[case])
    assert (theirs.prompt, theirs.folded) == (ours.prompt, ours.folded)
    assert theirs.stop[0].strip() == ours.stop[0].strip() == known.stop[0].strip()


@pytest.mark.parametrize("family", FAMILIES)
def test_what_ends_the_turn_is_among_the_stops(family: str) -> None:
    known = FAMILIES[family]
    for talk in TALKS.values():
        stop = open_user_turn(resolve(family, Capabilities(), "x"), talk).stop
        assert stop[: len(known.stop)] == known.stop and len(stop) <= MOST_STOPS
        assert known.eos in stop
    for token in (*known.stop, known.bos, known.eos):
        if token and token != "\n\nAssistant:":
            assert CONTROL.fullmatch(token), token
            assert clean(f"Why? {token} So.") == "Why?"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prompt_never_begins_with_the_token_that_servers_add(family: str) -> None:
    known = FAMILIES[family]
    for talk in TALKS.values():
        prompt = open_user_turn(resolve(family, Capabilities(), "x"), talk).prompt
        assert not known.bos or not prompt.startswith(known.bos)
        assert "CLAYWRIGHT" not in prompt


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("llama3.2:3b", "llama3.1"), ("Meta-Llama-3-70B-Instruct", "llama3"), ("llama-3.3-70b-versatile", "llama3.1"),
        ("NousResearch/Hermes-3-Llama-3.1-8B", "chatml"), ("nvidia/Llama-3.1-Nemotron-70B-Instruct-HF", None),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "deepseek"), ("deepseek-ai/DeepSeek-V2.5", "deepseek"),
        ("deepseek-ai/DeepSeek-V2-Lite-Chat", "deepseek-v2"), ("deepseek-ai/DeepSeek-V3-0324", "deepseek"),
        ("deepseek-ai/DeepSeek-V3.1", "deepseek-v3.1"), ("deepseek-ai/DeepSeek-V3.2", None), ("deepseek-r1:8b", "deepseek"),
        ("Qwen/Qwen2.5-Coder-7B-Instruct", "qwen2.5"), ("Qwen/Qwen2.5-Math-7B-Instruct", None),
        ("Qwen/Qwen2-1.5B-Instruct", "qwen2"), ("qwen3:8b", "qwen3"), ("qwen2:7b", "qwen2"),
        ("HuggingFaceTB/SmolLM2-1.7B-Instruct", "smollm2"), ("smollm2-135m-instruct", "smollm2"),
        ("google/gemma-2-9b-it", "gemma2"), ("google/gemma-3-27b-it", "gemma3"), ("google/gemma-3n-E4B-it", "gemma3"),
        ("google/gemma-1.1-7b-it", "gemma2"), ("google/gemma-4-31B-it", None),
        ("microsoft/Phi-3-mini-4k-instruct", "phi3"), ("microsoft/Phi-4-mini-instruct", "phi4-mini"),
        ("microsoft/Phi-4-reasoning", None), ("phi4:14b", "phi4"),
        ("mistralai/Mistral-7B-Instruct-v0.3", "mistral-v3"), ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mistral-v1"),
        ("mistralai/Mistral-Small-24B-Instruct-2501", "mistral-v7-tekken"), ("mistralai/Mistral-7B-v0.1", None),
        ("mistralai/Mistral-Small-3.2-24B-Instruct-2506", "mistral-v7-tekken"), ("teknium/OpenHermes-2.5-Mistral-7B", "chatml"),
        ("argilla/notus-7b-v1", "zephyr"), ("HuggingFaceH4/zephyr-7b-gemma-v0.1", None),
        ("CohereForAI/c4ai-command-r-v01", "command-r"), ("CohereForAI/c4ai-command-r7b-12-2024", None),
        ("ibm-granite/granite-3.2-8b-instruct", "granite3.1"), ("ibm-granite/granite-4.0-micro", None),
        ("allenai/OLMo-2-0325-32B-Instruct", "olmo2"), ("allenai/Llama-3.1-Tulu-3-8B", "olmo2"),
        ("allenai/Olmo-3-7B-Instruct", None), ("01-ai/Yi-6B-Chat", "chatml"), ("01-ai/Yi-1.5-34B-Chat", "yi-1.5"),
        ("gpt-4o", None), ("", None),
    ],
)  # fmt: skip
def test_a_models_name_reveals_its_family_or_nothing(model: str, family: str | None) -> None:
    """A name whose template is another than its family's reveals nothing: better asked than guessed."""
    assert family_of(model) == family


@pytest.mark.parametrize("case", TALKS)
def test_the_built_in_models_own_server_renders_the_same(case: str, local_model: services.Running) -> None:
    asked = [*TALKS[case], {"role": "user", "content": "HERE"}]
    key = {"Authorization": f"Bearer {local_model.details['key']}"}
    said = httpx.post(f"{local_model.url.removesuffix('/v1')}/apply-template", json={"messages": asked}, headers=key)
    before, here, _ = said.raise_for_status().json()["prompt"].rpartition("HERE")
    template = resolve(None, Capabilities(), "smollm2-135m-instruct")
    assert here and before == open_user_turn(template, TALKS[case]).prompt
