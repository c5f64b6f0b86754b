"""The database itself keeps tenants apart, whatever the application does."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from foundation.database.engine import connect
from foundation.database.models import Base
from foundation.database.roles import DatabaseUrls, refuse_powerful_app
from foundation.errors import StartError
from foundation.ids import TenantId, new_uuid
from foundation.tenancy import Tenancy, TenantSession, hash_key
from tests.support.tenants import make_tenant

GLOBAL = {
    "hosts",
    "people",
    "credentials",
    "recovery_codes",
    "sessions",
    "mail_tokens",
    "throttles",
    "mail_outbox",
}
"""Hosts serve all tenants, people work for several: tests/integration/test_people.py."""
TENANT_TABLES = sorted(table.name for table in Base.metadata.sorted_tables if table.name not in GLOBAL)


async def add_conversation(tenancy: Tenancy, tenant_id: TenantId, *, owner: TenantId | None = None) -> object:
    conversation_id = new_uuid()
    async with tenancy.session(tenant_id) as session:
        await session.execute(
            text("insert into conversations (tenant_id, id, channel) values (:tenant, :id, 'widget')"),
            {"tenant": owner or tenant_id, "id": conversation_id},
        )
    return conversation_id


@pytest.mark.parametrize("table", TENANT_TABLES)
async def test_without_a_tenant_nothing_is_seen(tenancy: Tenancy, table: str) -> None:
    await add_conversation(tenancy, await make_tenant(tenancy))
    async with tenancy.engine.connect() as connection:
        assert (await connection.execute(text(f"select count(*) from {table}"))).scalar() == 0


@pytest.mark.parametrize("table", TENANT_TABLES)
async def test_row_security_is_forced_and_keys_start_with_the_tenant(
    database_urls: DatabaseUrls, table: str
) -> None:
    engine = connect(database_urls.migrator)
    async with engine.connect() as connection:
        forced = await connection.execute(
            text(
                "select relrowsecurity and relforcerowsecurity from pg_class where oid = cast(:t as regclass)"
            ),
            {"t": table},
        )
        assert forced.scalar() is True
        keys = await connection.execute(
            text(
                "select a.attname from pg_constraint c join pg_attribute a"
                " on a.attrelid = c.conrelid and a.attnum = c.conkey[1]"
                " where c.conrelid = cast(:t as regclass) and c.contype in ('p', 'u', 'f')"
                " and c.confrelid <> 'people'::regclass"  # who are nobody's
            ),
            {"t": table},
        )
        firsts = set(keys.scalars())
    await engine.dispose()
    assert firsts == ({"id", "slug"} if table == "tenants" else {"tenant_id"})


async def test_a_tenant_sees_its_own_rows_only(tenancy: Tenancy) -> None:
    mine, theirs = await make_tenant(tenancy), await make_tenant(tenancy)
    conversation = await add_conversation(tenancy, theirs)
    for viewer, expected in ((theirs, 1), (mine, 0)):
        async with tenancy.session(viewer) as session:
            found = await session.execute(
                text("select count(*) from conversations where id = :id"), {"id": conversation}
            )
            assert found.scalar() == expected


async def test_every_transaction_of_a_session_is_confined(tenancy: Tenancy) -> None:
    mine = await make_tenant(tenancy)
    async with TenantSession(tenancy.engine, info={"tenant_id": mine}) as session:
        for _ in range(2):
            assert (await session.execute(text("select id from tenants"))).scalars().all() == [mine]
            await session.commit()


async def test_another_tenants_id_is_refused_on_insert(tenancy: Tenancy) -> None:
    mine, theirs = await make_tenant(tenancy), await make_tenant(tenancy)
    with pytest.raises(ProgrammingError, match="row-level security"):
        await add_conversation(tenancy, mine, owner=theirs)


async def test_another_tenants_id_is_refused_on_update(tenancy: Tenancy) -> None:
    mine, theirs = await make_tenant(tenancy), await make_tenant(tenancy)
    conversation = await add_conversation(tenancy, mine)
    with pytest.raises(ProgrammingError, match="row-level security"):
        async with tenancy.session(mine) as session:
            await session.execute(
                text("update conversations set tenant_id = :theirs where id = :id"),
                {"theirs": theirs, "id": conversation},
            )
    async with tenancy.session(theirs) as session:
        changed = await session.execute(
            text("update conversations set status = 'x' where id = :id returning id"), {"id": conversation}
        )
        assert changed.first() is None


async def test_another_tenants_id_is_refused_through_a_foreign_key(tenancy: Tenancy) -> None:
    mine, theirs = await make_tenant(tenancy), await make_tenant(tenancy)
    conversation = await add_conversation(tenancy, theirs)
    with pytest.raises(IntegrityError, match="foreign key"):
        async with tenancy.session(mine) as session:
            await session.execute(
                text("insert into activations (tenant_id, conversation_id) values (:mine, :id)"),
                {"mine": mine, "id": conversation},
            )


async def test_the_audit_log_is_append_only(tenancy: Tenancy) -> None:
    mine = await make_tenant(tenancy)
    for statement in ("update audit set actor = 'x'", "delete from audit"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with tenancy.session(mine) as session:
                await session.execute(text(statement))


async def test_only_the_lookup_functions_run_before_a_tenant_is_known(
    tenancy: Tenancy, database_urls: DatabaseUrls
) -> None:
    tenant_id = await make_tenant(tenancy)
    async with tenancy.session(tenant_id) as session:
        await session.execute(
            text(
                "insert into api_keys (tenant_id, id, kind, prefix, hash)"
                " values (:tenant, :id, 'server', 'sk_1', :hash)"
            ),
            {"tenant": tenant_id, "id": new_uuid(), "hash": hash_key(f"sk_{tenant_id}")},
        )
    owner = await tenancy.owner_of_key(f"sk_{tenant_id}")
    assert owner is not None
    assert owner.tenant_id == tenant_id
    assert await tenancy.owner_of_key("sk_unknown") is None
    assert await tenancy.tenant_of_slug(f"t-{tenant_id.hex}") == tenant_id
    async with tenancy.engine.connect() as connection:
        with pytest.raises(ProgrammingError, match="permission denied"):
            await connection.execute(text("select * from overdue_turns('1 second', '1 minute', 1)"))


async def test_no_role_can_become_another(tenancy: Tenancy) -> None:
    for role in ("replik_migrator", "replik_definer", "postgres"):
        async with tenancy.engine.connect() as connection:
            with pytest.raises(DBAPIError, match="permission denied"):
                await connection.execute(text(f"set role {role}"))


async def test_a_powerful_app_role_is_refused_at_start(database_urls: DatabaseUrls) -> None:
    await refuse_powerful_app(database_urls.app)
    with pytest.raises(StartError, match="DATABASE_URL"):
        await refuse_powerful_app(database_urls.migrator)
