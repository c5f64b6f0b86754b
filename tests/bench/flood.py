"""One tenant floods: how much longer another tenant waits for its answers.

The whole light stack over HTTP, two tenants. 64 clients of one tenant send messages through the widget route
as fast as they are accepted, without waiting for answers; half of them wait after a 429 as it says, the
others ask again after 50 ms. A server of the other tenant has one message answered at a time
(`POST /api/chat/message`), first while all is quiet, then during the flood, and that several times over;
between the two the flooded queue empties.

`ratio` is its p95 during the flood over its quiet p95, medians over the rounds (aim: at most 2).
`flood_turns_per_s` are answers to the tenant that floods, `refused` its messages that were refused with 429.
`quiet_where_ms` and `flood_where_ms` are the stretches of the quiet tenant's turns, medians, by the rows' own
times: until it was `accepted`, then `begun` by the host, then `finished` there, then `told` to the client;
`flood_where_p95_ms` are the 95th percentiles of these.
`quiet_cpu_s` and `flood_cpu_s` are what the parts used of a core, in seconds a second. The clients that flood
take their share of this machine, too (`flood_clients`): on two cores that alone slows everybody.
`CLIENTS`, `ROUNDS`, `SECONDS`, `HOSTS`, `GATEWAYS`, `INGRESS` change the size as in `tests.bench.turns`.
"""

import asyncio
import multiprocessing
import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing.synchronize import Event
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg

from agents.acceptance import QueueLimits
from foundation.ids import parse
from tests.bench.embedded import our_database
from tests.bench.flood_clients import Flooded, flood, obey
from tests.bench.growth import percentile
from tests.bench.load.cpu import CpuClock
from tests.light.stack import Keys, LightStack, light_stack

_FULL = 0.95
"""How full the queue of the tenant that floods is, before it counts."""
_MOST_FILLING_S = 15.0
"""If they are answered as fast as they come, the queue never fills."""
_MOST_DRAINED_S = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How large."""

    clients: int = 64
    rounds: int = 4
    seconds: float = 10.0
    """Of each measurement, quiet and flooded."""
    flood_sentences: int = 20
    """Of an answer to the tenant that floods."""
    queue: int = QueueLimits().tenant
    """Turns of a tenant that may wait, as the stack was started with."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An answered message; seconds since 1970."""

    turn_id: UUID
    sent: float
    told: float

    @property
    def ms(self) -> float:
        return (self.told - self.sent) * 1000


@dataclass(frozen=True, slots=True)
class Window:
    """The quiet tenant's turns of one measurement, and what the parts used meanwhile."""

    asked: list[Asked]
    where_ms: dict[str, float]
    """Medians, by the stretches of a turn's way."""
    late_where_ms: dict[str, float]
    """Their 95th percentiles."""
    cpu_s: dict[str, float]
    """Seconds of a core a second, by part."""

    @property
    def turns(self) -> list[float]:
        """Return what each turn took, in ms."""
        return [one.ms for one in self.asked]


@dataclass(frozen=True, slots=True)
class Round:
    """A quiet and a flooded measurement."""

    quiet: Window
    flooded: Window
    flood_turns_per_s: float
    flood: Flooded


def measure() -> list[dict[str, Any]]:
    """Return one result, sized by the environment."""
    plan = Plan(
        clients=int(os.environ.get("CLIENTS", "64")),
        rounds=int(os.environ.get("ROUNDS", "4")),
        seconds=float(os.environ.get("SECONDS", "10")),
    )
    with light_stack(
        hosts=int(os.environ.get("HOSTS", "1")),
        gateways=int(os.environ.get("GATEWAYS", "1")),
        haproxy=os.environ.get("INGRESS", "haproxy") == "haproxy",
        throughput=True,
    ) as stack:
        return [result(asyncio.run(run(stack, plan)))]


async def run(stack: LightStack, plan: Plan) -> list[Round]:
    """Measure on a running stack."""
    flooding = stack.add_tenant(plan.flood_sentences)
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=obey, initargs=(stop,)) as process:
        client_pid = await asyncio.get_running_loop().run_in_executor(process, os.getpid)
        async with _Server(stack) as server:
            bench = _Bench(stack, server, flooding, process, stop, client_pid)
            await bench.measured(2.0)  # not counted
            return [await bench.round(plan) for _ in range(plan.rounds)]


def result(rounds: list[Round]) -> dict[str, Any]:
    """Return the line of figures."""
    quiet = [percentile(one.quiet.turns, 0.95) for one in rounds]
    flooded = [percentile(one.flooded.turns, 0.95) for one in rounds]
    refused: Counter[str] = sum((one.flood.refused for one in rounds), Counter())
    return {
        "name": "flood",
        "baseline": "the same tenant's turns while nobody floods, in the same run",
        "ratio": round(median(flooded) / median(quiet), 2),
        "ratios": [round(one / other, 2) for one, other in zip(flooded, quiet, strict=True)],
        "p95_quiet_ms": round(median(quiet), 1),
        "p95_flood_ms": round(median(flooded), 1),
        "p50_quiet_ms": round(median(median(one.quiet.turns) for one in rounds), 1),
        "p50_flood_ms": round(median(median(one.flooded.turns) for one in rounds), 1),
        "flood_turns_per_s": round(median(one.flood_turns_per_s for one in rounds), 1),
        "accepted": sum(one.flood.accepted for one in rounds),
        "refused": refused.total(),
        "refused_by": dict(refused),
        "turns_quiet": sum(len(one.quiet.turns) for one in rounds),
        "turns_flood": sum(len(one.flooded.turns) for one in rounds),
        "quiet_where_ms": _medians([one.quiet.where_ms for one in rounds], 1),
        "flood_where_ms": _medians([one.flooded.where_ms for one in rounds], 1),
        "flood_where_p95_ms": _medians([one.flooded.late_where_ms for one in rounds], 1),
        "quiet_cpu_s": _medians([one.quiet.cpu_s for one in rounds], 3),
        "flood_cpu_s": _medians([one.flooded.cpu_s for one in rounds], 3),
    }


class _Server:
    """The other tenant's server: one conversation, one message at a time."""

    def __init__(self, stack: LightStack) -> None:
        headers = {"Authorization": f"Bearer {stack.keys.server_key}"}
        self._client = httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60)
        self._conversation: str | None = None

    async def __aenter__(self) -> "_Server":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def ask(self) -> Asked:
        """Have one message answered.

        Raises:
            httpx.HTTPStatusError: it was refused.
        """
        body = {"message": "How long?", "client_message_id": uuid4().hex}
        if self._conversation is not None:
            body["conversation_id"] = self._conversation
        sent = time.time()
        response = await self._client.post("/api/chat/message", json=body)
        response.raise_for_status()
        told, answer = time.time(), response.json()
        self._conversation = answer["conversation_id"]
        return Asked(parse("turn", answer["turn_id"]), sent, told)


@dataclass(frozen=True, slots=True)
class _Bench:
    stack: LightStack
    server: _Server
    flooding: Keys
    process: ProcessPoolExecutor
    """Where the flood comes from."""
    stop: Event
    """Ends it."""
    client_pid: int

    async def round(self, plan: Plan) -> Round:
        quiet = await self.measured(plan.seconds)
        self.stop.clear()
        flooding = asyncio.get_running_loop().run_in_executor(
            self.process, flood, self.stack.url, self.flooding.widget_key, plan.clients
        )
        try:
            await self._filled(plan)
            before, begun = await self._turns("done"), time.monotonic()
            flooded = await self.measured(plan.seconds)
            per_s = (await self._turns("done") - before) / (time.monotonic() - begun)
        finally:
            self.stop.set()
        done = await flooding
        async with asyncio.timeout(_MOST_DRAINED_S):
            while await self._turns("queued", "running"):
                await asyncio.sleep(0.2)
        return Round(quiet, flooded, per_s, done)

    async def _filled(self, plan: Plan) -> None:
        """Wait until the flooded queue is full and the host has found its pace."""
        until = time.monotonic() + _MOST_FILLING_S
        while time.monotonic() < until and await self._turns("queued", "running") < _FULL * plan.queue:
            await asyncio.sleep(0.2)

    async def measured(self, seconds: float) -> Window:
        """Have the quiet tenant's messages answered for so long, one after the other."""
        clock, begun = CpuClock(self._parts), time.monotonic()
        asked = []
        while time.monotonic() < begun + seconds:
            asked.append(await self.server.ask())
        passed = time.monotonic() - begun
        cpu_s = {part: used / passed for part, used in clock.seconds().items()}
        where = await asyncio.to_thread(_where, self.stack, asked)
        late = {part: percentile(ms, 0.95) for part, ms in where.items()}
        return Window(asked, {part: median(ms) for part, ms in where.items()}, late, cpu_s)

    def _parts(self) -> dict[str, list[int]]:
        return {
            "flood_clients": [self.client_pid],
            "proxy": self.stack.proxies(),
            "gateway": self.stack.gateways(),
            "host": self.stack.hosts(),
            "postgres": [self.stack.postgres()],
            "valkey": [self.stack.valkey()],
            "serve_controller": [self.stack.controller()],
        }

    async def _turns(self, *states: str) -> int:
        """Return how many turns of the tenant that floods are in these states."""
        return await asyncio.to_thread(_count, self.stack, self.flooding, states)


def _count(stack: LightStack, keys: Keys, states: tuple[str, ...]) -> int:
    with psycopg.connect(our_database(stack.superuser_url)) as connection:
        row = connection.execute(
            "select count(*) from turns where tenant_id = %s and state = any(%s)",
            [keys.tenant_id, list(states)],
        ).fetchone()
    assert row is not None
    return int(row[0])


def _where(stack: LightStack, asked: list[Asked]) -> dict[str, list[float]]:
    """Return the stretches of the turns' way, in ms; all clocks are this machine's."""
    with psycopg.connect(our_database(stack.superuser_url)) as connection:
        found = connection.execute(
            "select id, extract(epoch from created_at)::float8, extract(epoch from started_at)::float8,"
            " extract(epoch from finished_at)::float8 from turns where id = any(%s)",
            [[one.turn_id for one in asked]],
        ).fetchall()
    rows = {own: times for own, *times in found}
    stretches = [
        [(later - earlier) * 1000 for earlier, later in pairwise((one.sent, *rows[one.turn_id], one.told))]
        for one in asked
    ]
    by_part = map(list, zip(*stretches, strict=True))
    return dict(zip(("accepted", "begun", "finished", "told"), by_part, strict=True))


def _medians(windows: list[dict[str, float]], digits: int) -> dict[str, float]:
    return {part: round(median(one[part] for one in windows), digits) for part in windows[0]}
