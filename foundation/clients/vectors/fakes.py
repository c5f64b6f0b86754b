"""A vector index in memory: exact, for tests."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import numpy as np

from foundation.clients.embedding.port import Vectors
from foundation.clients.vectors.port import Collection, Hit


class ExactIndex:
    """A `VectorIndex` that compares with every vector it has."""

    def __init__(self) -> None:
        self._collections: dict[Collection, dict[UUID, Vectors]] = {}

    async def upsert(self, collection: Collection, ids: Sequence[UUID], vectors: Vectors) -> None:
        self._collections.setdefault(collection, {}).update(zip(ids, vectors, strict=True))

    async def search(self, collection: Collection, vector: Vectors, limit: int) -> list[Hit]:
        rows = self._collections.get(collection)
        if not rows:
            return []
        similarities = np.stack(list(rows.values())) @ vector
        hits = [Hit(passage_id, float(value)) for passage_id, value in zip(rows, similarities, strict=True)]
        return sorted(hits, key=lambda hit: -hit.similarity)[:limit]

    async def delete(self, collection: Collection, ids: Sequence[UUID]) -> None:
        for passage_id in ids:
            self._collections.get(collection, {}).pop(passage_id, None)

    async def drop(self, collection: Collection) -> None:
        self._collections.pop(collection, None)

    async def count(self, collection: Collection, ids: Sequence[UUID] | None = None) -> int:
        there = self._collections.get(collection, {})
        return len(there) if ids is None else sum(each in there for each in ids)

    async def texts(self, collection: Collection) -> AsyncIterator[str]:
        for passage_id in self._collections.get(collection, {}):
            yield str(passage_id)
