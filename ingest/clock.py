"""Queues pages and crawls when it is time to look again. Runs in every worker; the rows decide."""

import structlog
from sqlalchemy import text

from foundation.errors import NotFound
from foundation.ids import CrawlId, SourceId, TenantId
from foundation.tenancy import Tenancy
from ingest.crawls import Crawls
from ingest.sources import Sources

_log = structlog.get_logger()

ACTOR = "system:clock"
_AT_ONCE = 20


async def queue_due(tenancy: Tenancy, sources: Sources) -> int:
    """Queue the sources and crawls whose next look is due, those overdue longest first; return how many.

    `tenancy` must be the worker's: it sees which tenants have work, and nothing else of theirs.
    """
    async with tenancy.engine.connect() as connection:
        found = await connection.execute(text("select * from due_resyncs(:n)"), {"n": _AT_ONCE})
        due = found.all()
    crawls = Crawls(sources.tenancy)
    queued = 0
    for row in due:
        try:
            if row.kind == "crawl":
                queued += await crawls.resync_if_due(TenantId(row.tenant_id), ACTOR, CrawlId(row.id))
            else:
                queued += await sources.resync_if_due(TenantId(row.tenant_id), ACTOR, SourceId(row.id))
        except NotFound:
            continue  # deleted meanwhile
    if queued:
        _log.info("pages_due", queued=queued)
    return queued
