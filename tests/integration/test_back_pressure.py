"""Queues are bounded: beyond them a message is refused with 429, and nothing of it is stored."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from agents.acceptance import QueueLimits
from agents.back_pressure import BackPressure
from agents.mailbox import Mailbox
from agents.stream import Address
from foundation.clients.bus.fakes import LocalBus
from foundation.errors import QueueFull
from foundation.ids import TenantId
from foundation.tenancy import Tenancy
from tests.support.scripted import Room, room, until
from tests.support.tenants import make_tenant

LIMITS = QueueLimits(conversation=3, tenant=5, host=2)


@pytest.fixture
async def tenant_id(tenancy: Tenancy) -> TenantId:
    return await make_tenant(tenancy)


@pytest.fixture
async def here(tenancy: Tenancy) -> AsyncIterator[Room]:
    async with room(tenancy, LocalBus()) as opened:
        yield replace(opened, mailbox=Mailbox(tenancy, opened.mailbox.bus, LIMITS, BackPressure(wait_s=0)))


async def drop(here: Room, address: Address, *said: str) -> None:
    """Accept messages that nobody is woken for."""
    for one in said:
        await here.mailbox.accept(address, said=one, client_message_id=one, channel="widget")


async def messages(tenancy: Tenancy, tenant_id: TenantId) -> int:
    async with tenancy.session(tenant_id) as session:
        return int((await session.execute(text("select count(*) from messages"))).scalar_one())


async def test_a_conversations_queue_is_bounded(here: Room, tenancy: Tenancy, tenant_id: TenantId) -> None:
    address = await here.open(tenant_id)
    await drop(here, address, "1", "2", "3")
    with pytest.raises(QueueFull) as refused:
        await drop(here, address, "4")
    assert refused.value.data["reason"] == "conversation_queue"
    assert await messages(tenancy, tenant_id) == 3
    # A repeat of what was accepted is no new message.
    await drop(here, address, "3")
    # Once answered there is room again.
    await here.waker.wake(address)
    await until(here.reader, address, "done", times=3)
    await drop(here, address, "4")


async def test_a_tenants_queue_is_bounded_and_no_other_tenants(
    here: Room, tenancy: Tenancy, tenant_id: TenantId
) -> None:
    first, second = await here.open(tenant_id), await here.open(tenant_id)
    await drop(here, first, "1", "2", "3")
    await drop(here, second, "1", "2")
    with pytest.raises(QueueFull) as refused:
        await drop(here, second, "3")
    assert refused.value.data["reason"] == "tenant_queue"
    assert here.mailbox.pressure.share(tenant_id) == 1
    other = await make_tenant(tenancy)
    await drop(here, await here.open(other), "1")
    assert here.mailbox.pressure.share(other) == 0


async def test_a_full_queue_refuses_neither_a_repeat_nor_what_a_person_is_told(
    here: Room, tenancy: Tenancy, tenant_id: TenantId
) -> None:
    first, second, with_a_person = [await here.open(tenant_id) for _ in range(3)]
    await here.mailbox.control(with_a_person, mode="human", said="", actor="test")
    await drop(here, first, "1", "2", "3")
    await drop(here, second, "1", "2")
    for _ in range(2):
        with pytest.raises(QueueFull):
            await drop(here, second, "3")
    before = await messages(tenancy, tenant_id)
    await drop(here, first, "3")
    assert await messages(tenancy, tenant_id) == before
    await drop(here, with_a_person, "are you there?")
    assert await messages(tenancy, tenant_id) == before + 1


async def test_a_hosts_queue_is_bounded(here: Room, tenancy: Tenancy, tenant_id: TenantId) -> None:
    address = await here.open(tenant_id)
    async with tenancy.engine.begin() as connection:
        await connection.execute(
            text("update hosts set stats = '{\"waiting\": 2}' where lease_until > clock_timestamp()")
        )
    with pytest.raises(QueueFull) as refused:
        await drop(here, address, "1")
    assert refused.value.data["reason"] == "host_queue"
    # The next heartbeat says that nothing waits.
    await here.host._lease.renew(here.host.stats())
    await drop(here, address, "1")
