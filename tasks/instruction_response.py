"""InstructionResponse: Magpie (Xu et al. 2024, arXiv 2406.08464) as it is set up for pairs of one instruction and its response.

One literal row:

    messages: [{"role": "user", "content": "Write a limerick about tea."}]   responses: ["There once was a pot ..."]
"""

from dataclasses import dataclass
from typing import ClassVar

from tasks.magpie import Magpie
from tasks.settings import setting


@dataclass(frozen=True, kw_only=True)
class InstructionResponse(Magpie):
    """Samples an instruction and its response from a model that is told to write creatively.

    Columns in: none, or `system_prompt` for rows with their own. Rows out: one a sample, an instruction with its response.
    """

    title: ClassVar[str] = "Instruction and response"
    summary: ClassVar[str] = "Pairs from a creative writer; no input"

    system_prompt: str | list[str] | dict[str, str | tuple[str, float]] = setting(
        "You are a creative AI Assistant writer.",
        "Steers what users ask about: a text, several to choose from, or several with names.",
        multiline=True,
    )
