"""An embedder for tests: texts that share words or parts of words lie near each other."""

import re
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from foundation.clients.embedding.port import Vectors


class HashingEmbedder:
    """Words and their trigrams hashed into a few dimensions; the same on every machine, no model."""

    def __init__(self, dimensions: int = 256) -> None:
        self._dimensions = dimensions

    @property
    def model(self) -> str:
        return "hashing"

    @property
    def dimensions(self) -> int:
        return self._dimensions

    async def queries(self, texts: Sequence[str]) -> Vectors:
        return self._vectors(texts)

    async def passages(self, texts: Sequence[str]) -> Vectors:
        return self._vectors(texts)

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self._dimensions), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                padded = f" {word} "
                for part in (word, *(padded[i : i + 3] for i in range(len(padded) - 2))):
                    digest = int.from_bytes(blake2b(part.encode(), digest_size=8).digest(), "big")
                    row[digest % self._dimensions] += 1
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)
