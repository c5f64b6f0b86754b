"""When keys were last used: kept to the minute, and written beside the requests, which do not wait for it."""

import asyncio
import time
from dataclasses import dataclass, field

import structlog

from foundation.errors import DependencyUnavailable
from foundation.ids import KeyId
from foundation.tenancy import KeyOwner, Tenancy

log = structlog.get_logger()

EVERY_S = 60.0
_REMEMBERED = 10_000

_USED = (
    "update api_keys set last_used_at = clock_timestamp()"
    " where tenant_id = %(tenant)s and id = %(key)s"
    " and (last_used_at is null or last_used_at < clock_timestamp() - interval '1 minute')"
)


@dataclass(slots=True)
class KeyUse:
    """Writes down that a key is in use, at most once a minute for each."""

    tenancy: Tenancy
    _noted: dict[KeyId, float] = field(default_factory=dict)
    _writing: set[asyncio.Task[None]] = field(default_factory=set)

    def note(self, owner: KeyOwner) -> None:
        """Remember that the key was used now; returns at once."""
        now = time.monotonic()
        if now - self._noted.get(owner.key_id, -EVERY_S) < EVERY_S:
            return
        if len(self._noted) >= _REMEMBERED:
            self._noted.clear()
        self._noted[owner.key_id] = now
        task = asyncio.create_task(self._write(owner))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def close(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._writing)

    async def _write(self, owner: KeyOwner) -> None:
        values = {"tenant": owner.tenant_id, "key": owner.key_id}
        try:
            await self.tenancy.trip(owner.tenant_id, _USED, values=values, lightly=True)
        except DependencyUnavailable:
            self._noted.pop(owner.key_id, None)  # the next use tries again
            log.warning("key_use_unwritten")
