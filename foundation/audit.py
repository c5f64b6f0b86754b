"""The audit log: one row for every change of state, written in the transaction that makes the change.

At the commit the database gives the row its number and links it to the row before (migration 0013); nobody
who uses this can leave that out. `foundation/audit_chain.py` finds what was tampered with.
"""

from typing import Any

from foundation import personal
from foundation.database.models import AuditRow
from foundation.ids import TenantId, new_uuid
from foundation.tenancy import TenantSession


async def record(
    session: TenantSession,
    tenant_id: TenantId,
    *,
    actor: str,
    action: str,
    subject: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Add a row: who (`actor`) did what (`thing.verb`) to which thing, and the values without secrets.

    `actor` and `subject` are ids, never names or addresses: they stay for ever. What is personal in `before`
    and `after` comes as `foundation.personal.Personal`.

    Raises:
        NoSealer: something is personal, and the session's `Tenancy` has no sealer.
    """
    session.add(
        AuditRow(
            tenant_id=tenant_id,
            id=new_uuid(),
            actor=actor,
            action=action,
            subject=subject,
            before=await personal.seal(session, tenant_id, before),
            after=await personal.seal(session, tenant_id, after),
        )
    )
