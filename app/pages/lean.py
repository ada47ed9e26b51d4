"""Gradio's Blocks without the work that grows with the page instead of with what an event changed."""

from copy import copy
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.state_holder import SessionState


class LeanBlocks(gr.Blocks):
    """Blocks that touch only the outputs that a handler named.

    Every event of our page may change any part of it, so that all parts are outputs of all events. Gradio builds each output
    anew, also those that a handler leaves out: 100 ms an event on our page, where most change nothing.
    """

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
        found = {output._id: value for output, value in zip(named, done, strict=True)}
        return [found.get(output._id, gr.skip()) for output in block_fn.outputs]
