"""A host that performs actions; as a program, one that can be killed in the middle of one."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
from pydantic import JsonValue
from sqlalchemy import text

from agents.actions import ActionKey, Actions
from agents.leases import Fence
from agents.ledger import Ledger
from agents.stream import Address
from foundation.crypto import Sealer
from foundation.database.engine import connect
from foundation.ids import ConversationId, HostId, TenantId, new_uuid
from foundation.tenancy import Tenancy

KEY = "5e" * 32
_ROOT = Path(__file__).resolve().parents[2]
ORDER: JsonValue = {"sku": "T-1", "to": {"name": "Åsa", "city": "Lund"}, "gift": None}


@dataclass
class Performer:
    """A ledger and a connector to the other system."""

    ledger: Ledger
    url: str

    async def order(self, key: ActionKey, order: JsonValue = ORDER) -> JsonValue:
        return await self.ledger.perform(key, "order", order, self._post)

    async def _post(self, arguments: JsonValue, idempotency_key: str) -> JsonValue:
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                self.url, json=arguments, headers={"Idempotency-Key": idempotency_key}, timeout=None
            )
        answer.raise_for_status()
        result: JsonValue = answer.json()
        return result


def performer(
    tenancy: Tenancy, address: Address, fence: Fence, url: str, *, deadline_s: float = 30, held: bool = True
) -> Performer:
    actions = Actions(tenancy, Sealer.of(KEY), address, fence)
    return Performer(Ledger(actions, lambda: held, deadline_s=deadline_s), url)


async def own(tenancy: Tenancy, address: Address) -> Fence:
    """Become the conversation's owner, as a fresh host; return the proof."""
    host_id = HostId(new_uuid())
    async with tenancy.session(address.tenant_id) as session:
        epoch = await session.execute(
            text(
                "update activations set host_id = :host, incarnation = 1, epoch = epoch + 1"
                " where conversation_id = :id returning epoch"
            ),
            {"host": host_id, "id": address.conversation_id},
        )
        return Fence(host_id, 1, epoch.scalar_one())


@asynccontextmanager
async def killable(
    tenancy: Tenancy, address: Address, fence: Fence, url: str, key: ActionKey
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process that performs one order; it is killed at the end of the block."""
    request = {
        "database": tenancy.engine.url.set(drivername="postgresql").render_as_string(hide_password=False),
        "tenant": str(address.tenant_id),
        "conversation": str(address.conversation_id),
        "fence": [str(fence.host_id), fence.incarnation, fence.epoch],
        "url": url,
        "key": [str(key.run_id), key.step, key.iteration],
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.performer", json.dumps(request), cwd=_ROOT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _main(request: dict[str, JsonValue]) -> None:
    engine = connect(str(request["database"]))
    address = Address(
        TenantId(UUID(str(request["tenant"]))), ConversationId(UUID(str(request["conversation"])))
    )
    match request["fence"], request["key"]:
        case [host_id, int(incarnation), int(epoch)], [run_id, str(step), int(iteration)]:
            fence = Fence(HostId(UUID(str(host_id))), incarnation, epoch)
            key = ActionKey(UUID(str(run_id)), step, iteration)
        case _:
            raise ValueError("not a request")
    await performer(Tenancy(engine), address, fence, str(request["url"])).order(key)


if __name__ == "__main__":
    asyncio.run(_main(json.loads(sys.argv[1])))
