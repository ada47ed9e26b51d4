"""A prompt of system text and user text, and the formats that models were trained on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tasks.errors import SettingsError
from tasks.types import Message


@dataclass(frozen=True)
class Prompt:
    """What a task asks: `system_prompt` and `formatted_prompt`, the user's text.

    >>> Prompt("Be brief.", "Name a river.").format_as("chatml").count("<|im_start|>")
    3
    """

    system_prompt: str
    formatted_prompt: str

    def format_as(self, format: str) -> Any:
        """As text, or for "openai" as a list of two messages: default, openai, llama2, chatml, zephyr or notus.

        Raises SettingsError for another name.
        """
        if format not in FORMATS:
            raise SettingsError(f"There is no prompt format '{format}'. Known: {', '.join(FORMATS)}.")
        return FORMATS[format](self.system_prompt, self.formatted_prompt)

    @property
    def messages(self) -> list[Message]:
        """As a chat; without a system text where there is none."""
        user: list[Message] = [{"role": "user", "content": self.formatted_prompt}]
        return [{"role": "system", "content": self.system_prompt}, *user] if self.system_prompt else user


def _zephyr(system: str, user: str) -> str:
    return f"<|system|>\n{system}</s>\n<|user|>\n{user}</s>\n<|assistant|>\n"


FORMATS: dict[str, Callable[[str, str], Any]] = {
    "default": lambda system, user: f"{system}\n{user}",
    "openai": lambda system, user: [{"role": "system", "content": system}, {"role": "user", "content": user}],
    "llama2": lambda system, user: f"<s>[INST] <<SYS>>\n{system}<</SYS>>\n\n{user} [/INST]",
    "chatml": lambda system, user: (
        f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"
    ),
    "zephyr": _zephyr,
    "notus": _zephyr,
}
