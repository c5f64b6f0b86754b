"""One subscriber's end of a channel: bounded, and filled from the same event loop."""

import asyncio
from collections import deque

from foundation.clients.bus.port import GAP

_AT_MOST = 256


class Channel:
    """When it is full, payloads are dropped and the subscriber is told by a `GAP`."""

    def __init__(self, at_most: int = _AT_MOST) -> None:
        self._at_most = at_most
        self._waiting: deque[bytes] = deque()
        self._taker: asyncio.Future[None] | None = None

    async def take(self, timeout: float) -> list[bytes]:
        """Return all that waits, or else what comes within `timeout` seconds."""
        if not self._waiting:
            loop = asyncio.get_running_loop()
            self._taker = taker = loop.create_future()
            timer = loop.call_later(timeout, _settle, taker)
            try:
                await taker
            finally:
                timer.cancel()
                self._taker = None
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def offer(self, payload: bytes) -> None:
        """Queue a payload, or `GAP`."""
        if len(self._waiting) >= self._at_most:
            self._waiting.clear()
            payload = GAP
        self._waiting.append(payload)
        if self._taker is not None:
            _settle(self._taker)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
