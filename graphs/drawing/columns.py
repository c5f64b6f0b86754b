"""How far right each cell of a drawing stands: near what it is connected with, as far as there is room."""

from collections.abc import Sequence
from typing import Final

from graphs.drawing.rows import Rows, neighbours
from graphs.drawing.straight import straighten

_Pulls = list[list[tuple[int, float]]]

_GAP: Final = 22.0
_SWEEPS: Final = 30
_STRAIGHT: Final = 40.0
"""How much more it matters that an arrow is straight where it passes rows than at its ends."""


def columns(rows: Rows, widths: Sequence[float]) -> list[float]:
    """Return the middle of each cell; the leftmost cell begins at 0 and none overlaps another."""
    from_above, from_below = _pulls(rows)
    at_x = [0.0] * len(rows.cells)
    for _ in range(_SWEEPS):
        for row in rows.order:
            _settle(row, widths, from_above, at_x)
        for row in reversed(rows.order):
            _settle(row, widths, from_below, at_x)
    straighten(rows, widths, at_x, _GAP)
    left = min(x - width / 2 for x, width in zip(at_x, widths, strict=True))
    return [x - left for x in at_x]


def _pulls(rows: Rows) -> tuple[_Pulls, _Pulls]:
    """Return what pulls at each cell, and how much, on the way down and on the way up.

    Where an arrow only passes, a cell follows the one before it: pulled from both sides it would come to rest
    between the two, and the arrow would be all small bends.
    """
    from_above: _Pulls = [[] for _ in rows.cells]
    from_below: _Pulls = [[] for _ in rows.cells]
    for upper, lower in neighbours(rows.lines):
        passing = rows.cells[upper].box is None and rows.cells[lower].box is None
        weight = _STRAIGHT if passing else 1.0
        from_above[lower].append((upper, weight))
        from_below[upper].append((lower, weight))
        if not passing:
            from_above[upper].append((lower, weight))
            from_below[lower].append((upper, weight))
    return from_above, from_below


def _settle(row: Sequence[int], widths: Sequence[float], pulls: _Pulls, at_x: list[float]) -> None:
    """Move a row's cells as near as they can come to the middle of what pulls at them."""
    offsets, wanted, weights = [], [], []
    offset = 0.0
    for place, at in enumerate(row):
        if place:
            offset += (widths[row[place - 1]] + widths[at]) / 2 + _GAP
        weight = sum(strength for _, strength in pulls[at])
        middle = sum(at_x[other] * strength for other, strength in pulls[at]) / weight if weight else at_x[at]
        offsets.append(offset)
        wanted.append(middle - offset)
        weights.append(weight or 0.1)
    for at, offset, x in zip(row, offsets, rising(wanted, weights), strict=True):
        at_x[at] = x + offset


def rising(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the numbers nearest to the wanted ones, by weighted squares, that never fall.

    Neighbours that would fall are pooled at their mean, until none does.
    """
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(wanted, weights, strict=True):
        pools.append((value, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (one, heavy, many), (other, light, few) = pools[-2:]
            together = heavy + light
            pools[-2:] = [((one * heavy + other * light) / together, together, many + few)]
    return [value for value, _, count in pools for _ in range(count)]
