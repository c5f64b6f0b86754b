"""What was recorded before there was a chain is chained by the migration."""

import os

import psycopg
import pytest

from foundation.audit_log import AuditLog, Filter
from foundation.database.engine import connect
from foundation.database.migrate import migrate
from foundation.database.roles import ensure_database
from foundation.ids import TenantId, new_uuid
from foundation.stack.postgres import embedded_postgres
from foundation.tenancy import Tenancy
from tests.support.running import short_home

pytestmark = pytest.mark.integration


async def test_rows_of_before_are_chained_in_the_order_of_their_time() -> None:
    tenants = [TenantId(new_uuid()) for _ in range(2)]
    with short_home() as home:
        home.mkdir(parents=True)
        async with embedded_postgres(home, os.environ) as server:
            urls = await ensure_database(server.superuser_url)
            migrate(urls.migrator, "0011")
            with psycopg.connect(server.superuser_url.replace("/postgres?", "/replik?")) as connection:
                for tenant_id in tenants:
                    connection.execute(
                        "insert into tenants (id, slug, name) values (%s, %s, 'T')",
                        [tenant_id, tenant_id.hex],
                    )
                    for day in (3, 1, 2):
                        connection.execute(
                            "insert into audit (tenant_id, id, at, actor, action, subject, after)"
                            " values (%s, %s, make_date(2026, 1, %s), 'x', 'a', %s::text, '{\"a\": 1.0}')",
                            [tenant_id, new_uuid(), day, day],
                        )
            migrate(urls.migrator)
            tenancy = Tenancy(connect(urls.app))
            for tenant_id in tenants:
                verdict = await AuditLog(tenancy).verify(tenant_id)
                assert (verdict.ok, verdict.rows) == (True, 3)
                rows = await AuditLog(tenancy).page(tenant_id, Filter())
                assert [(each.number, each.at.day, each.subject) for each in rows] == [
                    (3, 3, "3"),
                    (2, 2, "2"),
                    (1, 1, "1"),
                ]
            await tenancy.close()
