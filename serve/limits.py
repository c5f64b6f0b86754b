"""Limits on request bodies, in bytes and in seconds, held while they arrive and not after."""

import asyncio
from collections.abc import Callable

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foundation.errors import BodyTooLarge, ReplikError, RequestTooSlow
from serve.problems import problem

CHAT_BYTES = 64 * 1024
UPLOAD_BYTES = 26 * 1024 * 1024
ARCHIVE_BYTES = 4 * 1024 * 1024 * 1024
_UPLOADS = {
    "/api/demo/": UPLOAD_BYTES,
    "/api/admin/knowledge/": UPLOAD_BYTES,
    "/api/knowledge/import": ARCHIVE_BYTES,
}

PIECE_S = 15.0
"""The longest wait for the next piece of a body."""
SLOWEST_BYTES_S = 16 * 1024
"""A body of the largest size may come this slowly, and no body may take longer than that one."""


def most_bytes(path: str) -> int:
    """Return how large a body may be."""
    return next((most for start, most in _UPLOADS.items() if path.startswith(start)), CHAT_BYTES)


def longest_body_s(path: str) -> float:
    """Return how long a body may take to arrive."""
    return PIECE_S + most_bytes(path) / SLOWEST_BYTES_S


class BodyLimit:
    """Refuses with 413 as soon as a body is known to be too large, and with 408 when it comes too slowly."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = most_bytes(scope["path"])
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > limit:
            await problem(BodyTooLarge(limit_bytes=limit))(scope, receive, send)
            return
        arriving = _Arriving(receive, limit, longest_body_s(scope["path"]))

        async def unless_refused(message: Message) -> None:
            if arriving.refused is None:
                await send(message)

        try:
            await self._app(scope, arriving.receive, unless_refused)
        except ClientDisconnect:
            if arriving.refused is None:
                raise
        if arriving.refused is not None:
            # Whatever the app made of the cut body, this is what was wrong with it.
            await problem(arriving.refused)(scope, receive, send)


class _Arriving:
    """A body on its way, cut off when it is too much or too slow."""

    def __init__(self, receive: Receive, limit: int, longest_s: float) -> None:
        self.refused: ReplikError | None = None
        self._receive = receive
        self._limit = limit
        self._received = 0
        self._ended = False
        self._now: Callable[[], float] = asyncio.get_running_loop().time
        self._until = self._now() + longest_s

    async def receive(self) -> Message:
        if self._ended:
            return await self._receive()
        try:
            async with asyncio.timeout_at(min(self._now() + PIECE_S, self._until)):
                message = await self._receive()
        except TimeoutError:
            return self._cut(RequestTooSlow())
        self._received += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        if self._received > self._limit:
            return self._cut(BodyTooLarge(limit_bytes=self._limit))
        return message

    def _cut(self, refused: ReplikError) -> Message:
        self.refused, self._ended = refused, True
        return {"type": "http.disconnect"}
