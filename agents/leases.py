"""Who may run conversations: a host's lease, and the fence that proves ownership of a conversation.

The database judges leases with its own clock. The host judges itself more strictly: its deadline is the
monotonic time *before* it sent the renewal plus less than the lease, so it stops before anybody may steal.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from foundation.ids import HostId

LEASE_S = 4.0
SAFE_S = 3.0
RENEW_S = 1.0
RENEW_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Fence:
    """Proof of ownership: every effect on the conversation is refused unless it still holds."""

    host_id: HostId
    incarnation: int
    epoch: int

    def values(self) -> dict[str, object]:
        return {"host": self.host_id, "incarnation": self.incarnation, "epoch": self.epoch}


class Lease:
    """This host's lease: one row, renewed each second."""

    def __init__(self, engine: AsyncEngine, host_id: HostId) -> None:
        self.host_id = host_id
        self.incarnation = time.time_ns()
        self._engine = engine
        self._deadline = 0.0

    @property
    def held(self) -> bool:
        """Whether this host may still start an effect."""
        return time.monotonic() < self._deadline

    async def renew(self, stats: Mapping[str, object] | None = None) -> None:
        """Extend the lease by one heartbeat row, which also says how the host does.

        Raises:
            TimeoutError: the database did not answer soon enough to be of use.
        """
        before = time.monotonic()
        async with asyncio.timeout(RENEW_TIMEOUT_S), self._engine.begin() as connection:
            values = {"host": self.host_id, "incarnation": self.incarnation, "lease": LEASE_S}
            await connection.execute(_RENEW, values | {"stats": dict(stats or {})})
        self._deadline = before + SAFE_S

    async def forget_the_dead(self) -> None:
        """Delete the rows of hosts whose lease ended long ago."""
        async with self._engine.begin() as connection:
            await connection.execute(
                text("delete from hosts where lease_until < clock_timestamp() - interval '1 hour'")
            )

    async def end(self) -> None:
        """Give up the lease at once, so that others need not wait for it to run out."""
        self._deadline = 0.0
        async with self._engine.begin() as connection:
            await connection.execute(
                text("delete from hosts where id = :host and incarnation = :incarnation"),
                {"host": self.host_id, "incarnation": self.incarnation},
            )


_RENEW = text(
    "insert into hosts (id, incarnation, lease_until, stats)"
    " values (:host, :incarnation, clock_timestamp() + make_interval(secs => :lease), :stats)"
    " on conflict (id) do update set incarnation = excluded.incarnation,"
    " lease_until = excluded.lease_until, stats = excluded.stats"
).bindparams(bindparam("stats", type_=JSONB))
