"""Retrieval by meaning and by words."""

from uuid import UUID

import numpy as np

from foundation.clients.embedding.port import Embedder, Vectors
from foundation.clients.vectors.port import Collection, VectorIndex
from foundation.errors import DependencyUnavailable
from foundation.ids import TenantId
from foundation.tenancy import Tenancy, TenantSession
from foundation.turns import Language
from graphs.passages import Passage
from graphs.retrieval import store
from graphs.retrieval.background import Background
from graphs.retrieval.fusion import Asked, Compared, rank
from graphs.retrieval.store import Candidate
from graphs.retrieval.words import content_words

_NEAREST = 40
_BY_WORDS = 40
# Below this many vectors an exact search is cheaper than a round trip (and a small index is less exact).
_FEW = 32
# While the index is away, tenants up to this size are searched exactly: about 3 MB.
_AT_MOST_EXACTLY = 2000


class HybridRetriever:
    """A `Retriever`. PostgreSQL has the last word: a hit counts when its row is this tenant's and live."""

    def __init__(
        self, tenancy: Tenancy, embedder: Embedder, vectors: VectorIndex, background: Background | None = None
    ) -> None:
        self._tenancy = tenancy
        self._embedder = embedder
        self._vectors = vectors
        self._background = background or Background(embedder)

    async def warm(self, *languages: Language) -> None:
        """Have the bank's vectors for these languages now (two seconds each, unless kept), not at a call."""
        for language in languages:
            nothing = np.zeros(self._embedder.dimensions, dtype=np.float32)
            await self._background.level(nothing, language)
            await self._background.elsewhere(nothing, language)

    async def search(
        self, tenant_id: TenantId, query: str, *, language: Language, limit: int
    ) -> tuple[Passage, ...]:
        """Return the best passages, best first; the customer's language first where about as good.

        `language` is the query's. `Passage.similarity` compares the query carried over to the passage's
        language; `Passage.lexical` is the share, 0..1, of the query's weight of words that the passage has.

        Raises:
            DependencyUnavailable: the embedder did not answer.
        """
        async with self._tenancy.session(tenant_id) as session:
            sizes = await store.live_sizes(session)
            collection = await store.live_collection(session, tenant_id, self._embedder.model)
            cover = await store.covers(session, content_words(query), _BY_WORDS)
        if not sizes or not query.strip():
            return ()
        [vector] = await self._embedder.queries([query])
        carried = {other: await self._background.carry(vector, language, other) for other in sizes}
        few = sum(sizes.values()) <= _FEW
        near = [] if few or collection is None else await self._indexed(collection, carried)
        async with self._tenancy.session(tenant_id) as session:
            if few or near is None:
                near = await self._exact(session, carried)
            ids = list(dict.fromkeys([*near, *cover]))
            rows = await store.candidates(session, self._embedder.model, ids, cover)
        found = [await self._compared(row, carried[row.language]) for row in rows if row.language in carried]
        levels = {other: await self._background.level(moved, other) for other, moved in carried.items()}
        elsewhere = {
            other: await self._background.elsewhere(moved, other) for other, moved in carried.items()
        }
        asked = Asked(query, language, levels, elsewhere)
        return rank(asked, found, limit)

    async def _compared(self, row: Candidate, query: Vectors) -> Compared:
        if row.vector is None:
            return Compared(row, 0.0, 0.0)
        [crowding] = await self._background.crowding(row.vector[None, :], row.language)
        return Compared(row, float(row.vector @ query), float(crowding))

    async def _indexed(self, collection: Collection, carried: dict[Language, Vectors]) -> list[UUID] | None:
        """Return the nearest passages of the index; None when it is away."""
        try:
            hits = [
                hit
                for vector in carried.values()
                for hit in await self._vectors.search(collection, vector, _NEAREST)
            ]
        except DependencyUnavailable:
            return None
        return [hit.passage_id for hit in hits]

    async def _exact(self, session: TenantSession, carried: dict[Language, Vectors]) -> list[UUID]:
        ids, languages, vectors = await store.vectors_of_all(session, self._embedder.model, _AT_MOST_EXACTLY)
        similarities = [
            float(row @ carried[language]) if language in carried else -1.0
            for row, language in zip(vectors, languages, strict=True)
        ]
        return [ids[index] for index in np.argsort(similarities)[::-1][:_NEAREST]]
