"""A pipeline as a picture: a box a step, an arrow for what goes from one to the next. Drawn here, by nobody else."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from app.api.steps import Step
from tasks.errors import SettingsError

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

WIDE, HIGH, APART, ASIDE, EDGE = 250, 62, 90, 40, 30
"""Pixels: a box, the way between two in the direction of flow and across it, the margin."""
INK, PAPER, FILL, LINE, QUIET = "#1f2933", "#ffffff", "#f4f1ec", "#b08968", "#5b6770"
Box = tuple[float, float]


def draw(
    steps: Mapping[str, Step],
    edges: Sequence[tuple[str, str]],
    order: Sequence[str],
    path: Path,
    *,
    top_to_bottom: bool,
) -> str:
    """Writes the picture as .png or .svg and returns its path. Raises SettingsError where that can't be."""
    if path.suffix.lower() not in (".png", ".svg"):
        raise SettingsError(f"A pipeline is drawn as .png or .svg, not as '{path.suffix or path.name}'.")
    boxes = places(edges, order, top_to_bottom=top_to_bottom)
    try:
        if path.suffix.lower() == ".svg":
            path.write_text(svg(steps, edges, boxes, top_to_bottom=top_to_bottom), encoding="utf-8")
        else:
            _png(steps, edges, boxes, path, top_to_bottom=top_to_bottom)
    except OSError as error:
        raise SettingsError(f"{path} can't be written: {error.strerror or error}.") from error
    return str(path)


def places(edges: Sequence[tuple[str, str]], order: Sequence[str], *, top_to_bottom: bool) -> dict[str, Box]:
    """The upper left corner of each step's box: as many steps along as the longest way to it."""
    along: dict[str, int] = {}
    for name in order:
        along[name] = max((along[before] + 1 for before, after in edges if after == name), default=0)
    ranks = [[name for name in order if along[name] == rank] for rank in range(max(along.values(), default=0) + 1)]
    most, boxes = max(map(len, ranks)), {}
    for rank, names in enumerate(ranks):
        for k, name in enumerate(names):
            across = k + (most - len(names)) / 2
            x, y = (across, rank) if top_to_bottom else (rank, across)
            gaps = (ASIDE, APART) if top_to_bottom else (APART, ASIDE)
            boxes[name] = (EDGE + x * (WIDE + gaps[0]), EDGE + y * (HIGH + gaps[1]))
    return boxes


def captions(step: Step) -> tuple[str, str]:
    """What a box says: the step's name, and its class with what it writes."""
    kind = type(step).__name__
    columns = ", ".join(step.output_mappings.get(name, name) for name in step.outputs)
    return _short(step.name, 28), _short(f"{kind}: {columns}" if columns else kind, 40)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _size(boxes: Mapping[str, Box]) -> tuple[int, int]:
    right, low = (max(box[k] for box in boxes.values()) for k in (0, 1))
    return int(right) + WIDE + EDGE, int(low) + HIGH + EDGE


def _ends(before: Box, after: Box, *, top_to_bottom: bool) -> tuple[Box, Box]:
    if top_to_bottom:
        return (before[0] + WIDE / 2, before[1] + HIGH), (after[0] + WIDE / 2, after[1])
    return (before[0] + WIDE, before[1] + HIGH / 2), (after[0], after[1] + HIGH / 2)


def svg(
    steps: Mapping[str, Step], edges: Sequence[tuple[str, str]], boxes: Mapping[str, Box], *, top_to_bottom: bool
) -> str:
    """The picture as text."""
    width, height = _size(boxes)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">',
        f'<rect width="100%" height="100%" fill="{PAPER}"/>',
        f'<marker id="to" orient="auto" markerWidth="9" markerHeight="9" refX="9" refY="4.5"><path d="M0 0L9 4.5L0 9z" '
        f'fill="{LINE}"/></marker>',
    ]
    for before, after in edges:
        (x1, y1), (x2, y2) = _ends(boxes[before], boxes[after], top_to_bottom=top_to_bottom)
        lines.append(
            f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{LINE}" stroke-width="2" marker-end="url(#to)"/>'
        )
    for name, (x, y) in boxes.items():
        title, subtitle = captions(steps[name])
        lines.append(f'<rect x="{x}" y="{y}" width="{WIDE}" height="{HIGH}" rx="8" fill="{FILL}" stroke="{LINE}"/>')
        lines.append(
            f'<text x="{x + 14}" y="{y + 26}" font-size="15" font-weight="600" fill="{INK}">{escape(title)}</text>'
        )
        lines.append(f'<text x="{x + 14}" y="{y + 47}" font-size="12" fill="{QUIET}">{escape(subtitle)}</text>')
    return "\n".join([*lines, "</svg>\n"])


def _png(
    steps: Mapping[str, Step],
    edges: Sequence[tuple[str, str]],
    boxes: Mapping[str, Box],
    path: Path,
    *,
    top_to_bottom: bool,
) -> None:
    from PIL import Image, ImageDraw, ImageFont

    twice = 2  # sharp on any screen
    width, height = _size(boxes)
    image = Image.new("RGB", (twice * width, twice * height), PAPER)
    pen = ImageDraw.Draw(image)
    large, small = (ImageFont.load_default(size * twice) for size in (15, 12))

    def at(x: float, y: float) -> tuple[float, float]:
        return twice * x, twice * y

    for before, after in edges:
        start, end = _ends(boxes[before], boxes[after], top_to_bottom=top_to_bottom)
        pen.line([at(*start), at(*end)], fill=LINE, width=2 * twice)
        along = math.atan2(end[1] - start[1], end[0] - start[0])
        tip = [
            end,
            *((end[0] - 11 * math.cos(along + turn), end[1] - 11 * math.sin(along + turn)) for turn in (-0.5, 0.5)),
        ]
        pen.polygon([at(*corner) for corner in tip], fill=LINE)
    for name, (x, y) in boxes.items():
        pen.rounded_rectangle([at(x, y), at(x + WIDE, y + HIGH)], 8 * twice, FILL, LINE, twice)
        for text, font, below, ink in zip(captions(steps[name]), (large, small), (11, 36), (INK, QUIET), strict=True):
            pen.text(at(x + 14, y + below), _fitting(text, font, twice * (WIDE - 28)), ink, font)
    image.save(path)


def _fitting(text: str, font: "FreeTypeFont | ImageFont", most: float) -> str:
    """As much of a text as there is room for."""
    while font.getlength(text) > most:
        text = f"{text.rstrip('…')[:-1]}…"
    return text
