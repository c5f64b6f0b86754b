"""Turn latency with 1,000 and with 1,000,000 conversations stored: it must not grow with what is stored.

Two embedded PostgreSQLs, filled by `tests.bench.filled`, each with a host and a mailbox of its own in this
process. Turns go as `POST /api/chat/message` makes them (open, listen, accept, wake, follow to the end), one
at a time, in pairs: the small store and the large one take turns, in random order, half of them in a stored
conversation that is drawn at random and never used again, half in a new one. The agent says two sentences at
once, so that what is measured is what touches the database.

`ratio` is the median over the rounds of the large store's p50 over the small one's (aim: at most 1.25).
`SMALL`, `CONVERSATIONS`, `ROUNDS`, `TURNS` (pairs a round) change the size. A million needs about
7 GB of disk.
"""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psycopg

from agents.stream import Address, Cursor
from foundation.clients.bus.valkey import ValkeyBus
from foundation.database.engine import connect
from foundation.ids import ConversationId, TenantId, new_uuid
from foundation.log import configure_logging
from foundation.tenancy import Tenancy
from tests.bench.embedded import Embedded, embedded
from tests.bench.filled import fill
from tests.support.scripted import Room, room
from tests.support.tenants import make_tenant

TENANTS = 10
_WARM_UP = 40
"""Turns of each store that are not counted: connections, prepared statements."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is stored, and how often it is measured."""

    small: int = 1_000
    large: int = 1_000_000
    rounds: int = 5
    turns: int = 160
    """Of each store in a round."""


@dataclass(slots=True)
class Store:
    """A filled database with a host on it, and what its turns took."""

    room: Room
    rows: dict[str, int]
    disk_mb: float
    tenants: list[TenantId]
    stored: list[Address]
    """Conversations that wait to be gone on with."""
    rounds: list[list[float]] = field(default_factory=list)
    """Milliseconds, by round."""

    async def turn(self, *, new: bool) -> float:
        """Run one turn; return milliseconds from the request to the end of its answer."""
        begun = time.perf_counter()
        here = self.room
        address = await here.open(random.choice(self.tenants)) if new else self.stored.pop()
        async with here.reader.listen(address) as subscription:
            accepted = await here.mailbox.accept(
                address, said="Hur länge?", client_message_id=str(new_uuid()), channel="widget"
            )
            if not accepted.woken:
                await here.waker.wake(address)
            cursor = Cursor.just_before(accepted.position)
            following = here.reader.follow_from(address, cursor, subscription, missed=False)
            async with asyncio.timeout(30), aclosing(following):
                async for events in following:
                    if any(event.name == "done" for event in events):
                        return (time.perf_counter() - begun) * 1000
        raise AssertionError("the stream ended")

    def percentile(self, part: float) -> float:
        """Return the time that this part of the turns did not exceed: the median of the rounds' own."""
        return median(percentile(one, part) for one in self.rounds)


def measure() -> list[dict[str, Any]]:
    """Return one result, sized by the environment."""
    configure_logging("WARNING")
    plan = Plan(
        small=int(os.environ.get("SMALL", "1000")),
        large=int(os.environ.get("CONVERSATIONS", "1000000")),
        rounds=int(os.environ.get("ROUNDS", "5")),
        turns=int(os.environ.get("TURNS", "160")),
    )
    return [asyncio.run(run(plan))]


async def run(plan: Plan) -> dict[str, Any]:
    """Fill both stores, measure, and return the result."""
    begun = time.monotonic()
    async with _store(plan.small, plan) as small, _store(plan.large, plan) as large:
        filled = time.monotonic()
        await _pairs(small, large, _WARM_UP)
        for store in (small, large):
            store.rounds.clear()
        for _ in range(plan.rounds):
            await _pairs(small, large, plan.turns)
    ratios = [
        percentile(of_large, 0.5) / percentile(of_small, 0.5)
        for of_small, of_large in zip(small.rounds, large.rounds, strict=True)
    ]
    return {
        "name": "growth",
        "baseline": f"the same turns with {small.rows['conversations']:,} conversations stored, same run",
        "ratio": round(median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "p50_small_ms": round(small.percentile(0.5), 2),
        "p50_large_ms": round(large.percentile(0.5), 2),
        "p99_small_ms": round(small.percentile(0.99), 2),
        "p99_large_ms": round(large.percentile(0.99), 2),
        "conversations": large.rows["conversations"],
        "messages": large.rows["messages"],
        "turns_measured": sum(map(len, large.rounds)),
        "disk_mb": round(large.disk_mb),
        "filled_s": round(filled - begun),
        "measured_s": round(time.monotonic() - filled),
    }


def percentile(values: list[float], part: float) -> float:
    """Return the value that `part` of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


async def _pairs(small: Store, large: Store, turns: int) -> None:
    """Run one round: so many turns of each store, alternately."""
    stores = [small, large]
    taken: dict[int, list[float]] = {id(store): [] for store in stores}
    for number in range(turns):
        random.shuffle(stores)
        for store in stores:
            taken[id(store)].append(await store.turn(new=number % 2 == 0))
    for store in stores:
        store.rounds.append(taken[id(store)])


@asynccontextmanager
async def _store(conversations: int, plan: Plan) -> AsyncIterator[Store]:
    async with embedded() as services:
        tenancy = Tenancy(connect(services.settings.require("database_url")))
        bus = ValkeyBus(services.settings.require("redis_url"))
        try:
            tenants = [await make_tenant(tenancy) for _ in range(TENANTS)]
            rows = await asyncio.to_thread(fill, services.superuser_url, tenants, conversations)
            drawn = (_WARM_UP + plan.rounds * plan.turns) // 2
            stored, disk_mb = await asyncio.to_thread(_drawn, services, drawn)
            async with room(tenancy, bus) as opened:
                yield Store(opened, rows, disk_mb, tenants, stored)
        finally:
            await bus.close()
            await tenancy.close()


def _drawn(services: Embedded, number: int) -> tuple[list[Address], float]:
    """Draw stored conversations; return them and the database's size in MB."""
    with psycopg.connect(services.superuser_url) as connection:
        drawn = connection.execute(
            "select tenant_id, id from conversations order by random() limit %s", [number]
        ).fetchall()
        size = connection.execute("select pg_database_size(current_database())").fetchone()
    assert size is not None
    return [Address(TenantId(tenant), ConversationId(own)) for tenant, own in drawn], size[0] / 1e6
