"""What the conversation actor promises, on real tables and a real bus."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from agents.stream import Address
from agents.waker import LocalWaker, sweep
from foundation.clients.bus.fakes import LocalBus
from foundation.clients.bus.valkey import ValkeyBus
from foundation.database.engine import connect
from foundation.database.roles import DatabaseUrls
from foundation.errors import ConversationNotFound, IdempotencyConflict, MessageConflict
from foundation.ids import ConversationId, TenantId, new_uuid
from foundation.tenancy import Tenancy
from tests.support.scripted import Room, names, room, until
from tests.support.tenants import audit_actions, make_tenant


@pytest.fixture
async def tenant_id(tenancy: Tenancy) -> TenantId:
    return await make_tenant(tenancy)


@pytest.fixture
async def here(tenancy: Tenancy, redis_url: str) -> AsyncIterator[Room]:
    bus = ValkeyBus(redis_url)
    async with room(tenancy, bus) as opened:
        yield opened
    await bus.close()


async def rows(tenancy: Tenancy, address: Address, columns: str, table: str) -> list[tuple[object, ...]]:
    order = "position" if table == "messages" else "positions"
    async with tenancy.session(address.tenant_id) as session:
        found = await session.execute(
            text(f"select {columns} from {table} where conversation_id = :id order by {order}"),
            {"id": address.conversation_id},
        )
        return [tuple(row) for row in found]


async def test_a_turn_is_accepted_streamed_and_stored(
    here: Room, tenant_id: TenantId, tenancy: Tenancy
) -> None:
    address = await here.open(tenant_id)
    here.agent.gate.clear()
    follower = asyncio.create_task(until(here.reader, address, "done"))
    await here.say(address, "hej")
    await here.agent.first_said.wait()
    here.agent.gate.set()
    events = await follower

    assert names(events) == ["accepted", "status", "delta", "delta", "message", "done"]
    assert events[-2].data["text"] == "echo: hej. Klart."
    assert await rows(tenancy, address, "author, kind, position", "messages") == [
        ("customer", "text", 1),
        ("agent", "text", 2),
    ]
    assert await rows(tenancy, address, "state, attempt, answer_position, release", "turns") == [
        ("done", 1, 2, 1)
    ]


async def test_turns_run_in_the_order_of_the_mailbox(here: Room, tenant_id: TenantId) -> None:
    address = await here.open(tenant_id)
    for number in range(8):
        await here.say(address, f"m{number}")
    events = await until(here.reader, address, "done", times=8)
    answers = [event.data["text"] for event in events if event.name == "message"]
    assert answers == [f"echo: m{number}. Klart." for number in range(8)]
    heard = [utterance.text for utterance in here.agent.turns[-1].history]
    assert "echo: m6. Klart." in heard
    assert "m6" in heard
    assert "m7" not in heard


async def test_the_same_message_twice_is_one_turn(here: Room, tenant_id: TenantId, tenancy: Tenancy) -> None:
    address = await here.open(tenant_id)
    sends = [
        here.mailbox.accept(address, said="hej", client_message_id="one", channel="widget") for _ in range(5)
    ]
    accepted = await asyncio.gather(*sends)
    assert len({(one.message_id, one.turn_id, one.position) for one in accepted}) == 1
    assert sum(not one.duplicate for one in accepted) == 1
    assert len(await rows(tenancy, address, "id", "turns")) == 1

    with pytest.raises(MessageConflict):
        await here.mailbox.accept(address, said="annat", client_message_id="one", channel="widget")


async def test_a_conversation_is_started_once_per_key(here: Room, tenant_id: TenantId) -> None:
    first = await here.mailbox.open(tenant_id, channel="widget", language="sv", idempotency_key="k")
    again = await here.mailbox.open(tenant_id, channel="widget", language="sv", idempotency_key="k")
    assert first == again
    with pytest.raises(IdempotencyConflict):
        await here.mailbox.open(tenant_id, channel="api", language="sv", idempotency_key="k")


async def test_another_tenants_conversation_does_not_exist(
    here: Room, tenant_id: TenantId, tenancy: Tenancy
) -> None:
    address = await here.open(tenant_id)
    stranger = Address(await make_tenant(tenancy), address.conversation_id)
    with pytest.raises(ConversationNotFound):
        await here.mailbox.accept(stranger, said="hej", client_message_id="x", channel="widget")
    with pytest.raises(ConversationNotFound):
        await here.mailbox.control(stranger, mode="human", said="", actor="test")
    with pytest.raises(ConversationNotFound):
        await here.mailbox.language(stranger)
    assert await rows(tenancy, address, "position", "messages") == []


async def test_a_reader_resumes_anywhere_without_loss_or_repeat(here: Room, tenant_id: TenantId) -> None:
    address = await here.open(tenant_id)
    here.agent.gate.clear()
    both = asyncio.Event(), asyncio.Event()
    whole = asyncio.create_task(until(here.reader, address, "done", listening=both[0]))
    await here.say(address, "hej")
    seen = await until(here.reader, address, "delta")
    resumed = asyncio.create_task(until(here.reader, address, "done", after=seen[-1].id, listening=both[1]))
    # Who comes when the turn is over reads its message, and no deltas.
    await asyncio.gather(*(each.wait() for each in both))
    here.agent.gate.set()
    rest = await resumed
    everything = await whole

    assert [event.id for event in [*seen, *rest]] == [event.id for event in everything]
    # Also from within a row that is shown as two events:
    assert names(await until(here.reader, address, "done", after=everything[-2].id)) == ["done"]


async def test_an_answer_arrives_though_the_bus_is_away(tenancy: Tenancy, tenant_id: TenantId) -> None:
    bus = LocalBus()
    async with room(tenancy, bus) as here:
        address = await here.open(tenant_id)
        bus.away = True
        await here.say(address, "hej")
        events = await until(here.reader, address, "done")
    assert names(events) == ["accepted", "message", "done"]


async def test_a_failed_model_leaves_a_partial_and_an_offer(
    here: Room, tenant_id: TenantId, tenancy: Tenancy
) -> None:
    address = await here.open(tenant_id)
    await here.say(address, "fail")
    events = await until(here.reader, address, "done")
    stored = [event for event in events if event.name in {"message", "error"}]
    assert [event.data.get("kind") for event in stored] == ["partial", None]
    assert stored[0].data["text"] == "echo: fail. "
    assert stored[1].data["code"] == "model_failed"
    assert stored[1].data["offer_person"] is True
    assert await rows(tenancy, address, "state, outcome", "turns") == [("failed", "failed")]


async def test_a_crashing_agent_is_an_apology_not_a_stack_trace(here: Room, tenant_id: TenantId) -> None:
    address = await here.open(tenant_id)
    await here.say(address, "crash")
    error = (await until(here.reader, address, "error"))[-1]
    assert error.data["code"] == "agent_failed"
    assert "planned" not in str(error.data)


async def test_a_turn_that_takes_too_long_ends(tenancy: Tenancy, tenant_id: TenantId, redis_url: str) -> None:
    bus = ValkeyBus(redis_url)
    async with room(tenancy, bus, deadline_s=0.2) as here:
        address = await here.open(tenant_id)
        here.agent.gate.clear()
        await here.say(address, "hej")
        error = (await until(here.reader, address, "error"))[-1]
        assert error.data["code"] == "turn_timeout"
    await bus.close()


async def test_a_person_takes_over_and_the_agents_reply_is_dropped(
    here: Room, tenant_id: TenantId, tenancy: Tenancy
) -> None:
    address = await here.open(tenant_id)
    here.agent.gate.clear()
    await here.say(address, "hej")
    await here.agent.first_said.wait()
    await here.mailbox.control(address, mode="human", said="En kollega tar över.", actor="staff:test")
    here.agent.gate.set()
    await here.say(address, "är du där?")
    events = await until(here.reader, address, "accepted", times=2)
    assert names(events)[-2:] == ["handover", "accepted"]
    assert "message" not in names(events)

    await here.host.idle()
    stored = await rows(tenancy, address, "author, kind, visibility", "messages")
    assert ("agent", "text", "public") not in stored
    assert ("agent", "partial", "internal") in stored
    assert await rows(tenancy, address, "state", "turns") == [("handed_over",)]
    assert await audit_actions(tenancy, tenant_id) == ["conversation.handover.human"]


async def test_the_conversation_comes_back_to_the_agent(here: Room, tenant_id: TenantId) -> None:
    address = await here.open(tenant_id)
    first = await here.mailbox.control(address, mode="human", said="", actor="staff:test")
    assert await here.mailbox.control(address, mode="human", said="", actor="staff:test") == first
    assert await here.mailbox.control(address, mode="agent", said="", actor="staff:test") == first + 1
    await here.say(address, "hej")
    assert (await until(here.reader, address, "done"))[-2].name == "message"


async def test_a_lost_wake_and_a_dead_host_cost_seconds_not_messages(
    tenancy: Tenancy, tenant_id: TenantId, redis_url: str, database_urls: DatabaseUrls
) -> None:
    bus = ValkeyBus(redis_url)
    async with room(tenancy, bus) as here:
        address = await here.open(tenant_id)
        await here.mailbox.accept(address, said="hej", client_message_id="1", channel="widget")
        async with tenancy.session(tenant_id) as session:
            # A host that died while it ran the turn: its lease is over, the turn is still `running`.
            await session.execute(
                text(
                    "update activations set host_id = :dead, incarnation = 1, epoch = 7"
                    " where conversation_id = :id"
                ),
                {"dead": new_uuid(), "id": address.conversation_id},
            )
            await session.execute(
                text(
                    "update turns set state = 'running', attempt = 1,"
                    " created_at = clock_timestamp() - interval '1 minute' where conversation_id = :id"
                ),
                {"id": address.conversation_id},
            )
        system = connect(database_urls.system)
        assert await sweep(system, LocalWaker(here.host), turn_deadline_s=60) >= 1
        events = await until(here.reader, address, "done")
        await system.dispose()
    assert "message" in names(events)
    own = [turn for turn in here.agent.turns if turn.conversation_id == address.conversation_id]
    assert [turn.attempt for turn in own] == [2]
    await bus.close()


async def test_the_third_attempt_goes_to_a_person(here: Room, tenant_id: TenantId, tenancy: Tenancy) -> None:
    address = await here.open(tenant_id)
    await here.mailbox.accept(address, said="gift", client_message_id="1", channel="widget")
    async with tenancy.session(tenant_id) as session:
        await session.execute(
            text("update turns set attempt = 2, state = 'running' where conversation_id = :id"),
            {"id": address.conversation_id},
        )
    await here.waker.wake(address)
    events = await until(here.reader, address, "handover")
    assert events[-1].data["mode"] == "human"
    assert here.agent.turns == []
    assert await rows(tenancy, address, "state", "turns") == [("handed_over",)]


async def test_a_living_owner_is_asked_to_release(
    tenancy: Tenancy, tenant_id: TenantId, redis_url: str
) -> None:
    bus = ValkeyBus(redis_url)
    async with room(tenancy, bus) as owner, room(tenancy, bus) as other:
        address = await owner.open(tenant_id)
        owner.agent.gate.clear()
        await owner.say(address, "första")
        await owner.agent.first_said.wait()
        await other.say(address, "andra")
        owner.agent.gate.set()
        events = await until(owner.reader, address, "done", times=2)
    texts = [event.data["text"] for event in events if event.name == "message"]
    assert texts == ["echo: första. Klart.", "echo: andra. Klart."]
    await bus.close()


async def test_an_unknown_conversation_is_nothing_to_wake(here: Room, tenant_id: TenantId) -> None:
    await here.waker.wake(Address(tenant_id, ConversationId(new_uuid())))
    await here.host.idle()
    assert here.agent.turns == []
