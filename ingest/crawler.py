"""Runs a crawl: what a walk finds becomes sources, and what it no longer finds is marked."""

import asyncio
from dataclasses import dataclass, field

import structlog
from sqlalchemy import func, select, update

from foundation import audit
from foundation.database.models import Source
from foundation.errors import ExtractionFailed
from foundation.ids import CrawlId, SourceId, TenantId, show
from foundation.plans import PlanLimit
from ingest import records
from ingest.crawl import Fetch, Pause, Plan, Walk
from ingest.crawls import ACTOR, Crawls, CrawlView, locked, view_of
from ingest.extract import Reason
from ingest.fetch import parse
from ingest.options import Audience, Options
from ingest.sources import Sources

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Crawler:
    """Runs crawls. Every page found is queued at once, so that what a killed run found is not lost."""

    crawls: Crawls
    sources: Sources
    fetch: Fetch
    pause: Pause = field(default=asyncio.sleep)

    async def run(self, tenant_id: TenantId, crawl_id: CrawlId) -> None:
        """Walk the site; a run that was cut short begins anew and finds the same sources.

        Raises:
            NotFound: there is no such crawl (any more).
        """
        crawl = await self._begin(tenant_id, crawl_id)
        walk = Walk(
            Plan(crawl.uri, crawl.depth, crawl.page_limit, crawl.include, crawl.exclude),
            self.fetch,
            self.pause,
        )
        found: set[str] = set()
        added = 0
        try:
            async for url in walk.site() if crawl.kind == "site" else walk.sitemap():
                added += await self._keep(tenant_id, crawl, url)
                found.add(url)
                await self._progress(tenant_id, crawl_id, len(found))
        except ExtractionFailed as failure:
            await self.crawls.fail(tenant_id, crawl_id, str(failure.data.get("reason", Reason.INTERNAL)))
            return
        except PlanLimit:
            await self.crawls.fail(tenant_id, crawl_id, Reason.PLAN_LIMIT.value)
            return
        if not found:
            await self.crawls.fail(tenant_id, crawl_id, Reason.NO_PAGES.value)
            return
        vanished = await self._unlist(tenant_id, crawl_id, found | walk.unread) if walk.complete else 0
        told = {"found": len(found), "added": added, "unlisted": vanished}
        await self.crawls.done(tenant_id, crawl_id, told)
        _log.info("site_crawled", **told)

    async def _begin(self, tenant_id: TenantId, crawl_id: CrawlId) -> CrawlView:
        async with self.crawls.tenancy.session(tenant_id) as session:
            crawl = await locked(session, tenant_id, crawl_id)
            crawl.state, crawl.reason, crawl.pages_found = "crawling", None, 0
            crawl.updated_at = func.clock_timestamp()
            await session.flush()
            await session.refresh(crawl)
            return view_of(crawl)

    async def _progress(self, tenant_id: TenantId, crawl_id: CrawlId, pages: int) -> None:
        async with self.crawls.tenancy.session(tenant_id) as session:
            crawl = await locked(session, tenant_id, crawl_id)
            crawl.pages_found, crawl.updated_at = pages, func.clock_timestamp()

    async def _keep(self, tenant_id: TenantId, crawl: CrawlView, url: str) -> bool:
        """Have a page read; return whether it is new. Somebody's own source of this address stays theirs."""
        uri = str(parse(url))
        known = await self._known(tenant_id, uri)
        if known is None:
            audience: Audience = "staff" if crawl.audience == "staff" else "customer"
            await self.sources.add_url(tenant_id, ACTOR, uri, Options(audience, crawl_id=crawl.id))
        elif known.crawl_id == crawl.id and known.state not in records.AT_WORK:
            await self.sources.resync(tenant_id, ACTOR, SourceId(known.id))
        return known is None

    async def _known(self, tenant_id: TenantId, uri: str) -> Source | None:
        async with self.crawls.tenancy.session(tenant_id) as session:
            return await session.scalar(
                select(Source).where(Source.tenant_id == tenant_id, Source.kind == "url", Source.uri == uri)
            )

    async def _unlist(self, tenant_id: TenantId, crawl_id: CrawlId, there: set[str]) -> int:
        """Mark the crawl's live pages that the site no longer leads to; return how many are new to it."""
        async with self.crawls.tenancy.session(tenant_id) as session:
            rows = await session.execute(
                select(Source.id, Source.uri, Source.state).where(
                    Source.tenant_id == tenant_id,
                    Source.crawl_id == crawl_id,
                    Source.live_version.is_not(None),
                    Source.state == "ready",
                )
            )
            vanished = [row.id for row in rows if row.uri not in there]
            marked = await session.execute(
                update(Source)
                .where(Source.tenant_id == tenant_id, Source.id.in_(vanished), Source.state == "ready")
                .values(state="stale", reason=Reason.UNLISTED.value, updated_at=func.clock_timestamp())
                .returning(Source.id)
            )
            ids = [*marked.scalars()]
            for source_id in ids:
                await audit.record(
                    session,
                    tenant_id,
                    actor=ACTOR,
                    action="source.unlist",
                    subject=show("source", source_id),
                    before={"state": "ready"},
                    after={"state": "stale", "reason": Reason.UNLISTED.value},
                )
        return len(ids)
