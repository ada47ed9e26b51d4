"""What the published examples load from elsewhere: a dataset, which stands here for the one on the Hub that they name."""

from typing import Any

from datasets import Dataset

PROMPTS = ["Name a river.", "Write a haiku about rain.", "Explain why the sky is blue."]


def load_dataset(name: str, *, split: str) -> Any:
    """As many rows of it as the split asks for, with its columns."""
    wanted = int(split.partition(":")[2].strip("]"))
    rows = (PROMPTS * wanted)[:wanted]
    return Dataset.from_dict({"prompt": rows, "completion": ["-"] * wanted, "meta": ["{}"] * wanted})
