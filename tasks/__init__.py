"""Making rows: the tasks, the models that serve them and the engine that runs them."""

from tasks.base import Task
from tasks.evol_instruct import EvolInstruct
from tasks.existing_rows import ExistingRows
from tasks.genstruct import Genstruct
from tasks.instruction_response import InstructionResponse
from tasks.magpie import Magpie
from tasks.self_instruct import SelfInstruct
from tasks.text_generation import TextGeneration

TASKS: dict[str, type[Task]] = {
    "magpie": Magpie,
    "instruction-response": InstructionResponse,
    "self-instruct": SelfInstruct,
    "genstruct": Genstruct,
    "evol-instruct": EvolInstruct,
    "text-generation": TextGeneration,
    "existing": ExistingRows,
}

__all__ = [
    "TASKS",
    "EvolInstruct",
    "ExistingRows",
    "Genstruct",
    "InstructionResponse",
    "Magpie",
    "SelfInstruct",
    "Task",
    "TextGeneration",
]
