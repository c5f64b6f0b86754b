"""Fresh tenants for tests."""

from sqlalchemy import text

from foundation.database.models import Release, Tenant
from foundation.ids import TenantId, new_uuid
from foundation.tenancy import Tenancy


async def make_tenant(tenancy: Tenancy, *, behaviour: dict[str, object] | None = None) -> TenantId:
    """Create a tenant with one release; return its id."""
    tenant_id = TenantId(new_uuid())
    async with tenancy.session(tenant_id) as session:
        session.add(Tenant(id=tenant_id, slug=f"t-{tenant_id.hex}", name="Testbolaget"))
        await session.flush()
        session.add(Release(tenant_id=tenant_id, number=1, behaviour=behaviour or {"graph": "support"}))
    return tenant_id


async def audit_actions(tenancy: Tenancy, tenant_id: TenantId) -> list[str]:
    """Return the tenant's audited actions, oldest first."""
    async with tenancy.session(tenant_id) as session:
        found = await session.execute(text("select action from audit order by number"))
        return list(found.scalars())
