"""What the hosts and the queue are doing, as the database has it: the same from whichever process asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(frozen=True, slots=True)
class HostReading:
    """A host at its last heartbeat."""

    id: UUID
    name: str
    """`node:pid`."""
    lease_until: datetime
    lease_left_s: float
    """Negative when the lease was lost."""
    up_s: float
    active: int
    """Conversations that are resident."""
    running: int
    """Turns that run."""
    limit: int
    """How many it lets run at a time just now; 0 when it does not say."""
    waiting: int
    """Wakes that have not begun."""
    turns: int
    """Turns finished since the start, the failed ones included."""
    failed: int
    loop_lag_ms: float
    """How late its event loop is: above some tens of milliseconds, something blocks it."""

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Read a row of `live_hosts()`; what a host does not say counts as 0."""
        stats: Mapping[str, Any] = row.stats
        return cls(
            id=row.id,
            name=stats.get("name") or row.id.hex[-8:],
            lease_until=row.lease_until,
            lease_left_s=row.lease_left_s,
            up_s=row.up_s,
            active=stats.get("active", 0),
            running=stats.get("running", 0),
            limit=stats.get("limit", 0),
            waiting=stats.get("waiting", 0),
            turns=stats.get("turns", 0),
            failed=stats.get("failed", 0),
            loop_lag_ms=stats.get("loop_lag_ms", 0.0),
        )


@dataclass(frozen=True, slots=True)
class Queue:
    """Accepted turns without an answer, of all tenants together."""

    queued: int
    running: int
    oldest_waiting_s: float
    """How long the oldest queued turn has waited; 0 when none does."""


@dataclass(frozen=True, slots=True)
class Reading:
    hosts: tuple[HostReading, ...]
    """Oldest first."""
    queue: Queue


async def read(system: AsyncEngine, *, lost_since: timedelta = timedelta(0)) -> Reading:
    """Read all hosts that hold a lease, or lost it within `lost_since`, and the queue; as the system role."""
    async with system.connect() as connection:
        hosts = await connection.execute(
            text("select * from live_hosts(:lost_since)"), {"lost_since": lost_since}
        )
        queue = await connection.execute(text("select queued, running, oldest_waiting_s from queue_depths()"))
        return Reading(tuple(map(HostReading.of, hosts)), Queue(*queue.one()))


def turns_per_second(before: Reading, after: Reading) -> dict[UUID, float]:
    """Return each host's rate, without those that sent no heartbeat in between.

    The time is that between the two heartbeats, not the two readings: the counts are of then.
    """
    earlier = {host.id: host for host in before.hosts}
    rates = {}
    for host in after.hosts:
        known = earlier.get(host.id)
        seconds = (host.lease_until - known.lease_until).total_seconds() if known else 0.0
        if known is not None and seconds > 0:
            rates[host.id] = (host.turns - known.turns) / seconds
    return rates
