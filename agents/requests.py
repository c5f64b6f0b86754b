"""What is asked of a host on its own channel of the bus: to wake a conversation, to stop a run, to let go.

Every request may get lost: the sweeper, the fence and the lease make up for it.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import orjson

from agents.stream import Address
from foundation.clients.bus.port import Post
from foundation.ids import ConversationId, TenantId

What = Literal["wake", "interrupt", "stop", "release", "suggest"]
"""interrupt: wake, and a newer message ends the run that goes on. stop: a person has taken over. suggest:
write a reply for staff."""


@dataclass(frozen=True, slots=True)
class Request:
    what: What
    address: Address
    by: UUID | None = None
    """The host that asks for a release, to be woken when it is done."""
    position: int = 0
    """Of the message that interrupts: a run that answers it is not meant."""
    reply_to: str = ""
    """The channel on which a suggestion is awaited."""

    def post(self, host_id: UUID) -> Post:
        """Return what carries it to a host."""
        value = {
            "what": self.what,
            "tenant": self.address.tenant_id,
            "conversation": self.address.conversation_id,
            "by": self.by,
            "position": self.position,
            "reply_to": self.reply_to,
        }
        return Post(host_channel(host_id), orjson.dumps(value))

    @classmethod
    def of(cls, payload: bytes) -> "Request":
        """Return what a payload carries.

        Raises:
            ValueError, KeyError: it is none of ours.
        """
        value = orjson.loads(payload)
        address = Address(TenantId(UUID(value["tenant"])), ConversationId(UUID(value["conversation"])))
        by = UUID(value["by"]) if value["by"] else None
        return cls(value["what"], address, by, value["position"], value.get("reply_to", ""))


def host_channel(host_id: UUID) -> str:
    """Return the name of a host's own channel on the bus."""
    return f"host:{host_id.hex}"
