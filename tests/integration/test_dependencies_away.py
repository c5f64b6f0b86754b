"""When a part is away, clients get a stable code and the log keeps customers' words to itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from foundation.database.roles import DatabaseUrls
from foundation.stack.ports import free_ports
from foundation.tenancy import Tenancy
from serve.app import create_app
from serve.assembly import open_services
from serve.services import Services
from tests.support.gateway import settings_for
from tests.support.tenants import make_tenant


class _NobodyWakes:
    async def wake(self, address: object) -> None:
        raise AssertionError("nothing was accepted")


@pytest.fixture
async def client(
    database_urls: DatabaseUrls, redis_url: str, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """The front door before a database that does not answer."""
    nowhere = f"postgresql://replik_app@127.0.0.1:{free_ports(1)[0]}/replik"
    settings = settings_for(database_urls, redis_url, tmp_path).evolve(database_url=SecretStr(nowhere))

    @asynccontextmanager
    async def opened() -> AsyncIterator[Services]:
        async with open_services(settings, _NobodyWakes()) as services:
            yield services

    app = create_app(opened)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        yield client


async def test_a_database_that_is_away_is_a_503(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/api/chat/message", json={"message": "hej"}, headers={"Authorization": "Bearer sk_x"}
    )
    assert response.status_code == 503
    assert response.json()["code"] == "dependency_unavailable"
    health = await client.get("/api/health")
    assert health.status_code == 503
    assert health.json()["status"] == "down"
    assert (await client.get("/api/health/live")).status_code == 200


async def test_errors_of_the_database_do_not_repeat_what_customers_say(tenancy: Tenancy) -> None:
    tenant_id = await make_tenant(tenancy)
    with pytest.raises(DBAPIError) as raised:
        async with tenancy.session(tenant_id) as session:
            await session.execute(text("select cast(:said as uuid)"), {"said": "mitt nummer är 811228-9874"})
    statement = str(raised.value).replace(str(raised.value.orig), "")
    assert "811228" not in statement
