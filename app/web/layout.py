"""The page as a whole: header, six tabs, and the hidden fields by which an open page and the app keep in step (tab_sync.py)."""

from collections.abc import Callable

import gradio as gr

from app.web.gradio_patch import LeanBlocks
from app.web.page_builder import Board
from app.web.pages import export, generate, header, insights, models
from app.web.pages.rating import page as rate_page
from app.web.pages.review import page as review_page
from app.web.state import AppState
from app.web.tab_state import HOME
from app.web.tab_sync import NOT_YET, POLL_IDLE, TabSync

PAGES: dict[str, Callable[[Board], None]] = {
    "models": models.build,
    "generate": generate.build,
    "rate": rate_page.build,
    "review": review_page.build,
    "insights": insights.build,
    "export": export.build,
}


def build(state: AppState) -> gr.Blocks:
    """The Gradio app."""
    board = Board()
    with LeanBlocks(
        title="Claywright", analytics_enabled=False, fill_width=True, delete_cache=(3600, 24 * 3600)
    ) as demo:
        demo.uploads = state.uploads
        run = gr.Textbox(NOT_YET, visible=False, label="run")
        page = gr.Textbox(HOME, visible=False, label="page")
        base_version = gr.Number(0, visible=False, label="base version", precision=0)
        header.build(board)
        with gr.Tabs(elem_id="pages", selected=HOME, overflow_behavior="wrap") as tabs:
            opened: dict[str, gr.Tab] = {}
            for name, make in PAGES.items():
                board.form.page = name
                with gr.Tab(name.capitalize(), id=name, elem_id=f"page-{name}") as opened[name]:
                    make(board)
        timer = gr.Timer(POLL_IDLE, active=False)
        TabSync(state, board, run, page, base_version, tabs, timer, PAGES).connect(demo, opened)
    blocks: gr.Blocks = demo
    return blocks
