"""The control room: knows which host process runs which turn, and which turns are held for a fault."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Held:
    """A turn that waits at its point."""

    turn_id: str
    pid: int


@dataclass
class _Line:
    """One host process."""

    pid: int
    writer: asyncio.StreamWriter
    begun: set[str] = field(default_factory=set)


class ControlRoom:
    """The other end of every host's gate."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._lines: dict[int, _Line] = {}
        self._expected: dict[int, asyncio.Future[Held]] = {}
        self._released: dict[int, asyncio.Event] = {}
        self._changed = asyncio.Condition()

    @property
    def hosts(self) -> set[int]:
        """The process ids of the hosts that are connected now. A stopped one is."""
        return set(self._lines)

    def begun_at(self, pid: int) -> set[str]:
        """Return the turns that this process has begun."""
        line = self._lines.get(pid)
        return set(line.begun) if line else set()

    def expect(self, fault: int) -> "asyncio.Future[Held]":
        """Return what will be there when a turn is held for this fault."""
        return self._expected.setdefault(fault, asyncio.get_running_loop().create_future())

    async def hold(self, fault: int, held: Held) -> None:
        """Keep a turn that was stopped outside its host, until it may go on."""
        self._arrived(fault, held)
        await self._released.setdefault(fault, asyncio.Event()).wait()

    def go(self, fault: int) -> None:
        """Let the turn go on, if its host still lives."""
        self._released.setdefault(fault, asyncio.Event()).set()
        for line in self._lines.values():
            with suppress(OSError):
                line.writer.write(orjson.dumps({"go": fault}) + b"\n")

    async def until_hosts(self, count: int, seconds: float) -> None:
        """Wait until at least so many hosts are connected.

        Raises:
            TimeoutError: they are not, after so long.
        """
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: len(self._lines) >= count)

    async def until_gone(self, pid: int, seconds: float) -> None:
        """Wait until this host's connection has ended.

        Raises:
            TimeoutError: it has not, after so long.
        """
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: pid not in self._lines)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pid = int(orjson.loads(await reader.readline())["hello"])
        line = self._lines[pid] = _Line(pid, writer)
        await self._notify()
        try:
            while told := await reader.readline():
                self._hear(line, orjson.loads(told))
        except (OSError, ValueError):
            pass  # killed in the middle of a line
        finally:
            if self._lines.get(pid) is line:
                del self._lines[pid]
            writer.close()
            await self._notify()

    def _hear(self, line: _Line, told: dict[str, Any]) -> None:
        if "begun" in told:
            line.begun.add(told["begun"])
        else:
            self._arrived(told["fault"], Held(told["turn"], line.pid))

    def _arrived(self, fault: int, held: Held) -> None:
        expected = self.expect(fault)
        if not expected.done():
            expected.set_result(held)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@asynccontextmanager
async def control_room(folder: Path) -> AsyncIterator[ControlRoom]:
    """Listen in `folder`, whose path must be short."""
    room = ControlRoom(folder / "room")
    server = await asyncio.start_unix_server(room._serve, room.socket)
    try:
        yield room
    finally:
        server.close()
