"""A correction of question vectors, learned on questions and the passages that answer them."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from foundation.clients.embedding.port import Vectors

FOLDER = Path(__file__).parent / "adapters"
"""One file a model, written by tests/eval/fit_ranking.py."""


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """Adds to a question's vector what a matrix of low rank makes of it."""

    down: Vectors
    """Shape (dimensions, rank)."""
    up: Vectors
    """Shape (rank, dimensions)."""

    def adapted(self, question: Vectors) -> Vectors:
        """Return the vector, or a row for each, of length 1."""
        moved = question + question @ self.down @ self.up
        length = np.maximum(np.linalg.norm(moved, axis=-1, keepdims=True), 1e-12)
        return np.asarray(moved / length, dtype=np.float32)


@cache
def adapter_of(model: str, dimensions: int) -> Adapter | None:
    """Return the adapter of an embedding model; None when none was learned for it."""
    file = FOLDER / f"{model}.json"
    if "/" in model or not file.is_file():
        return None
    table = json.loads(file.read_text(encoding="utf-8"))
    down, up = (np.array(table[name], dtype=np.float32) for name in ("down", "up"))
    return Adapter(down, up) if down.shape[0] == up.shape[1] == dimensions else None
