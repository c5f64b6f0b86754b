"""What staff say in a conversation: replies, which customers read, and notes, which they never do."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import text

from agents.inbox.changing import Change, Changes, Staff
from agents.inbox.reading import MessageView, message_of, state
from agents.inbox.views import ConversationView
from agents.stream import Address
from foundation.errors import MessageConflict


@dataclass(frozen=True, slots=True)
class Speaking:
    changes: Changes

    async def reply(
        self,
        address: Address,
        staff: Staff,
        said: str,
        *,
        client_message_id: str,
        handover_text: str,
        expected: int | None = None,
    ) -> MessageView:
        """Say something to the customer as a person; the agent has no part in the conversation from then on.

        The same client message id says it once.

        Raises:
            ConversationNotFound: this tenant has no such conversation.
            MessageConflict: the client message id was used with another text.
            PreconditionFailed: it has another version than `expected`.
        """
        digest = sha256(said.encode()).digest()
        own_id = f"staff:{client_message_id}"
        if (earlier := await self._earlier(address, own_id, digest)) is not None:
            return earlier
        async with self.changes.open(address, staff, expected) as change:
            if (earlier := _same(await _row(change, client_message_id=own_id), digest)) is not None:
                return earlier
            await take(change, handover_text)
            row = await change.add(
                [{"type": "text", "text": said, "name": staff.name}],
                author="staff",
                kind="text",
                visibility="public",
                language=change.before.language,
                client_message_id=own_id,
                body_hash=digest,
            )
            await change.record("reply", after={"position": row.position})
            return message_of(await _row(change, position=row.position))

    async def note(self, address: Address, staff: Staff, said: str) -> MessageView:
        """Leave a note that only staff see.

        Raises:
            ConversationNotFound: this tenant has no such conversation.
        """
        async with self.changes.open(address, staff, None) as change:
            row = await change.add(
                [{"type": "text", "text": said, "name": staff.name}], author="staff", kind="text"
            )
            await change.record("note", after={"position": row.position})
            return message_of(await _row(change, position=row.position))

    async def take_over(
        self, address: Address, staff: Staff, *, handover_text: str, expected: int | None = None
    ) -> ConversationView:
        """Give the conversation to whoever asks.

        Raises:
            ConversationNotFound: this tenant has no such conversation.
            PreconditionFailed: it has another version than `expected`.
        """
        async with self.changes.open(address, staff, expected) as change:
            await take(change, handover_text)
            return await state(change.session, address)

    async def hand_back(
        self, address: Address, staff: Staff, *, expected: int | None = None
    ) -> ConversationView:
        """Let the agent answer again.

        Raises:
            ConversationNotFound: this tenant has no such conversation.
            PreconditionFailed: it has another version than `expected`.
        """
        async with self.changes.open(address, staff, expected) as change:
            if change.before.mode == "human":
                await change.give("agent", "")
                await change.set({"assignee_id": None})
            return await state(change.session, address)

    async def _earlier(self, address: Address, client_message_id: str, digest: bytes) -> MessageView | None:
        values = address.keys() | {"client": client_message_id}
        rows = (await self.changes.tenancy.trip(address.tenant_id, _EARLIER, values=values)).rows
        return _same(rows[0] if rows else None, digest)


async def take(change: Change, handover_text: str) -> None:
    """Give the conversation to a person, who is on it: it is nobody's to wait for any more."""
    before = change.before
    await change.give("human", handover_text)
    mine = change.staff.person_id if before.assignee_id is None else None
    if before.mode == "human" and before.status == "active" and mine is None:
        return
    values: dict[str, Any] = {"status": "active", "snoozed_until": None, "resolved_at": None}
    await change.set(values if mine is None else {**values, "assignee_id": mine})


async def _row(change: Change, *, position: int | None = None, client_message_id: str | None = None) -> Any:
    values = change.address.keys() | {"position": position, "client": client_message_id}
    return (await change.session.execute(_ROW, values)).first()


def _same(row: Any, digest: bytes) -> MessageView | None:
    if row is None:
        return None
    if bytes(row.body_hash) != digest:
        raise MessageConflict()
    return message_of(row)


_ROW: Final = text(
    "select * from messages where tenant_id = :tenant and conversation_id = :conversation"
    " and (position = cast(:position as bigint) or client_message_id = cast(:client as text))"
)
_EARLIER: Final = (
    "select * from messages where tenant_id = %(tenant)s and conversation_id = %(conversation)s"
    " and client_message_id = %(client)s"
)
