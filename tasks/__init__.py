"""Making rows: the tasks, the models that serve them and the engine that runs them."""

from tasks.base import Task
from tasks.existing import ExistingRows
from tasks.genstruct import Genstruct
from tasks.magpie import Magpie
from tasks.self_instruct import SelfInstruct
from tasks.text_generation import TextGeneration

TASKS: dict[str, type[Task]] = {
    "magpie": Magpie,
    "self-instruct": SelfInstruct,
    "genstruct": Genstruct,
    "text-generation": TextGeneration,
    "existing": ExistingRows,
}

__all__ = ["TASKS", "ExistingRows", "Genstruct", "Magpie", "SelfInstruct", "Task", "TextGeneration"]
