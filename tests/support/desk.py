"""A tenant at the open front door, and whoever holds its server key."""

from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import text

from foundation.ids import TenantId
from foundation.tenancy import Tenancy
from tests.support.gateway import FrontDoor, OpenShop, add_key
from tests.support.tenants import make_tenant


@dataclass(frozen=True)
class Staff:
    """Calls routes as a tenant."""

    shop: OpenShop | FrontDoor
    tenancy: Tenancy
    tenant_id: TenantId
    headers: dict[str, str]

    @classmethod
    async def of_new_tenant(cls, shop: OpenShop | FrontDoor, tenancy: Tenancy) -> "Staff":
        tenant_id = await make_tenant(tenancy)
        key = await add_key(tenancy, tenant_id, "server")
        return cls(shop, tenancy, tenant_id, {"Authorization": f"Bearer {key}"})

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.shop.client.request(method, path, json=body, headers=self.headers | given)

    async def did(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.call(method, path, body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def ask(self, message: str, **more: object) -> Any:
        return await self.did("POST", "/api/chat/message", {"message": message, **more})

    async def rows(self, sql: str, **values: object) -> list[Any]:
        async with self.tenancy.session(self.tenant_id) as session:
            return list((await session.execute(text(sql), values)).all())

    async def audited(self, action: str) -> list[Any]:
        return await self.rows(
            "select actor, subject, before, after from audit where action = :action order by at, id",
            action=action,
        )
