"""Claywright: datasets made by models and trusted by humans.

This file is `claywright/__init__.py` once installed. It holds the entry point of the command and hands out the public
Python API, which lives in `app/api/functions.py` and is imported when a name is first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.api.functions import (
        LLM,
        Answers,
        Check,
        CustomDataset,
        DatasetCheckpoint,
        Distiset,
        EvolInstruct,
        ExistingRows,
        Genstruct,
        GroupColumns,
        InferenceEndpointsLLM,
        Inputs,
        InstructionResponse,
        InstructionResponsePipeline,
        KeepColumns,
        LLMPool,
        LoadDataFromDicts,
        LoadDataFromHub,
        LocalLLM,
        Magpie,
        MagpieGenerator,
        OpenAILLM,
        Pipeline,
        ProcessLLM,
        Prompt,
        RatedExample,
        Recipe,
        Rows,
        Rubric,
        ScriptedLLM,
        SelfInstruct,
        TextGeneration,
        TextGenerationTask,
        TransformersLLM,
        UltraFeedback,
        UltraFeedbackTask,
        accept,
        agreement,
        check,
        delete,
        export,
        insights,
        pipeline,
        publish,
        pull,
        push,
        rate,
        read,
        rows,
        run,
    )

__all__ = [
    "LLM",
    "Answers",
    "Check",
    "CustomDataset",
    "DatasetCheckpoint",
    "Distiset",
    "EvolInstruct",
    "ExistingRows",
    "Genstruct",
    "GroupColumns",
    "InferenceEndpointsLLM",
    "Inputs",
    "InstructionResponse",
    "InstructionResponsePipeline",
    "KeepColumns",
    "LLMPool",
    "LoadDataFromDicts",
    "LoadDataFromHub",
    "LocalLLM",
    "Magpie",
    "MagpieGenerator",
    "OpenAILLM",
    "Pipeline",
    "ProcessLLM",
    "Prompt",
    "RatedExample",
    "Recipe",
    "Rows",
    "Rubric",
    "ScriptedLLM",
    "SelfInstruct",
    "TextGeneration",
    "TextGenerationTask",
    "TransformersLLM",
    "UltraFeedback",
    "UltraFeedbackTask",
    "accept",
    "agreement",
    "check",
    "delete",
    "export",
    "insights",
    "pipeline",
    "publish",
    "pull",
    "push",
    "rate",
    "read",
    "rows",
    "run",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("claywright")
    if name not in __all__:
        raise AttributeError(f"module 'claywright' has no attribute {name!r}")
    try:
        from app.api import functions
    except ImportError as error:
        raise hidden(error) from error
    return getattr(functions, name)


def __dir__() -> list[str]:
    return [*__all__, "__version__", "main"]


def hidden(error: ImportError) -> ImportError:
    """Says why a checkout can't be imported where another `app`, `tasks` or `feedback` comes first."""
    import sys

    for name in ("app", "tasks", "feedback"):
        path = getattr(sys.modules.get(name), "__file__", None)
        if path and (error.name or "").partition(".")[0] == name:
            return ImportError(
                f"claywright runs from a checkout here, and its package '{name}' is hidden by {path}: "
                "install the wheel (its packages have names of their own) or start Python in another folder",
                name=error.name,
            )
    return error


def main() -> None:
    """The command `claywright`."""
    import gc

    gc.disable()  # what is imported is no garbage: looking through it takes 3 % of a run of one row
    from app.cli.main import main as command

    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    gc.enable()
    command()
