"""Fresh tenants for tests."""

from sqlalchemy import text

from foundation.database.models import Release, Tenant
from foundation.identity import accounts
from foundation.ids import PersonId, TenantId, new_uuid
from foundation.tenancy import Tenancy


async def make_tenant(tenancy: Tenancy, *, behaviour: dict[str, object] | None = None) -> TenantId:
    """Create a tenant with one release; return its id."""
    tenant_id = TenantId(new_uuid())
    async with tenancy.session(tenant_id) as session:
        session.add(Tenant(id=tenant_id, slug=f"t-{tenant_id.hex}", name="Testbolaget"))
        await session.flush()
        session.add(Release(tenant_id=tenant_id, number=1, behaviour=behaviour or {"graph": "support"}))
    return tenant_id


async def add_person(tenancy: Tenancy, tenant_id: TenantId, name: str = "Åsa Lind") -> PersonId:
    """Take somebody new, who cannot sign in, into a team as an agent."""
    person_id = PersonId(new_uuid())
    async with tenancy.person(person_id, tenant_id) as session:
        email = f"{person_id.hex}@example.com"
        await accounts.add_person(session, accounts.NewPerson(person_id, email, name, "sv", None))
        await accounts.add_member(session, tenant_id, person_id, "agent", "test")
    return person_id


async def audit_actions(tenancy: Tenancy, tenant_id: TenantId) -> list[str]:
    """Return the tenant's audited actions, oldest first."""
    async with tenancy.session(tenant_id) as session:
        found = await session.execute(text("select action from audit order by number"))
        return list(found.scalars())
