"""Embeddings from OpenAI or any server that speaks its protocol."""

from collections.abc import Sequence

import numpy as np
from openai import AsyncOpenAI, OpenAIError

from foundation.clients.embedding.port import Vectors
from foundation.errors import DependencyUnavailable

_BATCH = 128


class OpenAIEmbedder:
    """An `Embedder` over HTTP. The package retries twice with growing pauses before it gives up."""

    def __init__(self, *, base_url: str, key: str, model: str, dimensions: int) -> None:
        self._client = AsyncOpenAI(base_url=base_url or None, api_key=key, timeout=30)
        self._model = model
        self._dimensions = dimensions

    @property
    def model(self) -> str:
        return self._model

    @property
    def dimensions(self) -> int:
        return self._dimensions

    async def queries(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of search queries.

        Raises:
            DependencyUnavailable: the server did not answer, or not with what was asked for.
        """
        return await self._vectors(texts)

    async def passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages.

        Raises:
            DependencyUnavailable: the server did not answer, or not with what was asked for.
        """
        return await self._vectors(texts)

    async def close(self) -> None:
        await self._client.close()

    async def _vectors(self, texts: Sequence[str]) -> Vectors:
        rows: list[list[float]] = []
        try:
            for start in range(0, len(texts), _BATCH):
                batch = list(texts[start : start + _BATCH])
                answer = await self._client.embeddings.create(input=batch, model=self._model)
                rows += [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]
        except OpenAIError as error:
            raise DependencyUnavailable(part="embeddings") from error
        if len(rows) != len(texts) or any(len(row) != self._dimensions for row in rows):
            raise DependencyUnavailable(part="embeddings")
        vectors = np.asarray(rows, dtype=np.float32).reshape(len(rows), self._dimensions)
        # Not every compatible server normalises.
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)
