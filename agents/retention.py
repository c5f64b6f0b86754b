"""Deletes what a tenant keeps for a time only: old conversations, their customers, traces; batch by batch.

In `agents`, and run by the gateways beside the sweeper: conversations are written nowhere else, and the
ingestion's clock may not import them. A run that is cut short is taken up by any gateway; what it deleted is
in its row, and goes into the audit log when it ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.tenant_settings import Retention
from foundation import audit
from foundation.ids import TenantId, show
from foundation.tenancy import Tenancy, TenantSession
from ingest.erase import forget_unused_vectors

log = structlog.get_logger()

ACTOR: Final = "system:retention"
EVERY: Final = timedelta(hours=6)
_LEASE_S: Final = 120.0
_AT_ONCE: Final = 20
_BATCH: Final = 200
_FORGET_AT_ONCE: Final = 10_000
_FIRST: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class RetentionWorker:
    system: AsyncEngine
    tenancy: Tenancy
    batch: int = _BATCH

    async def work(self) -> int:
        """Clear the tenants whose time has come, those that waited longest first; return how many."""
        async with self.system.connect() as connection:
            values = {"every": EVERY, "n": _AT_ONCE}
            found = await connection.execute(text("select * from due_retention(:every, :n)"), values)
            due = [TenantId(row.tenant_id) for row in found]
        return sum([await self.clear(tenant_id, datetime.now(UTC)) for tenant_id in due])

    async def forget_access(self) -> int:
        """Delete people's sessions and mailed tokens that are over, some at a time; return how many."""
        async with self.system.begin() as connection:
            return int(await connection.scalar(text("select forget_access(:n)"), {"n": _FORGET_AT_ONCE}) or 0)

    async def clear(self, tenant_id: TenantId, now: datetime) -> bool:
        """Delete what is too old at `now`; return whether nobody else is at it."""
        async with self.tenancy.session(tenant_id) as session:
            values = {"tenant": tenant_id, "lease": _LEASE_S}
            claimed = (await session.execute(_CLAIM, values)).first()
            kept = (await session.execute(_KEPT, values)).scalar()
        if claimed is None:
            return False
        retention = Retention.model_validate(kept or {})
        for days, state in ((retention.conversations, None), (retention.resolved, "resolved")):
            if days is not None:
                await self._conversations(tenant_id, now - timedelta(days=days), state)
        if retention.traces is not None:
            await self._traces(tenant_id, now - timedelta(days=retention.traces))
        await self._end(tenant_id)
        return True

    async def _conversations(self, tenant_id: TenantId, before: datetime, state: str | None) -> None:
        """Walk the conversations by id, which is the order of their beginnings: none is looked at twice."""
        after, last = _FIRST, _begun_by(before)
        while True:
            values = {
                "tenant": tenant_id,
                "after": after,
                "last": last,
                "before": before,
                "state": state,
                "batch": self.batch,
            }
            async with self.tenancy.session(tenant_id) as session:
                seen = (await session.execute(_OLD, values)).all()
                old = [row.id for row in seen if row.old]
                if old:
                    known = {"tenant": tenant_id, "ids": old, "before": before}
                    await session.execute(_LOCK, known)
                    known["customers"] = list((await session.execute(_WHOSE, known)).scalars())
                    gone = await session.execute(_DELETE, known)
                    await _count(session, tenant_id, "conversations", len(gone.all()))
                    left = await session.execute(_LAST_OF, known)
                    await _count(session, tenant_id, "customers", len(left.all()))
            if len(seen) < self.batch:
                return
            after = seen[-1].id

    async def _traces(self, tenant_id: TenantId, before: datetime) -> None:
        values = {"tenant": tenant_id, "last": _begun_by(before), "before": before, "batch": self.batch}
        while True:
            async with self.tenancy.session(tenant_id) as session:
                gone = len((await session.execute(_OLD_TRACES, values)).all())
                await _count(session, tenant_id, "traces", gone)
            if gone < self.batch:
                return

    async def _end(self, tenant_id: TenantId) -> None:
        async with self.tenancy.session(tenant_id) as session:
            await _count(session, tenant_id, "vectors", await forget_unused_vectors(session, tenant_id))
            counts: Mapping[str, Any] = (await session.execute(_COUNTS, {"tenant": tenant_id})).scalar_one()
            await session.execute(_END, {"tenant": tenant_id})
            if any(counts.values()):
                await audit.record(
                    session,
                    tenant_id,
                    actor=ACTOR,
                    action="retention.clear",
                    subject=show("tenant", tenant_id),
                    after=dict(counts),
                )
        log.info("retention_cleared", tenant=show("tenant", tenant_id), **counts)


async def _count(session: TenantSession, tenant_id: TenantId, what: str, number: int) -> None:
    values = {"tenant": tenant_id, "what": what, "number": number, "lease": _LEASE_S}
    await session.execute(_COUNT, values)


def _begun_by(at: datetime) -> UUID:
    """Return the lowest UUIDv7 of a moment: ids of what began before it are lower."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


_CLAIM = text(
    "insert into retention_runs as r (tenant_id, claimed_until)"
    " select id, clock_timestamp() + make_interval(secs => :lease) from tenants where id = :tenant"
    " on conflict (tenant_id) do update set claimed_until = excluded.claimed_until"
    " where r.claimed_until is null or r.claimed_until < clock_timestamp() returning 1"
)
_KEPT = text("select settings->'retention' from tenant_settings where tenant_id = :tenant")
_OLD = text(
    "select c.id, (cast(:state as text) is null or c.status = :state)"
    " and not exists (select 1 from messages m where m.tenant_id = c.tenant_id"
    " and m.conversation_id = c.id and m.created_at >= :before) as old"
    " from conversations c where c.tenant_id = :tenant and c.id > :after and c.id < :last"
    " order by c.id limit :batch"
)
# A message that is being stored is waited for, and the next statement sees it: its conversation stays.
_LOCK = text(
    "select 1 from activations where tenant_id = :tenant and conversation_id = any(:ids)"
    " order by conversation_id for update"
)
_DELETE = text(
    "delete from conversations c where c.tenant_id = :tenant and c.id = any(:ids)"
    " and not exists (select 1 from messages m where m.tenant_id = c.tenant_id"
    " and m.conversation_id = c.id and m.created_at >= :before) returning c.id"
)
# Locked, so that nobody begins a conversation as one of them meanwhile.
_WHOSE = text(
    "select id from customers where tenant_id = :tenant and id in (select customer_id from conversations"
    " where tenant_id = :tenant and id = any(:ids)) order by id for update"
)
_LAST_OF = text(
    "delete from customers k where k.tenant_id = :tenant and k.id = any(:customers)"
    " and k.updated_at < :before and not exists (select 1 from conversations c"
    " where c.tenant_id = k.tenant_id and c.customer_id = k.id) returning 1"
)
_OLD_TRACES = text(
    "delete from traces t using (select conversation_id, turn_id from traces where tenant_id = :tenant"
    " and conversation_id < :last and created_at < :before limit :batch) o where t.tenant_id = :tenant"
    " and t.conversation_id = o.conversation_id and t.turn_id = o.turn_id returning 1"
)
_COUNT = text(
    "update retention_runs set claimed_until = clock_timestamp() + make_interval(secs => :lease),"
    " counts = counts || jsonb_build_object(cast(:what as text),"
    " coalesce((counts->>:what)::bigint, 0) + cast(:number as bigint)) where tenant_id = :tenant"
)
_COUNTS = text("select counts from retention_runs where tenant_id = :tenant")
_END = text(
    "update retention_runs set done_at = clock_timestamp(), claimed_until = null, counts = '{}'"
    " where tenant_id = :tenant"
)
