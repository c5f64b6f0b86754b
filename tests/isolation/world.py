"""A tenant with one of everything, and makers of fresh things for calls that use them up."""

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from foundation.ids import SourceId, TenantId, parse
from foundation.tenancy import Tenancy
from tests.support.gateway import add_key
from tests.support.house import House
from tests.support.tenants import make_tenant

CANARY = "kanariefågel"
"""In every text that the other tenant writes: nobody else may ever read it."""

Ids = dict[str, str]


@dataclass
class World:
    """A tenant, its keys and its knowledge base, behind a real front door."""

    client: httpx.AsyncClient
    house: House
    tenant_id: TenantId
    server_key: str
    widget_key: str
    word: str
    """In every text that it writes."""
    folder: Path
    made: int = field(default=0)

    def headers(self, token: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {token or self.server_key}"}

    async def did(self, method: str, path: str, **request: Any) -> Any:
        """Call one of the routes that make things; return the answer."""
        answer = await self.client.request(method, path, headers=self.headers(), **request)
        assert answer.is_success, (method, path, answer.text)
        return answer.json() if answer.content else None

    def text(self) -> str:
        """Return a text that no other call has used."""
        self.made += 1
        return f"# Returer\n\nDu har {self.made} dagars öppet köp, säger {self.word}."

    async def read(self, source_id: str) -> None:
        """Do what the worker's job does."""
        await self.house.run(SourceId(parse("source", source_id)))


async def open_world(
    client: httpx.AsyncClient, tenancy: Tenancy, chroma_url: str, folder: Path, word: str, *, release: int
) -> World:
    """Make a tenant. Its releases count from `release` on, or both tenants would have the same numbers."""
    tenant_id = await make_tenant(tenancy)
    async with tenancy.session(tenant_id) as session:
        await session.execute(text("update releases set number = :number"), {"number": release})
    return World(
        client,
        House(tenancy, tenant_id, chroma_url, folder),
        tenant_id,
        await add_key(tenancy, tenant_id, "server"),
        await add_key(tenancy, tenant_id, "publishable"),
        word,
        folder,
    )


# Makers: each returns what the placeholders of a path stand for ------------------------------------


async def queued_source(world: World) -> Ids:
    added = await world.did("POST", "/api/admin/knowledge/sources", json={"text": world.text()})
    return {"source_id": added["source_id"]}


async def ready_source(world: World) -> Ids:
    ids = await queued_source(world)
    await world.read(ids["source_id"])
    return ids | {"number": "1"}


async def source_with_two_versions(world: World) -> Ids:
    files = {"file": ("returer.md", world.text().encode())}
    added = await world.did("POST", "/api/admin/knowledge/sources", files=files)
    await world.read(added["source_id"])
    files = {"file": ("returer.md", world.text().encode())}
    await world.did("PUT", f"/api/admin/knowledge/sources/{added['source_id']}/content", files=files)
    await world.read(added["source_id"])
    return {"source_id": added["source_id"], "number": "1"}


async def erasure(world: World) -> Ids:
    ids = await ready_source(world)
    erased = await world.did("DELETE", f"/api/admin/knowledge/sources/{ids['source_id']}")
    return {"erasure_id": erased["erasure_id"]}


async def crawl(world: World) -> Ids:
    world.made += 1
    body = {"url": f"https://example.com/{world.word}/{world.made}"}
    return {"crawl_id": (await world.did("POST", "/api/admin/knowledge/crawls", json=body))["crawl_id"]}


async def rested_crawl(world: World) -> Ids:
    ids = await crawl(world)
    async with world.house.tenancy.session(world.tenant_id) as session:
        await session.execute(
            text("update crawls set state = 'ready' where id = :id"), {"id": parse("crawl", ids["crawl_id"])}
        )
    return ids


async def policy(world: World) -> Ids:
    body = {"kind": "topic", "name": world.word, "mode": "block", "options": {"deny_words": [world.word]}}
    return {"policy_id": (await world.did("POST", "/api/admin/policies", json=body))["policy_id"]}


def wording(world: World) -> dict[str, str]:
    return {"question": f"Vad säger {world.word}?", "answer": f"{world.word} säger hej.", "language": "sv"}


async def approved(world: World) -> Ids:
    made = await world.did("POST", "/api/admin/approved", json=wording(world))
    return {"approved_id": made["approved_id"]}


async def release(world: World) -> Ids:
    published = await world.did("POST", "/api/admin/releases", json={"note": world.word})
    return {"number": str(published["number"])}


async def answered(world: World) -> Ids:
    """A conversation of a server, with one answered turn."""
    said = await world.did("POST", "/api/chat/message", json={"message": f"Hej {world.word}"})
    return {
        "conversation_id": said["conversation_id"],
        "turn_id": said["turn_id"],
        "position": str(said["message"]["position"]),
    }


async def visited(world: World) -> Ids:
    """A conversation of a visitor in the widget."""
    started = await world.client.post(
        "/api/chat/conversations", headers=world.headers(world.widget_key), json={}
    )
    return {
        "conversation_id": started.json()["conversation_id"],
        "visitor_token": started.json()["visitor_token"],
    }


async def archive(world: World) -> Ids:
    """An exported knowledge base."""
    await ready_source(world)
    answer = await world.client.post("/api/knowledge/export", headers=world.headers(), json={})
    path = world.folder / f"{world.tenant_id}.zip"
    path.write_bytes(answer.content)
    return {"archive": str(path)}


Maker = Callable[[World], Coroutine[Any, Any, Ids]]

_BY_PLACEHOLDER: dict[str, Maker] = {
    "source_id": ready_source,
    "erasure_id": erasure,
    "crawl_id": crawl,
    "policy_id": policy,
    "approved_id": approved,
    "number": release,
    "conversation_id": answered,
}


def maker_of(path: str) -> Maker | None:
    """Return what makes the things that a path's placeholders stand for; None for a path without any."""
    names = re.findall(r"{(\w+)}", path)
    return _BY_PLACEHOLDER[names[0]] if names else None
