"""A tenant with one of everything, and makers of fresh things for calls that use them up."""

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from foundation.identity.sessions import Client, begin
from foundation.ids import PersonId, SourceId, TenantId, new_uuid, parse, show
from foundation.tenancy import Tenancy
from serve.upkeep import privacy_worker
from tests.support.gateway import FrontDoor, add_key
from tests.support.house import House
from tests.support.tenants import make_tenant

CANARY = "kanariefågel"
"""In every text that the other tenant writes: nobody else may ever read it."""

PROVIDER = {
    "issuer": "https://1.1.1.1",
    "client_id": "replik",
    "client_secret": "s",
    "domains": ["x.example"],
}

Ids = dict[str, str]


@dataclass
class World:
    """A tenant, its keys and its knowledge base, behind a real front door."""

    door: FrontDoor
    house: House
    tenant_id: TenantId
    server_key: str
    widget_key: str
    word: str
    """In every text that it writes."""
    folder: Path
    made: int = field(default=0)

    @property
    def client(self) -> httpx.AsyncClient:
        return self.door.client

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
    door: FrontDoor, tenancy: Tenancy, chroma_url: str, folder: Path, word: str, *, release: int
) -> World:
    """Make a tenant. Its releases count from `release` on, or both tenants would have the same numbers."""
    tenant_id = await make_tenant(tenancy)
    async with tenancy.session(tenant_id) as session:
        await session.execute(text("update releases set number = :number"), {"number": release})
    return World(
        door,
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


async def person(world: World, role: str = "viewer") -> Ids:
    """A member of the team."""
    person_id = PersonId(new_uuid())
    async with world.house.tenancy.person(person_id, world.tenant_id) as session:
        await session.execute(
            text("insert into people (id, email, name) values (:id, :email, :name)"),
            {"id": person_id, "email": f"{person_id.hex}@example.com", "name": world.word},
        )
        await session.execute(text("insert into credentials (person_id) values (:id)"), {"id": person_id})
        await session.execute(
            text("insert into memberships (tenant_id, person_id, role) values (:tenant, :id, :role)"),
            {"tenant": world.tenant_id, "id": person_id, "role": role},
        )
    return {"person_id": show("person", person_id)}


async def signed_in(world: World, role: str) -> Ids:
    """Return the headers of somebody of the team who has just signed in."""
    person_id = PersonId(parse("person", (await person(world, role))["person_id"]))
    client = Client("test", "127.0.0.1")
    async with world.house.tenancy.person(person_id, world.tenant_id) as session:
        token = await begin(session, person_id, client, tenant_id=world.tenant_id)
    cookie = {"Cookie": f"replik_session={token}"}
    state = await world.client.get("/api/auth/session", headers=cookie)
    return cookie | {"X-CSRF-Token": state.json()["csrf_token"]}


async def role(world: World) -> Ids:
    world.made += 1
    body = {"name": f"{world.word} {world.made}", "permissions": ["knowledge.read"]}
    return {"role_id": (await world.did("POST", "/api/admin/roles", json=body))["id"]}


async def invitation(world: World) -> Ids:
    body = {"email": f"{new_uuid().hex}@example.com", "role": "viewer"}
    return {"invitation_id": (await world.did("POST", "/api/admin/invitations", json=body))["id"]}


async def key(world: World) -> Ids:
    body = {"kind": "publishable", "name": world.word}
    return {"key_id": (await world.did("POST", "/api/admin/keys", json=body))["key"]["key_id"]}


async def server_key(world: World) -> Ids:
    body = {"kind": "server", "name": world.word, "scopes": ["chat.use"]}
    return {"key_id": (await world.did("POST", "/api/admin/keys", json=body))["key"]["key_id"]}


async def oidc(world: World) -> Ids:
    """A provider of the tenant's own, by which no path names anything."""
    await world.did("PUT", "/api/admin/oidc", json=PROVIDER)
    return {}


async def inbox(world: World) -> Ids:
    world.made += 1
    made = await world.did("POST", "/api/admin/inboxes", json={"name": f"{world.word} {world.made}"})
    return {"inbox_id": made["inbox_id"]}


async def with_inbox(world: World) -> Ids:
    return await answered(world) | await inbox(world)


async def with_member(world: World) -> Ids:
    return await answered(world) | await person(world)


async def canned(world: World) -> Ids:
    world.made += 1
    body = {"shortcut": f"s{world.made}", "text_sv": world.word}
    return {"canned_id": (await world.did("POST", "/api/admin/canned-replies", json=body))["canned_id"]}


async def customer(world: World) -> Ids:
    ids = await answered(world)
    found = await world.did("GET", f"/api/admin/conversations/{ids['conversation_id']}")
    return ids | {"customer_id": found["customer"]["customer_id"]}


async def two_of_a_customer(world: World) -> Ids:
    """A conversation, and another of the same customer to merge it into."""
    first, second = await customer(world), await answered(world)
    body = {"customer_id": first["customer_id"]}
    await world.did("PATCH", f"/api/admin/conversations/{second['conversation_id']}", json=body)
    return first | {"into": second["conversation_id"]}


async def export(world: World) -> Ids:
    """An export of one person's data, worked off."""
    ids = await answered(world)
    body = {"conversation_id": ids["conversation_id"]}
    job_id = (await world.did("POST", "/api/admin/privacy/exports", json=body))["job_id"]
    await privacy_worker(world.door.services).run(world.tenant_id, parse("privacy", job_id))
    return {"job_id": job_id}


async def person_erasure(world: World) -> Ids:
    body = {"email": f"{new_uuid().hex}@example.com"}
    return {"job_id": (await world.did("POST", "/api/admin/privacy/erasures", json=body))["job_id"]}


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
    "person_id": person,
    "role_id": role,
    "invitation_id": invitation,
    "key_id": key,
    "inbox_id": inbox,
    "canned_id": canned,
    "customer_id": customer,
    "job_id": export,
}


def maker_of(path: str) -> Maker | None:
    """Return what makes the things that a path's placeholders stand for; None for a path without any."""
    names = re.findall(r"{(\w+)}", path)
    return _BY_PLACEHOLDER[names[0]] if names else None
