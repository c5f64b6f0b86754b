"""Merging a conversation into another one of the same customer."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import text

from agents.inbox.changing import Changes, Staff
from agents.inbox.reading import state
from agents.inbox.views import ConversationView
from agents.stream import Address
from foundation.errors import Conflict, ConversationNotFound
from foundation.ids import ConversationId, show


@dataclass(frozen=True, slots=True)
class Merging:
    changes: Changes

    async def merge(
        self, address: Address, staff: Staff, into: ConversationId, said: str, *, expected: int | None = None
    ) -> ConversationView:
        """Close a conversation that is about the same as another, where it can be read from then on.

        The customer is told so (`said`) in the stream of the closed one, and may go on writing in it: then it
        is open again, and still to be read from the other.

        Raises:
            ConversationNotFound: this tenant has no such conversation, or none to merge into.
            PreconditionFailed: it has another version than `expected`.
            Conflict: they are one, of different customers, or one of them is merged already.
        """
        async with self.changes.open(address, staff, expected) as change:
            target = Address(address.tenant_id, into)
            # Nothing is written there but a note of it, in another turn of its own.
            found = (await change.session.execute(_TARGET, target.keys())).first()
            if found is None:
                raise ConversationNotFound()
            before = change.before
            own = await change.session.scalar(_TAKES_IN, address.keys())
            if into == address.conversation_id or before.merged_into or found.merged_into or own:
                raise Conflict(state="merged")
            if found.customer_id is None or before.customer is None:
                raise Conflict(state="other_customer")
            if show("customer", found.customer_id) != before.customer.customer_id:
                raise Conflict(state="other_customer")
            if before.mode == "human":
                await change.give("agent", "")
            await change.set(
                {
                    "status": "resolved",
                    "snoozed_until": None,
                    "merged_into": into,
                    "resolved_at": datetime.now(UTC),
                }
            )
            part = {"type": "text", "text": said}
            await change.add([part], kind="text", visibility="public", language=before.language)
            shown = show("conversation", into)
            await change.record(
                "merge", before={"status": before.status}, after={"status": "resolved", "into": shown}
            )
            after = await state(change.session, address)
        note = {"type": "event", "name": "merged_from", "by": staff.actor}
        async with self.changes.open(target, staff, None) as change:
            await change.add([{**note, "conversation_id": show("conversation", address.conversation_id)}])
        return after


_TARGET: Final = text(
    "select customer_id, merged_into from conversations"
    " where tenant_id = :tenant and id = :conversation for share"
)
_TAKES_IN: Final = text(
    "select exists (select 1 from conversations where tenant_id = :tenant and merged_into = :conversation)"
)
