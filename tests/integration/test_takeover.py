"""A takeover is absolute, whatever happens around it: random interleavings of everything that can."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from agents.follow import Reader
from agents.host import Host
from agents.mailbox import Mailbox
from agents.stream import Address, Cursor, StreamEvent
from foundation.clients.bus.port import Post
from foundation.clients.bus.valkey import ValkeyBus
from foundation.ids import TenantId
from foundation.tenancy import Tenancy
from foundation.turns import Answer, Delta, ReplyEvent, Status, Turn
from tests.support.scripted import SEALER, fixed_text
from tests.support.tenants import make_tenant

AGENT = {"delta", "status", "citation", "reset"}
STEPS = ("say", "take over", "give back", "let go", "leave and come back", "pass the time")


class ChattyAgent:
    """Says six sentences, giving everybody else a chance in between."""

    async def run(self, turn: Turn, _saver: object = None) -> AsyncGenerator[ReplyEvent, None]:
        yield Status(stage="writing")
        for number in range(6):
            await asyncio.sleep(0.001 * (number % 3))
            yield Delta(text=f"{number}. ")
        yield Answer(text=f"echo: {turn.text}", outcome="answered", language="sv")


class LateBus(ValkeyBus):
    """A host's bus: what it publishes comes some milliseconds late, as from a busy process."""

    async def post(self, *posts: Post) -> list[int]:
        await asyncio.sleep(0.004)
        return await super().post(*posts)


@dataclass
class Client:
    """Follows a conversation, and comes back where it left off."""

    reader: Reader
    address: Address
    seen: list[StreamEvent] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    def come(self) -> None:
        self.task = asyncio.create_task(self._follow())

    async def leave(self) -> None:
        assert self.task is not None
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    async def until_seen(self, position: int) -> None:
        async with asyncio.timeout(30):
            while not self.seen or int(self.seen[-1].id.split(".")[0]) < position:
                await asyncio.sleep(0.01)

    async def _follow(self) -> None:
        cursor = Cursor.parse(self.seen[-1].id if self.seen else None)
        async with aclosing(self.reader.follow(self.address, cursor)) as following:
            async for batch in following:
                self.seen += batch


@dataclass
class Stage:
    """Two hosts, two readers, one bus."""

    hosts: tuple[Host, Host]
    mailbox: Mailbox
    readers: tuple[Reader, Reader]
    tenant_id: TenantId


@pytest.fixture
async def stage(tenancy: Tenancy, redis_url: str) -> AsyncIterator[Stage]:
    buses = LateBus(redis_url), ValkeyBus(redis_url)

    def host(bus: ValkeyBus) -> Host:
        return Host(
            tenancy=tenancy,
            bus=bus,
            agent_of=lambda _behaviour: ChattyAgent(),
            fixed_text=fixed_text,
            turn_deadline_s=20,
            sealer=SEALER,
        )

    hosts = host(buses[0]), host(buses[1])
    for each in hosts:
        await each.start()
    yield Stage(
        hosts,
        Mailbox(tenancy, buses[1]),
        (Reader(tenancy, buses[0]), Reader(tenancy, buses[1])),
        await make_tenant(tenancy),
    )
    for each in hosts:
        await each.drain(5)
    for bus in buses:
        await bus.close()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 1)), min_size=4, max_size=24))
async def test_nothing_of_the_agents_follows_a_takeover(
    stage: Stage, tenancy: Tenancy, steps: list[tuple[str, int]]
) -> None:
    opened = await stage.mailbox.open(stage.tenant_id, channel="widget", language="sv", idempotency_key=None)
    address = Address(stage.tenant_id, opened.conversation_id)
    clients = [Client(reader, address) for reader in stage.readers]
    for client in clients:
        client.come()
    try:
        for number, (step, which) in enumerate(steps):
            await _take(Step(step, f"m{number}", which), stage, address, clients)
        await _settled(stage, tenancy, address)
        rows = await _rows(tenancy, address)
        for client in clients if rows else ():
            await client.until_seen(rows[-1][0])
    finally:
        for client in clients:
            await client.leave()
    for client in clients:
        _check_stream(client.seen)
    _check_rows(rows)


@dataclass(frozen=True)
class Step:
    """What happens next, what is said if something is, and which host or client it concerns."""

    what: str
    said: str
    which: int


async def _take(step: Step, stage: Stage, address: Address, clients: list[Client]) -> None:
    host, client = stage.hosts[step.which], clients[step.which]
    match step.what:
        case "say":
            accepted = await stage.mailbox.accept(
                address, said=step.said, client_message_id=step.said, channel="widget"
            )
            if not accepted.woken:
                host.wake(address)
        case "take over":
            await stage.mailbox.control(address, mode="human", said="", actor="test")
        case "give back":
            await stage.mailbox.control(address, mode="agent", said="", actor="test")
        case "let go":
            # Another host wants it, as after a change of the ring.
            host.wake(address)
        case "leave and come back":
            await client.leave()
            client.come()
        case _:
            await asyncio.sleep(0.003)


async def _settled(stage: Stage, tenancy: Tenancy, address: Address) -> None:
    """Wait until no turn is unanswered; hosts that let go of one are woken as the sweeper would."""
    async with asyncio.timeout(60):
        while True:
            for host in stage.hosts:
                await host.idle()
            async with tenancy.session(address.tenant_id) as session:
                left = await session.execute(
                    text(
                        "select 1 from turns where conversation_id = :id and state in ('queued', 'running')"
                    ),
                    {"id": address.conversation_id},
                )
                if left.first() is None:
                    return
            stage.hosts[0].wake(address)


async def _rows(tenancy: Tenancy, address: Address) -> list[tuple[int, str, str, str]]:
    """Return position, author, kind and, of control rows, the mode."""
    async with tenancy.session(address.tenant_id) as session:
        found = await session.execute(
            text(
                "select position, author, kind, coalesce(parts->0->>'mode', '') as mode from messages"
                " where conversation_id = :id and visibility = 'public' order by position"
            ),
            {"id": address.conversation_id},
        )
        return [tuple(row) for row in found]


def _check_stream(seen: list[StreamEvent]) -> None:
    mode = "agent"
    for event in seen:
        if event.name == "handover":
            mode = event.data["mode"]
        of_agent = event.name in AGENT or (event.name == "message" and event.data["author"] == "agent")
        assert not (of_agent and mode == "human"), [(each.name, each.id) for each in seen]
    assert len({event.id for event in seen}) == len(seen)


def _check_rows(rows: list[tuple[int, str, str, str]]) -> None:
    mode = "agent"
    for _, author, kind, control in rows:
        if control:
            mode = control
        assert not (author == "agent" and kind == "text" and mode == "human"), rows
