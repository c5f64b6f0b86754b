"""Making tenants and their keys, for the demo and for `replik tenant create`."""

from sqlalchemy import text

from agents.assembly import behaviour_of
from foundation import audit
from foundation.api_keys import KeyKind, key_row
from foundation.database.models import Release, Tenant
from foundation.identity.accounts import NewTenant
from foundation.ids import TenantId, new_uuid, show
from foundation.tenancy import Tenancy, TenantSession, hash_key


async def create_tenant(tenancy: Tenancy, *, slug: str, name: str, language: str, actor: str) -> TenantId:
    """Make a tenant with its first release; return its id."""
    tenant_id = TenantId(new_uuid())
    async with tenancy.session(tenant_id) as session:
        await found(session, NewTenant(tenant_id, slug, name, language), actor)
    return tenant_id


async def found(session: TenantSession, new: NewTenant, actor: str) -> None:
    """Make a tenant with its first release, in a session of its own."""
    session.add(Tenant(id=new.id, slug=new.slug, name=new.name, language=new.language))
    await session.flush()
    session.add(Release(tenant_id=new.id, number=1, behaviour=behaviour_of("support")))
    await audit.record(
        session,
        new.id,
        actor=actor,
        action="tenant.create",
        subject=show("tenant", new.id),
        after={"slug": new.slug, "name": new.name},
    )
    await session.flush()


async def add_key(
    session: TenantSession, tenant_id: TenantId, kind: KeyKind, key: str, *, actor: str
) -> bool:
    """Store a key's hash where it is not there yet; return whether it was new."""
    found = await session.execute(
        text("select 1 from api_keys where tenant_id = :tenant and hash = :hash"),
        {"tenant": tenant_id, "hash": hash_key(key)},
    )
    if found.first() is not None:
        return False
    row = key_row(tenant_id, kind, key)
    session.add(row)
    await audit.record(
        session,
        tenant_id,
        actor=actor,
        action="key.create",
        subject=show("key", row.id),
        after={"kind": kind, "prefix": row.prefix},
    )
    return True
