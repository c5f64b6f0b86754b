"""Answers a model wrote once, for the same question asked again: per tenant, release, language and audience.

An answer is kept for an hour at most, and given only while everything it cites is live. Questions that lean
on what was said before, or hold personal data, are neither kept nor looked up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

import numpy as np

from foundation.clients.cache.port import Cache
from foundation.clients.embedding.port import Embedder
from foundation.ids import TenantId
from foundation.tenancy import Tenancy
from foundation.turns import Citation, Language, Value
from graphs.sameness import normal, same_question

SECONDS: Final = 3_600
MOST: Final = 500
"""Entries of a bucket; then it begins anew."""
_TRIED: Final = 3
"""Nearest questions that are compared word by word."""
_KEY: Final = 16
_PACKED: Final = np.dtype("<f2")


class Kept(Value):
    """An answer that was given, as the gate released it."""

    question: str
    text: str
    citations: tuple[Citation, ...]
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Shelf:
    """Whose answers these are: they are never given to others."""

    tenant_id: TenantId
    release: int
    language: Language
    audience: str
    answerer: str
    """Who wrote them, by which instructions."""

    @property
    def bucket(self) -> str:
        return f"{self.tenant_id}:{self.release}:{self.language}:{self.audience}:{self.answerer}"


class AnswerCache:
    """Finds and keeps answers."""

    def __init__(self, cache: Cache, embedder: Embedder, tenancy: Tenancy) -> None:
        self._cache = cache
        self._embedder = embedder
        self._tenancy = tenancy

    async def find(self, shelf: Shelf, question: str) -> Kept | None:
        """Return the answer to the same question, in the same words or in ones that ask the same."""
        exact = await self._live(shelf, _key(question))
        return exact or await self._near(shelf, question)

    async def keep(self, shelf: Shelf, kept: Kept) -> None:
        """Keep an answer."""
        [vector] = await self._embedder.queries([kept.question])
        key = _key(kept.question)
        row = key + vector.astype(_PACKED).tobytes()
        entry = kept.model_dump_json().encode()
        await self._cache.put(shelf.bucket, key, entry, row, seconds=SECONDS, most=MOST)

    async def _near(self, shelf: Shelf, question: str) -> Kept | None:
        rows = await self._cache.index(shelf.bucket)
        size = _KEY + self._embedder.dimensions * _PACKED.itemsize
        if not rows or len(rows) % size:
            return None
        table = np.frombuffer(rows, dtype=np.uint8).reshape(-1, size)
        known = table[:, _KEY:].copy().view(_PACKED).astype(np.float32)
        [vector] = await self._embedder.queries([question])
        alike = known @ vector
        for at in np.argsort(-alike)[:_TRIED]:
            kept = await self._live(shelf, table[at, :_KEY].tobytes())
            if kept and same_question(question, kept.question, float(alike[at]), shelf.language):
                return kept
        return None

    async def _live(self, shelf: Shelf, key: bytes) -> Kept | None:
        entry = await self._cache.get(shelf.bucket, key)
        if entry is None:
            return None
        kept = Kept.model_validate_json(entry)
        if await self._are_live(shelf.tenant_id, [citation.passage_id for citation in kept.citations]):
            return kept
        await self._cache.drop(shelf.bucket, key)
        return None

    async def _are_live(self, tenant_id: TenantId, passages: Sequence[UUID]) -> bool:
        found = await self._tenancy.trip(tenant_id, _LIVE, values={"ids": list(passages)})
        return bool(passages) and found.rows[0].live == len(set(passages))


def _key(question: str) -> bytes:
    return sha256(normal(question).encode()).digest()[:_KEY]


_LIVE = "select count(*) as live from passages where id = any(%(ids)s) and live"
