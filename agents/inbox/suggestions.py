"""A suggested reply for staff: a host's agent writes it, and nobody else reads it."""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from agents.inbox.reading import Reading
from agents.requests import Request
from agents.stream import Address
from foundation.clients.bus.port import Bus
from foundation.errors import Conflict, DependencyUnavailable, ModelFailed
from foundation.ids import new_uuid
from foundation.tenancy import Tenancy
from foundation.turns import Answer, Value

PATIENCE_S: Final = 60.0


class Suggestion(Value):
    """What the agent would say."""

    text: str
    outcome: str
    confidence: float | None
    language: str
    citations: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Suggestions:
    tenancy: Tenancy
    bus: Bus

    async def make(self, address: Address) -> Suggestion:
        """Return what the agent would answer to the customer's last words, whoever has the conversation.

        Raises:
            ConversationNotFound: this tenant has no such conversation.
            Conflict: the customer has said nothing yet.
            ModelFailed: no answer came about; `reason` says why.
            DependencyUnavailable: no host took it on.
        """
        await Reading(self.tenancy).conversation(address)
        reply_to = f"suggestion:{new_uuid().hex}"
        async with self.bus.subscribe(reply_to) as subscription:
            if not await self._asked(address, reply_to):
                raise DependencyUnavailable(part="host")
            told = [payload for payload in await subscription.take(PATIENCE_S) if payload]
            # A gap stands for the subscription's own beginning.
            told = told or [payload for payload in await subscription.take(PATIENCE_S) if payload]
        if not told:
            raise DependencyUnavailable(part="host")
        return _suggestion(orjson.loads(told[0]))

    async def _asked(self, address: Address, reply_to: str) -> bool:
        """Ask one living host after the other; return whether one has heard it."""
        request = Request("suggest", address, reply_to=reply_to)
        for row in (await self.tenancy.trip(address.tenant_id, _HOSTS, values={})).rows:
            [heard] = await self.bus.post(request.post(row.id))
            if heard:
                return True
        return False


def _suggestion(value: dict[str, Any]) -> Suggestion:
    if "error" in value:
        if value["error"] == "nothing_asked":
            raise Conflict(state="nothing_asked")
        raise ModelFailed(reason=value["error"])
    answer = Answer.model_validate(value["answer"])
    return Suggestion(
        text=answer.text,
        outcome=answer.outcome,
        confidence=answer.confidence,
        language=answer.language,
        citations=tuple(citation.model_dump(mode="json") for citation in answer.citations),
    )


_HOSTS: Final = """
select id from hosts where lease_until > clock_timestamp()
order by coalesce((stats->>'waiting')::int, 0), started_at desc limit 5
"""
