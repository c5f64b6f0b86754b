"""Counts the front door's requests by route, its open streams, and whom it refused."""

import re
import time
from typing import Final, cast

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.counters import Counters
from serve.services import Services

_WORD: Final = re.compile(r"[a-z][a-z_]{0,39}")
_GONE = 499
"""The status of a request whose client left before the answer began, as proxies write it."""


class Measured:
    """Counts every request of the app around which it stands; streams pass through it unchanged."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(cast(Services, scope["app"].state.services).counters, scope, send)
        status = _GONE
        try:
            await self._app(scope, receive, exchange.send)
        except Exception:
            status = 500
            raise
        finally:
            exchange.ended(status)


class _Exchange:
    """One request and its answer."""

    __slots__ = ("_began", "_counters", "_scope", "_send", "_status", "_streams")

    def __init__(self, counters: Counters, scope: Scope, send: Send) -> None:
        self._began = time.perf_counter()
        self._counters = counters
        self._scope = scope
        self._send = send
        self._status = 0
        self._streams = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begins(message["status"])
            self._streams = _is_stream(message)
            if self._streams:
                self._counters.open_streams.inc()
        elif self._status == 429 and (body := message.get("body")):
            self._counters.refused(_reason(body))
        await self._send(message)

    def ended(self, status: int) -> None:
        """Close the books; `status` stands for an answer that never began."""
        if self._streams:
            self._counters.open_streams.dec()
        if not self._status:
            self._begins(status)

    def _begins(self, status: int) -> None:
        self._status = status
        # The router leaves the route that it chose in the scope.
        route = getattr(self._scope.get("route"), "path", "none")
        seconds = time.perf_counter() - self._began
        self._counters.answered(route, self._scope["method"], status, seconds)


def _is_stream(message: Message) -> bool:
    return any(
        name == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in message.get("headers", ())
    )


def _reason(body: bytes) -> str:
    """Return why a request was refused, as its problem details say: the data's `reason`, else the code."""
    try:
        said = orjson.loads(body)
        reason = said["data"].get("reason") or said["code"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "unknown"
    return reason if isinstance(reason, str) and _WORD.fullmatch(reason) else "unknown"
