"""Deleting a source or a tenant: rows at once, files and vectors after it, and a check that nothing is left.

The rows go in one transaction, which also leaves a note of what no transaction takes along. A job works the
note off; killed in the middle, it runs again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import delete, func, select, text

from foundation import audit
from foundation.clients.files.port import FileStore
from foundation.clients.vectors.port import Collection, VectorIndex
from foundation.database.models import (
    Embedding,
    Erasure,
    PassageRow,
    SourceVersion,
    Tenant,
    VectorCollection,
)
from foundation.errors import NotFound
from foundation.ids import SourceId, TenantId, new_uuid, show
from foundation.tenancy import Tenancy, TenantSession
from ingest import records
from ingest.pipeline import text_key
from ingest.queue import enqueue

_log = structlog.get_logger()

_TENANT_TABLES = """
    select c.relname from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> 'erasures'
      and has_table_privilege(c.oid, 'select')
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a check found of something that was deleted. All zero means: nothing."""

    rows: int
    files: int
    vectors: int

    @property
    def clean(self) -> bool:
        return self.rows == self.files == self.vectors == 0


async def delete_source(tenancy: Tenancy, tenant_id: TenantId, actor: str, source_id: SourceId) -> UUID:
    """Delete a source; from the commit on nothing of it is found. Returns the erasure's id.

    Raises:
        NotFound: there is no such source.
    """
    async with tenancy.session(tenant_id) as session:
        source = await records.locked_source(session, tenant_id, source_id)
        note = await _note_of_source(session, tenant_id, source_id)
        await audit.record(
            session,
            tenant_id,
            actor=actor,
            action="source.delete",
            subject=show("source", source_id),
            before={"kind": source.kind, "name": source.name, "live_version": source.live_version},
        )
        await session.delete(source)
        await session.flush()
        await forget_unused_vectors(session, tenant_id)
        session.add(note)
        await _enqueue(session, note)
    return note.id


async def delete_tenant(tenancy: Tenancy, tenant_id: TenantId) -> UUID:
    """Delete a tenant with everything it has; returns the erasure's id.

    Raises:
        NotFound: there is no such tenant.
    """
    async with tenancy.session(tenant_id) as session:
        if await session.get(Tenant, tenant_id) is None:
            raise NotFound(kind="tenant")
        found = await session.execute(select(VectorCollection.model, VectorCollection.generation))
        collections = [[row.model, row.generation] for row in found]
        await session.execute(delete(Tenant).where(Tenant.id == tenant_id))
        note = Erasure(
            tenant_id=tenant_id,
            id=new_uuid(),
            kind="tenant",
            subject=tenant_id,
            details={"collections": collections},
        )
        session.add(note)
        await _enqueue(session, note)
    return note.id


@dataclass(frozen=True, slots=True)
class Eraser:
    """Works off what was noted."""

    tenancy: Tenancy
    files: FileStore
    vectors: VectorIndex

    async def run(self, tenant_id: TenantId, erasure_id: UUID) -> Proof:
        """Remove files and vectors, then look whether anything is left; the row keeps what was found.

        Raises:
            NotFound: there is no such erasure.
            DependencyUnavailable: a service is away; run it again later.
        """
        note = await self._begin(tenant_id, erasure_id)
        if note.kind == "tenant":
            await self._erase_tenant(note)
            proof = await self._proof_of_tenant(note)
        else:
            await self._erase_source(note)
            proof = await self._proof_of_source(note)
        await self._end(tenant_id, erasure_id, proof)
        return proof

    async def _begin(self, tenant_id: TenantId, erasure_id: UUID) -> Erasure:
        async with self.tenancy.session(tenant_id) as session:
            note = await session.get(Erasure, (tenant_id, erasure_id))
            if note is None:
                raise NotFound(kind="erasure")
            note.state, note.updated_at = "erasing", func.clock_timestamp()
        return note

    async def _end(self, tenant_id: TenantId, erasure_id: UUID, proof: Proof) -> None:
        async with self.tenancy.session(tenant_id) as session:
            note = await session.get_one(Erasure, (tenant_id, erasure_id))
            note.state = "done" if proof.clean else "failed"
            note.reason = None if proof.clean else "left_over"
            found = {"rows": proof.rows, "files": proof.files, "vectors": proof.vectors}
            # What was noted is worked off; of what was deleted only these numbers stay.
            note.details = {"left": found} if proof.clean else {**note.details, "left": found}
            note.updated_at = func.clock_timestamp()
        _log.info("erased", kind=note.kind, subject=str(note.subject), **found)

    async def _erase_source(self, note: Erasure) -> None:
        tenant_id = TenantId(note.tenant_id)
        for key in note.details["files"]:
            await self.files.delete(tenant_id, key)
        passages = [UUID(each) for each in note.details["passages"]]
        for collection in _collections(note):
            await self.vectors.delete(collection, passages)

    async def _proof_of_source(self, note: Erasure) -> Proof:
        tenant_id = TenantId(note.tenant_id)
        async with self.tenancy.session(tenant_id) as session:
            rows = await _count(session, "sources", "id = :subject", note.subject)
            rows += await _count(session, "source_versions", "source_id = :subject", note.subject)
            rows += await _count(session, "passages", "source_id = :subject", note.subject)
        files = [key for key in note.details["files"] if await self.files.exists(tenant_id, key)]
        passages = [UUID(each) for each in note.details["passages"]]
        vectors = [await self.vectors.count(each, passages) for each in _collections(note)]
        return Proof(rows, len(files), sum(vectors))

    async def _erase_tenant(self, note: Erasure) -> None:
        await self.files.delete_all(TenantId(note.tenant_id))
        for collection in _collections(note):
            await self.vectors.drop(collection)

    async def _proof_of_tenant(self, note: Erasure) -> Proof:
        tenant_id = TenantId(note.tenant_id)
        async with self.tenancy.session(tenant_id) as session:
            tables = await session.execute(text(_TENANT_TABLES))
            rows = sum([await _count(session, name) for name in tables.scalars().all()])
            rows += await _count(session, "tenants", "id = :subject", tenant_id)
        vectors = [await self.vectors.count(each) for each in _collections(note)]
        return Proof(rows, int(await self.files.exists(tenant_id)), sum(vectors))


async def proof_of(tenancy: Tenancy, tenant_id: TenantId, erasure_id: UUID) -> tuple[str, dict[str, int]]:
    """Return an erasure's state, and the numbers of its check once it is `done` or `failed`.

    Raises:
        NotFound: there is no such erasure.
    """
    async with tenancy.session(tenant_id) as session:
        note = await session.get(Erasure, (tenant_id, erasure_id))
        if note is None:
            raise NotFound(kind="erasure")
        return note.state, note.details.get("left", {})


async def _note_of_source(session: TenantSession, tenant_id: TenantId, source_id: SourceId) -> Erasure:
    versions = (
        await session.execute(
            select(SourceVersion.file_key).where(
                SourceVersion.tenant_id == tenant_id, SourceVersion.source_id == source_id
            )
        )
    ).scalars()
    passages = (
        await session.execute(
            select(PassageRow.id).where(PassageRow.tenant_id == tenant_id, PassageRow.source_id == source_id)
        )
    ).scalars()
    collections = await session.execute(select(VectorCollection.model, VectorCollection.generation))
    return Erasure(
        tenant_id=tenant_id,
        id=new_uuid(),
        kind="source",
        subject=source_id,
        details={
            "files": [key for each in versions for key in (each, text_key(each))],
            "passages": [str(passage_id) for passage_id in passages],
            "collections": [[row.model, row.generation] for row in collections],
        },
    )


async def forget_unused_vectors(session: TenantSession, tenant_id: TenantId) -> int:
    """Vectors are kept by content, which several passages may share: only those of no passage go.

    Returns how many went.
    """
    used = select(PassageRow.content_hash).where(
        PassageRow.tenant_id == tenant_id, PassageRow.content_hash == Embedding.content_hash
    )
    gone = delete(Embedding).where(Embedding.tenant_id == tenant_id, ~used.exists())
    return len((await session.execute(gone.returning(Embedding.content_hash))).all())


async def _enqueue(session: TenantSession, note: Erasure) -> None:
    await session.flush()
    await enqueue(session, "erase", TenantId(note.tenant_id), note.id)


def _collections(note: Erasure) -> Sequence[Collection]:
    return [
        Collection(TenantId(note.tenant_id), model, generation)
        for model, generation in note.details["collections"]
    ]


async def _count(session: TenantSession, table: str, where: str = "true", subject: UUID | None = None) -> int:
    values = {} if subject is None else {"subject": subject}
    found = await session.execute(text(f'select count(*) from "{table}" where {where}'), values)  # noqa: S608
    return int(found.scalar_one())
