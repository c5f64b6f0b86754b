"""Giving conversations up: idle ones after a while, and the least recently used ones beyond a number."""

from collections.abc import Sequence

from agents.leases import Fence
from agents.stream import Address
from foundation.ids import TenantId
from foundation.tenancy import Tenancy

IDLE_S = 300.0
RESIDENTS = 100_000
"""About a kilobyte each."""


async def release(tenancy: Tenancy, tenant_id: TenantId, released: Sequence[tuple[Address, Fence]]) -> None:
    """Give up a tenant's conversations in one statement, unless somebody else already has them."""
    await tenancy.trip(
        tenant_id,
        _RELEASE,
        values={
            "tenant": tenant_id,
            "conversations": [address.conversation_id for address, _ in released],
            "hosts": [fence.host_id for _, fence in released],
            "incarnations": [fence.incarnation for _, fence in released],
            "epochs": [fence.epoch for _, fence in released],
        },
        lightly=True,
    )


_RELEASE = """
update activations a set host_id = null, incarnation = null
from unnest(%(conversations)s::uuid[], %(hosts)s::uuid[], %(incarnations)s::bigint[], %(epochs)s::bigint[])
    as r(conversation_id, host_id, incarnation, epoch)
where a.tenant_id = %(tenant)s and a.conversation_id = r.conversation_id and a.host_id = r.host_id
  and a.incarnation = r.incarnation and a.epoch = r.epoch
"""
