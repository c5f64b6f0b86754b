"""What a plan does not allow is refused where it would be added, and shown as used."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from agents import admission
from agents.model_settings import Budget, within_plan
from foundation import plans
from foundation.database.roles import DatabaseUrls
from foundation.errors import StartError
from foundation.plans import PlanLimit, choose
from foundation.tenancy import Tenancy
from tests.support.desk import Staff
from tests.support.gateway import FrontDoor, add_key, front_door, settings_for

pytestmark = pytest.mark.integration

SOURCES = "/api/admin/knowledge/sources"
KEYS = "/api/admin/keys"


@pytest.fixture
def small() -> Iterator[None]:
    """Make the plan `free` very small."""
    limits = plans.plans()["free"].limits
    before = dict(limits)
    limits.update({"sources": 2, "conversations": 3, "bytes": 100, "model_tokens": 50})
    yield
    limits.clear()
    limits.update(before)


@pytest.fixture
async def shop(database_urls: DatabaseUrls, redis_url: str, tmp_path: Path) -> AsyncIterator[FrontDoor]:
    admission.limits.cache_clear()
    async with front_door(settings_for(database_urls, redis_url, tmp_path)) as opened:
        yield opened
    admission.limits.cache_clear()


@pytest.fixture
async def staff(small: None, shop: FrontDoor, tenancy: Tenancy) -> Staff:
    staff = await Staff.of_new_tenant(shop, tenancy)
    async with tenancy.session(staff.tenant_id) as session:
        await choose(session, staff.tenant_id, "free", actor="test")
    return staff


async def used(staff: Staff) -> dict[str, tuple[int, int | None]]:
    found = await staff.did("GET", "/api/tenant/usage")
    return {each["name"]: (each["used"], each["limit"]) for each in found["usage"]}


async def add(staff: Staff, name: str, content: str = "Text.") -> Any:
    return await staff.call("POST", SOURCES, {"title": name, "text": content})


async def test_sources_and_bytes_end_where_the_plan_does(staff: Staff) -> None:
    assert (await add(staff, "Stor", "å" * 60)).json()["data"] == {"name": "bytes", "used": 0, "limit": 100}
    for name in ("Ett", "Två"):
        assert (await add(staff, name, name)).status_code == 202
    refused = await add(staff, "Tre", "Tre")
    assert (refused.status_code, refused.json()["code"]) == (402, "plan_limit")
    assert refused.json()["data"] == {"name": "sources", "used": 2, "limit": 2}
    assert (await add(staff, "Ett", "Ett")).status_code == 202  # the same content is no other source
    assert (await used(staff))["sources"] == (2, 2)
    assert (await used(staff))["bytes"] == (7, 100)
    assert len(await staff.audited("source.add")) == 2
    assert len(await staff.rows("select 1 from sources")) == 2


async def test_of_many_at_once_no_more_are_added_than_the_plan_allows(staff: Staff) -> None:
    answers = await asyncio.gather(*(add(staff, f"Nr {n}", f"Nr {n}") for n in range(6)))
    assert sorted(each.status_code for each in answers) == [202, 202, 402, 402, 402, 402]


async def test_conversations_of_a_month_end_where_the_plan_does(staff: Staff) -> None:
    for _ in range(3):
        await staff.ask("Hej")
    refused = await staff.call("POST", "/api/chat/message", {"message": "Hej"})
    assert (refused.status_code, refused.json()["code"]) == (402, "plan_limit")
    assert refused.json()["data"] == {"name": "conversations", "used": 3, "limit": 3}
    assert len(await staff.rows("select 1 from conversations")) == 3
    assert len(await staff.rows("select 1 from activations")) == 3
    [known] = await staff.rows("select id from conversations limit 1")
    await staff.ask("Hej igen", conversation_id=f"conv_{known.id.hex}")  # what has begun goes on
    found = await staff.did("GET", "/api/tenant/usage")
    [row] = [each for each in found["usage"] if each["name"] == "conversations"]
    assert (row["used"], row["limit"]) == (3, 3)
    assert row["resets_at"].endswith(
        ("-01T00:00:00+01:00", "-30T23:00:00Z", "-31T23:00:00Z", "-31T22:00:00Z")
    )
    # Erasing one gives nothing back, and another month begins anew.
    async with staff.tenancy.session(staff.tenant_id) as session:
        await session.execute(text("delete from conversations"))
    assert (await used(staff))["conversations"] == (3, 3)


async def test_the_same_idempotency_key_counts_once_and_is_answered_beyond_the_limit(staff: Staff) -> None:
    widget = {"Authorization": f"Bearer {await add_key(staff.tenancy, staff.tenant_id, 'publishable')}"}

    async def start(key: str) -> Any:
        return await staff.shop.client.post(
            "/api/chat/conversations", json={}, headers=widget | {"Idempotency-Key": key.ljust(16, "-")}
        )

    answers = [await start(key) for key in ("key-a", "key-a", "key-b", "key-c", "key-a", "key-d")]
    assert [each.status_code for each in answers] == [201, 201, 201, 201, 201, 402]
    assert (await used(staff))["conversations"] == (3, 3)


async def test_tokens_of_the_plan_bound_the_operators_model_only(small: None) -> None:
    assert within_plan(Budget(), "free").tokens == 50
    assert within_plan(Budget(tokens=20), "free").tokens == 20
    assert within_plan(Budget(tokens=20), "business").tokens == 20
    assert within_plan(Budget(), "business").tokens is None


async def test_others_can_ask_for_limits_that_they_count(staff: Staff, tenancy: Tenancy) -> None:
    async with tenancy.session(staff.tenant_id) as session:
        await plans.check(session, staff.tenant_id, "sources", used=1)
        with pytest.raises(PlanLimit) as refused:
            await plans.check(session, staff.tenant_id, "sources", used=2)
        assert refused.value.data == {"name": "sources", "used": 2, "limit": 2}


async def test_keys_end_where_the_plan_does_and_a_revoked_one_makes_room(staff: Staff) -> None:
    def wanted(number: int) -> dict[str, object]:
        return {"kind": "server", "name": f"nr {number}", "scopes": ["chat.use"]}

    answers = await asyncio.gather(*(staff.call("POST", KEYS, wanted(number)) for number in range(6)))
    assert sorted(each.status_code for each in answers) == [201, 201, 201, 402, 402, 402]
    [refused, *_] = [each.json() for each in answers if each.status_code == 402]
    assert (refused["code"], refused["data"]) == ("plan_limit", {"name": "keys", "used": 4, "limit": 4})
    assert (await used(staff))["keys"] == (4, 4)
    assert len(await staff.audited("key.create")) == 3
    [made, *_] = [each.json()["key"]["key_id"] for each in answers if each.status_code == 201]
    await staff.did("DELETE", f"{KEYS}/{made}")
    await staff.did("POST", KEYS, wanted(7))


async def test_a_plan_is_chosen_with_an_audit_row(staff: Staff) -> None:
    assert [tuple(row) for row in await staff.audited("tenant.plan")] == [
        ("test", f"ten_{staff.tenant_id.hex}", {"plan": "business"}, {"plan": "free"})
    ]
    assert (await staff.did("GET", "/api/tenant/settings"))["plan"] == "free"


def test_a_file_that_says_something_else_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "plans.yaml"
    path.write_text("free: {limits: {sorces: 5}, rates: {messages_per_minute: 1}}")
    with pytest.raises(StartError, match=r"plans\.yaml"):
        plans.plans(path)
    path.write_text("free: {rates: {messages_per_minute: 1}}")
    with pytest.raises(StartError, match="business"):
        plans.plans(path)
