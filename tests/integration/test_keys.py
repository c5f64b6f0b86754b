"""Server keys: scopes, an end, rotation, revocation at once; nobody gives more than they have."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from foundation.database.models import ApiKey
from foundation.ids import TenantId, parse
from foundation.tenancy import Tenancy
from tests.support.gateway import FrontDoor, add_key
from tests.support.tenants import audit_actions, make_tenant

KEYS = "/api/admin/keys"


@pytest.fixture
async def tenant_id(tenancy: Tenancy) -> TenantId:
    return await make_tenant(tenancy)


@pytest.fixture
async def owner(tenancy: Tenancy, tenant_id: TenantId) -> dict[str, str]:
    """A key from before there were scopes, which may do everything."""
    return bearer(await add_key(tenancy, tenant_id, "server"))


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def made(door: FrontDoor, by: dict[str, str], **fields: Any) -> dict[str, Any]:
    body = {"kind": "server", "name": "skript", "scopes": ["knowledge.read"]} | fields
    response = await door.client.post(KEYS, json=body, headers=by)
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def stored(tenancy: Tenancy, tenant_id: TenantId, key_id: str) -> ApiKey:
    async with tenancy.session(tenant_id) as session:
        row = await session.get(ApiKey, (tenant_id, parse("key", key_id)))
        assert row is not None
        return row


async def audited(tenancy: Tenancy, tenant_id: TenantId, action: str) -> tuple[str, Any, Any]:
    """Return who, before and after of the newest row of an action."""
    async with tenancy.session(tenant_id) as session:
        found = await session.execute(
            text("select actor, before, after from audit where action = :action order by at desc limit 1"),
            {"action": action},
        )
        return tuple(found.one())


async def may_read(door: FrontDoor, key: str) -> int:
    response = await door.client.get("/api/admin/knowledge/sources", headers=bearer(key))
    return response.status_code


def refused(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_a_key_may_do_what_its_scopes_say_and_no_more(
    door: FrontDoor, tenancy: Tenancy, tenant_id: TenantId, owner: dict[str, str]
) -> None:
    answer = await made(door, owner, name="Läsare")
    key, secret = answer["key"], answer["secret"]
    assert secret.startswith(key["prefix"])
    assert await may_read(door, secret) == 200
    for path, body in (("/api/chat/message", {"message": "hej"}), (KEYS, {})):
        response = await door.client.post(path, json=body, headers=bearer(secret))
        assert refused(response) == (403, "forbidden")
    row = await stored(tenancy, tenant_id, key["key_id"])
    assert (row.name, row.scopes, row.hash != secret.encode()) == ("Läsare", ["knowledge.read"], True)
    actor, _, after = await audited(tenancy, tenant_id, "key.create")
    assert actor.startswith("key:")
    assert after["scopes"] == ["knowledge.read"]
    assert secret not in str(after)
    listed = (await door.client.get(KEYS, headers=owner)).json()["keys"]
    assert listed[0]["key_id"] == key["key_id"]
    assert secret not in str(listed)


async def test_nobody_gives_more_than_they_have(
    door: FrontDoor, tenancy: Tenancy, tenant_id: TenantId, owner: dict[str, str]
) -> None:
    manager = await made(door, owner, scopes=["key.manage", "key.read", "knowledge.read"])
    by = bearer(manager["secret"])
    mightier = await made(door, owner, scopes=["knowledge.read", "tenant.delete"])
    path = f"{KEYS}/{mightier['key']['key_id']}"
    attempts = [
        await door.client.post(
            KEYS, json={"kind": "server", "name": "x", "scopes": ["audit.read"]}, headers=by
        ),
        await door.client.patch(
            f"{KEYS}/{manager['key']['key_id']}", json={"scopes": ["audit.read"]}, headers=by
        ),
        # Its new secret would be a gift of what the caller lacks.
        await door.client.post(f"{path}/rotate", json={}, headers=by),
        await door.client.post("/api/tenant/api-key", json={"key_id": mightier["key"]["key_id"]}, headers=by),
        await door.client.patch(path, json={"expires_at": None}, headers=by),
    ]
    assert [refused(one) for one in attempts] == [(403, "forbidden")] * 5
    assert (await stored(tenancy, tenant_id, mightier["key"]["key_id"])).former_hash is None
    assert (await audit_actions(tenancy, tenant_id)).count("key.rotate") == 0
    assert await may_read(door, (await made(door, by))["secret"]) == 200


async def test_a_rotated_key_has_two_secrets_for_a_while(
    door: FrontDoor, tenancy: Tenancy, tenant_id: TenantId, owner: dict[str, str]
) -> None:
    first = await made(door, owner)
    key_id = first["key"]["key_id"]
    response = await door.client.post(f"{KEYS}/{key_id}/rotate", json={"overlap_hours": 2}, headers=owner)
    second = response.json()
    assert second["key"]["key_id"] == key_id
    assert [await may_read(door, one["secret"]) for one in (first, second)] == [200, 200]
    left = datetime.fromisoformat(second["key"]["former_until"]) - datetime.now(UTC)
    assert timedelta(hours=1.9) < left < timedelta(hours=2.1)
    await _end_overlap(tenancy, tenant_id)
    assert [await may_read(door, one["secret"]) for one in (first, second)] == [401, 200]
    _, before, after = await audited(tenancy, tenant_id, "key.rotate")
    assert (before["prefix"], after["prefix"]) == (first["key"]["prefix"], second["key"]["prefix"])
    at_once = await door.client.post(f"{KEYS}/{key_id}/rotate", json={"overlap_hours": 0}, headers=owner)
    assert [await may_read(door, one) for one in (second["secret"], at_once.json()["secret"])] == [401, 200]


async def _end_overlap(tenancy: Tenancy, tenant_id: TenantId) -> None:
    async with tenancy.session(tenant_id) as session:
        await session.execute(
            text("update api_keys set former_until = clock_timestamp() where former_hash is not null")
        )


async def test_a_key_rotates_itself(door: FrontDoor, owner: dict[str, str]) -> None:
    own = await made(door, owner, scopes=["key.manage", "knowledge.read"])
    response = await door.client.post("/api/tenant/api-key", json={}, headers=bearer(own["secret"]))
    assert response.json()["key"]["key_id"] == own["key"]["key_id"]
    assert await may_read(door, response.json()["secret"]) == 200


async def test_a_revoked_key_is_refused_at_the_next_request_with_both_secrets(
    door: FrontDoor, tenancy: Tenancy, tenant_id: TenantId, owner: dict[str, str]
) -> None:
    first = await made(door, owner)
    path = f"{KEYS}/{first['key']['key_id']}"
    second = (await door.client.post(f"{path}/rotate", json={}, headers=owner)).json()
    assert (await door.client.delete(path, headers=owner)).status_code == 204
    assert [await may_read(door, one["secret"]) for one in (first, second)] == [401, 401]
    assert (await door.client.get(path, headers=owner)).json()["state"] == "revoked"
    assert refused(await door.client.post(f"{path}/rotate", json={}, headers=owner)) == (409, "conflict")
    assert (await door.client.delete(path, headers=owner)).status_code == 204
    assert (await audit_actions(tenancy, tenant_id)).count("key.revoke") == 1


async def test_a_key_ends_at_its_time(
    door: FrontDoor, tenancy: Tenancy, tenant_id: TenantId, owner: dict[str, str]
) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    answer = await made(door, owner, expires_at=soon)
    assert await may_read(door, answer["secret"]) == 200
    async with tenancy.session(tenant_id) as session:
        await session.execute(
            text("update api_keys set expires_at = clock_timestamp() where expires_at is not null")
        )
    assert await may_read(door, answer["secret"]) == 401
    path = f"{KEYS}/{answer['key']['key_id']}"
    assert (await door.client.get(path, headers=owner)).json()["state"] == "expired"
    past = await door.client.patch(path, json={"expires_at": "2020-01-01T00:00:00Z"}, headers=owner)
    assert refused(past) == (422, "invalid_input")
    changed = await door.client.patch(path, json={"expires_at": None, "name": "för alltid"}, headers=owner)
    assert (changed.json()["state"], changed.json()["name"]) == ("active", "för alltid")
    _, before, after = await audited(tenancy, tenant_id, "key.change")
    assert (before["name"], after["name"], after["expires_at"]) == ("skript", "för alltid", None)
    assert await may_read(door, answer["secret"]) == 200


async def test_its_last_use_is_written_once_a_minute_and_beside_the_request(
    door: FrontDoor, tenancy: Tenancy, tenant_id: TenantId, owner: dict[str, str]
) -> None:
    answer = await made(door, owner)
    assert answer["key"]["last_used_at"] is None
    for _ in range(3):
        assert await may_read(door, answer["secret"]) == 200
    await door.services.key_use.close()
    first = (await stored(tenancy, tenant_id, answer["key"]["key_id"])).last_used_at
    assert first is not None
    assert datetime.now(UTC) - first < timedelta(seconds=30)
    assert await may_read(door, answer["secret"]) == 200
    await door.services.key_use.close()
    assert (await stored(tenancy, tenant_id, answer["key"]["key_id"])).last_used_at == first


async def test_another_tenants_keys_are_not_there(
    door: FrontDoor, tenancy: Tenancy, owner: dict[str, str]
) -> None:
    other = bearer(await add_key(tenancy, await make_tenant(tenancy), "server"))
    path = f"{KEYS}/{(await made(door, owner))['key']['key_id']}"
    attempts = [
        await door.client.get(path, headers=other),
        await door.client.patch(path, json={"name": "min"}, headers=other),
        await door.client.post(f"{path}/rotate", json={}, headers=other),
        await door.client.delete(path, headers=other),
    ]
    assert [refused(one) for one in attempts] == [(404, "not_found")] * 4
    assert len((await door.client.get(KEYS, headers=other)).json()["keys"]) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"kind": "server", "name": "a"},
        {"kind": "server", "name": "a", "scopes": []},
        {"kind": "server", "name": "a", "scopes": ["everything"]},
        {"kind": "server", "name": "", "scopes": ["chat.use"]},
        {"kind": "server", "name": "a", "scopes": ["chat.use"], "allowed_origins": ["https://a.se"]},
        {"kind": "publishable", "name": "a", "scopes": ["chat.use"]},
        {"kind": "publishable", "name": "a", "allowed_origins": ["https://*.com"]},
        {"kind": "publishable", "name": "a", "allowed_origins": ["https://a.se/path"]},
        {"kind": "server", "name": "a", "scopes": ["chat.use"], "expires_at": "2020-01-01T00:00:00Z"},
        {"kind": "server", "name": "a", "scopes": ["chat.use"], "expires_at": "2099-01-01T00:00:00"},
        {"kind": "server", "name": "a", "scopes": ["chat.use"], "requests_per_minute": 0},
    ],
)
async def test_what_makes_no_key_is_said(
    door: FrontDoor, owner: dict[str, str], wrong: dict[str, Any]
) -> None:
    assert refused(await door.client.post(KEYS, json=wrong, headers=owner)) == (422, "invalid_input")
