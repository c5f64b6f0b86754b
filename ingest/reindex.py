"""Moving a tenant to the present embedding model, or to a fresh index of the same one.

What has no vector of the model yet is embedded, then a new collection is filled beside the live one, and in
one transaction it takes its place. Interrupted, it goes on: vectors are kept by content.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import func, select, text, update

from foundation import audit
from foundation.clients.vectors.port import Collection
from foundation.database.models import Reindex, VectorCollection
from foundation.errors import Conflict, NotFound
from foundation.ids import TenantId, new_uuid, show
from foundation.tenancy import Tenancy, TenantSession
from ingest import records
from ingest.chunk import seen_by_model
from ingest.pipeline import BATCH, Ingestion
from ingest.queue import enqueue

_log = structlog.get_logger()

ACTOR = "system:ingest"
_PAGE = 1_000

# Live passages of the tenant that have no vector of the model, each content once.
_MISSING = """
    select distinct on (p.content_hash) p.content_hash, p.heading, p.text, v.title
    from passages p
    join source_versions v on v.tenant_id = p.tenant_id and v.source_id = p.source_id
      and v.version = p.version
    where p.live and not exists (
        select 1 from embeddings e
        where e.tenant_id = p.tenant_id and e.model = :model and e.content_hash = p.content_hash
    )
    order by p.content_hash
    limit :most
"""
_VECTORS = """
    select p.id, e.vector from passages p
    join embeddings e on e.tenant_id = p.tenant_id and e.content_hash = p.content_hash and e.model = :model
    where p.live and p.id > :after
    order by p.id
    limit :most
"""


@dataclass(frozen=True, slots=True)
class ReindexView:
    """How far it is; `done` of `total` passages have a vector of the model."""

    id: UUID
    model: str
    state: str
    reason: str | None
    done: int
    total: int | None


async def start_reindex(tenancy: Tenancy, tenant_id: TenantId, actor: str, model: str) -> UUID:
    """Queue a move to `model`; return its id.

    Raises:
        Conflict: one is under way.
    """
    async with tenancy.session(tenant_id) as session:
        await records.one_at_a_time(session, b"reindex")
        under_way = await session.scalar(
            select(Reindex.id).where(
                Reindex.tenant_id == tenant_id, Reindex.state.in_(("queued", "embedding"))
            )
        )
        if under_way is not None:
            raise Conflict(state="embedding")
        newest = await session.scalar(
            select(func.max(VectorCollection.generation)).where(
                VectorCollection.tenant_id == tenant_id, VectorCollection.model == model
            )
        )
        reindex = Reindex(tenant_id=tenant_id, id=new_uuid(), model=model, generation=(newest or 0) + 1)
        session.add(reindex)
        # There from now on: what is read meanwhile with that model goes into it, too.
        session.add(
            VectorCollection(tenant_id=tenant_id, model=model, generation=reindex.generation, live=False)
        )
        await session.flush()
        await audit.record(
            session,
            tenant_id,
            actor=actor,
            action="knowledge.reindex",
            subject=show("reindex", reindex.id),
            after={"model": model, "generation": reindex.generation},
        )
        await enqueue(session, "reindex", tenant_id, reindex.id)
    return reindex.id


async def reindexes(tenancy: Tenancy, tenant_id: TenantId, *, limit: int = 20) -> list[ReindexView]:
    """Return the tenant's moves, newest first."""
    async with tenancy.session(tenant_id) as session:
        found = await session.execute(
            select(Reindex).where(Reindex.tenant_id == tenant_id).order_by(Reindex.id.desc()).limit(limit)
        )
        return [
            ReindexView(each.id, each.model, each.state, each.reason, each.done, each.total)
            for each in found.scalars()
        ]


@dataclass(frozen=True, slots=True)
class Reindexer:
    """Does the work of a queued move."""

    to: Ingestion

    async def run(self, tenant_id: TenantId, reindex_id: UUID) -> None:
        """Embed what is missing, fill the new collection, switch, and drop the old ones.

        Raises:
            NotFound: there is no such move.
            DependencyUnavailable: a service is away; run it again later.
        """
        model = self.to.compute.model
        async with self.to.tenancy.session(tenant_id) as session:
            move = await session.get(Reindex, (tenant_id, reindex_id))
            if move is None:
                raise NotFound(kind="reindex")
            if move.state not in {"queued", "embedding"}:
                return
            move.state, move.updated_at = "embedding", func.clock_timestamp()
            wanted = Collection(tenant_id, move.model, move.generation)
        if wanted.model != model:  # asked for under other settings
            await self.fail(tenant_id, reindex_id, "other_model")
            return
        filled: set[UUID] = set()
        while True:
            await self._embed(tenant_id, reindex_id)
            await self._fill(wanted, filled)
            replaced = await self._switch(wanted, reindex_id, filled)
            if replaced is not None:
                break
        for old in replaced:
            await self.to.vectors.drop(old)
        _log.info("reindexed", model=model, passages=len(filled))

    async def fail(self, tenant_id: TenantId, reindex_id: UUID, reason: str) -> None:
        """Record that the move was given up; what answers now goes on answering.

        Raises:
            NotFound: there is no such move.
        """
        async with self.to.tenancy.session(tenant_id) as session:
            move = await session.get(Reindex, (tenant_id, reindex_id))
            if move is None:
                raise NotFound(kind="reindex")
            before = {"state": move.state}
            move.state, move.reason, move.updated_at = "failed", str(reason), func.clock_timestamp()
            await audit.record(
                session,
                tenant_id,
                actor=ACTOR,
                action="knowledge.reindex_failed",
                subject=show("reindex", reindex_id),
                before=before,
                after={"state": "failed", "reason": str(reason)},
            )

    async def _embed(self, tenant_id: TenantId, reindex_id: UUID) -> None:
        model = self.to.compute.model
        while True:
            async with self.to.tenancy.session(tenant_id) as session:
                rows = (await session.execute(text(_MISSING), {"model": model, "most": BATCH})).all()
                await self._note(session, tenant_id, reindex_id)
            if not rows:
                return
            vectors = await self.to.compute.embed(
                [seen_by_model(row.title or "", row.heading, row.text) for row in rows]
            )
            async with self.to.tenancy.session(tenant_id) as session:
                hashes = [row.content_hash for row in rows]
                await records.write_vectors(session, tenant_id, model, hashes, vectors)

    async def _note(self, session: TenantSession, tenant_id: TenantId, reindex_id: UUID) -> None:
        counts = await session.execute(
            text(
                "select count(*) as total, count(e.content_hash) as done from passages p"
                " left join embeddings e on e.tenant_id = p.tenant_id and e.model = :model"
                "  and e.content_hash = p.content_hash where p.live"
            ),
            {"model": self.to.compute.model},
        )
        row = counts.one()
        await session.execute(
            update(Reindex)
            .where(Reindex.tenant_id == tenant_id, Reindex.id == reindex_id)
            .values(done=row.done, total=row.total, updated_at=func.clock_timestamp())
        )

    async def _fill(self, collection: Collection, filled: set[UUID]) -> None:
        after = UUID(int=0)
        while True:
            async with self.to.tenancy.session(collection.tenant_id) as session:
                values = {"model": collection.model, "after": after, "most": _PAGE}
                rows = (await session.execute(text(_VECTORS), values)).all()
            new = [row for row in rows if row.id not in filled]
            if new:
                await self.to.vectors.upsert(
                    collection, [row.id for row in new], records.as_vectors([row.vector for row in new])
                )
                filled.update(row.id for row in new)
            if len(rows) < _PAGE:
                return
            after = rows[-1].id

    async def _switch(
        self, collection: Collection, reindex_id: UUID, filled: set[UUID]
    ) -> Sequence[Collection] | None:
        """Make the collection the live one; return those it replaces, None if passages came meanwhile."""
        tenant_id = collection.tenant_id
        async with self.to.tenancy.session(tenant_id) as session:
            await records.one_at_a_time(session, records.GOING_LIVE)
            live = set((await session.execute(text("select id from passages where live"))).scalars())
            if not filled >= live:
                return None
            found = await session.execute(
                select(VectorCollection).where(VectorCollection.tenant_id == tenant_id)
            )
            replaced = []
            for row in found.scalars():
                row.live = (row.model, row.generation) == (collection.model, collection.generation)
                if not row.live:
                    replaced.append(Collection(tenant_id, row.model, row.generation))
                    await session.delete(row)
            move = await session.get_one(Reindex, (tenant_id, reindex_id))
            move.state, move.updated_at = "ready", func.clock_timestamp()
            await audit.record(
                session,
                tenant_id,
                actor=ACTOR,
                action="knowledge.index_live",
                subject=show("reindex", reindex_id),
                before={"collections": [f"{each.model}/{each.generation}" for each in replaced]},
                after={"collections": [f"{collection.model}/{collection.generation}"]},
            )
        # What has been replaced or deleted since it was filled in.
        await self.to.vectors.delete(collection, list(filled - live))
        return replaced
