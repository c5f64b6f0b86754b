"""Takes bends out of arrows where they pass rows, as far as their neighbours leave room."""

from collections.abc import Callable, Sequence
from typing import Final

from graphs.drawing.rows import Rows

Room = tuple[float, float]
"""How far left and right the middle of a cell may be."""

_TIMES: Final = 4
"""One arrow that moves makes room for another."""


def straighten(rows: Rows, widths: Sequence[float], at_x: list[float], gap: float) -> None:
    """Move the cells of each arrow between its boxes to as few different places as can be."""
    place = {at: number for row in rows.order for number, at in enumerate(row)}

    def room(at: int) -> Room:
        row, number = rows.order[rows.cells[at].row], place[at]
        left, right = float("-inf"), float("inf")
        if number > 0:
            other = row[number - 1]
            left = at_x[other] + (widths[other] + widths[at]) / 2 + gap
        if number + 1 < len(row):
            other = row[number + 1]
            right = at_x[other] - (widths[other] + widths[at]) / 2 - gap
        return left, right

    for _ in range(_TIMES):
        for line in rows.lines:
            for run, (left, right) in _runs(line.cells[1:-1], room):
                middle = sum(at_x[at] for at in run) / len(run)
                for at in run:
                    at_x[at] = min(max(middle, left), right)


def _runs(cells: Sequence[int], room: Callable[[int], Room]) -> list[tuple[list[int], Room]]:
    """Return the cells in parts as long as can be, each with the room that all of its cells have."""
    runs: list[tuple[list[int], Room]] = []
    for at in cells:
        left, right = room(at)
        if runs:
            run, (most_left, most_right) = runs[-1]
            shared = max(left, most_left), min(right, most_right)
            if shared[0] <= shared[1]:
                runs[-1] = [*run, at], shared
                continue
        runs.append(([at], (left, right)))
    return runs
