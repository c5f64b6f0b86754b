"""Progress of ingestion for who is watching. The row in the database is the truth; this says: look now."""

import orjson
import structlog

from foundation.clients.bus.port import Bus, Post
from foundation.errors import DependencyUnavailable
from foundation.ids import SourceId, TenantId, show

_log = structlog.get_logger()


def channel(tenant_id: TenantId, source_id: SourceId) -> str:
    """Return the channel on which a source's progress is published."""
    return f"sources:{tenant_id}:{source_id}"


async def publish(
    bus: Bus,
    tenant_id: TenantId,
    source_id: SourceId,
    state: str,
    *,
    done: int = 0,
    total: int | None = None,
    reason: str | None = None,
) -> None:
    """Publish a JSON object of the source's id and the other arguments; a bus that is away stops nothing."""
    payload = {
        "source_id": show("source", source_id),
        "state": state,
        "chunks_done": done,
        "chunks_total": total,
        "reason": reason,
    }
    try:
        await bus.post(Post(channel(tenant_id, source_id), orjson.dumps(payload)))
    except (DependencyUnavailable, OSError):
        _log.warning("progress not published", source_id=str(source_id))
