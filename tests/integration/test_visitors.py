"""Visitors of pages: origins, tokens that are short and renewed, and identities that a company has signed."""

import asyncio
import base64
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from foundation.ids import TenantId, new_uuid, parse
from foundation.tenancy import Tenancy
from tests.support.gateway import FrontDoor, add_key
from tests.support.tenants import audit_actions, make_tenant

KEYS = "/api/admin/keys"
CHAT = "/api/chat/conversations"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@dataclass(frozen=True)
class Shop:
    """A tenant with a publishable key and its identity secret."""

    door: FrontDoor
    tenant_id: TenantId
    owner: dict[str, str]
    path: str
    widget: dict[str, str]
    secret: str

    async def start(self, identity: str | None = None, **headers: str) -> httpx.Response:
        body = {} if identity is None else {"identity": identity}
        return await self.door.client.post(CHAT, json=body, headers=self.widget | headers)

    async def require_identity(self) -> None:
        changed = await self.door.client.patch(self.path, json={"require_identity": True}, headers=self.owner)
        assert changed.json()["require_identity"] is True


@pytest.fixture
async def shop(door: FrontDoor, tenancy: Tenancy) -> Shop:
    tenant_id = await make_tenant(tenancy)
    owner = bearer(await add_key(tenancy, tenant_id, "server"))
    body = {"kind": "publishable", "name": "sidan", "allowed_origins": ["https://*.Example.com"]}
    key = (await door.client.post(KEYS, json=body, headers=owner)).json()
    path = f"{KEYS}/{key['key']['key_id']}"
    signing = (await door.client.post(f"{path}/identity-secret", json={}, headers=owner)).json()
    return Shop(door, tenant_id, owner, path, bearer(key["secret"]), signing["secret"])


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(secret: str, algorithm: str = "HS256", **claims: Any) -> str:
    """Sign as a company's server does; None takes a claim away."""
    now = int(time.time())
    given = {"sub": "kund-17", "iat": now, "exp": now + 600} | claims
    head = part(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    body = part(json.dumps({name: value for name, value in given.items() if value is not None}).encode())
    digest = hmac.digest(
        secret.encode(), f"{head}.{body}".encode(), "sha512" if "512" in algorithm else "sha256"
    )
    return f"{head}.{body}.{part(digest)}"


def refused(response: httpx.Response) -> tuple[int, str, str]:
    body = response.json()
    return response.status_code, body["code"], body["data"].get("reason", "")


async def conversation(tenancy: Tenancy, shop: Shop, started: dict[str, Any]) -> tuple[str | None, bool]:
    async with tenancy.session(shop.tenant_id) as session:
        found = await session.execute(
            text("select external_id, verified from conversations where id = :id"),
            {"id": parse("conversation", started["conversation_id"])},
        )
        return tuple(found.one())


async def test_a_signed_visitor_is_recorded_as_verified(shop: Shop, tenancy: Tenancy) -> None:
    started = (await shop.start(token(shop.secret, name="Åsa", email="asa@example.com"))).json()
    assert started["verified"] is True
    assert await conversation(tenancy, shop, started) == ("kund-17", True)
    anybody = (await shop.start()).json()
    assert anybody["verified"] is False
    assert await conversation(tenancy, shop, anybody) == (None, False)
    assert "key.identity.rotate" in await audit_actions(tenancy, shop.tenant_id)


CUSTOMERS = "/api/admin/customers"


async def test_a_verified_visitor_is_one_customer_with_a_history(shop: Shop) -> None:
    async def seen(path: str) -> Any:
        return (await shop.door.client.get(path, headers=shop.owner)).json()

    async def customer_of(started: httpx.Response) -> str:
        found = await seen(f"/api/admin/conversations/{started.json()['conversation_id']}")
        return str(found["customer"]["customer_id"])

    again = {"Idempotency-Key": str(new_uuid())}
    first = await shop.start(token(shop.secret, name="Åsa", email="asa@example.com"), **again)
    await shop.start(token(shop.secret, name="Åsa"), **again)  # the same start once more
    customer = await customer_of(first)
    known = await seen(f"{CUSTOMERS}/{customer}")
    assert (known["name"], known["email"]) == ("Åsa", "asa@example.com")
    assert (known["external_id"], known["verified"], known["version"]) == ("kund-17", True, 1)
    second = await shop.start(token(shop.secret, name="Åsa Lind"))
    assert await customer_of(second) == customer
    known = await seen(f"{CUSTOMERS}/{customer}")
    assert (known["name"], known["email"], known["version"]) == ("Åsa Lind", "asa@example.com", 2)
    history = (await seen(f"/api/admin/conversations?customer={customer}"))["conversations"]
    ids = [one["conversation_id"] for one in history]
    assert ids == [second.json()["conversation_id"], first.json()["conversation_id"]]
    others = [await shop.start(token(shop.secret, sub="kund-18")), await shop.start(), await shop.start()]
    assert len({customer, *[await customer_of(other) for other in others]}) == 4
    assert len((await seen(CUSTOMERS))["customers"]) == 4


async def test_of_many_starts_at_once_all_are_of_one_customer(shop: Shop, tenancy: Tenancy) -> None:
    answers = await asyncio.gather(*(shop.start(token(shop.secret, name="Åsa")) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    async with tenancy.session(shop.tenant_id) as session:
        found = await session.execute(
            text(
                "select count(distinct c.customer_id), count(*), (select count(*) from customers)"
                " from conversations c"
            )
        )
        assert tuple(found.one()) == (1, 8, 1)


# The times of a token, in seconds from the moment it is shown; the suite is longer than any of them.
@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iat": -4000, "exp": -400}, "expired"),
        ({"iat": 1000, "exp": 2000}, "early"),
        ({"exp": 7200}, "lifetime"),
        ({"exp": 10 * 365 * 86400}, "lifetime"),
        ({"exp": None}, "claims"),
        ({"iat": None}, "claims"),
        ({"sub": None}, "claims"),
        ({"sub": ""}, "claims"),
        ({"sub": 17}, "claims"),
        ({"sub": "x" * 256}, "claims"),
        ({"sub": "a\x00b"}, "claims"),
        ({"name": "a\x00b"}, "claims"),
        ({"algorithm": "none"}, "signature"),
        ({"algorithm": "HS512"}, "signature"),
        ({"algorithm": "RS256"}, "signature"),
        ({"secret": "ids_" + "0" * 64}, "signature"),
    ],
)
async def test_a_wrong_identity_starts_nothing(
    shop: Shop, tenancy: Tenancy, claims: dict[str, Any], reason: str
) -> None:
    now = int(time.time())
    times = {name: now + claims[name] for name in ("iat", "exp") if claims.get(name) is not None}
    response = await shop.start(token(**{"secret": shop.secret} | claims | times))
    assert refused(response) == (403, "identity_refused", reason)
    async with tenancy.session(shop.tenant_id) as session:
        assert await session.scalar(text("select count(*) from conversations")) == 0


async def test_unsigned_and_broken_tokens_are_refused(shop: Shop) -> None:
    head, body, signature = token(shop.secret).split(".")
    unsigned = part(b'{"alg":"none"}')
    for wrong in (
        "x",
        "a.b.c",
        f"{unsigned}.{body}.",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-2]}xx",
    ):
        assert refused(await shop.start(wrong)) == (403, "identity_refused", "signature")


async def test_a_key_can_require_identities(shop: Shop, door: FrontDoor) -> None:
    await shop.require_identity()
    assert refused(await shop.start()) == (403, "identity_refused", "missing")
    assert (await shop.start(token(shop.secret))).status_code == 201
    body = {"kind": "publishable", "name": "utan hemlighet"}
    bare = (await door.client.post(KEYS, json=body, headers=shop.owner)).json()["key"]["key_id"]
    response = await door.client.patch(f"{KEYS}/{bare}", json={"require_identity": True}, headers=shop.owner)
    assert refused(response) == (422, "invalid_input", "no_identity_secret")


async def test_the_identity_secret_is_sealed_and_rotates_with_an_overlap(
    shop: Shop, tenancy: Tenancy
) -> None:
    rotate = f"{shop.path}/identity-secret"
    second = (await shop.door.client.post(rotate, json={"overlap_hours": 1}, headers=shop.owner)).json()[
        "secret"
    ]
    assert [(await shop.start(token(one))).status_code for one in (shop.secret, second)] == [201, 201]
    async with tenancy.session(shop.tenant_id) as session:
        kept = (
            await session.execute(text("select identity_secret, former_identity_secret from api_keys"))
        ).all()
        assert shop.secret.encode() not in b"".join(one for row in kept for one in row if one)
        await session.execute(
            text("update api_keys set former_identity_until = clock_timestamp() where kind = 'publishable'")
        )
    assert [(await shop.start(token(one))).status_code for one in (shop.secret, second)] == [403, 201]


async def test_a_repeated_start_never_gives_somebody_elses_conversation(shop: Shop) -> None:
    again = {"Idempotency-Key": str(new_uuid())}
    first = await shop.start(token(shop.secret), **again)
    same = await shop.start(token(shop.secret), **again)
    assert same.json()["conversation_id"] == first.json()["conversation_id"]
    for other in (token(shop.secret, sub="kund-18"), None):
        assert refused(await shop.start(other, **again))[:2] == (409, "idempotency_conflict")


async def test_only_the_keys_origins_start_conversations(shop: Shop) -> None:
    allowed = ("https://shop.example.com", "https://a.b.example.com")
    others = ("https://example.com", "https://shop.example.com.evil.se", "http://shop.example.com", "null")
    assert [(await shop.start(Origin=one)).status_code for one in allowed] == [201, 201]
    assert [(await shop.start(Origin=one)).status_code for one in others] == [403] * 4


async def test_a_token_is_renewed_while_it_holds_and_its_key_lives(shop: Shop) -> None:
    started = (await shop.start()).json()
    path = f"{CHAT}/{started['conversation_id']}"
    renewed = await shop.door.client.post(f"{path}/token", headers=bearer(started["visitor_token"]))
    assert renewed.json()["expires_at"] > started["expires_at"]
    said = {"client_message_id": "1", "text": "hej"}
    fresh = bearer(renewed.json()["visitor_token"])
    assert (await shop.door.client.post(f"{path}/messages", json=said, headers=fresh)).status_code == 202
    other = (await shop.start()).json()["conversation_id"]
    assert (await shop.door.client.post(f"{CHAT}/{other}/token", headers=fresh)).status_code == 404
    await shop.door.client.delete(shop.path, headers=shop.owner)
    assert (await shop.door.client.post(f"{path}/token", headers=fresh)).status_code == 401
    ended = shop.door.services.tokens
    late = type(ended)(ended.sealer, now=lambda: time.time() - 90_000).seal("visitor 2", {}, 86_400)
    assert (await shop.door.client.post(f"{path}/token", headers=bearer(late))).status_code == 401
