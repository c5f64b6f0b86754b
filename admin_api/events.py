"""The stream of live events that staff follow."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Header

from admin_api.bodies import ServerSentEvents
from admin_api.desk import DeskDep
from agents.inbox.events import Place, StaffEvent

HEARTBEAT_S = 15.0
"""So often it is asked, too, whether who follows may still do so."""
LIFE_S = 300.0
"""A stream ends after this and its client comes back, with whatever it may see by then."""

router = APIRouter(tags=["inbox"])


@router.get("/events", response_class=ServerSentEvents)
async def events(
    desk: DeskDep, last_event_id: Annotated[str | None, Header(max_length=100)] = None
) -> ServerSentEvents:
    """Follow what happens in the inbox, from now on or from `Last-Event-ID`: nothing is lost or repeated."""
    since = Place.parse(last_event_id) if last_event_id else None
    return ServerSentEvents(
        _encoded(desk.hub.follow(desk.tenant_id, since), desk.still_may),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _encoded(
    batches: AsyncGenerator[list[StaffEvent], None], still_may: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[bytes, None]:
    begun = said = asked = monotonic()
    yield b": hello\n\n"  # what says nothing yet looks closed to clients and proxies
    async with aclosing(batches):
        async for batch in batches:
            if monotonic() - asked >= HEARTBEAT_S:
                if not await still_may():
                    return
                asked = monotonic()
            if batch:
                said = monotonic()
                yield b"".join(event.wire for event in batch)
            elif monotonic() - said >= HEARTBEAT_S:
                # A comment in quiet times lets both ends notice a dead connection.
                said = monotonic()
                yield b": hb\n\n"
            if monotonic() - begun >= LIFE_S:
                return
