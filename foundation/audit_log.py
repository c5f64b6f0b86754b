"""Reading a tenant's audit log: in pages, as an export, and to see whether it is whole."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from foundation import personal
from foundation.audit_chain import Chain, Head, Verdict
from foundation.ids import TenantId
from foundation.tenancy import Tenancy, TenantSession

_BATCH = 500
_END = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows; None is any."""

    actor: str | None = None
    action: str | None = None
    """What actions begin with, for example `conversation.`."""
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """From `since` on, and before `until`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row; what is personal in it stands as it was, or as `{"erased": true}`."""

    number: int
    id: UUID
    at: datetime
    actor: str
    action: str
    subject: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class AuditLog:
    tenancy: Tenancy

    async def page(
        self, tenant_id: TenantId, wanted: Filter, *, below: int | None = None, limit: int = 50
    ) -> list[Entry]:
        """Return rows with numbers `below` this one, newest first."""
        values = {
            "tenant": tenant_id,
            "below": _END if below is None else below,
            "limit": limit,
            "actor": wanted.actor,
            "action": wanted.action,
            "subject": wanted.subject,
            "since": wanted.since,
            "until": wanted.until,
        }
        async with self.tenancy.session(tenant_id) as session:
            rows = (await session.execute(_PAGE, values)).all()
            told = [each for row in rows for each in (row.before, row.after)]
            opened = await personal.open_all(session, tenant_id, told)
        pairs = zip(opened[::2], opened[1::2], strict=True)
        return [
            Entry(row.number, row.id, row.at, row.actor, row.action, row.subject, before, after)
            for row, (before, after) in zip(rows, pairs, strict=True)
        ]

    async def lines(self, tenant_id: TenantId) -> AsyncIterator[str]:
        """Yield the whole log as `audit_chain.check_lines` reads it; what is personal stays sealed."""
        head: Head | None = None
        async for rows, now in self._batches(tenant_id):
            head = now
            for row in rows:
                yield f'{{"hash":"{bytes(row.hash).hex()}","row":{row.line}}}\n'
        yield f'{{"head":"{head or Head()}"}}\n'

    async def verify(self, tenant_id: TenantId, against: Head | None = None) -> Verdict:
        """Read the whole log and say whether it is as it was written."""
        chain, head = Chain(against), None
        async for rows, now in self._batches(tenant_id):
            head = now
            for row in rows:
                chain.add(row.number, None if row.hash is None else bytes(row.hash), row.line)
        async with self.tenancy.session(tenant_id) as session:
            if (await session.execute(_UNCHAINED, {"tenant": tenant_id})).first() is not None:
                chain.add(None, None, "")
        return chain.end(head)

    async def _batches(self, tenant_id: TenantId) -> AsyncIterator[tuple[list[Any], Head | None]]:
        """Yield rows in order, each batch with the head of the same moment."""
        after, more = 0, True
        while more:
            async with self.tenancy.session(tenant_id) as session:
                rows, head = await _batch(session, tenant_id, after)
            yield rows, head
            more = len(rows) == _BATCH
            after = rows[-1].number if rows else after


async def _batch(session: TenantSession, tenant_id: TenantId, after: int) -> tuple[list[Any], Head | None]:
    values = {"tenant": tenant_id, "after": after, "limit": _BATCH}
    found = (await session.execute(_ROWS, values)).all()
    first = found[0]
    head = None if first.head_number is None else Head(first.head_number, bytes(first.head_hash))
    return [row for row in found if row.number is not None], head


_PAGE = text(
    "select number, id, at, actor, action, subject, before, after from audit"
    " where tenant_id = :tenant and number < :below"
    " and (cast(:actor as text) is null or actor = :actor)"
    " and (cast(:action as text) is null or starts_with(action, :action))"
    " and (cast(:subject as text) is null or subject = :subject)"
    " and (cast(:since as timestamptz) is null or at >= :since)"
    " and (cast(:until as timestamptz) is null or at < :until)"
    " order by number desc limit :limit"
)
# In one statement, so that rows and head are of one moment.
_ROWS = text(
    "select h.number as head_number, h.hash as head_hash, r.* from (values (1)) as one"
    " left join audit_heads h on h.tenant_id = :tenant"
    " left join lateral (select a.number, a.hash, audit_text(a) as line from audit a"
    " where a.tenant_id = :tenant and a.number > :after order by a.number limit :limit) r on true"
    " order by r.number"
)
_UNCHAINED = text("select 1 from audit where tenant_id = :tenant and number is null limit 1")
