"""What retrieval reads of a tenant's rows, always through the tenant's own session."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from sqlalchemy import text

from foundation.clients.embedding.port import Vectors
from foundation.clients.vectors.port import Collection
from foundation.ids import TenantId
from foundation.tenancy import TenantSession
from foundation.turns import Language


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


async def live_sizes(session: TenantSession) -> dict[Language, int]:
    """Return how many live passages there are in each language."""
    rows = await session.execute(text("select language, count(*) from passages where live group by language"))
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
    session: TenantSession, model: str, at_most: int
) -> tuple[list[UUID], list[Language], Vectors]:
    """Return ids, languages and vectors of the live passages, for an exact search."""
    rows = (
        await session.execute(
            text(
                "select p.id, p.language, e.vector from passages p"
                " join embeddings e on e.tenant_id = p.tenant_id and e.content_hash = p.content_hash"
                " where p.live and e.model = :model order by p.id limit :at_most"
            ),
            {"model": model, "at_most": at_most},
        )
    ).all()
    vectors = np.frombuffer(b"".join(row.vector for row in rows), dtype="<f4").astype(np.float32)
    return (
        [row.id for row in rows],
        [row.language for row in rows],
        vectors.reshape(len(rows), -1 if rows else 0),
    )


async def covers(session: TenantSession, words: Sequence[str], at_most: int) -> dict[UUID, float]:
    """Return the live passages that share words with the question, best first, each with its cover."""
    if not words:
        return {}
    rows = await session.execute(
        text("select passage_id, cover from search_words(:words, :at_most)"),
        {"words": " ".join(words), "at_most": at_most},
    )
    return {row.passage_id: float(row.cover) for row in rows}


async def candidates(
    session: TenantSession, model: str, ids: Sequence[UUID], cover: dict[UUID, float]
) -> list[Candidate]:
    """Return those of `ids` that are live passages of this tenant; the others are forgotten in silence."""
    if not ids:
        return []
    rows = await session.execute(
        text(
            "select p.id, p.source_id, p.version, coalesce(v.title, s.name) as title, p.heading, p.page,"
            " p.text, p.language, e.vector,"
            " coalesce((select left(o.heading || ' ' || o.text, 400) from passages o"
            "  where o.tenant_id = p.tenant_id and o.source_id = p.source_id and o.version = p.version"
            "  and o.ordinal = 0), '') as opening"
            " from passages p"
            " join sources s on s.tenant_id = p.tenant_id and s.id = p.source_id"
            " join source_versions v on v.tenant_id = p.tenant_id and v.source_id = p.source_id"
            "  and v.version = p.version"
            " left join embeddings e on e.tenant_id = p.tenant_id and e.content_hash = p.content_hash"
            "  and e.model = :model"
            " where p.id = any(:ids) and p.live"
        ),
        {"model": model, "ids": list(ids)},
    )
    return [
        Candidate(
            passage_id=row.id,
            source_id=row.source_id,
            version=row.version,
            title=row.title,
            heading=row.heading,
            page=row.page,
            text=row.text,
            language=row.language,
            opening=row.opening,
            vector=None if row.vector is None else np.frombuffer(row.vector, dtype="<f4").astype(np.float32),
            cover=cover.get(row.id, 0.0),
        )
        for row in rows
    ]
