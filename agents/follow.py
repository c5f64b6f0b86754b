"""A client's view of a conversation: what is stored, what is being said, each exactly once, from any gateway.

The database is the truth for rows, the bus only makes them fast; what the bus loses is read again.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from agents.frames import Frame, Passing, Stored, decode
from agents.stream import Address, Cursor, Row, StreamEvent
from foundation.clients.bus.port import GAP, Bus, Subscription
from foundation.errors import ConversationNotFound
from foundation.ids import show
from foundation.tenancy import Tenancy

POLL_S = 2.0
"""In quiet times the database is asked this often while the bus is away or a turn is unanswered: committed
messages arrive all the same."""
POLL_CONNECTED_S = 16.0
"""And this often otherwise, in case the bus lost something without a word."""

_PAGE = 200

Events = list[StreamEvent]


@dataclass(slots=True)
class _View:
    """What this client has been sent."""

    cursor: Cursor
    control_version: int = 0
    quiet_s: float = 0.0
    unanswered: frozenset[str] = frozenset()
    """Turns that the database knew as unanswered when it was last asked."""
    waiting: set[str] = field(default_factory=set)
    """Turns that were accepted and have not ended."""
    finished: set[str] = field(default_factory=set)
    """Turns whose final message was sent: late deltas of theirs are dropped."""
    broken: set[str] = field(default_factory=set)
    """Turns some of whose deltas were lost: their text waits for the final message."""

    def stored(self, frame: Stored) -> Events:
        row = frame.row
        self.control_version = max(self.control_version, frame.control_version)
        self._note(row)
        events = row.events()
        skip = self.cursor.step if row.position == self.cursor.position else 0
        sent = []
        for step, (name, data) in enumerate(events[skip:], start=skip + 1):
            self.cursor = self.cursor._replace(position=row.position, step=step)
            sent.append(StreamEvent(str(self.cursor), name, data))
        if not sent and row.position > self.cursor.position:
            self.cursor = self.cursor._replace(position=row.position, step=0)
        return sent

    def _note(self, row: Row) -> None:
        if row.turn_id is None:
            # A handover, which ends all turns; after another such row there is one look less, that is all.
            self.waiting.clear()
        elif row.author == "customer":
            self.waiting.add(show("turn", row.turn_id))
        else:
            turn_id = show("turn", row.turn_id)
            self.finished.add(turn_id)
            self.waiting.discard(turn_id)

    def passing(self, frame: Passing) -> Events:
        """Return those of the frame's events that this client may and must still see."""
        if frame.control_version < self.control_version:
            return []
        sent: Events = []
        for place, (name, data) in enumerate(frame.events):
            sent += self._one(frame, place, name, {"turn_id": frame.turn_id, **data})
        return sent

    def _one(self, frame: Passing, place: int, name: str, data: dict[str, object]) -> Events:
        seen = (self.cursor.epoch, self.cursor.n)
        own = (frame.epoch, frame.n + place)
        if own <= seen:
            return []
        first = frame.index + place == 0
        follows = first or own == (seen[0], seen[1] + 1)
        self.cursor = self.cursor._replace(epoch=own[0], n=own[1])
        if frame.turn_id in self.finished:
            return []
        if first:
            self.broken.discard(frame.turn_id)
        if frame.turn_id in self.broken:
            return []
        if not follows:
            self.broken.add(frame.turn_id)
            return [StreamEvent(str(self.cursor), "reset", {"turn_id": frame.turn_id})]
        return [StreamEvent(str(self.cursor), name, data)]


@dataclass(frozen=True, slots=True)
class Reader:
    """Follows conversations for clients."""

    tenancy: Tenancy
    bus: Bus

    async def follow(self, address: Address, cursor: Cursor) -> AsyncGenerator[Events, None]:
        """Yield the conversation's events after `cursor`, for ever; none every `POLL_S` quiet seconds.

        A client that gives the last id it has seen gets no event twice and loses none that is stored.
        """
        async with self.listen(address) as subscription:
            async for events in self.follow_from(address, cursor, subscription, missed=True):
                yield events

    @asynccontextmanager
    async def listen(self, address: Address) -> AsyncIterator[Subscription]:
        """Hear the conversation from now on, for `follow_from`."""
        async with self.bus.subscribe(address.channel) as subscription:
            yield subscription

    async def follow_from(
        self, address: Address, cursor: Cursor, subscription: Subscription, *, missed: bool
    ) -> AsyncGenerator[Events, None]:
        """Yield as `follow` does; `missed`: there may be something to read from before the subscription."""
        view = _View(cursor)
        if missed:
            yield await self._catch_up(address, view)
        while True:
            heard = await subscription.take(POLL_S)
            if not heard:
                view.quiet_s += POLL_S
                yield await self._catch_up(address, view) if self._time_to_look(view) else []
            elif events := await self._news(address, view, heard):
                yield events

    def _time_to_look(self, view: _View) -> bool:
        return bool(view.waiting) or not self.bus.connected or view.quiet_s >= POLL_CONNECTED_S

    async def _news(self, address: Address, view: _View, heard: Sequence[bytes]) -> Events:
        view.quiet_s = 0.0
        events: Events = []
        for payload in heard:
            events += (
                await self._frame(address, view, decode(payload))
                if payload != GAP
                else (await self._catch_up(address, view))
            )
        return events

    async def _frame(self, address: Address, view: _View, frame: Frame) -> Events:
        if isinstance(frame, Passing):
            # The agent has the conversation back, and may be quicker than the word of it.
            before = await self._rows(address, view) if frame.control_version > view.control_version else []
            return before + view.passing(frame)
        if frame.row.position == view.cursor.position + 1:
            return view.stored(frame)
        # Older than a handover in between or not, what is stored is read in order.
        return await self._rows(address, view) if frame.row.position > view.cursor.position else []

    async def _catch_up(self, address: Address, view: _View) -> Events:
        """Return what is stored, then what is being said now.

        Only of turns that are not over: whoever should have emptied the buffer may not have reached it.
        """
        view.quiet_s = 0.0
        events = await self._rows(address, view)
        for payload in await self.bus.buffered(address.channel):
            frame = decode(payload)
            if isinstance(frame, Passing) and frame.turn_id in view.unanswered:
                events += await self._frame(address, view, frame)
        return events

    async def _rows(self, address: Address, view: _View) -> Events:
        events: Events = []
        while True:
            rows, version, view.unanswered = await self._read(address, view.cursor.position)
            for row in rows:
                events += view.stored(Stored(row, version))
            view.control_version = max(view.control_version, version)
            if len(rows) < _PAGE:
                return events

    async def _read(self, address: Address, position: int) -> tuple[list[Row], int, frozenset[str]]:
        """Return a page of rows, the control version and the unanswered turns."""
        found = await self.tenancy.trip(
            address.tenant_id,
            _ROWS,
            values=address.keys() | {"position": position, "limit": _PAGE},
        )
        if not found.rows:
            raise ConversationNotFound()
        rows = [Row.of(row) for row in found.rows if row.position is not None]
        unanswered = frozenset(show("turn", turn_id) for turn_id in found.rows[0].unanswered)
        return rows, found.rows[0].control_version, unanswered


# One snapshot: the control version is that of the handovers among the rows.
_ROWS = """
select a.control_version, array(
        select t.id from turns t where t.tenant_id = %(tenant)s and t.conversation_id = %(conversation)s
          and t.state in ('queued', 'running')) as unanswered,
    m.position, m.id, m.turn_id, m.author, m.kind, m.language, m.parts,
    m.client_message_id, m.created_at
from activations a
left join lateral (
    select * from messages m
    where m.tenant_id = %(tenant)s and m.conversation_id = %(conversation)s
      and m.position >= %(position)s and m.visibility = 'public'
    order by m.position limit %(limit)s
) m on true
where a.tenant_id = %(tenant)s and a.conversation_id = %(conversation)s
order by m.position
"""
