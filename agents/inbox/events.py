"""Live events for staff, read from the database in the one order that cannot lose any.

A transaction's events are read once no older transaction that writes is running: then none can still appear
before them. An event names a conversation and a position; what was said is read from the message's own row.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from agents.inbox.reading import message_of
from agents.inbox.views import COLUMNS, JOINED, view_of
from agents.stream import Json
from foundation.errors import InvalidInput
from foundation.ids import TenantId
from foundation.tenancy import Tenancy

KEPT_S: Final = 24 * 3600.0
"""Events are kept for so long; who comes back later is told to load everything again."""
AT_MOST: Final = 200
"""Events read at once."""


class Place(NamedTuple):
    """How far somebody has read. As text it is the event's id, which clients treat as opaque."""

    xid: int
    number: int
    at_ms: int = 0
    """When the event came about, milliseconds since 1970."""

    def __str__(self) -> str:
        return f"{self.xid}.{self.number}.{self.at_ms}"

    @property
    def forgotten(self) -> bool:
        """Whether later events than this may have been thrown away."""
        return self.at_ms < (time.time() - KEPT_S + 600) * 1000

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Return the place behind an event id.

        Raises:
            InvalidInput: this is not an event id of ours.
        """
        numbers = text.split(".")
        if len(numbers) != 3 or not all(n.isascii() and n.isdigit() and len(n) < 19 for n in numbers):
            raise InvalidInput(field="Last-Event-ID")
        return cls(*map(int, numbers))


@dataclass(frozen=True, slots=True)
class StaffEvent:
    """One event on its way to staff. `place` is None for what is not stored, such as who is looking."""

    place: Place | None
    name: str
    wire: bytes
    """As it is sent, written once for all who listen."""

    @classmethod
    def of(cls, place: Place | None, name: str, data: Json) -> "StaffEvent":
        """Return the event with what is sent of it."""
        heading = b"" if place is None else b"id: %s\n" % str(place).encode()
        return cls(place, name, b"%sevent: %s\ndata: %s\n\n" % (heading, name.encode(), orjson.dumps(data)))


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in order."""

    events: tuple[StaffEvent, ...]
    place: Place
    """How far this goes."""
    full: bool
    """Whether there may be more to be read now."""
    withheld: bool
    """Whether there will be more in a moment, when a transaction has ended."""


@dataclass(frozen=True, slots=True)
class EventLog:
    tenancy: Tenancy

    async def now(self, tenant_id: TenantId) -> Place:
        """Return the place of somebody who has read everything so far."""
        [row] = (await self.tenancy.trip(tenant_id, _NOW, values={})).rows
        return Place(row.horizon - 1, _LAST, int(time.time() * 1000))

    async def after(self, tenant_id: TenantId, place: Place) -> Batch:
        """Return what follows `place`, with messages and conversations as they are now."""
        values = {
            "tenant": tenant_id,
            "xid": place.xid,
            "number": place.number,
            "limit": AT_MOST,
        }
        rows = (await self.tenancy.trip(tenant_id, _AFTER, values=values)).rows
        news = [row for row in rows if row.number is not None]
        return Batch(
            # A message that was erased meanwhile is nobody's news.
            tuple(_event(row) for row in news if row.m_id is not None),
            _place(news[-1]) if news else place,
            full=len(news) == AT_MOST,
            withheld=rows[0].withheld,
        )


def _place(row: Any) -> Place:
    at: datetime = row.event_at
    return Place(row.xid, row.number, int(at.timestamp() * 1000))


def _event(row: Any) -> StaffEvent:
    conversation = view_of(row).model_dump(mode="json")
    if row.kind_of_event == "state":
        return StaffEvent.of(_place(row), "conversation", {"conversation": conversation})
    message = message_of(_Message(row)).model_dump(mode="json")
    return StaffEvent.of(_place(row), "message", {"conversation": conversation, "message": message})


class _Message:
    """The message's columns of a row that has the conversation's, too."""

    def __init__(self, row: Any) -> None:
        self._row = row

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, f"m_{name}")


_LAST: Final = 10**17
_NOW: Final = "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as horizon"
_QUERY: Final = """
with horizon as materialized (
    select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xid
), news as materialized (
    select e.* from staff_events e, horizon h
    where e.tenant_id = %(tenant)s and (e.xid, e.number) > (%(xid)s, %(number)s) and e.xid < h.xid
    order by e.xid, e.number limit %(limit)s
)
select w.withheld, e.xid, e.number, e.at as event_at, e.kind as kind_of_event, {columns},
    m.conversation_id as m_conversation_id, m.position as m_position, m.id as m_id, m.turn_id as m_turn_id,
    m.author as m_author, m.kind as m_kind, m.visibility as m_visibility, m.channel as m_channel,
    m.language as m_language, m.parts as m_parts, m.created_at as m_created_at
from (
    select exists (select 1 from staff_events e, horizon h
        where e.tenant_id = %(tenant)s and e.xid >= h.xid) as withheld
) w
left join (news e
    left join messages m on m.tenant_id = e.tenant_id and m.conversation_id = e.conversation_id
        and m.position = e.position
    join conversations c on c.tenant_id = e.tenant_id and c.id = e.conversation_id {joined}
) on true
order by e.xid, e.number
"""
_AFTER: Final = _QUERY.format(columns=COLUMNS, joined=JOINED)
