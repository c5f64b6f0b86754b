"""Audit rows for what a person does with their account: in every tenant that they work for."""

from typing import Any

from sqlalchemy import text

from foundation import audit
from foundation.ids import PersonId, TenantId, show
from foundation.tenancy import TenantSession


async def record(
    session: TenantSession, person_id: PersonId, action: str, *, after: dict[str, Any] | None = None
) -> None:
    """Add a row to each of the person's tenants, in this transaction; call it last.

    The payload names nobody: ids only.
    """
    found = await session.execute(
        text("select tenant_id from memberships_of(:person)"), {"person": person_id}
    )
    for tenant_id in found.scalars().all():
        await record_in(session, TenantId(tenant_id), person_id, action, after=after)


async def record_in(
    session: TenantSession,
    tenant_id: TenantId,
    person_id: PersonId,
    action: str,
    *,
    after: dict[str, Any] | None = None,
) -> None:
    """Add a row to one tenant; the rest of the transaction is confined to that tenant."""
    await session.execute(
        text("select set_config('app.tenant_id', :tenant, true)"), {"tenant": str(tenant_id)}
    )
    await audit.record(
        session,
        tenant_id,
        actor=f"person:{person_id.hex}",
        action=action,
        subject=show("person", person_id),
        after=after,
    )
    await session.flush()
