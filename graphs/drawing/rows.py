"""Puts the boxes of a drawing in rows, so that arrows go down, and orders each row so that few cross.

Boxes stand in even rows. Between them lie odd rows for the arrows' labels: a label then never lies on a box,
nor on another label. An arrow that passes a row has a cell there, which keeps its way free.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from graphs.config import END
from graphs.drawing.sketch import Arrow, Box, Sketch

_SWEEPS: Final = 12


@dataclass(frozen=True, slots=True)
class Cell:
    """A place in a row: of a box, of a label, or of an arrow that only passes."""

    row: int
    box: Box | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """An arrow's cells from its upper box to its lower one; `upwards` if it points to the upper one."""

    arrow: Arrow
    cells: tuple[int, ...]
    upwards: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """All cells, the order (by their numbers) in which they stand in each row, and what connects them."""

    cells: tuple[Cell, ...]
    order: tuple[tuple[int, ...], ...]
    lines: tuple[Line, ...]
    loops: tuple[Arrow, ...]
    """Arrows from a box to itself; they take no rows."""


def in_rows(sketch: Sketch) -> Rows:
    """Return the rows of a sketch; the same ones for the same sketch."""
    names = [box.name for box in sketch.boxes]
    arrows = [arrow for arrow in sketch.arrows if arrow.source != arrow.target]
    upwards, later_first = _walk(names, arrows)
    rank = _ranks(later_first, [arrow for arrow in arrows if arrow not in upwards])
    cells = [Cell(2 * rank[box.name], box=box) for box in sketch.boxes]
    number = {name: at for at, name in enumerate(names)}
    lines = []
    for arrow in arrows:
        up = arrow in upwards
        upper, lower = (arrow.target, arrow.source) if up else (arrow.source, arrow.target)
        first, last = 2 * rank[upper] + 1, 2 * rank[lower] - 1
        passed = [
            Cell(row, label=arrow.label if row == (last if up else first) else "")
            for row in range(first, last + 1)
        ]
        places = range(len(cells), len(cells) + len(passed))
        cells += passed
        lines.append(Line(arrow, (number[upper], *places, number[lower]), up))
    loops = tuple(arrow for arrow in sketch.arrows if arrow.source == arrow.target)
    return Rows(tuple(cells), _ordered(cells, lines), tuple(lines), loops)


def neighbours(lines: Iterable[Line]) -> Iterator[tuple[int, int]]:
    """Yield the cells that lie below each other on a line, the upper one first."""
    for line in lines:
        yield from zip(line.cells, line.cells[1:], strict=False)


def _walk(names: Sequence[str], arrows: Sequence[Arrow]) -> tuple[set[Arrow], list[str]]:
    """Return the arrows that close a circle, and the boxes such that all others lead to an earlier one."""
    leaving = {name: [arrow for arrow in arrows if arrow.source == name] for name in names}
    closing, done, open_ = set[Arrow](), list[str](), set[str]()
    for root in names:
        stack = [] if root in done else [(root, iter(leaving[root]))]
        open_.update(name for name, _ in stack)
        while stack:
            name, rest = stack[-1]
            arrow = next(rest, None)
            if arrow is None:
                stack.pop()
                open_.remove(name)
                done.append(name)
            elif arrow.target in open_:
                closing.add(arrow)
            elif arrow.target not in done:
                stack.append((arrow.target, iter(leaving[arrow.target])))
                open_.add(arrow.target)
    return closing, done


def _ranks(later_first: Sequence[str], arrows: Sequence[Arrow]) -> dict[str, int]:
    """Return how many arrows, at most, lead to each box one after another; `end` stands below all."""
    rank = dict.fromkeys(later_first, 0)
    for name in reversed(later_first):
        for arrow in arrows:
            if arrow.source == name:
                rank[arrow.target] = max(rank[arrow.target], rank[name] + 1)
    rank[END] = max(rank.values())
    return rank


def _ordered(cells: Sequence[Cell], lines: Sequence[Line]) -> tuple[tuple[int, ...], ...]:
    """Order each row by where the cells above it stand, then below, and so on; keep the best."""
    rows: list[list[int]] = [[] for _ in range(max(cell.row for cell in cells) + 1)]
    for at, cell in enumerate(cells):
        rows[cell.row].append(at)
    above: list[list[int]] = [[] for _ in cells]
    below: list[list[int]] = [[] for _ in cells]
    for upper, lower in neighbours(lines):
        above[lower].append(upper)
        below[upper].append(lower)
    best, least = [list(row) for row in rows], _crossings(rows, below)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        for row in rows if downwards else reversed(rows):
            _sort(row, above if downwards else below, rows, cells)
        crossings = _crossings(rows, below)
        if crossings < least:
            best, least = [list(row) for row in rows], crossings
    return tuple(tuple(row) for row in best)


def _sort(
    row: list[int], towards: Sequence[Sequence[int]], rows: Sequence[Sequence[int]], cells: Sequence[Cell]
) -> None:
    def middle(at: int) -> float:
        others = towards[at]
        if not others:
            return own[at]
        # In shares of the row, since rows differ in length.
        return sum((rows[cells[o].row].index(o) + 1) / (len(rows[cells[o].row]) + 1) for o in others) / len(
            others
        )

    own = {at: (place + 1) / (len(row) + 1) for place, at in enumerate(row)}
    row.sort(key=middle)


def _crossings(rows: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> int:
    place = {at: number for row in rows for number, at in enumerate(row)}
    total = 0
    for row in rows:
        ends = [place[lower] for upper in row for lower in sorted(below[upper], key=place.__getitem__)]
        total += sum(one > other for at, one in enumerate(ends) for other in ends[at + 1 :])
    return total
