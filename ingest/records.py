"""The rows of ingestion: what each step reads and writes, each function inside its caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

import numpy as np
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from foundation.clients.embedding.port import Vectors
from foundation.clients.vectors.port import Collection
from foundation.database.models import Crawl, Embedding, PassageRow, Source, SourceVersion, VectorCollection
from foundation.errors import NotFound
from foundation.ids import SourceId, TenantId, new_uuid
from foundation.tenancy import TenantSession
from ingest.chunk import Chunk
from ingest.extract import Reason

AT_WORK = frozenset({"queued", "extracting", "embedding"})
"""States of a source that is being read."""

GOING_LIVE = b"going live"
"""What a change of live passages and a change of the live index wait for each other on."""

LITTLE_ENDIAN = np.dtype("<f4")


class Cancelled(Exception):
    """Somebody stopped the run; it never leaves `ingest`."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as it will be stored, with the text the model is to see."""

    chunk: Chunk
    embedded: str

    @property
    def content_hash(self) -> bytes:
        """The key of its vector: equal embedded texts share one."""
        return sha256(self.embedded.encode()).digest()


async def source(session: TenantSession, tenant_id: TenantId, source_id: SourceId) -> Source:
    """Return the source's row.

    Raises:
        NotFound: it was deleted, or is another tenant's.
    """
    found = await session.get(Source, (tenant_id, source_id))
    if found is None:
        raise NotFound(kind="source")
    return found


async def locked_source(session: TenantSession, tenant_id: TenantId, source_id: SourceId) -> Source:
    """Return the source's row, locked until the transaction ends.

    Raises:
        NotFound: it was deleted, or is another tenant's.
    """
    found = await session.execute(
        select(Source).where(Source.tenant_id == tenant_id, Source.id == source_id).with_for_update()
    )
    source = found.scalar_one_or_none()
    if source is None:
        raise NotFound(kind="source")
    return source


async def source_at_work(session: TenantSession, tenant_id: TenantId, source_id: SourceId) -> Source:
    """Return the source's row, locked, for a step of a run.

    Raises:
        NotFound: it was deleted, or is another tenant's.
        Cancelled: somebody stopped it.
    """
    source = await locked_source(session, tenant_id, source_id)
    if source.reason == Reason.CANCELLED:
        raise Cancelled()
    return source


async def is_due(session: TenantSession, row: Source | Crawl) -> bool:
    """Return whether it is time to look at a page, or walk a site, again, by the database's clock."""
    now: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    last = row.checked_at or row.created_at
    return row.resync_s is not None and last + timedelta(seconds=row.resync_s) <= now


async def one_at_a_time(session: TenantSession, subject: bytes) -> None:
    """Let transactions of one tenant about the same subject follow each other."""
    await session.execute(
        text(
            "select pg_advisory_xact_lock(hashtextextended(current_setting('app.tenant_id') || :subject, 0))"
        ),
        {"subject": subject.hex()},
    )


async def source_of_content(
    session: TenantSession, tenant_id: TenantId, kind: str, content_hash: bytes
) -> SourceId | None:
    """Return the oldest source of this kind whose newest version has this content."""
    newest = (
        select(func.max(SourceVersion.version))
        .where(SourceVersion.tenant_id == Source.tenant_id, SourceVersion.source_id == Source.id)
        .correlate(Source)
        .scalar_subquery()
    )
    found = await session.execute(
        select(Source.id)
        .join(
            SourceVersion,
            (SourceVersion.tenant_id == Source.tenant_id)
            & (SourceVersion.source_id == Source.id)
            & (SourceVersion.version == newest),
        )
        .where(Source.tenant_id == tenant_id, Source.kind == kind, SourceVersion.content_hash == content_hash)
        .order_by(Source.created_at, Source.id)
        .limit(1)
    )
    known = found.scalar_one_or_none()
    return None if known is None else SourceId(known)


async def newest_version(
    session: TenantSession, tenant_id: TenantId, source_id: SourceId
) -> SourceVersion | None:
    """Return the source's newest version; None before a page was fetched for the first time."""
    found = await session.execute(
        select(SourceVersion)
        .where(SourceVersion.tenant_id == tenant_id, SourceVersion.source_id == source_id)
        .order_by(SourceVersion.version.desc())
        .limit(1)
    )
    return found.scalar_one_or_none()


async def describe(session: TenantSession, version: SourceVersion, title: str, language: str | None) -> None:
    """Write what a version's document says of itself."""
    await session.execute(
        update(SourceVersion)
        .where(
            SourceVersion.tenant_id == version.tenant_id,
            SourceVersion.source_id == version.source_id,
            SourceVersion.version == version.version,
        )
        .values(title=title, language=language)
    )


async def write_passages(
    session: TenantSession, version: SourceVersion, passages: Sequence[Passage]
) -> list[UUID]:
    """Make the version's passages these, not live yet; return the ids of other passages that were there.

    Those of an interrupted run are kept when they are the same, so that a second run changes nothing.
    """
    mine = (
        PassageRow.tenant_id == version.tenant_id,
        PassageRow.source_id == version.source_id,
        PassageRow.version == version.version,
    )
    rows = [_row(version, passage) for passage in passages]
    compared = (
        "ordinal",
        "content_hash",
        "text",
        "heading",
        "page",
        "start_offset",
        "end_offset",
        "language",
        "anchor",
        "paragraph",
    )
    found = await session.execute(
        select(PassageRow.id, *(getattr(PassageRow, name) for name in compared)).where(*mine)
    )
    there = {tuple(row[1:]): row.id for row in found}
    if set(there) == {tuple(row[name] for name in compared) for row in rows}:
        return []
    await session.execute(delete(PassageRow).where(*mine))
    if rows:
        await session.execute(insert(PassageRow), rows)
    return list(there.values())


def _row(version: SourceVersion, passage: Passage) -> dict[str, object]:
    chunk = passage.chunk
    return {
        "tenant_id": version.tenant_id,
        "id": new_uuid(),
        "source_id": version.source_id,
        "version": version.version,
        "ordinal": chunk.ordinal,
        "text": chunk.text,
        "heading": chunk.heading,
        "page": chunk.page,
        "start_offset": chunk.start,
        "end_offset": chunk.end,
        "language": chunk.language,
        "anchor": chunk.anchor,
        "paragraph": chunk.paragraph,
        "content_hash": passage.content_hash,
        "live": False,
    }


async def known_hashes(
    session: TenantSession, tenant_id: TenantId, model: str, hashes: Sequence[bytes]
) -> set[bytes]:
    """Return which of these contents have a vector already."""
    found = await session.execute(
        select(Embedding.content_hash).where(
            Embedding.tenant_id == tenant_id, Embedding.model == model, Embedding.content_hash.in_(hashes)
        )
    )
    return set(found.scalars())


async def write_vectors(
    session: TenantSession, tenant_id: TenantId, model: str, hashes: Sequence[bytes], vectors: Vectors
) -> None:
    """Store vectors by content; one that is there stays."""
    rows = [
        {"tenant_id": tenant_id, "model": model, "content_hash": content_hash, "vector": row.tobytes()}
        for content_hash, row in zip(hashes, np.asarray(vectors, LITTLE_ENDIAN), strict=True)
    ]
    await session.execute(upsert(Embedding).on_conflict_do_nothing(), rows)


async def passage_vectors(
    session: TenantSession, version: SourceVersion, model: str
) -> tuple[list[UUID], Vectors]:
    """Return the ids of a version's passages and their vectors, row by row."""
    found = await session.execute(
        select(PassageRow.id, Embedding.vector)
        .join(
            Embedding,
            (Embedding.tenant_id == PassageRow.tenant_id)
            & (Embedding.content_hash == PassageRow.content_hash),
        )
        .where(
            PassageRow.tenant_id == version.tenant_id,
            PassageRow.source_id == version.source_id,
            PassageRow.version == version.version,
            Embedding.model == model,
        )
        .order_by(PassageRow.ordinal)
    )
    rows = found.all()
    return [row.id for row in rows], as_vectors([row.vector for row in rows])


def as_vectors(stored: Sequence[bytes]) -> Vectors:
    """Return vectors as they are kept, row by row."""
    found = np.frombuffer(b"".join(stored), LITTLE_ENDIAN).astype(np.float32)
    return found.reshape(len(stored), -1 if stored else 0)


async def collection_of(session: TenantSession, tenant_id: TenantId, model: str) -> Collection:
    """Return where a model's new vectors go: the live collection if it is this model's, else its newest.

    A tenant's very first collection is live; that of another model only becomes so by a re-index.
    """
    wanted = (
        select(VectorCollection.generation)
        .where(VectorCollection.tenant_id == tenant_id, VectorCollection.model == model)
        .order_by(VectorCollection.live.desc(), VectorCollection.generation.desc())
        .limit(1)
    )
    generation = (await session.execute(wanted)).scalar_one_or_none()
    if generation is None:
        await one_at_a_time(session, b"first collection")
        others = select(VectorCollection).where(VectorCollection.tenant_id == tenant_id)
        live = (await session.execute(others.limit(1))).first() is None
        first = upsert(VectorCollection).values(tenant_id=tenant_id, model=model, generation=1, live=live)
        await session.execute(first.on_conflict_do_nothing())
        generation = (await session.execute(wanted)).scalar_one()
    return Collection(tenant_id, model, generation)


async def go_live(session: TenantSession, source: Source, version: SourceVersion) -> None:
    """Make the version's passages the live ones, and no others of this source.

    A newer version that is live already stays so: the older one comes from a run that others have overtaken.
    """
    await one_at_a_time(session, GOING_LIVE)
    live = max(version.version, source.live_version or 0)
    mine = (PassageRow.tenant_id == source.tenant_id, PassageRow.source_id == source.id)
    is_live = PassageRow.version == live
    await session.execute(
        update(PassageRow).where(*mine, PassageRow.live.is_distinct_from(is_live)).values(live=is_live)
    )
    newest = await session.scalar(
        select(func.max(SourceVersion.version)).where(
            SourceVersion.tenant_id == source.tenant_id, SourceVersion.source_id == source.id
        )
    )
    await _note_history(session, source, live)
    source.live_version = live
    # A newer version that came meanwhile has its own job.
    source.state = "ready" if newest == live else "queued"
    source.reason = None
    total = await live_passages(session, TenantId(source.tenant_id), SourceId(source.id))
    source.chunks_done = source.chunks_total = total


async def _note_history(session: TenantSession, source: Source, live: int) -> None:
    """Write into the versions' rows since when they answer, and until when they did."""
    mine = (SourceVersion.tenant_id == source.tenant_id, SourceVersion.source_id == source.id)
    now = func.now()  # the same for both: one ends where the next begins
    await session.execute(
        update(SourceVersion)
        .where(*mine, SourceVersion.version != live, SourceVersion.live_from.is_not(None))
        .where(SourceVersion.live_until.is_(None))
        .values(live_until=now)
    )
    passages = (
        select(func.count())
        .where(
            PassageRow.tenant_id == source.tenant_id,
            PassageRow.source_id == source.id,
            PassageRow.version == live,
        )
        .scalar_subquery()
    )
    await session.execute(
        update(SourceVersion)
        .where(*mine, SourceVersion.version == live, SourceVersion.live_from.is_(None))
        .values(live_from=now, passages=passages)
    )


async def replaced_passages(session: TenantSession, source: Source) -> list[UUID]:
    """Return the passages of versions before the live one. They stay for citations, without vectors."""
    found = await session.execute(
        select(PassageRow.id).where(
            PassageRow.tenant_id == source.tenant_id,
            PassageRow.source_id == source.id,
            PassageRow.version < (source.live_version or 0),
        )
    )
    return list(found.scalars())


async def live_passages(session: TenantSession, tenant_id: TenantId, source_id: SourceId) -> int:
    """Return how many passages of a source are live."""
    found = await session.execute(
        select(func.count()).where(
            PassageRow.tenant_id == tenant_id, PassageRow.source_id == source_id, PassageRow.live
        )
    )
    return int(found.scalar_one())
