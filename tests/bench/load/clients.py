"""Clients that ask, wait for the end of the answer, and ask again: a closed loop, in one process."""

import asyncio
import time
from dataclasses import dataclass, field
from uuid import uuid4

from tests.bench.load.cpu import CpuClock
from tests.bench.load.http import Connection, Exchange
from tests.bench.load.systems import System

TURNS_A_CONVERSATION = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """A turn that was answered."""

    conversation: str
    key: str
    """The client's message id."""
    text: str
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class Round:
    """What so many clients measured of one system in one window of time. Seconds throughout."""

    turns_per_s: float
    """Each turn counts with the share of its time that lies in the window. Whole turns would come in steps:
    clients tend to move in step, and a window of four seconds holds two waves of 1.7 seconds, or three."""
    latencies: list[float]
    """From the request to the end of its answer, for each turn that ended in the window."""
    firsts: list[float]
    """From the request to the first streamed sentence, likewise."""
    cpu_s: dict[str, float]
    """CPU seconds of each part for all `asked` turns, those outside the window too."""
    asked: int


@dataclass(slots=True)
class _Client:
    """One customer: keeps a conversation for some turns, and its connection for ever."""

    number: int
    system: System
    connection: Connection
    conversation: str | None = None
    turns: int = 0

    async def ask(self) -> Asked:
        if self.turns % TURNS_A_CONVERSATION == 0:
            self.conversation = None
        self.turns += 1
        text, key = f"question {self.turns} of client {self.number}", str(uuid4())
        exchange = await self.system.ask(self.connection, self.conversation, text, key)
        self.conversation = self.conversation or self.system.conversation_of(exchange)
        return Asked(self.conversation, key, text, exchange)


@dataclass(slots=True)
class Clients:
    """All clients of one system; a round uses the first so many, who go on where they were."""

    system: System
    _clients: list[_Client] = field(default_factory=list)

    async def round(self, clients: int, seconds: float, ramp_s: float) -> tuple[Round, list[Asked]]:
        """Load the system for `ramp_s` seconds before and after `seconds` that are measured.

        Return also every turn asked; the last ones are waited for, and checked like the others.

        Raises:
            ConnectionError: an answer was refused or broke off.
        """
        while len(self._clients) < clients:
            self._clients.append(_Client(len(self._clients), self.system, Connection(self.system.port)))
        clock = CpuClock(self.system.parts)
        begin = time.perf_counter() + ramp_s
        end = begin + seconds
        asked: list[Asked] = []

        async def go_on(client: _Client) -> None:
            while time.perf_counter() < end + ramp_s:
                asked.append(await client.ask())

        async with asyncio.TaskGroup() as group:
            for client in self._clients[:clients]:
                group.create_task(go_on(client))
        cpu_s = clock.seconds()
        measured = [turn.exchange for turn in asked if begin <= turn.exchange.ended_at < end]
        return (
            Round(
                sum(_share(turn.exchange, begin, end) for turn in asked) / seconds,
                [exchange.ended_at - exchange.sent_at for exchange in measured],
                [
                    exchange.marked_at - exchange.sent_at
                    for exchange in measured
                    if exchange.marked_at is not None
                ],
                cpu_s,
                len(asked),
            ),
            asked,
        )

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.connection.close()


def _share(exchange: Exchange, begin: float, end: float) -> float:
    """Return the share of the turn's time that lies between `begin` and `end`, 0 to 1."""
    within = min(exchange.ended_at, end) - max(exchange.sent_at, begin)
    return max(0.0, within) / (exchange.ended_at - exchange.sent_at)
