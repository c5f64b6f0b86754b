"""A tenant's staff at work over HTTP, and their customers in the widget."""

from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import text

from foundation.ids import TenantId, new_uuid
from foundation.tenancy import Tenancy
from tests.support.events import Event, read_events
from tests.support.gateway import FrontDoor, add_key
from tests.support.tenants import audit_actions, make_tenant

INBOX = "/api/admin/conversations"


@dataclass(frozen=True)
class Chat:
    """A customer in the widget."""

    client: httpx.AsyncClient
    conversation_id: str
    headers: dict[str, str]

    async def say(self, said: str) -> None:
        path = f"/api/chat/conversations/{self.conversation_id}/messages"
        body = {"client_message_id": str(new_uuid()), "text": said}
        assert (await self.client.post(path, json=body, headers=self.headers)).status_code == 202

    async def events(self, last: str, times: int = 1) -> list[Event]:
        path = f"/api/chat/conversations/{self.conversation_id}/events"
        return await read_events(self.client, path, last=last, times=times, headers=self.headers)

    async def answered(self, said: str, times: int = 1) -> None:
        await self.say(said)
        await self.events("done", times)


@dataclass(frozen=True)
class Office:
    """A tenant's staff, by its server key."""

    client: httpx.AsyncClient
    tenancy: Tenancy
    tenant_id: TenantId
    server: dict[str, str]
    publishable: dict[str, str]

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        return await self.client.request(method, path, json=body, headers=self.server | headers)

    async def did(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        answer = await self.call(method, path, body, **headers)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def chat(self, said: str | None = None) -> Chat:
        answer = await self.client.post(
            "/api/chat/conversations", json={"language": "sv"}, headers=self.publishable
        )
        body = answer.json()
        token = {"Authorization": f"Bearer {body['visitor_token']}"}
        chat = Chat(self.client, body["conversation_id"], token)
        if said is not None:
            await chat.answered(said)
        return chat

    async def ids(self, query: str = "") -> list[str]:
        page = await self.did("GET", f"{INBOX}?{query}")
        return [one["conversation_id"] for one in page["conversations"]]

    async def rows(self, statement: str, **values: object) -> list[Any]:
        async with self.tenancy.session(self.tenant_id) as session:
            return list((await session.execute(text(statement), values)).all())

    async def audited(self) -> list[str]:
        return await audit_actions(self.tenancy, self.tenant_id)


async def make_office(door: FrontDoor, tenancy: Tenancy) -> Office:
    tenant_id = await make_tenant(tenancy)
    server, publishable = [await add_key(tenancy, tenant_id, kind) for kind in ("server", "publishable")]
    return Office(
        door.client,
        tenancy,
        tenant_id,
        {"Authorization": f"Bearer {server}"},
        {"Authorization": f"Bearer {publishable}"},
    )


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]
