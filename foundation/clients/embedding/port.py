"""What the rest of Replik needs of an embedding model."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Shape (texts, dimensions), each row of length 1."""


class Embedder(Protocol):
    """Turns texts into vectors; never blocks the event loop."""

    @property
    def model(self) -> str:
        """The model's stable name, which is part of the vectors' key."""
        ...

    @property
    def dimensions(self) -> int: ...

    async def queries(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of search queries."""
        ...

    async def passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages to be found."""
        ...
