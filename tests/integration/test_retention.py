"""What a tenant keeps for a time only goes when that is over, batch by batch; everything else stays."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from agents.stream import Address
from foundation.ids import ConversationId, PersonId, new_uuid, parse, show
from foundation.tenancy import Tenancy
from serve.upkeep import retention_worker
from tests.support.desk import Staff
from tests.support.gateway import FrontDoor

pytestmark = pytest.mark.integration


@pytest.fixture
async def staff(door: FrontDoor, tenancy: Tenancy) -> Staff:
    return await Staff.of_new_tenant(door, tenancy)


def after(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


async def ids(staff: Staff, table: str = "conversations", column: str = "id") -> list[Any]:
    return [row[0] for row in await staff.rows(f'select "{column}" from {table} order by 1')]


async def keep(staff: Staff, **days: int) -> None:
    await staff.did("PATCH", "/api/tenant/settings", {"retention": days})


async def put_on(staff: Staff, asked: Any, days: int) -> None:
    """Have a conversation's last message said so many days later."""
    async with staff.tenancy.session(staff.tenant_id) as session:
        await session.execute(
            text(
                "update messages set created_at = created_at + make_interval(days => :days)"
                " where conversation_id = :conversation"
            ),
            {"days": days, "conversation": parse("conversation", asked["conversation_id"])},
        )


async def test_silent_conversations_go_and_those_that_go_on_stay(door: FrontDoor, staff: Staff) -> None:
    asked = [await staff.ask(f"Fråga {n}") for n in range(5)]
    await put_on(staff, asked[1], 20)
    await keep(staff, conversations=30)
    worker = replace(retention_worker(door.services), batch=2)
    await worker.clear(staff.tenant_id, after(29))
    assert len(await ids(staff)) == 5
    assert await staff.audited("retention.clear") == []

    await worker.clear(staff.tenant_id, after(31))
    assert await ids(staff) == [parse("conversation", asked[1]["conversation_id"])]
    for table in ("activations", "turns", "traces"):
        assert len(await ids(staff, table, "conversation_id")) == 1, table
    [row] = await staff.audited("retention.clear")
    assert (row.actor, row.after["conversations"]) == ("system:retention", 4)
    # Who has no conversation any more is not kept either.
    assert row.after["customers"] == 4
    assert await ids(staff, "customers") == await ids(staff, column="customer_id")
    assert (await staff.did("GET", "/api/tenant/usage"))["usage"][2]["used"] == 5  # gives nothing back


async def test_resolved_ones_and_traces_have_times_of_their_own(door: FrontDoor, staff: Staff) -> None:
    first, second = [await staff.ask(f"Fråga {n}") for n in range(2)]
    resolved = parse("conversation", first["conversation_id"])
    async with staff.tenancy.session(staff.tenant_id) as session:
        await session.execute(
            text("update conversations set status = 'resolved' where id = :id"), {"id": resolved}
        )
    await keep(staff, resolved=10, traces=5)
    worker = retention_worker(door.services)
    await worker.clear(staff.tenant_id, after(6))
    assert await ids(staff, "traces", "turn_id") == []
    assert len(await ids(staff)) == 2
    await worker.clear(staff.tenant_id, after(11))
    assert await ids(staff) == [parse("conversation", second["conversation_id"])]
    assert [row.after for row in await staff.audited("retention.clear")] == [
        {"traces": 2, "vectors": 0},
        {"conversations": 1, "customers": 1, "traces": 0, "vectors": 0},
    ]


async def test_what_is_cut_short_is_taken_up_with_what_it_counted(door: FrontDoor, staff: Staff) -> None:
    for n in range(3):
        await staff.ask(f"Fråga {n}")
    await keep(staff, conversations=1)
    worker = replace(retention_worker(door.services), batch=1)
    clearing = asyncio.create_task(worker.clear(staff.tenant_id, after(2)))
    while len(await ids(staff)) == 3:
        await asyncio.sleep(0)
    clearing.cancel()
    await asyncio.gather(clearing, return_exceptions=True)
    if clearing.cancelled():
        assert not await worker.clear(staff.tenant_id, after(2))  # somebody may be at it still
        async with staff.tenancy.session(staff.tenant_id) as session:
            await session.execute(text("update retention_runs set claimed_until = clock_timestamp()"))
        assert await worker.clear(staff.tenant_id, after(2))
    assert await ids(staff) == []
    [row] = await staff.audited("retention.clear")
    assert row.after["conversations"] == 3


async def test_the_clock_finds_tenants_with_something_to_clear_and_no_others(
    door: FrontDoor, staff: Staff, tenancy: Tenancy
) -> None:
    other = await Staff.of_new_tenant(door, tenancy)
    await other.did("PATCH", "/api/tenant/settings", {"company_name": "Behåller allt"})
    await keep(staff, traces=1)
    worker = retention_worker(door.services)
    await worker.work()
    assert len(await staff.rows("select 1 from retention_runs where done_at is not null")) == 1
    assert await other.rows("select 1 from retention_runs") == []
    async with door.services.system.connect() as connection:
        due = await connection.execute(text("select tenant_id from due_retention(interval '1 hour', 1000)"))
        assert staff.tenant_id not in due.scalars().all()


async def test_a_message_that_comes_meanwhile_keeps_its_conversation(door: FrontDoor, staff: Staff) -> None:
    asked = await staff.ask("Fråga")
    address = Address(staff.tenant_id, ConversationId(parse("conversation", asked["conversation_id"])))
    await keep(staff, conversations=1)
    async with staff.tenancy.session(staff.tenant_id) as session:
        # Holds the conversation, as a message does that is being stored.
        await session.execute(
            text("select 1 from activations where conversation_id = :conversation for no key update"),
            address.keys(),
        )
        clearing = asyncio.create_task(retention_worker(door.services).clear(staff.tenant_id, after(2)))
        await blocked(staff)
        await session.execute(
            text(
                "update messages set created_at = created_at + interval '3 days'"
                " where conversation_id = :conversation and author = 'agent'"
            ),
            address.keys(),
        )
    assert await clearing
    assert await ids(staff) == [address.conversation_id]


async def test_a_customer_with_a_newer_profile_or_conversation_stays(door: FrontDoor, staff: Staff) -> None:
    old, newer, patched = [await staff.ask(f"Fråga {n}") for n in range(3)]
    [customer] = [row.customer_id for row in await staff.rows(_CUSTOMER, id=uuid_of(old))]
    shown = show("customer", customer)
    await staff.did("PATCH", f"/api/admin/conversations/{newer['conversation_id']}", {"customer_id": shown})
    await put_on(staff, newer, 20)
    [profile] = [row.customer_id for row in await staff.rows(_CUSTOMER, id=uuid_of(patched))]
    async with staff.tenancy.session(staff.tenant_id) as session:
        later = text("update customers set updated_at = updated_at + interval '20 days' where id = :id")
        await session.execute(later, {"id": profile})
    await keep(staff, conversations=10)
    await retention_worker(door.services).clear(staff.tenant_id, after(11))
    assert await ids(staff) == [uuid_of(newer)]
    assert {customer, profile} <= set(await ids(staff, "customers"))


async def test_ended_sessions_and_mailed_tokens_go_and_others_stay(door: FrontDoor, tenancy: Tenancy) -> None:
    person_id = PersonId(new_uuid())
    known = {"person": person_id, "email": f"{person_id.hex}@example.com"}
    async with tenancy.person(person_id) as session:
        await session.execute(
            text("insert into people (id, email, name) values (:person, :email, 'A')"), known
        )
        for over in (True, False):
            value = known | {"id": new_uuid(), "hash": new_uuid().bytes, "hours": -1 if over else 1}
            await session.execute(_SESSION, value)
            await session.execute(_TOKEN, value)
    assert await retention_worker(door.services).forget_access() >= 2
    async with tenancy.person(person_id) as session:
        for table in ("sessions", "mail_tokens"):
            left = await session.execute(text(f"select expires_at > clock_timestamp() from {table}"))
            assert left.scalars().all() == [True], table


def uuid_of(asked: Any) -> UUID:
    return parse("conversation", asked["conversation_id"])


_CUSTOMER = "select customer_id from conversations where id = :id"
_SESSION = text(
    "insert into sessions (id, person_id, token_hash, device, address, expires_at)"
    " values (:id, :person, :hash, '', '', clock_timestamp() + make_interval(hours => :hours))"
)
_TOKEN = text(
    "insert into mail_tokens (hash, person_id, kind, expires_at)"
    " values (:hash, :person, 'verify', clock_timestamp() + make_interval(hours => :hours))"
)


async def blocked(staff: Staff) -> None:
    """Return when somebody waits for a lock."""
    while True:
        waiting = await staff.rows("select 1 from pg_locks where not granted")
        if waiting:
            return
        await asyncio.sleep(0.01)
