"""A lean HTTP/1.1 client for benchmarks: one keep-alive connection, one request at a time.

It shares the machine with what it measures, so it does next to nothing while an answer comes in: bytes are
kept as they are, with the time of the first sentence and of the end. What they say is read after the run.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast


@dataclass(slots=True)
class Exchange:
    """One request and its answer. Times are `time.perf_counter()` seconds."""

    sent_at: float
    mark: bytes
    """What the first event worth timing has in it."""
    done: "asyncio.Future[None]"
    raw: bytearray = field(default_factory=bytearray)
    marked_at: float | None = None
    ended_at: float = 0.0
    body_at: int = 0
    """Where the body begins in `raw`."""
    _chunk_at: int = 0

    def feed(self, data: bytes, now: float) -> bool:
        """Take bytes; tell whether the answer is complete.

        Raises:
            ConnectionError: this is not the chunked answer that a stream has.
        """
        self.raw += data
        if self.marked_at is None and self.mark in self.raw:
            self.marked_at = now
        if not self.body_at and not self._head():
            return False
        # From chunk to chunk; the text inside is not looked at.
        while (line_end := self.raw.find(b"\r\n", self._chunk_at)) >= 0:
            size = int(self.raw[self._chunk_at : line_end], 16)
            if size == 0:
                complete = len(self.raw) >= line_end + 4
                self.ended_at = now
                return complete
            if (following := line_end + 2 + size + 2) > len(self.raw):
                return False
            self._chunk_at = following
        return False

    def _head(self) -> bool:
        end = self.raw.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self.raw[:end]).lower()
        if not head.startswith(b"http/1.1 200") or b"transfer-encoding: chunked" not in head:
            raise ConnectionError(bytes(self.raw[:2000]).decode(errors="replace"))
        self.body_at = self._chunk_at = end + 4
        return True

    def header(self, name: str) -> str | None:
        """Return a header of the answer."""
        for line in bytes(self.raw[: self.body_at]).decode().split("\r\n"):
            key, _, value = line.partition(":")
            if key.lower() == name:
                return value.strip()
        return None

    def body(self) -> str:
        """Return the answer's text, its chunks joined."""
        pieces: list[bytes] = []
        at = self.body_at
        while True:
            line_end = self.raw.index(b"\r\n", at)
            size = int(self.raw[at:line_end], 16)
            if size == 0:
                return b"".join(pieces).decode()
            pieces.append(bytes(self.raw[line_end + 2 : line_end + 2 + size]))
            at = line_end + 2 + size + 2


class Connection:
    """Opened at the first request, and again when the server has closed it between two."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._wire: _Wire | None = None

    async def post(self, path: str, body: bytes, headers: bytes, mark: bytes) -> Exchange:
        """Send a request and wait for the end of its answer.

        Raises:
            ConnectionError: the answer is not a 200, not chunked, or breaks off.
        """
        request = (
            b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n%s"
            b"Content-Length: %d\r\n\r\n%s" % (path.encode(), headers, len(body), body)
        )
        loop = asyncio.get_running_loop()
        exchange = Exchange(time.perf_counter(), mark, loop.create_future())
        if (wire := self._wire) is not None and wire.is_open:
            with suppress(_Closed):
                return await wire.exchange(request, exchange)
            # The server closed it just as the request went out, and never read it.
            exchange.done = loop.create_future()
        _, wire = await loop.create_connection(_Wire, "127.0.0.1", self._port)
        self._wire = wire
        return await wire.exchange(request, exchange)

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()


class _Closed(ConnectionError):
    """The connection ended before the first byte of an answer."""


class _Wire(asyncio.Protocol):
    """One TCP connection."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, request: bytes, exchange: Exchange) -> Exchange:
        assert self._transport is not None
        self._exchange = exchange
        self._transport.write(request)
        try:
            await exchange.done
        finally:
            self._exchange = None
        return exchange

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None or exchange.done.done():
            return
        try:
            if exchange.feed(data, time.perf_counter()):
                exchange.done.set_result(None)
        except (ConnectionError, ValueError) as error:
            exchange.done.set_exception(ConnectionError(str(error)))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._exchange is None or self._exchange.done.done():
            return
        said = bytes(self._exchange.raw[-200:]).decode(errors="replace")
        failure = ConnectionError(f"the answer broke off after: {said!r}") if said else _Closed("no answer")
        self._exchange.done.set_exception(failure)
