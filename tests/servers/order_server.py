"""Another company's system: takes orders over HTTP, counts them, and honours idempotency keys."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class OrderServer:
    """`effects` are the orders it has carried out; it answers when `answers` is set."""

    url: str = ""
    effects: list[Any] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """The idempotency key of each request."""
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    _effected: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 200
    _given: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.answers.set()

    async def effect(self) -> None:
        """Wait until it has carried out an order."""
        async with asyncio.timeout(60):
            await self._effected.wait()

    async def order(self, request: Request) -> Response:
        body = await request.json()
        key = request.headers["idempotency-key"]
        self.requests.append(key)
        if key not in self._given:
            self.effects.append(body)
            self._given[key] = {"order": len(self.effects), "of": body}
        self._effected.set()
        await self.answers.wait()
        return JSONResponse(self._given[key], status_code=self.status)


@asynccontextmanager
async def order_server() -> AsyncIterator[OrderServer]:
    """Yield one on a free port of the loopback, on this event loop."""
    orders = OrderServer()
    listener = socket.create_server(("127.0.0.1", 0))
    orders.url = f"http://127.0.0.1:{listener.getsockname()[1]}/orders"
    app = Starlette(routes=[Route("/orders", orders.order, methods=["POST"])])
    engine = uvicorn.Server(
        uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1, lifespan="off")
    )
    serving = asyncio.create_task(engine.serve(sockets=[listener]))
    try:
        yield orders
    finally:
        orders.answers.set()
        engine.should_exit = True
        await serving
