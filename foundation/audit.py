"""The audit log: one row for every change of state, written in the transaction that makes the change."""

from typing import Any

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
    """Add a row: who (`actor`) did what (`thing.verb`) to which thing, and the values without secrets."""
    session.add(
        AuditRow(
            tenant_id=tenant_id,
            id=new_uuid(),
            actor=actor,
            action=action,
            subject=subject,
            before=before,
            after=after,
        )
    )
