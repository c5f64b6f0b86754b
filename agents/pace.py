"""How many turns a host runs at once, and whose turn is next: fair to tenants, and never more than is of use.

Turns that wait for a model cost nothing, so many may run. Turns that compute share one event loop: starting
more of them finishes none sooner, and makes a newcomer from another tenant wait behind all. So the limit
follows what the loop does: it grows while the loop has time to spare and shrinks when it has none, unless it
is others who keep the cores busy. A tenant without a running turn always gets one; only where tenants share a
loop that is busy all the same, one with a queue rests between its turns.
"""

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Generic, TypeVar

from foundation.ids import TenantId

T = TypeVar("T")

LEAST = 1
"""Where tenants share a busy loop: each turn that computes beside another's makes that one later."""
LEAST_ALONE = 6
"""Where one tenant has it: there is nobody else to wait, and the database is used better."""
REST = 2.0
"""Times as long as its last turn took, a tenant with a queue rests where even one turn each is too much."""
LONGEST_REST_S = 0.25
_ALONE_S = 2.0
_BUSY = 0.85
_BUSY_SHARED = 0.6
"""Where tenants share the loop: with more of it taken, a newcomer finds it busy more often than not."""
_OURS = 0.3
"""Of a core: a loop that uses less would not get it sooner by running fewer turns."""
_LATE_S = 0.02
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Seen:
    """What an event loop did in the last moment."""

    used: float
    """Its share of a core, 0..1."""
    wanted: float
    """That, and the share of the time in which it waited for a core."""
    late_s: float
    """How late it came to what was due."""


class Limit:
    """The number of turns that may run at once; `look` moves it. Pure."""

    def __init__(self, at_most: int) -> None:
        self.at_most = at_most
        self.now = float(min(LEAST_ALONE, at_most))
        self.crowded = False
        """Tenants share the loop, each runs one turn at a time, and it is still busy."""

    def look(self, seen: Seen, running: int, *, shared: bool) -> None:
        """Take note of what the loop did and of the turns that run; `shared`: several tenants use the loop.

        An idle loop says nothing of how many it could run: the limit grows only where it is reached.
        """
        busy, least = (_BUSY_SHARED, LEAST) if shared else (_BUSY, LEAST_ALONE)
        if seen.used > _OURS and (seen.wanted > busy or seen.late_s > _LATE_S):
            self.now = max(min(least, self.at_most), min(self.now, running) * 0.8)
            self.crowded = shared and self.now <= LEAST
            return
        self.crowded = False
        if seen.wanted <= busy and running >= int(self.now):
            self.now = min(self.at_most, self.now + max(1.0, self.now / 4))


class Sharing:
    """Knows whether several tenants use the loop. Pure."""

    def __init__(self) -> None:
        self._last: TenantId | None = None
        self._met = -inf

    def came(self, tenant_id: TenantId, now: float) -> None:
        if self._last not in (None, tenant_id):
            self._met = now
        self._last = tenant_id

    def is_now(self, now: float) -> bool:
        return now - self._met <= _ALONE_S


class Lag:
    """Watches the event loop it runs on."""

    def __init__(self) -> None:
        self.late_s = 0.0
        """Of the last look; and `worst_s` since it was last read."""
        self._worst_s = 0.0

    async def watch(self, limit: Limit, running: Callable[[], int], sharing: Sharing) -> None:
        """Look for ever; `running` says how many turns run."""
        while True:
            began, (ran, waited) = time.monotonic(), _core_s()
            await asyncio.sleep(_LOOK_S)
            passed, (ran_since, waited_since) = time.monotonic() - began, _core_s()
            used = (ran_since - ran) / passed
            self.late_s = max(0.0, passed - _LOOK_S)
            self._worst_s = max(self._worst_s, self.late_s)
            seen = Seen(used, used + (waited_since - waited) / passed, self.late_s)
            limit.look(seen, running(), shared=sharing.is_now(time.monotonic()))

    def take_worst_ms(self) -> float:
        """Return the worst lateness since the last call, in milliseconds."""
        worst, self._worst_s = self._worst_s, 0.0
        return round(worst * 1000, 1)


def _core_s() -> tuple[float, float]:
    """Return the seconds for which this thread has had a core, and waited for one (0 where none can tell)."""
    try:
        # https://docs.kernel.org/scheduler/sched-stats.html
        ran, waited, _ = Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return time.thread_time(), 0.0
    # A kernel that keeps no such account says 0.
    return (int(ran) / 1e9, int(waited) / 1e9) if int(ran) else (time.thread_time(), 0.0)


class Line(Generic[T]):
    """Who waits, by tenant: tenants take turns, each tenant's own come in their order. Pure."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[TenantId, deque[T]] = OrderedDict()
        self._running: Counter[TenantId] = Counter()
        self._resting: dict[TenantId, float] = {}
        """Until when a tenant starts no turn."""
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def running(self) -> int:
        """How many were taken and are not yet done."""
        return self._running.total()

    def add(self, tenant_id: TenantId, one: T) -> None:
        self._waiting.setdefault(tenant_id, deque()).append(one)
        self._length += 1

    def waits(self, tenant_id: TenantId) -> bool:
        """Say whether anything of this tenant's waits."""
        return tenant_id in self._waiting

    def take(self, limit: int, now: float = 0.0) -> Iterator[T]:
        """Yield those who may start now: up to `limit` in all, and one of each tenant that runs none.

        Nobody's who rests.
        """
        self._resting = {tenant_id: until for tenant_id, until in self._resting.items() if until > now}
        for tenant_id in list(self._waiting):
            if not self._running[tenant_id] and tenant_id not in self._resting:
                yield self._next(tenant_id)
        while self.running < limit:
            ready = next((tenant_id for tenant_id in self._waiting if tenant_id not in self._resting), None)
            if ready is None:
                return
            yield self._next(ready)

    def done(self, tenant_id: TenantId, *, rests_until: float = 0.0) -> None:
        """One of the tenant's that was taken has ended; the tenant starts none before `rests_until`."""
        self._running[tenant_id] -= 1
        if not self._running[tenant_id]:
            del self._running[tenant_id]
        if rests_until:
            self._resting[tenant_id] = rests_until

    def _next(self, tenant_id: TenantId) -> T:
        own = self._waiting[tenant_id]
        one = own.popleft()
        self._length -= 1
        self._running[tenant_id] += 1
        if own:
            self._waiting.move_to_end(tenant_id)
        else:
            del self._waiting[tenant_id]
        return one
