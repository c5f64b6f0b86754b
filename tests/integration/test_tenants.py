"""Making a tenant gives keys that open its doors, once, and leaves audit rows."""

from foundation.api_keys import new_key
from foundation.tenancy import Tenancy
from serve.tenants import add_key, create_tenant
from tests.support.tenants import audit_actions


async def test_a_new_tenant_has_a_release_and_keys_that_are_stored_as_hashes(tenancy: Tenancy) -> None:
    slug = new_key("server")[3:40]
    tenant_id = await create_tenant(tenancy, slug=slug, name="Testbolaget", language="sv", actor="test")
    key = new_key("publishable")
    async with tenancy.session(tenant_id) as session:
        assert await add_key(session, tenant_id, "publishable", key, actor="test")
    async with tenancy.session(tenant_id) as session:
        assert not await add_key(session, tenant_id, "publishable", key, actor="test")
    assert await tenancy.tenant_of_slug(slug) == tenant_id
    owner = await tenancy.owner_of_key(key)
    assert owner is not None
    assert (owner.tenant_id, owner.kind) == (tenant_id, "publishable")
    assert await audit_actions(tenancy, tenant_id) == ["tenant.create", "key.create"]
