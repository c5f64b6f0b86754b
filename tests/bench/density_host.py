"""The host that `tests.bench.density` fills with idle conversations: what runs in its process."""

import asyncio
import gc
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import psutil
import psycopg

from agents.host import Host
from agents.mailbox import Mailbox
from agents.pace import Lag, Limit, Sharing
from agents.stream import Address
from foundation.clients.bus.valkey import ValkeyBus
from foundation.crypto import sealer_of
from foundation.database.engine import connect
from foundation.ids import ConversationId, TenantId, new_uuid
from foundation.tenancy import Tenancy
from foundation.turns import ReplyEvent, Turn
from tests.bench.embedded import Embedded
from tests.light.agent import LightAgent
from tests.light.host import fixed_text

_AT_ONCE = 500
"""Conversations that are woken before the host may rest again."""
_LONG_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How many conversations; all are stored before."""

    idle: int = 100_000
    answered: int = 3_000
    """Of the idle, those that answered a real turn here."""
    warm_up: int = 500
    """Of the idle, those that answered before memory was measured first."""

    @property
    def activations(self) -> int:
        """How often the way from the database to the begun turn is timed."""
        return min(500, self.more)

    @property
    def more(self) -> int:
        """Those beyond the host's cap."""
        return self.idle // 10

    @property
    def conversations(self) -> int:
        return self.idle + self.more


@dataclass(frozen=True, slots=True)
class Seen:
    """What was measured. Lags: how late the host's event loop was at worst."""

    empty_mb: float
    full_mb: float
    bytes_per_idle: float
    bytes_per_answered: float
    activated_per_s: float
    at_cap_lag_ms: float
    activation_p50_ms: float
    activation_p99_ms: float
    dropped: int
    dropped_s: float
    dropped_lag_ms: float
    lease_kept: bool


class TimedAgent(LightAgent):
    """The light agent, which also counts its turns and notes when the last one began."""

    def __init__(self, sentences: int) -> None:
        super().__init__(sentences)
        self.turns = 0
        self.begun_at = 0.0
        self.begun = asyncio.Event()

    async def run(self, turn: Turn, _saver: object = None) -> AsyncGenerator[ReplyEvent, None]:
        self.turns += 1
        self.begun_at = time.perf_counter()
        self.begun.set()
        async for event in super().run(turn):
            yield event


async def live(services: Embedded, tenants: Sequence[TenantId], plan: Plan) -> Seen:
    """Run a host through the plan and return what was seen.

    Raises:
        AssertionError: the host and the database do not agree about what is active.
    """
    url = services.settings.require("database_url")
    tenancy, lease_engine = Tenancy(connect(url)), connect(url, pool_size=1)
    bus = ValkeyBus(services.settings.require("redis_url"))
    agent = TimedAgent(5)
    host = Host(
        tenancy=tenancy,
        bus=bus,
        agent_of=lambda _behaviour: agent,
        fixed_text=fixed_text,
        turn_deadline_s=30,
        sealer=sealer_of(services.settings),
        lease_engine=lease_engine,
        residents=plan.idle,
        idle_s=_LONG_S,
    )
    await host.start()
    lag = Lag()
    watching = asyncio.create_task(lag.watch(Limit(1), lambda: 0, Sharing()))
    try:
        with psycopg.connect(services.superuser_url, autocommit=True) as watched:
            return await _Life(host, Mailbox(tenancy, bus), agent, lag, watched, tenants).live(plan)
    finally:
        watching.cancel()
        await host.drain(5)
        await bus.close()
        await tenancy.close()
        await lease_engine.dispose()


@dataclass(slots=True)
class _Life:
    """The host, and what is done to it."""

    host: Host
    mailbox: Mailbox
    agent: TimedAgent
    lag: Lag
    watched: "psycopg.Connection[tuple[Any, ...]]"
    tenants: Sequence[TenantId]

    async def live(self, plan: Plan) -> Seen:
        waiting = self._conversations(waiting=True)
        await self._wake(waiting, plan.warm_up)
        empty = _memory()
        await self._wake(waiting, plan.answered)
        answered = _memory()
        assert self.agent.turns == plan.warm_up + plan.answered, "not every waiting turn was run"
        begun = time.monotonic()
        others = self._conversations(waiting=False)
        rest = plan.idle - plan.warm_up - plan.answered
        await self._wake(others, rest)
        activated_per_s = rest / (time.monotonic() - begun)
        full = _memory()
        await self._agreed(plan.idle)

        self.lag.take_worst_ms()
        await self._wake(others, plan.more)
        await self._down_to(plan.idle)
        at_cap_lag_ms = self.lag.take_worst_ms()
        taken = sorted([await self._activation(one) for one in await self._let_go(plan.activations)])

        self.lag.take_worst_ms()
        begun, before = time.monotonic(), self.host.active
        self.host._residents = plan.idle // 10
        await self._down_to(plan.idle // 10)
        return Seen(
            empty_mb=empty / 1e6,
            full_mb=full / 1e6,
            bytes_per_idle=(full - empty) / (plan.idle - plan.warm_up),
            bytes_per_answered=(answered - empty) / plan.answered,
            activated_per_s=activated_per_s,
            at_cap_lag_ms=at_cap_lag_ms,
            activation_p50_ms=taken[len(taken) // 2],
            activation_p99_ms=taken[int(len(taken) * 0.99)],
            dropped=before - self.host.active,
            dropped_s=time.monotonic() - begun,
            dropped_lag_ms=self.lag.take_worst_ms(),
            lease_kept=self.host._lease.held,
        )

    async def _wake(self, conversations: AsyncIterator[Address], number: int) -> None:
        """Wake so many and wait until all are idle. Nothing of them is kept here."""
        for left in range(number, 0, -1):
            self.host.wake(await anext(conversations))
            if left % _AT_ONCE == 1:
                await self.host.idle()

    async def _conversations(self, *, waiting: bool) -> AsyncIterator[Address]:
        """Yield conversations that were never active here, with or without a queued turn."""
        for tenant_id in self.tenants:
            after = UUID(int=0)
            while True:
                values = {"tenant": tenant_id, "after": after, "position": 4 if waiting else 5}
                page = await self._ask(_PAGE, values | {"limit": _AT_ONCE})
                for [after] in page:
                    # As from a wake's payload: ids that nobody else holds.
                    yield Address(TenantId(UUID(int=tenant_id.int)), ConversationId(after))
                if len(page) < _AT_ONCE:
                    break

    async def _let_go(self, number: int) -> list[Address]:
        """Draw conversations that were active here and are so no more."""
        drawn = await self._ask(_LET_GO, {"number": number})
        assert len(drawn) == number
        return [Address(TenantId(tenant), ConversationId(own)) for tenant, own in drawn]

    async def _activation(self, address: Address) -> float:
        """Send a message to a conversation that nobody owns; return ms from its wake to the begun turn."""
        accepted = await self.mailbox.accept(
            address, said="Är ni kvar?", client_message_id=str(new_uuid()), channel="widget"
        )
        assert not accepted.woken, "somebody owns it"
        self.agent.begun.clear()
        begun = time.perf_counter()
        self.host.wake(address)
        # A host that has lost its lease for a moment begins the turn when it has it back: that counts, too.
        async with asyncio.timeout(30):
            await self.agent.begun.wait()
        took_ms = (self.agent.begun_at - begun) * 1000
        await self.host.idle()
        return took_ms

    async def _down_to(self, active: int) -> None:
        """Wait until the host has let go of all above this number, in the database too."""
        async with asyncio.timeout(120):
            while self.host.active > active or await self._owned() > active:
                await asyncio.sleep(0.05)
        await self._agreed(active)

    async def _agreed(self, active: int) -> None:
        assert self.host.active == active, (self.host.active, active)
        owned = await self._owned()
        assert owned == active, (owned, active)

    async def _owned(self) -> int:
        [[owned]] = await self._ask(_OWNED, {"host": self.host.host_id})
        return int(owned)

    async def _ask(self, statement: LiteralString, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Look into the database, off the host's loop."""

        def ask() -> list[tuple[Any, ...]]:
            return self.watched.execute(statement, values).fetchall()

        return await asyncio.to_thread(ask)


def _memory() -> int:
    """Return the resident bytes of this process."""
    gc.collect()
    return int(psutil.Process().memory_info().rss)


_PAGE: LiteralString = """
select conversation_id from activations
where tenant_id = %(tenant)s and conversation_id > %(after)s and position = %(position)s and epoch = 1
order by conversation_id limit %(limit)s
"""
_LET_GO: LiteralString = """
select tenant_id, conversation_id from activations where host_id is null and epoch > 1
order by random() limit %(number)s
"""
_OWNED: LiteralString = "select count(*) from activations where host_id = %(host)s"
