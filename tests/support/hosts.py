"""Hosts that are only a row: what a heartbeat would have written."""

import json
from collections.abc import Mapping

from sqlalchemy import text

from foundation.ids import HostId, new_uuid
from foundation.tenancy import Tenancy


async def add_host(tenancy: Tenancy, *, stats: Mapping[str, object], lease_s: float = 60) -> HostId:
    """Store a host whose lease ends in `lease_s` seconds; return its id."""
    host_id = HostId(new_uuid())
    async with tenancy.engine.begin() as connection:
        await connection.execute(
            text(
                "insert into hosts (id, incarnation, lease_until, stats)"
                " values (:id, 1, clock_timestamp() + make_interval(secs => :lease), cast(:stats as jsonb))"
            ),
            {"id": host_id, "lease": lease_s, "stats": json.dumps(dict(stats))},
        )
    return host_id


async def beat(tenancy: Tenancy, host_id: HostId, *, seconds: float, **stats: float) -> None:
    """Renew a host's lease as a heartbeat `seconds` later would, with new figures."""
    async with tenancy.engine.begin() as connection:
        await connection.execute(
            text(
                "update hosts set lease_until = lease_until + make_interval(secs => :seconds),"
                " stats = stats || cast(:stats as jsonb) where id = :id"
            ),
            {"id": host_id, "seconds": seconds, "stats": json.dumps(stats)},
        )
