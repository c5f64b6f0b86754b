"""The chance that the passages answer the question: a logistic regression whose weights are data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pydantic import Field

from foundation.turns import Language, Value
from graphs.confidence.features import NAMES, features
from graphs.passages import Passage


class Weight(Value):
    """One feature's part in the sum: `weight * (value - mean) / scale`."""

    mean: float
    scale: float = Field(gt=0)
    weight: float


class Weights(Value):
    """The contents of `configs/confidence.json`, written by tests/eval/fit_confidence.py."""

    embedding_model: str
    bias: float
    features: dict[str, Weight]
    fitted_on: date
    training: dict[str, int]
    """Rows by kind."""
    figures: dict[str, float]
    """Measured on the held-out part."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A confidence, 0..1, and what each feature added to its log-odds."""

    value: float
    parts: dict[str, float] = field(default_factory=dict)


class Confidence:
    """Says how likely it is that the first passages hold the answer."""

    def __init__(self, weights: Weights) -> None:
        """Raises ValueError when the weights are for other features than this code computes."""
        if set(weights.features) != set(NAMES):
            raise ValueError("confidence weights do not fit the features; fit them again")
        self._weights = weights

    def of(self, question: str, language: Language, passages: Sequence[Passage]) -> Scored:
        """Return the confidence; 0 without passages. `passages` come best first, eight if there are."""
        if not passages:
            return Scored(0.0)
        return self.from_features(features(question, language, passages))

    def from_features(self, values: Mapping[str, float]) -> Scored:
        """Return the confidence that these features give."""
        parts = {
            name: each.weight * (values[name] - each.mean) / each.scale
            for name, each in self._weights.features.items()
        }
        odds = max(-30.0, min(30.0, self._weights.bias + sum(parts.values())))
        return Scored(1 / (1 + math.exp(-odds)), parts)


def load(path: Path) -> Confidence:
    """Return the confidence with the weights in a JSON file.

    Raises:
        ValueError: the file's contents are not weights for this code.
    """
    return Confidence(Weights.model_validate_json(path.read_text(encoding="utf-8")))
