"""What retrieval reads of a tenant's rows, always through the tenant's own session."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from sqlalchemy import text

from foundation.clients.embedding.port import Vectors
from foundation.clients.vectors.port import Collection
from foundation.ids import TenantId
from foundation.tenancy import TenantSession
from foundation.turns import Language
from graphs.retrieval.filters import Filters


@dataclass(frozen=True, slots=True)
class Candidate:
    """A live passage that meaning or words have led to."""

    passage_id: UUID
    source_id: UUID
    version: int
    title: str
    heading: str
    page: int | None
    text: str
    language: Language
    opening: str
    """The first characters of its source, where a notice of validity would stand."""
    vector: Vectors | None
    """None when it has not been embedded with this model (yet)."""
    cover: float
    """Share, 0..1, of the question's weight of words that it has."""
    bm25: float = 0.0
    ordinal: int = 0
    """Its place among the passages of its source."""
    allowed: bool = True
    """Whether the filters let it through."""
    paragraph: int | None = None
    """See `graphs.passages.Passage`."""


@dataclass(frozen=True, slots=True)
class ByWords:
    """How well a passage's words match."""

    cover: float
    bm25: float


# Every query that finds or shows passages binds and asks the same three conditions.
def _bound(filters: Filters) -> dict[str, object]:
    return {
        "languages": None if filters.languages is None else list(filters.languages),
        "sources": None if filters.sources is None else list(filters.sources),
        "audience": list(filters.audience),
    }


async def live_sizes(session: TenantSession, filters: Filters) -> dict[Language, int]:
    """Return how many live passages the filters let through in each language."""
    rows = await session.execute(
        text(
            "select p.language, count(*) from passages p"
            " join sources s on s.tenant_id = p.tenant_id and s.id = p.source_id"
            " where p.live and (cast(:languages as text[]) is null or p.language = any(:languages))"
            " and (cast(:sources as uuid[]) is null or p.source_id = any(:sources))"
            " and s.audience = any(:audience)"
            " group by p.language"
        ),
        _bound(filters),
    )
    return {row[0]: row[1] for row in rows}


async def live_collection(session: TenantSession, tenant_id: TenantId, model: str) -> Collection | None:
    """Return the collection of vectors that answers questions now."""
    row = (
        await session.execute(
            text(
                "select generation from vector_collections where model = :model and live"
                " order by generation desc limit 1"
            ),
            {"model": model},
        )
    ).first()
    return None if row is None else Collection(tenant_id, model, row.generation)


async def vectors_of_all(
    session: TenantSession, model: str, filters: Filters, at_most: int
) -> tuple[list[UUID], list[Language], Vectors]:
    """Return ids, languages and vectors of the live passages, for an exact search."""
    rows = (
        await session.execute(
            text(
                "select p.id, p.language, e.vector from passages p"
                " join sources s on s.tenant_id = p.tenant_id and s.id = p.source_id"
                " join embeddings e on e.tenant_id = p.tenant_id and e.content_hash = p.content_hash"
                " where p.live and e.model = :model"
                " and (cast(:languages as text[]) is null or p.language = any(:languages))"
                " and (cast(:sources as uuid[]) is null or p.source_id = any(:sources))"
                " and s.audience = any(:audience)"
                " order by p.id limit :at_most"
            ),
            {"model": model, "at_most": at_most, **_bound(filters)},
        )
    ).all()
    vectors = np.frombuffer(b"".join(row.vector for row in rows), dtype="<f4").astype(np.float32)
    return (
        [row.id for row in rows],
        [row.language for row in rows],
        vectors.reshape(len(rows), -1 if rows else 0),
    )


async def by_words(
    session: TenantSession, words: Sequence[str], filters: Filters, at_most: int
) -> dict[UUID, ByWords]:
    """Return the live passages that share words with the question, best first."""
    if not words:
        return {}
    rows = await session.execute(
        text(
            "select passage_id, cover, rank from search_words(:words, :at_most, cast(:audience as text[]),"
            " cast(:languages as text[]), cast(:sources as uuid[]))"
        ),
        {"words": " ".join(words), "at_most": at_most, **_bound(filters)},
    )
    return {row.passage_id: ByWords(float(row.cover), float(row.rank)) for row in rows}


async def candidates(
    session: TenantSession,
    model: str,
    ids: Sequence[UUID],
    words: Mapping[UUID, ByWords],
    filters: Filters,
    *,
    beside: int,
) -> list[Candidate]:
    """Return those of `ids` that are live passages of this tenant; the others are forgotten in silence.

    What stands right before and after the first `beside` of them under the same heading comes too.
    """
    if not ids:
        return []
    rows = await session.execute(
        text(
            "with wanted as ("
            "  select unnest(cast(:ids as uuid[])) as id"
            "  union select n.id from passages o"
            "  join passages n on n.tenant_id = o.tenant_id and n.source_id = o.source_id"
            "   and n.version = o.version and n.heading = o.heading"
            "   and n.ordinal in (o.ordinal - 1, o.ordinal + 1)"
            "  where o.id = any(:first) and o.live and n.live"
            ")"
            " select p.id, p.source_id, p.version, coalesce(v.title, s.name) as title, p.heading, p.page,"
            " p.paragraph, p.text, p.language, p.ordinal, e.vector,"
            " ((cast(:languages as text[]) is null or p.language = any(:languages))"
            " and (cast(:sources as uuid[]) is null or p.source_id = any(:sources))"
            " and s.audience = any(:audience)"
            " ) as allowed,"
            " coalesce((select left(o.heading || ' ' || o.text, 400) from passages o"
            "  where o.tenant_id = p.tenant_id and o.source_id = p.source_id and o.version = p.version"
            "  and o.ordinal = 0), '') as opening"
            " from wanted"
            " join passages p on p.id = wanted.id"
            " join sources s on s.tenant_id = p.tenant_id and s.id = p.source_id"
            " join source_versions v on v.tenant_id = p.tenant_id and v.source_id = p.source_id"
            "  and v.version = p.version"
            " left join embeddings e on e.tenant_id = p.tenant_id and e.content_hash = p.content_hash"
            "  and e.model = :model"
            " where p.live"
        ),
        {"model": model, "ids": list(ids), "first": list(ids[:beside]), **_bound(filters)},
    )
    none = ByWords(0.0, 0.0)
    return [
        Candidate(
            passage_id=row.id,
            source_id=row.source_id,
            version=row.version,
            title=row.title,
            heading=row.heading,
            page=row.page,
            paragraph=row.paragraph,
            text=row.text,
            language=row.language,
            opening=row.opening,
            vector=None if row.vector is None else np.frombuffer(row.vector, dtype="<f4").astype(np.float32),
            cover=words.get(row.id, none).cover,
            bm25=words.get(row.id, none).bm25,
            ordinal=row.ordinal,
            allowed=row.allowed,
        )
        for row in rows
    ]
