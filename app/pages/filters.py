"""Which rows the page Review shows: search, filters and order, as fields over the rows."""

from collections.abc import Collection
from typing import Any, cast

import gradio as gr

from app.desk import Look
from app.pages.board import Act, Board, Done
from app.tables.browse import ORDERS, RATED, SPREAD, Wanted

Choices = list[tuple[str, str]]
STATUS: Choices = [
    ("Any status", ""), ("Waiting for people", "waiting"), ("Approved", "approve"), ("Rejected", "reject"),
    ("Undecided", "unsure"), ("Not sent", "unsent"),
]  # fmt: skip
RATING: Choices = [
    ("Any rating", ""), ("Lowest under 2.5", "low"), ("Lowest 2.5 to 3.5", "middle"), ("Lowest 3.5 and more", "high"),
    ("Ratings missing", "missing"),
]  # fmt: skip
WIDE: Choices = [
    ("Any spread", ""), ("Responses 1 or more apart", "apart"), ("Responses 2 or more apart", "far"),
    ("Asked again, rated otherwise", "repeats"),
]  # fmt: skip
ORDER: Choices = [
    ("In their order", ""), ("Lowest rated first", "lowest"), ("Highest rated first", "highest"),
    ("Responses widest apart first", "apart"), ("Least sure first", "spread"),
]  # fmt: skip


def build(board: Board) -> None:
    form = board.form
    with gr.Row(elem_classes="filters", elem_id="filters") as bar:
        text = gr.Textbox(
            "", label="Search prompts and responses", placeholder="Search prompts and responses", show_label=False,
            container=False, interactive=True, scale=3, min_width=180, elem_id="search",
        )  # fmt: skip
        form.add("browse.text", text)
        board.act(text.submit, asked, forms=True)
        for name, label, choices in (
            ("status", "Status", STATUS), ("aspect", "Aspect", [("All aspects", "")]), ("rating", "Rating", RATING),
            ("spread", "Spread", WIDE), ("model", "Model", [("Any model", "")]), ("order", "Order", ORDER),
        ):  # fmt: skip
            field = gr.Dropdown(
                cast(Any, choices), value="", label=label, show_label=False, container=False, interactive=True, scale=1,
                min_width=110, filterable=False,
            )  # fmt: skip
            form.add(f"browse.{name}", field)
            if name in ("aspect", "model"):
                board.dress(field, aspects if name == "aspect" else models)
    for name in Wanted.__dataclass_fields__:
        board.changes(f"browse.{name}", asked)
    board.dress(bar, lambda look: gr.update(visible=bool(look.counts.get("answered"))))


def asked(act: Act) -> Done:
    """Something else is looked for: from the first row on."""
    return Done(place={"offset": 0, "row": "", "correcting": ""})


def aspects(look: Look) -> Any:
    found = look.desk.store.browse.aspects(look.run.id) if look.run else []
    return gr.update(choices=[("All aspects", ""), *((name.replace("-", " ").capitalize(), name) for name in found)])


def models(look: Look) -> Any:
    found = look.desk.store.browse.models(look.run.id) if look.run else []
    return gr.update(choices=[("Any model", ""), *((name, name) for name in found)])


def wanted(look: Look) -> Wanted:
    """What the fields ask for; what the run does not have counts for nothing."""
    asked = {name: str(look.filled.get(f"browse.{name}") or "") for name in Wanted.__dataclass_fields__}
    store = look.desk.store
    if look.run is not None:
        asked["aspect"] = asked["aspect"] if asked["aspect"] in store.browse.aspects(look.run.id) else ""
        asked["model"] = asked["model"] if asked["model"] in store.browse.models(look.run.id) else ""
    known: dict[str, Collection[str]] = {
        "rating": RATED,
        "spread": SPREAD,
        "order": ORDERS,
        "status": [value for _, value in STATUS],
    }
    for name, values in known.items():
        asked[name] = asked[name] if asked[name] in values else ""
    return Wanted(**cast(Any, asked))
