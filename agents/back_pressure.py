"""Slows down who sends more than is answered, so that other tenants do not feel it.

A client that is acknowledged at once sends the next message at once, and one that does not wait as its 429
says asks again at once: both take the time of gateway and database from other tenants. So the fuller a
tenant's queue was a moment ago, the longer its next message waits before it is looked at. Nothing of it is
stored yet then: whoever goes away while it waits has sent nothing.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import uniform
from typing import Final

from foundation.errors import QueueFull
from foundation.ids import TenantId

SLOWS_FROM: Final = 0.5
"""The share of a queue from which messages wait."""
WAIT_S: Final = 1.0
"""How long they wait at a full queue, on average; each half to one and a half times that, so that they do not
all go on together."""
REMEMBERED_S: Final = 2.0
WAITING_AT_MOST: Final = 1_000
"""Of one tenant's messages in one gateway; more are refused."""


@dataclass(slots=True)
class BackPressure:
    """Remembers how full the tenants' queues were."""

    wait_s: float = WAIT_S
    clock: Callable[[], float] = time.monotonic
    _filled: dict[TenantId, tuple[float, float]] = field(default_factory=dict)
    """The share that was taken, 0..1, and when."""
    _waiting: Counter[TenantId] = field(default_factory=Counter)

    def note(self, tenant_id: TenantId, filled: float) -> None:
        """Take note of the share of a tenant's queue that is taken, 0..1."""
        if filled > SLOWS_FROM:
            self._filled[tenant_id] = filled, self.clock()
        else:
            self._filled.pop(tenant_id, None)

    def share(self, tenant_id: TenantId) -> float:
        """Return how long a message of this tenant is to wait, as a share of the longest wait."""
        filled, at = self._filled.get(tenant_id, (0.0, 0.0))
        if self.clock() - at > REMEMBERED_S:
            self._filled.pop(tenant_id, None)
            return 0.0
        return max(0.0, (filled - SLOWS_FROM) / (1 - SLOWS_FROM))

    async def wait(self, tenant_id: TenantId) -> None:
        """Return when a message of this tenant may be looked at.

        Raises:
            QueueFull: too many wait already.
        """
        share = self.share(tenant_id)
        if share == 0:
            return
        if self._waiting[tenant_id] >= WAITING_AT_MOST:
            raise QueueFull(reason="tenant_queue", retry_after_s=5)
        self._waiting[tenant_id] += 1
        try:
            await asyncio.sleep(self.wait_s * share * uniform(0.5, 1.5))  # noqa: S311 - no secret
        finally:
            self._waiting[tenant_id] -= 1
            if not self._waiting[tenant_id]:
                del self._waiting[tenant_id]
