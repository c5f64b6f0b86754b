"""An agent that says what the test tells it, and the rooms around it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from agents.follow import Reader
from agents.host import Host
from agents.mailbox import Mailbox
from agents.stream import Address, Cursor, StreamEvent
from agents.waker import LocalWaker
from foundation.clients.bus.port import Bus
from foundation.crypto import Sealer
from foundation.ids import ConversationId, TenantId
from foundation.tenancy import Tenancy
from foundation.turns import Answer, Delta, Failure, Language, ReplyEvent, Status, Turn


@dataclass
class ScriptedAgent:
    """Answers `echo: <text>` in two sentences; `fail` and `crash` do that; `gate` holds it after one."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    first_said: asyncio.Event = field(default_factory=asyncio.Event)
    turns: list[Turn] = field(default_factory=list)

    async def run(self, turn: Turn, _saver: object = None) -> AsyncGenerator[ReplyEvent, None]:
        self.turns.append(turn)
        yield Status(stage="writing")
        yield Delta(text=f"echo: {turn.text}. ")
        self.first_said.set()
        await self.gate.wait()
        if turn.text == "crash":
            raise RuntimeError("planned")
        if turn.text == "fail":
            yield Failure(code="model_failed", text="Tyvärr.", language="sv")
            return
        yield Delta(text="Klart.")
        yield Answer(text=f"echo: {turn.text}. Klart.", outcome="answered", language="sv", confidence=0.9)


SEALER = Sealer.of("5e" * 32)


def fixed_text(name: str, _language: Language | None) -> str:
    return f"<{name}>"


@dataclass(frozen=True)
class Room:
    """A host, a mailbox and a reader on real tables."""

    host: Host
    mailbox: Mailbox
    reader: Reader
    waker: LocalWaker
    agent: ScriptedAgent

    async def open(self, tenant_id: TenantId) -> Address:
        opened = await self.mailbox.open(tenant_id, channel="widget", language="sv", idempotency_key=None)
        return Address(tenant_id, ConversationId(opened.conversation_id))

    async def say(self, address: Address, said: str, message_id: str | None = None) -> None:
        await self.mailbox.accept(address, said=said, client_message_id=message_id or said, channel="widget")
        await self.waker.wake(address)


@asynccontextmanager
async def room(tenancy: Tenancy, bus: Bus, *, deadline_s: float = 20) -> AsyncIterator[Room]:
    agent = ScriptedAgent()
    agent.gate.set()
    host = Host(
        tenancy=tenancy,
        bus=bus,
        agent_of=lambda _behaviour: agent,
        fixed_text=fixed_text,
        turn_deadline_s=deadline_s,
        sealer=SEALER,
    )
    await host.start()
    try:
        yield Room(host, Mailbox(tenancy, bus), Reader(tenancy, bus), LocalWaker(host), agent)
    finally:
        await host.drain(5)


async def until(
    reader: Reader,
    address: Address,
    name: str,
    *,
    times: int = 1,
    after: str | None = None,
    listening: asyncio.Event | None = None,
) -> Sequence[StreamEvent]:
    """Follow until the `times`-th event of this name; return all events up to it.

    `listening` is set once what there was has been read and whatever comes is heard.
    """
    events: list[StreamEvent] = []
    async with asyncio.timeout(20), aclosing(reader.follow(address, Cursor.parse(after))) as following:
        async for batch in following:
            if listening is not None:
                listening.set()
            for event in batch:
                events.append(event)
                if sum(seen.name == name for seen in events) == times:
                    return events
    raise AssertionError("the stream ended")


def names(events: Sequence[StreamEvent]) -> list[str]:
    return [event.name for event in events]
