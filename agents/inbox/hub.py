"""Fan-out of live events: a tenant's events are read once per process, however many of its staff listen.

The bus only says when to look. Each listener has a buffer of its own: whoever reads slowly loses that buffer,
not an event, and is caught up from the database.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

import orjson
import structlog

from agents.inbox.events import EventLog, Place, StaffEvent
from agents.staff_channel import BELL, staff_channel
from foundation.clients.bus.port import GAP, Bus
from foundation.ids import TenantId
from foundation.tenancy import Tenancy

log = structlog.get_logger()

POLL_S = 2.0
"""In quiet times the database is asked this often, in case the bus lost something or is away."""
_SOON_S = 0.02
"""And so soon again when a transaction has to be waited for."""
_BUFFER = 500
_QUIET_S = 5.0


class _Listener:
    """One client's buffer."""

    def __init__(self) -> None:
        self.waiting: deque[StaffEvent] = deque()
        self.overrun = False
        self.heard = asyncio.Event()

    def offer(self, events: Sequence[StaffEvent]) -> None:
        if self.overrun or len(self.waiting) + len(events) > _BUFFER:
            self.waiting.clear()
            self.overrun = True
        else:
            self.waiting.extend(events)
        self.heard.set()

    async def take(self, timeout_s: float) -> tuple[list[StaffEvent], bool]:
        """Return what waits, or what comes in time, and whether something had to be thrown away."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.heard.wait()
        except TimeoutError:
            return [], False
        self.heard.clear()
        taken, overrun = list(self.waiting), self.overrun
        self.waiting.clear()
        self.overrun = False
        return taken, overrun


class _Tenant:
    """What is heard for one tenant: a task while anybody listens."""

    def __init__(self) -> None:
        self.listeners: set[_Listener] = set()
        self.ready = asyncio.Event()
        """Whether a place to read from is known."""
        self.task: asyncio.Task[None] | None = None

    def offer(self, events: Sequence[StaffEvent]) -> None:
        for listener in self.listeners:
            listener.offer(events)


class Hub:
    """One for each process."""

    def __init__(self, tenancy: Tenancy, bus: Bus) -> None:
        self._log = EventLog(tenancy)
        self._bus = bus
        self._tenants: dict[TenantId, _Tenant] = {}

    async def follow(
        self, tenant_id: TenantId, since: Place | None
    ) -> AsyncGenerator[list[StaffEvent], None]:
        """Yield a tenant's events after `since` (None: from now on), each once; none in quiet times.

        The first event is `ready`, with the place from which to resume; or `reset`, if what came after
        `since` is no longer kept: then everything is to be loaded again.
        """
        async with self._listen(tenant_id) as listener:
            lost = since is not None and since.forgotten
            place = await self._log.now(tenant_id) if since is None or lost else since
            yield [StaffEvent.of(place, "reset" if lost else "ready", {})]
            behind = True
            while True:
                while behind:
                    batch = await self._log.after(tenant_id, place)
                    behind, place = batch.full, batch.place
                    yield list(batch.events)
                heard, behind = await listener.take(_QUIET_S)
                # Of what is left of a buffer that ran over, only what the database has in full can be shown.
                news = [each for each in heard if each.place is None or (not behind and each.place > place)]
                place = next((each.place for each in reversed(news) if each.place), place)
                yield news

    @asynccontextmanager
    async def _listen(self, tenant_id: TenantId) -> AsyncIterator[_Listener]:
        listener = _Listener()
        tenant = self._tenants.get(tenant_id)
        if tenant is None:
            tenant = self._tenants[tenant_id] = _Tenant()
            tenant.task = asyncio.create_task(self._read(tenant_id, tenant))
        tenant.listeners.add(listener)
        try:
            await tenant.ready.wait()
            yield listener
        finally:
            tenant.listeners.discard(listener)
            if not tenant.listeners and tenant.task is not None:
                tenant.task.cancel()
                self._tenants.pop(tenant_id, None)

    async def _read(self, tenant_id: TenantId, tenant: _Tenant) -> None:
        async with self._bus.subscribe(staff_channel(tenant_id)) as subscription:
            place = await self._first(tenant_id)
            tenant.ready.set()
            wait_s = POLL_S
            while True:
                heard = await subscription.take(wait_s)
                try:
                    tenant.offer([_passing(payload) for payload in heard if payload not in (BELL, GAP)])
                    batch = await self._log.after(tenant_id, place)
                except Exception as error:  # noqa: BLE001 - who listens must hear again when the database is back
                    log.warning("staff_events_unread", error=type(error).__name__)
                    wait_s = POLL_S
                    continue
                place = batch.place
                if batch.events:
                    tenant.offer(batch.events)
                wait_s = 0 if batch.full else _SOON_S if batch.withheld else POLL_S

    async def _first(self, tenant_id: TenantId) -> Place:
        while True:
            try:
                return await self._log.now(tenant_id)
            except Exception as error:  # noqa: BLE001 - as above
                log.warning("staff_events_unread", error=type(error).__name__)
                await asyncio.sleep(POLL_S)


def _passing(payload: bytes) -> StaffEvent:
    value = orjson.loads(payload)
    return StaffEvent.of(None, value["event"], value["data"])
