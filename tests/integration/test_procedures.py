"""Procedures in real conversations: hosts come and go while a customer thinks."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import structlog
from sqlalchemy import text

from agents.host import Host
from agents.mailbox import Mailbox
from agents.stream import Address
from agents.waker import LocalWaker
from foundation.clients.bus.port import Bus
from foundation.clients.bus.valkey import ValkeyBus
from foundation.crypto import Sealer
from foundation.ids import ConversationId
from foundation.tenancy import Tenancy
from graphs.agent import Agent
from graphs.config import GraphConfig
from tests.support.pausing import KEY, asking
from tests.support.scripted import fixed_text
from tests.support.tenants import audit_actions, make_tenant
from tests.unit.graphs.fakes import shop


@pytest.fixture(autouse=True)
def plain_tracebacks() -> Iterator[None]:
    """Log as hosts do: to draw rich tracebacks takes longer than a lease lasts on a busy machine."""
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    yield
    structlog.configure(**before)


@pytest.fixture
async def bus(redis_url: str) -> AsyncIterator[Bus]:
    opened = ValkeyBus(redis_url)
    yield opened
    await opened.close()


@pytest.fixture
async def address(tenancy: Tenancy, bus: Bus) -> Address:
    tenant_id = await make_tenant(tenancy)
    opened = await Mailbox(tenancy, bus).open(
        tenant_id, channel="widget", language="sv", idempotency_key=None
    )
    return Address(tenant_id, ConversationId(opened.conversation_id))


@asynccontextmanager
async def hosted(tenancy: Tenancy, bus: Bus, config: GraphConfig) -> AsyncIterator[Host]:
    agent = Agent(config, shop()[0].ports)
    host = Host(
        tenancy=tenancy,
        bus=bus,
        agent_of=lambda _behaviour: agent,
        fixed_text=fixed_text,
        turn_deadline_s=20,
        sealer=Sealer.of(KEY),
    )
    await host.start()
    try:
        yield host
    finally:
        await host.drain(5)


async def say(
    tenancy: Tenancy, bus: Bus, address: Address, said: str, config: GraphConfig | None = None
) -> list[tuple[str, str]]:
    """Say something to a fresh host; return what it has added: author and text, or event."""
    accepted = await Mailbox(tenancy, bus).accept(
        address, said=said, client_message_id=said, channel="widget"
    )
    async with hosted(tenancy, bus, config or asking("Vilket ordernummer?", "Vart?")) as host:
        await LocalWaker(host).wake(address)
        await host.idle()
    async with tenancy.session(address.tenant_id) as session:
        found = await session.execute(
            text(
                "select author, coalesce(parts->0->>'text', '') || coalesce(parts->0->>'outcome', '') as said"
                " from messages where position > :position order by position"
            ),
            {"position": accepted.position},
        )
        return [(row.author, row.said) for row in found]


async def stored(tenancy: Tenancy, address: Address) -> int:
    async with tenancy.session(address.tenant_id) as session:
        found = await session.execute(text("select count(*) from checkpoints"))
        count: int = found.scalar_one()
        return count


async def test_a_procedure_goes_from_host_to_host(tenancy: Tenancy, bus: Bus, address: Address) -> None:
    for said, expected, rows in (
        ("Byt", "Vilket ordernummer?asked", 1),
        ("A-17", "Vart?asked", 1),
        ("Lund", "A-17 och Lundanswered", 0),
        ("inga frågor", "Då så.answered", 0),
    ):
        assert await say(tenancy, bus, address, said) == [("agent", expected)]
        assert await stored(tenancy, address) == rows


async def test_a_crash_in_a_procedure_can_be_answered_again(
    tenancy: Tenancy, bus: Bus, address: Address
) -> None:
    one = asking("Vilket ordernummer?")
    await say(tenancy, bus, address, "Byt", one)
    assert await say(tenancy, bus, address, "krascha", one) == [("system", "<failed>")]
    assert await say(tenancy, bus, address, "A-17", one) == [("agent", "A-17answered")]


async def test_a_procedure_of_another_version_goes_to_a_person(
    tenancy: Tenancy, bus: Bus, address: Address
) -> None:
    await say(tenancy, bus, address, "Byt")
    assert await say(tenancy, bus, address, "A-17", asking(version=2)) == [("system", "<handover>")]
    assert "conversation.handover.human" in await audit_actions(tenancy, address.tenant_id)


async def test_a_procedure_stays_on_its_release(tenancy: Tenancy, bus: Bus, address: Address) -> None:
    await say(tenancy, bus, address, "Byt")
    async with tenancy.session(address.tenant_id) as session:
        await session.execute(
            text("insert into releases (tenant_id, number, behaviour) values (:tenant, 2, '{}')"),
            {"tenant": address.tenant_id},
        )
    assert await say(tenancy, bus, address, "A-17") == [("agent", "Vart?asked")]


async def test_a_takeover_ends_the_procedure(tenancy: Tenancy, bus: Bus, address: Address) -> None:
    await say(tenancy, bus, address, "Byt")
    await Mailbox(tenancy, bus).control(address, mode="human", said="", actor="test")
    assert await stored(tenancy, address) == 0
