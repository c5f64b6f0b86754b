"""Who of staff looks at a conversation or writes in it now, so that two do not answer at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from agents.inbox.changing import Staff
from agents.inbox.reading import Reading
from agents.staff_channel import staff_channel
from agents.stream import Address
from foundation.clients.bus.port import Bus, Post
from foundation.clients.presence.port import Doing, Presence, Present
from foundation.ids import show
from foundation.tenancy import Tenancy


@dataclass(frozen=True, slots=True)
class Watching:
    tenancy: Tenancy
    presence: Presence
    bus: Bus

    async def put(self, address: Address, staff: Staff, doing: Doing | None) -> Sequence[Present]:
        """Say what somebody does there (None: they left), tell all who listen, and return who is there.

        Raises:
            ConversationNotFound: this tenant has no such conversation.
        """
        await Reading(self.tenancy).conversation(address)
        place = _place(address)
        if doing is None:
            await self.presence.drop(place, staff.actor)
        else:
            await self.presence.put(place, Present(staff.actor, staff.name, doing))
        there = await self.presence.at(place)
        event = {
            "event": "presence",
            "data": {
                "conversation_id": show("conversation", address.conversation_id),
                "present": [{"who": each.who, "name": each.name, "doing": each.doing} for each in there],
            },
        }
        await self.bus.post(Post(staff_channel(address.tenant_id), orjson.dumps(event)))
        return there

    async def at(self, address: Address) -> Sequence[Present]:
        """Return who is there.

        Raises:
            ConversationNotFound: this tenant has no such conversation.
        """
        await Reading(self.tenancy).conversation(address)
        return await self.presence.at(_place(address))


def _place(address: Address) -> str:
    return f"{address.tenant_id.hex}:{address.conversation_id.hex}"
