"""Answers a model wrote once, for the same question asked again: per tenant, release, language and audience.

An answer is kept for an hour at most, and given only while everything it cites is live. Questions that lean
on what was said before, or hold personal data, are neither kept nor looked up.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import numpy as np

from foundation.clients.cache.port import Cache
from foundation.clients.embedding.port import Embedder
from foundation.ids import TenantId
from foundation.tenancy import Tenancy
from foundation.turns import Citation, Language, Value
from graphs.sameness import NEAR, normal, same_question

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
    writer: str
    """The model that wrote them."""
    instructions: str
    """What the model is told, as a short hash."""

    @property
    def bucket(self) -> str:
        asked = f"{self.tenant_id}:{self.release}:{self.language}:{self.audience}"
        return f"{asked}:{self.writer}:{self.instructions}"


class AnswerCache:
    """Finds and keeps answers."""

    def __init__(self, cache: Cache, embedder: Embedder, tenancy: Tenancy) -> None:
        self._cache = cache
        self._embedder = embedder
        self._tenancy = tenancy

    async def find(self, shelf: Shelf, question: str) -> Kept | None:
        """Return the answer to the same question, in the same words or in ones that ask the same."""
        key = _key(question)
        exact = await self._entry(shelf, key)
        if exact and await self._is_live(shelf, key, exact):
            return exact
        return await self._near(shelf, question)

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
            if alike[at] < NEAR:
                break
            key = table[at, :_KEY].tobytes()
            kept = await self._entry(shelf, key)
            same = kept and same_question(question, kept.question, float(alike[at]), shelf.language)
            if kept and same and await self._is_live(shelf, key, kept):
                return kept
        return None

    async def _entry(self, shelf: Shelf, key: bytes) -> Kept | None:
        entry = await self._cache.get(shelf.bucket, key)
        return None if entry is None else Kept.model_validate_json(entry)

    async def _is_live(self, shelf: Shelf, key: bytes, kept: Kept) -> bool:
        """Say whether all that an answer cites is live; one that cites what is not is forgotten."""
        cited = {citation.passage_id for citation in kept.citations}
        found = await self._tenancy.trip(shelf.tenant_id, _LIVE, values={"ids": list(cited)})
        if cited and found.rows[0].live == len(cited):
            return True
        await self._cache.drop(shelf.bucket, key)
        return False


def _key(question: str) -> bytes:
    return sha256(normal(question).encode()).digest()[:_KEY]


_LIVE = "select count(*) as live from passages where id = any(%(ids)s) and live"
