"""Retrieval by meaning and by words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from graphs.retrieval.explain import Explanation
from graphs.retrieval.filters import Filters
from graphs.retrieval.fusion import rank
from graphs.retrieval.signals import Asked, Compared
from graphs.retrieval.store import ByWords, Candidate
from graphs.retrieval.words import content_words

_NEAREST = 40
_BY_WORDS = 40
# Below this many vectors an exact search is cheaper than a round trip (and a small index is less exact).
_FEW = 32
# While the index is away, tenants up to this size are searched exactly: about 3 MB.
_AT_MOST_EXACTLY = 2000
# So many of each language are asked of the index, the next number when too few pass the filters.
_REACHES = (_NEAREST, 10 * _NEAREST, 100 * _NEAREST)
# Of the nearest, what stands beside them under the same heading is looked at too.
_BESIDE = 4
EVERYTHING = Filters()


@dataclass(frozen=True, slots=True, eq=False)
class _Aim:
    """A question as it is compared with the passages of one language."""

    carried: Vectors
    level: float
    elsewhere: float


class HybridRetriever:
    """A `Retriever`. PostgreSQL has the last word: a hit counts when its row is this tenant's and live."""

    def __init__(
        self,
        tenancy: Tenancy,
        embedder: Embedder,
        vectors: VectorIndex,
        background: Background | None = None,
        *,
        before: "HybridRetriever | None" = None,
    ) -> None:
        """`before` answers tenants whose live index is still that of another model."""
        self._tenancy = tenancy
        self._embedder = embedder
        self._vectors = vectors
        self._background = background or Background(embedder)
        self._before = before

    @property
    def embedder(self) -> Embedder:
        """What turns questions into vectors here."""
        return self._embedder

    async def warm(self, *languages: Language) -> None:
        """Have the bank's vectors for these languages now (two seconds each, unless kept), not at a call."""
        for language in languages:
            nothing = np.zeros(self._embedder.dimensions, dtype=np.float32)
            await self._background.level(nothing, language)
            await self._background.elsewhere(nothing, language)

    async def search(
        self,
        tenant_id: TenantId,
        query: str,
        *,
        language: Language,
        limit: int,
        filters: Filters = EVERYTHING,
    ) -> tuple[Passage, ...]:
        """Return the best passages, best first; the customer's language first where about as good.

        `language` is the query's. `Passage.similarity` compares the query carried over to the passage's
        language; `Passage.lexical` is the share, 0..1, of the query's weight of words that the passage has.

        Raises:
            DependencyUnavailable: the embedder did not answer.
        """
        found = await self.explain(tenant_id, query, language=language, limit=limit, filters=filters)
        return found.passages

    async def explain(
        self,
        tenant_id: TenantId,
        query: str,
        *,
        language: Language,
        limit: int,
        filters: Filters = EVERYTHING,
    ) -> Explanation:
        """Return what `search` returns, with the evidence, and what was dropped and why; raises the same."""
        evidence = await self.evidence(tenant_id, query, language=language, filters=filters)
        return Explanation(()) if evidence is None else rank(*evidence, limit)

    async def evidence(
        self, tenant_id: TenantId, query: str, *, language: Language, filters: Filters = EVERYTHING
    ) -> tuple[Asked, list[Compared]] | None:
        """Return the candidates before they are ranked; None when there is nothing to find."""
        async with self._tenancy.session(tenant_id) as session:
            sizes = await store.live_sizes(session, filters)
            collection = await store.live_collection(session, tenant_id, self._embedder.model)
            words = await store.by_words(session, content_words(query), filters, _BY_WORDS)
        if not sizes or not query.strip():
            return None
        if collection is None and self._before is not None:
            return await self._before.evidence(tenant_id, query, language=language, filters=filters)
        [vector] = await self._embedder.queries([query])
        aims = {other: await self._aim(vector, language, other) for other in sizes}
        rows = await self._candidates(
            tenant_id, collection, aims, total=sum(sizes.values()), words=words, filters=filters
        )
        found = [each for other, aim in aims.items() for each in await self._compared(rows, other, aim)]
        asked = Asked(
            query,
            language,
            levels={other: aim.level for other, aim in aims.items()},
            elsewhere={other: aim.elsewhere for other, aim in aims.items()},
            spread=await self._background.spread(language),
        )
        return asked, found

    async def _aim(self, vector: Vectors, source: Language, target: Language) -> _Aim:
        carried = await self._background.carry(vector, source, target)
        return _Aim(
            carried,
            level=await self._background.level(carried, target),
            elsewhere=await self._background.elsewhere(carried, target),
        )

    async def _compared(self, rows: Sequence[Candidate], language: Language, aim: _Aim) -> list[Compared]:
        """Return the candidates of one language, compared with the question."""
        there = [row for row in rows if row.language == language]
        placed = [(row, row.vector) for row in there if row.vector is not None]
        found = [Compared(row, 0.0, 0.0) for row in there if row.vector is None]
        if not placed:
            return found
        vectors = np.stack([vector for _, vector in placed])
        crowding = await self._background.crowding(vectors, language)
        similarity = vectors @ aim.carried
        numbers = zip(placed, similarity.tolist(), crowding.tolist(), strict=True)
        return found + [Compared(row, near, crowded) for (row, _), near, crowded in numbers]

    async def _candidates(
        self,
        tenant_id: TenantId,
        collection: Collection | None,
        aims: Mapping[Language, _Aim],
        *,
        total: int,
        words: Mapping[UUID, ByWords],
        filters: Filters,
    ) -> list[Candidate]:
        """Return the candidates; the index knows no filters, so it is asked for more while few pass them."""
        indexed = collection is not None and total > _FEW
        rows: list[Candidate] = []
        for reach in _REACHES:
            near = await self._indexed(collection, aims, reach) if indexed and collection else None
            async with self._tenancy.session(tenant_id) as session:
                if near is None:
                    near = await self._exact(session, aims, filters)
                    indexed = False
                ids = list(dict.fromkeys([*near, *words]))
                model = self._embedder.model
                rows = await store.candidates(session, model, ids, words, filters, beside=_BESIDE)
            passed = sum(row.allowed and row.vector is not None for row in rows)
            if not indexed or passed >= min(_NEAREST, total) or len(near) < reach:
                break
        return rows

    async def _indexed(
        self, collection: Collection, aims: Mapping[Language, _Aim], reach: int
    ) -> list[UUID] | None:
        """Return the nearest passages of the index; None when it is away."""
        try:
            hits = [
                hit
                for aim in aims.values()
                for hit in await self._vectors.search(collection, aim.carried, reach)
            ]
        except DependencyUnavailable:
            return None
        return [hit.passage_id for hit in hits]

    async def _exact(
        self, session: TenantSession, aims: Mapping[Language, _Aim], filters: Filters
    ) -> list[UUID]:
        ids, languages, vectors = await store.vectors_of_all(
            session, self._embedder.model, filters, _AT_MOST_EXACTLY
        )
        similarities = [
            float(row @ aims[language].carried) if language in aims else -1.0
            for row, language in zip(vectors, languages, strict=True)
        ]
        return [ids[index] for index in np.argsort(similarities)[::-1][:_NEAREST]]
