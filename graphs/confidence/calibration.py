"""What a confidence means for one tenant: their own rated answers bend the curve that all begin with.

Platt's scaling (Platt 1999, "Probabilistic outputs for support vector machines"): the log-odds get a slope
and a shift, fitted to the ratings with a prior that holds them at 1 and 0. A few ratings move little, many
move much.
"""

import math
from collections.abc import Sequence
from typing import Final

from foundation.turns import Value

LEAST: Final = 20
"""Ratings below which nothing is bent."""
_PRIOR: Final = 6.0
"""How firmly slope and shift are held, as the inverse of their variance."""
_ROUNDS: Final = 40
_EDGE: Final = 1e-6


class Calibration(Value):
    """`1 / (1 + exp(-(slope * logit(raw) + shift)))`."""

    slope: float = 1.0
    shift: float = 0.0
    ratings: int = 0
    """How many it was fitted to."""

    def of(self, raw: float) -> float:
        """Return the chance that an answer of this raw confidence is right, 0..1."""
        if (self.slope, self.shift) == (1.0, 0.0):
            return raw
        odds = self.slope * _logit(raw) + self.shift
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))


def fit(rated: Sequence[tuple[float, bool]]) -> Calibration:
    """Return the calibration of raw confidences and whether the answers were right."""
    if len(rated) < LEAST:
        return Calibration(ratings=len(rated))
    slope, shift = 1.0, 0.0
    points = [(_logit(raw), float(right)) for raw, right in rated]
    for _ in range(_ROUNDS):
        step = _newton(points, slope, shift)
        share = 1.0
        # Newton's step may leap over the valley; half of it, or of that, does not.
        while share > _EDGE and _loss(points, slope - share * step[0], shift - share * step[1]) > _loss(
            points, slope, shift
        ):
            share /= 2
        slope, shift = slope - share * step[0], shift - share * step[1]
    # A curve that falls would answer what it is least sure of.
    return Calibration(slope=round(max(0.05, slope), 6), shift=round(shift, 6), ratings=len(rated))


def _loss(points: Sequence[tuple[float, float]], slope: float, shift: float) -> float:
    """Return the penalised negative log-likelihood."""
    total = _PRIOR * ((slope - 1.0) ** 2 + shift**2) / 2
    for odds, right in points:
        here = max(-30.0, min(30.0, slope * odds + shift))
        total += math.log1p(math.exp(-here)) + (1 - right) * here
    return total


def _newton(points: Sequence[tuple[float, float]], slope: float, shift: float) -> tuple[float, float]:
    """Return Newton's step of the penalised log-likelihood, for slope and shift."""
    down_slope, down_shift = _PRIOR * (slope - 1.0), _PRIOR * shift
    a, b, c = _PRIOR, 0.0, _PRIOR
    for odds, right in points:
        chance = 1 / (1 + math.exp(-max(-30.0, min(30.0, slope * odds + shift))))
        down_slope += (chance - right) * odds
        down_shift += chance - right
        curve = chance * (1 - chance)
        a += curve * odds * odds
        b += curve * odds
        c += curve
    determinant = a * c - b * b
    return (c * down_slope - b * down_shift) / determinant, (a * down_shift - b * down_slope) / determinant


def _logit(raw: float) -> float:
    held = min(1 - _EDGE, max(_EDGE, raw))
    return math.log(held / (1 - held))
