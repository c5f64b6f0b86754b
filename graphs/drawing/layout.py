"""Gives everything in a drawing its place, in pixels from the upper left corner."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from graphs.drawing.columns import columns
from graphs.drawing.rows import Cell, Line, Rows, in_rows
from graphs.drawing.sketch import Arrow, Box, Sketch

Point = tuple[float, float]

MARGIN: Final = 24.0
TITLE: Final = 34.0
BOX: Final = 46.0
"""The height of boxes."""
LABEL: Final = 20.0
"""The height of labels."""
_BETWEEN: Final = 20.0
"""From a row to the next; arrows turn there."""
_LETTER: Final = 8.2
_SMALL_LETTER: Final = 6.9
"""Widths on the safe side: which font is used is not known."""
_PORT: Final = 18.0
"""From one arrow to the next at the same side of a box."""
LOOP: Final = 34.0
"""How far an arrow from a box to itself goes out."""


@dataclass(frozen=True, slots=True)
class PlacedBox:
    box: Box
    middle: Point
    width: float


@dataclass(frozen=True, slots=True)
class PlacedArrow:
    """An arrow from its tail to its head: from point to point it turns and goes straight by turns."""

    arrow: Arrow
    points: tuple[Point, ...]
    label: Point
    label_width: float


@dataclass(frozen=True, slots=True)
class Layout:
    title: str
    boxes: tuple[PlacedBox, ...]
    arrows: tuple[PlacedArrow, ...]
    loops: tuple[PlacedArrow, ...]
    width: float
    height: float


def lay_out(sketch: Sketch) -> Layout:
    """Return where everything goes; the same places for the same sketch."""
    rows = in_rows(sketch)
    own, taken = _widths(rows)
    x = [MARGIN + middle for middle in columns(rows, taken)]
    y, height = _heights(rows)
    ports = _ports(rows, x)
    boxes = {
        cell.box.name: PlacedBox(cell.box, (x[at], y[cell.row]), own[at])
        for at, cell in enumerate(rows.cells)
        if cell.box is not None
    }
    width = max(middle + room / 2 for middle, room in zip(x, taken, strict=True)) + MARGIN
    return Layout(
        sketch.title,
        tuple(boxes.values()),
        tuple(
            _arrow(line, rows.cells, x, y, ends=(ports[number, 0], ports[number, -1]))
            for number, line in enumerate(rows.lines)
        ),
        tuple(_loop(arrow, boxes[arrow.source]) for arrow in rows.loops),
        max(width, 2 * MARGIN + text_width(sketch.title)),
        height,
    )


def text_width(text: str, *, small: bool = False) -> float:
    """Return how wide a text may become."""
    return len(text) * (_SMALL_LETTER if small else _LETTER)


def _widths(rows: Rows) -> tuple[list[float], list[float]]:
    """Return the width of each cell's box or label, and the width that is kept free for it."""
    most = [0] * len(rows.cells)
    for side in (0, -1):
        for at in range(len(most)):
            most[at] = max(most[at], sum(line.cells[side] == at for line in rows.lines))
    loops = {arrow.source: LOOP + text_width(arrow.label, small=True) + 8 for arrow in rows.loops}
    own = [_width(cell, ports) for cell, ports in zip(rows.cells, most, strict=True)]
    # On both sides, since a cell's box stands in its middle.
    taken = [
        width + 2 * loops.get(cell.box.name if cell.box else "", 0.0)
        for cell, width in zip(rows.cells, own, strict=True)
    ]
    return own, taken


def _width(cell: Cell, ports: int) -> float:
    if cell.box is None:
        return text_width(cell.label, small=True) + 12 if cell.label else 8.0
    texts = max(text_width(cell.box.name), text_width(cell.box.note, small=True))
    return max(72.0, texts + 32, _PORT * ports + 20)


def _heights(rows: Rows) -> tuple[list[float], float]:
    """Return the middle of each row, and the height of all."""
    labelled = {cell.row for cell in rows.cells if cell.label}
    middles, top = [], MARGIN + TITLE
    for row in range(len(rows.order)):
        height = _height(row) if row % 2 == 0 or row in labelled else 0.0
        middles.append(top + height / 2)
        top += height + _BETWEEN
    return middles, top - _BETWEEN + MARGIN


def _height(row: int) -> float:
    return LABEL if row % 2 else BOX


def _ports(rows: Rows, x: Sequence[float]) -> dict[tuple[int, int], float]:
    """Return where, for each line's number and end (0 above, -1 below), it touches the box."""
    ports = {}
    for end, next_to in ((0, 1), (-1, -2)):
        touching: dict[int, list[int]] = {}
        for number, line in enumerate(rows.lines):
            touching.setdefault(line.cells[end], []).append(number)
        for at, numbers in touching.items():
            numbers.sort(key=lambda number: x[rows.lines[number].cells[next_to]])
            for place, number in enumerate(numbers):
                ports[number, end] = x[at] + (place - (len(numbers) - 1) / 2) * _PORT
    return ports


def _arrow(
    line: Line, cells: Sequence[Cell], x: Sequence[float], y: Sequence[float], *, ends: tuple[float, float]
) -> PlacedArrow:
    first, *passed, last = line.cells
    points = [(ends[0], y[cells[first].row] + BOX / 2)]
    for at in passed:
        row = cells[at].row
        points += [(x[at], y[row] - _height(row) / 2), (x[at], y[row] + _height(row) / 2)]
    points.append((ends[1], y[cells[last].row] - BOX / 2))
    labelled = next((at for at in passed if cells[at].label), passed[0])
    label = (x[labelled], y[cells[labelled].row])
    ordered = tuple(reversed(points) if line.upwards else points)
    return PlacedArrow(line.arrow, ordered, label, text_width(line.arrow.label, small=True) + 8)


def _loop(arrow: Arrow, box: PlacedBox) -> PlacedArrow:
    side, y = box.middle[0] + box.width / 2, box.middle[1]
    width = text_width(arrow.label, small=True) + 8
    return PlacedArrow(arrow, ((side, y - 10), (side, y + 10)), (side + LOOP + width / 2 - 6, y), width)
