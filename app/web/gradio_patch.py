"""Gradio's Blocks with a check of what comes in, and without the work that grows with the page."""

from copy import copy
from functools import partial
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.state_holder import SessionState

from app.errors import PageError
from app.web.security.access import Uploads, browser_of
from app.web.security.event_values import fits, fits_event
from tasks.types import without_surrogates


class LeanBlocks(gr.Blocks):
    """Blocks that take only values that their components can give, and touch only the outputs that a handler named.

    Every event of our page may change any part of it, so that all parts are outputs of all events. Gradio builds each output
    anew, also those that a handler leaves out: 100 ms an event on our page, where most change nothing.
    """

    uploads: Uploads

    async def process_api(self, block_fn: BlockFunction | int, inputs: list[Any], *rest: Any, **more: Any) -> Any:
        """Refuses an event with a value that its component can't give, before anything is done with it."""
        event = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        request, data = more.get("request"), more.get("event_data")
        if isinstance(request, list):  # several events at once, which the page never sends
            raise gr.Error(str(PageError()), print_exception=False)
        is_uploaded = partial(self.uploads.holds, browser_of(request))
        known = len(inputs) == len(event.inputs) and fits_event(getattr(data, "_data", None))
        if not known or not all(map(partial(fits, is_uploaded=is_uploaded), event.inputs, inputs)):
            raise gr.Error(str(PageError()), print_exception=False)
        try:
            return _sendable(await super().process_api(block_fn, inputs, *rest, **more))
        except gr.Error as error:  # a choice that is not there, say: for who sent it, not for the log
            raise gr.Error(_sendable(str(error.message)), print_exception=False) from None

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: Any, state: SessionState | None
    ) -> list[Any]:
        """One value for each output, in their order, as Gradio wants it."""
        named = [output for output in block_fn.outputs if isinstance(predictions, dict) and output in predictions]
        if not named:
            return list(await super().postprocess_data(block_fn, predictions, state))
        fewer = copy(block_fn)
        fewer.outputs = named
        values = [predictions[output] for output in named]
        done = await super().postprocess_data(fewer, values if len(values) > 1 else values[0], state)
        by_id = {output._id: value for output, value in zip(named, done, strict=True)}
        return [by_id.get(output._id, gr.skip()) for output in block_fn.outputs]


def _sendable(value: Any) -> Any:
    """The same, with halves of characters as question marks and numbers that JSON's reader does not know left out.

    One of them would keep the whole page back. Iterators and the like, which are no JSON, stay as they are.
    """
    if isinstance(value, str):
        return value if value.isascii() else without_surrogates(value)
    if isinstance(value, dict):
        return {name: _sendable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_sendable(item) for item in value]
    return None if isinstance(value, int) and not -(2**63) <= value < 2**63 else value
