"""How long a conversation stays in a host, how it comes back, and who reads it slowly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from sqlalchemy import text

from agents.host import Host
from agents.stream import Address, Cursor, StreamEvent
from agents.waker import LocalWaker, sweep
from foundation.clients.bus.fakes import LocalBus
from foundation.clients.bus.valkey import ValkeyBus
from foundation.database.engine import connect
from foundation.database.roles import DatabaseUrls
from foundation.ids import TenantId
from foundation.tenancy import Tenancy
from tests.support.scripted import SEALER, Room, ScriptedAgent, fixed_text, names, room, until
from tests.support.tenants import make_tenant


@pytest.fixture
async def tenant_id(tenancy: Tenancy) -> TenantId:
    return await make_tenant(tenancy)


@pytest.fixture
async def here(tenancy: Tenancy, redis_url: str) -> AsyncIterator[Room]:
    bus = ValkeyBus(redis_url)
    async with room(tenancy, bus) as opened:
        yield opened
    await bus.close()


async def owner(tenancy: Tenancy, address: Address) -> tuple[object, int]:
    async with tenancy.session(address.tenant_id) as session:
        found = await session.execute(
            text("select host_id, epoch from activations where conversation_id = :id"),
            {"id": address.conversation_id},
        )
        row = found.one()
        return row.host_id, row.epoch


async def eventually_released(tenancy: Tenancy, address: Address) -> int:
    """Return the epoch once nobody owns the conversation."""
    async with asyncio.timeout(20):
        while True:
            host_id, epoch = await owner(tenancy, address)
            if host_id is None:
                return epoch
            await asyncio.sleep(0.02)


def small_host(tenancy: Tenancy, agent: ScriptedAgent, *, residents: int, idle_s: float) -> Host:
    return Host(
        tenancy=tenancy,
        bus=LocalBus(),
        agent_of=lambda _behaviour: agent,
        fixed_text=fixed_text,
        turn_deadline_s=20,
        sealer=SEALER,
        residents=residents,
        idle_s=idle_s,
    )


async def test_between_turns_a_conversation_stays_owned(
    here: Room, tenant_id: TenantId, tenancy: Tenancy
) -> None:
    address = await here.open(tenant_id)
    await here.say(address, "ett")
    await until(here.reader, address, "done")
    await here.host.idle()
    before = await owner(tenancy, address)
    accepted = await here.mailbox.accept(address, said="två", client_message_id="2", channel="widget")
    # Its owner has heard of the message with the publish that told the readers.
    assert accepted.woken
    await until(here.reader, address, "done", times=2)
    assert await owner(tenancy, address) == before == (here.host.host_id, 1)


async def test_the_least_recently_used_are_given_up_first(
    here: Room, tenant_id: TenantId, tenancy: Tenancy
) -> None:
    host = small_host(tenancy, here.agent, residents=2, idle_s=3600)
    await host.start()
    addresses = [await here.open(tenant_id) for _ in range(4)]
    for address in (*addresses, addresses[0]):
        await here.mailbox.accept(address, said="hej", client_message_id=f"{address}", channel="widget")
        host.wake(address)
        await host.idle()
    # The first was used again at the end, so the second and third are the oldest.
    for address in addresses[1:3]:
        await eventually_released(tenancy, address)
    assert host.active == 2
    assert {(await owner(tenancy, address))[0] for address in (addresses[0], addresses[3])} == {host.host_id}
    await host.drain(5)


async def test_an_idle_conversation_is_given_up_and_comes_back(
    here: Room, tenant_id: TenantId, tenancy: Tenancy
) -> None:
    host = small_host(tenancy, here.agent, residents=100, idle_s=0.1)
    await host.start()
    address = await here.open(tenant_id)
    await here.mailbox.accept(address, said="ett", client_message_id="1", channel="widget")
    host.wake(address)
    await until(here.reader, address, "done")
    assert await eventually_released(tenancy, address) == 1
    assert host.active == 0
    await here.mailbox.accept(address, said="två", client_message_id="2", channel="widget")
    host.wake(address)
    events = await until(here.reader, address, "done", times=2)
    assert names(events).count("message") == 2
    assert [said.text for said in here.agent.turns[-1].history] == ["ett", "echo: ett. Klart."]
    assert await eventually_released(tenancy, address) == 2
    await host.drain(5)


async def test_a_clean_stop_finishes_what_runs(here: Room, tenant_id: TenantId) -> None:
    address = await here.open(tenant_id)
    here.agent.gate.clear()
    await here.say(address, "hej")
    await here.agent.first_said.wait()
    stopping = asyncio.create_task(here.host.drain(20))
    here.agent.gate.set()
    await stopping
    assert names(await until(here.reader, address, "done"))[-2:] == ["message", "done"]


async def test_what_a_stop_cannot_finish_another_host_runs_at_once(
    here: Room, tenant_id: TenantId, tenancy: Tenancy, redis_url: str, database_urls: DatabaseUrls
) -> None:
    address = await here.open(tenant_id)
    here.agent.gate.clear()
    await here.say(address, "hej")
    await here.agent.first_said.wait()
    await here.host.drain(0.05)
    bus = ValkeyBus(redis_url)
    system = connect(database_urls.system)
    async with room(tenancy, bus) as other:
        # No lease has to run out: the host gave its own up.
        assert await sweep(system, LocalWaker(other.host), turn_deadline_s=60) >= 1
        events = await until(other.reader, address, "done")
        # Of this tenant's: the sweep also wakes what other tests have left behind.
        assert [turn.attempt for turn in other.agent.turns if turn.tenant_id == tenant_id] == [2]
    assert "message" in names(events)
    await system.dispose()
    await bus.close()


async def test_a_slow_reader_holds_up_nobody_and_misses_nothing_stored(
    here: Room, tenant_id: TenantId
) -> None:
    turns = 150
    address = await here.open(tenant_id)
    seen: list[StreamEvent] = []
    async with aclosing(here.reader.follow(address, Cursor())) as slow:
        await anext(slow)
        for number in range(turns):
            await here.say(address, f"m{number}")
            await here.host.idle()
        # More was published than a reader's queue holds; the turns did not wait for it.
        assert len(here.agent.turns) == turns
        async with asyncio.timeout(30):
            async for batch in slow:
                seen += batch
                if sum(event.name == "done" for event in seen) == turns:
                    break
    stored = [event for event in seen if event.name in {"accepted", "message", "done"}]
    assert len(stored) == 3 * turns
    assert len({event.id for event in seen}) == len(seen)
    said = [event.data["text"] for event in seen if event.name == "message"]
    assert said == [f"echo: m{number}. Klart." for number in range(turns)]
