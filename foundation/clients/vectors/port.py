"""What the rest of Replik needs of a vector index. It is rebuildable: PostgreSQL keeps the truth."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from foundation.clients.embedding.port import Vectors
from foundation.ids import TenantId


@dataclass(frozen=True, slots=True)
class Collection:
    """One tenant's vectors of one model; a new generation is built beside the live one."""

    tenant_id: TenantId
    model: str
    generation: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage and its cosine similarity, -1..1."""

    passage_id: UUID
    similarity: float


class VectorIndex(Protocol):
    async def upsert(self, collection: Collection, ids: Sequence[UUID], vectors: Vectors) -> None: ...

    async def search(self, collection: Collection, vector: Vectors, limit: int) -> list[Hit]:
        """Return the nearest passages, nearest first; an unknown collection gives none.

        `vector` has shape (dimensions,).
        """
        ...

    async def delete(self, collection: Collection, ids: Sequence[UUID]) -> None: ...

    async def drop(self, collection: Collection) -> None: ...

    async def count(self, collection: Collection, ids: Sequence[UUID] | None = None) -> int:
        """Return how many of these vectors, or of all, are there; an unknown collection has none."""
        ...

    def texts(self, collection: Collection) -> AsyncIterator[str]:
        """Yield each vector's id with whatever words are kept beside it; an unknown collection has none."""
        ...
