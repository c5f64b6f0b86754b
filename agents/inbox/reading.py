"""What staff read of one conversation: its state, and what was said, with personal data masked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import text

from agents.inbox.masking import masked
from agents.inbox.views import COLUMNS, JOINED, ConversationView, view_of
from agents.stream import Address, Json
from foundation import audit, cursors
from foundation.errors import ConversationNotFound, NotFound
from foundation.ids import show
from foundation.personal import Personal
from foundation.tenancy import Tenancy, TenantSession
from foundation.turns import Author, Value


class MessageView(Value):
    """A row of the conversation's stream, internal ones included."""

    conversation_id: str
    """Another one's where that was merged into this."""
    position: int
    message_id: str
    turn_id: str | None
    author: Author
    kind: Literal["text", "partial", "event"]
    visibility: Literal["public", "internal"]
    channel: str
    language: str | None
    text: str
    masked: bool
    """Whether something in the text is masked."""
    parts: tuple[Json, ...]
    """What else there is: citations, confidence, events; without the text of messages."""
    at: datetime


class Messages(Value):
    messages: tuple[MessageView, ...]
    next: str | None
    """Give this as `cursor` for the ones that follow; null at the end."""


@dataclass(frozen=True, slots=True)
class Reading:
    tenancy: Tenancy

    async def conversation(self, address: Address) -> ConversationView:
        """Raises: ConversationNotFound."""
        rows = (await self.tenancy.trip(address.tenant_id, ONE, values=address.keys())).rows
        if not rows:
            raise ConversationNotFound()
        return view_of(rows[0])

    async def messages(
        self, address: Address, *, cursor: str | None, limit: int, backwards: bool = False
    ) -> Messages:
        """Return what was said here and in what was merged into this, oldest first.

        `backwards`: the newest page first, and each page's own rows newest first.

        Raises:
            ConversationNotFound: this tenant has no such conversation.
            InvalidInput: the cursor is none of this list's.
        """
        await self.conversation(address)
        sign, order = ("<", "desc") if backwards else (">", "asc")
        after, values = _after(cursor, sign)
        statement = _MESSAGES.format(after=after, order=order)
        values |= address.keys() | {"limit": limit + 1}
        rows = (await self.tenancy.trip(address.tenant_id, statement, values=values)).rows
        shown = rows[:limit]
        last = shown[-1] if len(rows) > limit else None
        place = last and cursors.written(last.created_at, last.conversation_id, int(last.position))
        return Messages(messages=tuple(map(message_of, shown)), next=place)

    async def reveal(self, address: Address, position: int, *, actor: str, reason: str) -> str:
        """Return a message's text unmasked, and put on record who read it and why, in words that
        only the customer's key opens.

        Raises:
            NotFound: there is no such message.
        """
        async with self.tenancy.session(address.tenant_id) as session:
            found = await session.execute(_PARTS, address.keys() | {"position": position})
            row = found.first()
            if row is None:
                raise NotFound(kind="message")
            await audit.record(
                session,
                address.tenant_id,
                actor=actor,
                action="message.reveal",
                subject=f"{show('conversation', address.conversation_id)}/{position}",
                after={"reason": Personal(row.about, reason)},
            )
        return words(row.parts)


async def state(session: TenantSession, address: Address) -> ConversationView:
    """Return a conversation's state within a transaction.

    Raises:
        ConversationNotFound: this tenant has no such conversation.
    """
    connection = await session.connection()
    row = (await connection.exec_driver_sql(ONE, address.keys())).first()
    if row is None:
        raise ConversationNotFound()
    return view_of(row)


def message_of(row: Any) -> MessageView:
    """Return the view of a row of `messages`."""
    said = words(row.parts)
    shown = masked(said, row.language) if row.author in ("customer", "agent", "staff") else said
    return MessageView(
        conversation_id=show("conversation", row.conversation_id),
        position=row.position,
        message_id=show("message", row.id),
        turn_id=None if row.turn_id is None else show("turn", row.turn_id),
        author=row.author,
        kind=row.kind,
        visibility=row.visibility,
        channel=row.channel,
        language=row.language,
        text=shown,
        masked=shown != said,
        parts=tuple(_without_text(part) for part in row.parts),
        at=row.created_at,
    )


def words(parts: Sequence[Json]) -> str:
    """Return the text parts of a message, joined."""
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


def _without_text(part: Json) -> Json:
    if part["type"] != "text":
        return part
    return {name: value for name, value in part.items() if name != "text"}


def _after(cursor: str | None, sign: str) -> tuple[str, dict[str, Any]]:
    if cursor is None:
        return "true", {}
    at, conversation, position = cursors.read(cursor, (datetime, UUID, int))
    place = {"after_at": at, "after_conversation": conversation, "after": position}
    row = "(m.created_at, m.conversation_id, m.position)"
    return f"{row} {sign} (%(after_at)s, %(after_conversation)s, %(after)s)", place


_ONE: Final = """
select {columns} from conversations c {joined}
where c.tenant_id = %(tenant)s and c.id = %(conversation)s
"""
ONE: Final = _ONE.format(columns=COLUMNS, joined=JOINED)
_MESSAGES: Final = """
select m.* from messages m
where m.tenant_id = %(tenant)s and m.conversation_id in (
    select %(conversation)s::uuid union all
    select id from conversations where tenant_id = %(tenant)s and merged_into = %(conversation)s)
  and {after}
order by m.created_at {order}, m.conversation_id {order}, m.position {order}
limit %(limit)s
"""
_PARTS: Final = text(
    "select m.parts, coalesce(c.customer_id, c.visitor_id, c.id) as about from messages m"
    " join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id"
    " where m.tenant_id = :tenant and m.conversation_id = :conversation"
    " and m.position = :position and m.kind <> 'event'"
)
