"""Trips: one transaction in one round trip, confined to a tenant, and safe from broken connections."""

import asyncio

import psycopg
import pytest
from sqlalchemy import text

from foundation.database.roles import DatabaseUrls
from foundation.tenancy import Tenancy
from tests.support.tenants import make_tenant

SLUGS = "select id from tenants where %(any)s::int is not null"
ANY = {"any": 1}


async def test_a_trip_sees_its_tenants_rows_only(tenancy: Tenancy) -> None:
    mine, other = await make_tenant(tenancy), await make_tenant(tenancy)
    for tenant_id in (mine, other, mine):
        found = await tenancy.trip(tenant_id, SLUGS, values=ANY)
        assert [row.id for row in found.rows] == [tenant_id]


async def test_a_trip_is_all_or_nothing(tenancy: Tenancy) -> None:
    tenant_id = await make_tenant(tenancy)
    rename = "update tenants set name = 'Nytt' where id = %(tenant)s"
    with pytest.raises(psycopg.errors.DivisionByZero):
        await tenancy.trip(tenant_id, rename, "select 1 / (%(any)s - 1)", values=ANY | {"tenant": tenant_id})
    async with tenancy.session(tenant_id) as session:
        assert (await session.execute(text("select name from tenants"))).scalar_one() == "Testbolaget"


async def test_after_lost_connections_a_trip_is_tried_again(
    tenancy: Tenancy, database_urls: DatabaseUrls
) -> None:
    tenant_id = await make_tenant(tenancy)
    pids = {
        (await tenancy.trip(tenant_id, "select pg_backend_pid() as pid", values={})).rows[0].pid
        for _ in range(3)
    }
    async with await psycopg.AsyncConnection.connect(database_urls.app, autocommit=True) as other:
        for pid in pids:
            await other.execute("select pg_terminate_backend(%s)", (pid,))
    found = await tenancy.trip(tenant_id, SLUGS, values=ANY)
    assert [row.id for row in found.rows] == [tenant_id]
    assert found.repeated


async def test_a_trip_whose_waiting_is_cancelled_is_carried_out(tenancy: Tenancy) -> None:
    tenant_id = await make_tenant(tenancy)
    rename = "update tenants set name = 'Nytt' where id = %(tenant)s"
    waiting = asyncio.create_task(
        tenancy.trip(tenant_id, rename, "select pg_sleep(0.2)", values={"tenant": tenant_id})
    )
    await asyncio.sleep(0)  # it begins
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(20):
        while (await tenancy.trip(tenant_id, "select name from tenants", values={})).rows[0].name != "Nytt":
            await asyncio.sleep(0.01)
