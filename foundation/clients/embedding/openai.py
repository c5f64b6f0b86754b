"""Embeddings from OpenAI, Azure OpenAI, or any server that speaks the protocol."""

from collections.abc import Sequence

import numpy as np
from openai import AsyncAzureOpenAI, AsyncOpenAI, OpenAIError

from foundation.clients.embedding.memory import REMEMBERED, VectorMemory
from foundation.clients.embedding.pace import Pace
from foundation.clients.embedding.port import Vectors
from foundation.errors import DependencyUnavailable

_BATCH = 128
_TIMEOUT_S = 30
_RETRIES = 6
"""After 408, 409, 429, 5xx and lost connections; the package waits as long as `Retry-After` says, else half a
second to eight, with jitter."""


def client(*, base_url: str, key: str) -> AsyncOpenAI:
    """Return a client of OpenAI or a compatible server."""
    return AsyncOpenAI(base_url=base_url or None, api_key=key, timeout=_TIMEOUT_S, max_retries=_RETRIES)


def azure_client(*, endpoint: str, key: str, api_version: str, deployment: str) -> AsyncAzureOpenAI:
    """Return a client of one deployment at Azure OpenAI."""
    return AsyncAzureOpenAI(
        azure_endpoint=endpoint,
        azure_deployment=deployment,
        api_key=key,
        api_version=api_version,
        timeout=_TIMEOUT_S,
        max_retries=_RETRIES,
    )


class OpenAIEmbedder:
    """An `Embedder` over HTTP."""

    def __init__(self, client: AsyncOpenAI, *, model: str, dimensions: int, pace: Pace | None = None) -> None:
        self._client = client
        self._model = model
        self._dimensions = dimensions
        self._pace = pace or Pace(None)
        self._remembered = VectorMemory(REMEMBERED)

    @property
    def model(self) -> str:
        return self._model

    @property
    def dimensions(self) -> int:
        return self._dimensions

    async def queries(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of search queries; a recent query's vector is remembered.

        Raises:
            DependencyUnavailable: the server did not answer, or not with what was asked for.
        """
        return await self._remembered.of(texts, self._vectors) if texts else await self._vectors(texts)

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
                await self._pace.wait()
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
