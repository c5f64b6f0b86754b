"""In a host process: says which turns run here, and stops at the points where a fault is waiting."""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any

import orjson

from agents.conversation import Agent
from agents.frames import Stored, decode
from foundation.clients.bus.port import Post
from foundation.clients.bus.valkey import ValkeyBus
from foundation.ids import show
from foundation.turns import Answer, Delta, ReplyEvent, Turn
from tests.chaos.points import Hold, Point

LONGEST_HOLD_S = 10.0
"""A controller that is gone must not hold up a host."""


class Gate:
    """The line to the control room: one JSON object a line, each way."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._released: dict[int, asyncio.Event] = {}
        self._listening = asyncio.create_task(self._listen(reader))
        self.tell(hello=os.getpid())

    @classmethod
    async def open(cls, socket: str) -> "Gate":
        return cls(*await asyncio.open_unix_connection(socket))

    def tell(self, **what: object) -> None:
        self._writer.write(orjson.dumps(what) + b"\n")

    async def reach(self, point: Point, text: str, turn_id: str) -> None:
        """Wait here if a fault has been asked for at this point."""
        hold = Hold.within(text)
        if hold is None or hold.in_host != point:
            return
        released = self._released.setdefault(hold.fault, asyncio.Event())
        self.tell(at=point, fault=hold.fault, turn=turn_id)
        with suppress(TimeoutError):
            await asyncio.wait_for(released.wait(), LONGEST_HOLD_S)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            told: dict[str, Any] = orjson.loads(line)
            self._released.setdefault(told["go"], asyncio.Event()).set()


Act = Callable[[Turn], Awaitable[None]]


class GatedAgent:
    """An agent that can be stopped at each step of a turn's first attempt, and acts before its answer."""

    def __init__(self, agent: Agent, gate: Gate, act: Act) -> None:
        self._agent = agent
        self._gate = gate
        self._act = act

    async def run(self, turn: Turn, _saver: object = None) -> AsyncGenerator[ReplyEvent, None]:
        turn_id = show("turn", turn.turn_id)
        self._gate.tell(begun=turn_id)
        text = turn.text if turn.attempt == 1 else ""
        hold = Hold.within(text)
        await self._gate.reach("begin", text, turn_id)
        deltas = 0
        async with aclosing(self._agent.run(turn)) as events:
            async for event in events:
                if isinstance(event, Answer):
                    await self._act(turn)
                    await self._gate.reach("before_commit", text, turn_id)
                yield event
                deltas += isinstance(event, Delta)
                if hold is not None and isinstance(event, Delta) and deltas == hold.delta:
                    await self._gate.reach("between", text, turn_id)


class GatedBus(ValkeyBus):
    """A bus that can be stopped between a turn's commit and the publishing of its answer."""

    def __init__(self, url: str, gate: Gate) -> None:
        super().__init__(url)
        self._gate = gate

    async def post(self, *posts: Post) -> list[int]:
        for post in posts:
            frame = decode(post.payload) if post.buffer == "clear" else None
            if isinstance(frame, Stored) and frame.row.author == "agent" and frame.row.turn_id is not None:
                await self._gate.reach("after_commit", frame.row.text, show("turn", frame.row.turn_id))
        return await super().post(*posts)
