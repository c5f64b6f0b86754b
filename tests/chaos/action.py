"""The one action of chaos, in a host process: an order at the outside service, through the ledger."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from pydantic import JsonValue
from sqlalchemy import text

from agents.actions import ActionKey, Actions
from agents.leases import Fence
from agents.ledger import Ledger
from agents.stream import Address
from foundation.crypto import Sealer
from foundation.errors import OwnershipLost
from foundation.ids import HostId, show
from foundation.tenancy import Tenancy
from foundation.turns import Turn
from tests.chaos.gate import Gate

ACTS = "[order]"
"""A message that says so makes its turn act."""
_DEADLINE_S = 15.0


@dataclass(frozen=True, slots=True)
class Orders:
    """Places the order of a turn."""

    tenancy: Tenancy
    sealer: Sealer
    url: str
    gate: Gate
    host_id: Callable[[], HostId]

    async def place(self, turn: Turn) -> None:
        """Order once for this turn, in whatever attempt, if its message wants it.

        Raises:
            whatever the ledger does.
        """
        if ACTS not in turn.text:
            return
        address = Address(turn.tenant_id, turn.conversation_id)
        actions = Actions(self.tenancy, self.sealer, address, await self._fence(address))
        # A host that was stopped believes in a lease that it has lost: the row's fence must find it out.
        ledger = Ledger(actions, lambda: True, deadline_s=_DEADLINE_S)
        turn_id = show("turn", turn.turn_id)

        async def call(arguments: JsonValue, key: str) -> JsonValue:
            await self.gate.reach("before_effect", turn.text if turn.attempt == 1 else "", turn_id)
            body = {"turn": turn_id, "text": turn.text, "pid": os.getpid()}
            async with httpx.AsyncClient(timeout=_DEADLINE_S) as client:
                answer = await client.post(self.url, json=body, headers={"Idempotency-Key": key})
                answer.raise_for_status()
                result: JsonValue = answer.json()
                return result

        await ledger.perform(ActionKey(turn.turn_id, "order"), "order", {"turn": turn_id}, call)

    async def _fence(self, address: Address) -> Fence:
        """Return proof that this host owns the conversation, as the database sees it."""
        async with self.tenancy.session(address.tenant_id) as session:
            found = await session.execute(
                text(
                    "select host_id, incarnation, epoch from activations"
                    " where tenant_id = :tenant and conversation_id = :conversation and host_id = :host"
                ),
                {
                    "tenant": address.tenant_id,
                    "conversation": address.conversation_id,
                    "host": self.host_id(),
                },
            )
            row = found.first()
        if row is None:
            raise OwnershipLost()
        return Fence(row.host_id, row.incarnation, row.epoch)
