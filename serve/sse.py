"""Server-sent events (the WHATWG HTML standard, section 9.2)."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing

import orjson
from fastapi import Request
from starlette.types import Receive, Scope, Send

from admin_api.bodies import ServerSentEvents
from agents.follow import POLL_S, Events
from agents.stream import Address, Cursor, StreamEvent
from serve.links import with_links
from serve.services import Services

HEARTBEAT_S = 15.0


def encode(event: StreamEvent) -> bytes:
    """Return one event in the wire's form."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (
        event.id.encode(),
        event.name.encode(),
        orjson.dumps(event.data),
    )


async def with_heartbeats(batches: AsyncGenerator[Events, None]) -> AsyncIterator[bytes]:
    """Encode events, what is ready as one piece.

    A comment every `HEARTBEAT_S` quiet seconds lets both ends notice a dead connection.
    """
    quiet = 0.0
    yield b": hello\n\n"
    async with aclosing(batches):
        async for events in batches:
            if events:
                quiet = 0.0
                yield b"".join(map(encode, events))
                continue
            quiet += POLL_S
            if quiet >= HEARTBEAT_S:
                quiet = 0.0
                yield b": hb\n\n"


class EventStream(ServerSentEvents):
    """Streams events until they end or the client goes away, and then closes what they come from."""

    def __init__(self, batches: AsyncGenerator[Events, None], opened: AsyncExitStack) -> None:
        super().__init__(
            with_heartbeats(batches),
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._opened:
            await super().__call__(scope, receive, send)


def event_stream(batches: AsyncGenerator[Events, None], opened: AsyncExitStack | None = None) -> EventStream:
    """Return the response that streams events; `opened` is closed at its end, even if it never begins."""
    return EventStream(batches, opened or AsyncExitStack())


async def conversation_events(
    services: Services, address: Address, cursor: Cursor
) -> AsyncGenerator[Events, None]:
    """Follow a conversation, with links on its citations that open the cited place."""
    async with aclosing(services.reader.follow(address, cursor)) as following:
        async for events in following:
            yield linked(services, address, events)


def linked(services: Services, address: Address, events: Events) -> Events:
    """Return the events with links on their citations."""
    return [with_links(services, address.tenant_id, event) for event in events]


def last_event_id(request: Request) -> Cursor:
    """Return where the client wants to resume."""
    return Cursor.parse(request.headers.get("last-event-id"))
