"""`make bench NAME=stopped`: what customers notice when a host that is not theirs stops (SIGSTOP).

Three hosts and one gateway on the light graph. Every conversation belongs to a host; its answers say which.
Ten clients each go on in a conversation of a healthy host for some seconds, first while all is quiet, then
while the third host is stopped and customers keep writing to it. The result is the p95 of these clients'
turns in both cases, and their ratio (aim: at most 1.5). The stopped host's own customers are answered by
another host, once its lease has run out.
"""

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from tests.light.stack import LightStack, light_stack

CLIENTS = 10
VICTIMS = 20
"""Conversations of the stopped host in which somebody writes."""
SECONDS = 4.0
"""Of one measurement; shorter than it takes Serve to replace the stopped host."""
SENTENCES = 20
_ENOUGH = 300


@dataclass(frozen=True, slots=True)
class Turn:
    """An answered message."""

    host: int
    """Process id."""
    begun: float
    ended: float
    """Seconds on the monotonic clock."""

    @property
    def ms(self) -> float:
        return (self.ended - self.begun) * 1000


@dataclass(slots=True)
class Talk:
    """A conversation that is never without a question."""

    client: httpx.AsyncClient
    conversation: str | None = None

    async def ask(self) -> Turn:
        """Return the answered turn.

        Raises:
            httpx.HTTPStatusError: it was not answered.
        """
        begun = time.monotonic()
        body = {"message": "How long?", "client_message_id": uuid4().hex}
        if self.conversation is not None:
            body["conversation_id"] = self.conversation
        response = await self.client.post("/api/chat/message", json=body)
        response.raise_for_status()
        answer = response.json()
        self.conversation = answer["conversation_id"]
        return Turn(int(answer["message"]["text"].split()[0]), begun, time.monotonic())


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: the turns of healthy hosts' customers, and those of the stopped host's."""

    stopped_host: int
    quiet: tuple[Turn, ...]
    while_stopped: tuple[Turn, ...]
    victims: tuple[Turn, ...]

    def result(self) -> dict[str, Any]:
        quiet, stopped = p95(self.quiet), p95(self.while_stopped)
        return {
            "name": "stopped",
            "p95_quiet_ms": round(quiet, 1),
            "p95_stopped_ms": round(stopped, 1),
            "ratio": round(stopped / quiet, 2),
            "turns_quiet": len(self.quiet),
            "turns_stopped": len(self.while_stopped),
            "victims_p50_ms": round(sorted(turn.ms for turn in self.victims)[len(self.victims) // 2], 1),
        }


def p95(turns: tuple[Turn, ...]) -> float:
    """Return the time that 95 of 100 turns did not exceed, in ms."""
    return sorted(turn.ms for turn in turns)[int(len(turns) * 0.95)]


def measure() -> list[dict[str, Any]]:
    """Start a light Replik, measure, and return the result."""
    with light_stack(hosts=3, sentences=SENTENCES, build="tests.support.signed:build") as stack:
        return [asyncio.run(run(stack)).result()]


async def run(stack: LightStack, seconds: float = SECONDS) -> Measured:
    """Stop one of the stack's hosts for a while, and return what the customers saw."""
    limits = httpx.Limits(max_connections=None)
    headers = {"Authorization": f"Bearer {stack.keys.server_key}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60, limits=limits) as client:
        by_host = await _talks(client)
        stopped_host = max(by_host, key=lambda host: len(by_host[host]))
        victims = by_host.pop(stopped_host)[:VICTIMS]
        healthy = [talk for talks in by_host.values() for talk in talks[: CLIENTS // len(by_host)]]
        await _asking(healthy, 1.0)  # not counted
        quiet = await _asking(healthy, seconds)
        os.kill(stopped_host, signal.SIGSTOP)
        try:
            waiting = [asyncio.create_task(talk.ask()) for talk in victims]
            while_stopped = await _asking(healthy, seconds)
        finally:
            os.kill(stopped_host, signal.SIGCONT)
        return Measured(stopped_host, quiet, while_stopped, tuple(await asyncio.gather(*waiting)))


async def _talks(client: httpx.AsyncClient) -> dict[int, list[Talk]]:
    """Return conversations by the host that answers them, until three hosts have enough."""
    found: dict[int, list[Talk]] = {}
    for _ in range(_ENOUGH):
        if len(found) == 3 and all(len(talks) >= CLIENTS for talks in found.values()):
            return found
        talk = Talk(client)
        found.setdefault((await talk.ask()).host, []).append(talk)
    raise AssertionError(f"the ring gives { ({host: len(talks) for host, talks in found.items()}) }")


async def _asking(talks: list[Talk], seconds: float) -> tuple[Turn, ...]:
    """Have every conversation go on for so long; return the turns, the last ones finished."""
    until = time.monotonic() + seconds

    async def go_on(talk: Talk) -> list[Turn]:
        turns = []
        while time.monotonic() < until:
            turns.append(await talk.ask())
        return turns

    return tuple(turn for turns in await asyncio.gather(*map(go_on, talks)) for turn in turns)
