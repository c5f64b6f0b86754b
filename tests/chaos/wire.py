"""A lean HTTP/1.1 client over raw sockets: it can be cut at any byte, and sees what really arrives."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

Json = dict[str, Any]
CONNECT_S = 3.0
ANSWER_S = 8.0
QUIET_S = 40.0
"""A stream has a comment line every 15 seconds; one that is silent for so long is dead."""

GONE = (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError)
"""What a request may raise when whoever should answer it does not."""


@dataclass(frozen=True, slots=True)
class Event:
    """A server-sent event."""

    id: str
    name: str
    data: Json


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Json
    retry_after_s: float | None = None


class Connection:
    """One TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def cut(self) -> None:
        """End it at once, as a client does that loses its network."""
        self._writer.transport.abort()

    async def request(
        self, method: str, path: str, headers: Mapping[str, str], body: object = None
    ) -> Answer:
        """Send a request; return its answer.

        Raises:
            one of `GONE`.
        """
        async with asyncio.timeout(ANSWER_S):
            self._send(method, path, headers, body)
            status, answered = await self._head()
            length = int(answered.get("content-length", 0))
            raw = (
                await self._reader.readexactly(length)
                if length
                else b"".join([c async for c in self._chunks()])
            )
        retry = answered.get("retry-after")
        is_json = "json" in answered.get("content-type", "")
        return Answer(status, orjson.loads(raw) if is_json else {}, float(retry) if retry else None)

    async def events(self, path: str, headers: Mapping[str, str]) -> AsyncGenerator[Event, None]:
        """Yield the events of a stream as they arrive, until it ends.

        Raises:
            one of `GONE`; a `ValueError` for any status but 200.
        """
        async with asyncio.timeout(ANSWER_S):
            self._send("GET", path, headers, None)
            status, _ = await self._head()
        if status != 200:
            raise ValueError(f"status {status}")
        rest = b""
        chunks = self._chunks()
        while True:
            async with asyncio.timeout(QUIET_S):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            *whole, rest = (rest + chunk).split(b"\n\n")
            for block in whole:
                if not block.startswith(b":"):
                    yield _event(block)

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: object) -> None:
        content = b"" if body is None else orjson.dumps(body)
        lines = [f"{method} {path} HTTP/1.1", "Host: chaos", f"Content-Length: {len(content)}"]
        lines += ["Content-Type: application/json", *(f"{name}: {value}" for name, value in headers.items())]
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + content)

    async def _head(self) -> tuple[int, dict[str, str]]:
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.split(":", 1) for line in lines if line)
        return int(first.split()[1]), {name.strip().lower(): value.strip() for name, value in pairs}

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        while size := int((await self._reader.readuntil(b"\r\n")).strip(), 16):
            yield (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readuntil(b"\r\n")


def _event(block: bytes) -> Event:
    fields = dict(line.split(": ", 1) for line in block.decode().split("\n"))
    return Event(fields["id"], fields["event"], orjson.loads(fields["data"]))


@asynccontextmanager
async def connected(host: str, port: int) -> AsyncGenerator[Connection, None]:
    """Yield a connection; it is cut at the end of the block.

    Raises:
        one of `GONE`.
    """
    async with asyncio.timeout(CONNECT_S):
        connection = Connection(*await asyncio.open_connection(host, port))
    try:
        yield connection
    finally:
        connection.cut()
