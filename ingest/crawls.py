"""The tenant's crawls: sites and sitemaps whose pages become sources."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import func, select

from foundation import audit, lists
from foundation.database.models import Crawl, Source
from foundation.errors import Conflict, InvalidInput, NotFound
from foundation.ids import CrawlId, SourceId, TenantId, new_uuid, show
from foundation.tenancy import Tenancy, TenantSession
from ingest import records
from ingest.crawl import Plan
from ingest.erase import delete_source
from ingest.fetch import parse
from ingest.options import Audience, check_interval
from ingest.queue import enqueue

ACTOR = "system:crawl"
Kind = Literal["site", "sitemap"]
State = Literal["queued", "crawling", "ready", "failed"]
Sort = Literal["newest", "oldest", "url", "-url", "updated", "-updated"]
_AT_WORK = frozenset({"queued", "crawling"})
_MAX_PATTERNS = 50
_MAX_PATTERN = 200
_MAX_DEPTH = 10
_MAX_PAGES = 10_000
_ORDERS: Final[Mapping[str, lists.Order]] = {
    **lists.by_age(Crawl.id),
    **lists.both_ways("url", lists.letters(Crawl.uri), Crawl.id),
    **lists.both_ways("updated", Crawl.updated_at, Crawl.id),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which crawls a list shows; a None lets everything through."""

    state: State | None = None
    kind: Kind | None = None
    audience: Audience | None = None


@dataclass(frozen=True, slots=True)
class CrawlView:
    """A crawl as people see it. `reason` is a code; `pages_found` counts the last walk's pages."""

    id: CrawlId
    kind: str
    uri: str
    depth: int
    page_limit: int
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    audience: str
    resync_s: int | None
    state: str
    reason: str | None
    pages_found: int
    checked_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Crawls:
    """Adds, lists and runs crawls. What is added is queued in the same transaction."""

    tenancy: Tenancy

    async def add(
        self,
        tenant_id: TenantId,
        actor: str,
        kind: Kind,
        plan: Plan,
        *,
        audience: Audience = "customer",
        resync_s: int | None = None,
    ) -> CrawlId:
        """Add a crawl; each of its pages becomes a source for `audience`. `resync_s`: seconds between walks.

        Raises:
            ExtractionFailed: `bad_address`.
            InvalidInput: a limit or a pattern is out of bounds.
        """
        uri = str(parse(plan.start))
        _check(plan, resync_s)
        crawl_id = CrawlId(new_uuid())
        async with self.tenancy.session(tenant_id) as session:
            session.add(
                Crawl(
                    tenant_id=tenant_id,
                    id=crawl_id,
                    kind=kind,
                    uri=uri,
                    depth=plan.depth,
                    page_limit=plan.page_limit,
                    include=[*plan.include],
                    exclude=[*plan.exclude],
                    audience=audience,
                    resync_s=resync_s or None,
                )
            )
            await session.flush()
            told = asdict(plan) | {"kind": kind, "audience": audience, "resync_s": resync_s}
            await self._audit(session, tenant_id, crawl_id, actor, "crawl.add", after=told)
            await enqueue(session, "crawl_site", tenant_id, crawl_id)
        return crawl_id

    async def page(self, tenant_id: TenantId, paging: lists.Paging, wanted: Filter) -> lists.Page[CrawlView]:
        """Return a page of crawls, sorted by a `Sort`; words are looked for in addresses.

        Raises:
            InvalidInput: the cursor is none of this list's.
        """
        chosen = select(Crawl).where(
            Crawl.tenant_id == tenant_id,
            *lists.equal(
                (Crawl.state, wanted.state), (Crawl.kind, wanted.kind), (Crawl.audience, wanted.audience)
            ),
            *lists.having(paging.words, Crawl.uri),
        )
        async with self.tenancy.session(tenant_id) as session:
            return await lists.page(session, chosen, _ORDERS, paging, view_of)

    async def get(self, tenant_id: TenantId, crawl_id: CrawlId) -> CrawlView:
        """Return one crawl.

        Raises:
            NotFound: there is no such crawl.
        """
        async with self.tenancy.session(tenant_id) as session:
            crawl = await session.get(Crawl, (tenant_id, crawl_id))
            if crawl is None:
                raise NotFound(kind="crawl")
            return view_of(crawl)

    async def resync(self, tenant_id: TenantId, actor: str, crawl_id: CrawlId) -> None:
        """Walk the site again: new pages are added, known ones looked at, vanished ones become stale.

        Raises:
            NotFound: there is no such crawl.
            Conflict: it is being walked.
        """
        async with self.tenancy.session(tenant_id) as session:
            crawl = await locked(session, tenant_id, crawl_id)
            if crawl.state in _AT_WORK:
                raise Conflict(state=crawl.state)
            await self._requeue(session, crawl, actor)

    async def resync_if_due(self, tenant_id: TenantId, actor: str, crawl_id: CrawlId) -> bool:
        """Queue a crawl if its next walk is due; return whether it was. Another worker may have been first.

        Raises:
            NotFound: there is no such crawl.
        """
        async with self.tenancy.session(tenant_id) as session:
            crawl = await locked(session, tenant_id, crawl_id)
            if crawl.state in _AT_WORK or not await records.is_due(session, crawl):
                return False
            await self._requeue(session, crawl, actor)
        return True

    async def delete(self, tenant_id: TenantId, actor: str, crawl_id: CrawlId) -> int:
        """Delete a crawl and the pages it found; return how many. What was added by hand stays.

        Raises:
            NotFound: there is no such crawl.
        """
        async with self.tenancy.session(tenant_id) as session:
            crawl = await locked(session, tenant_id, crawl_id)
            pages = select(Source.id).where(Source.tenant_id == tenant_id, Source.crawl_id == crawl_id)
            found = [SourceId(each) for each in (await session.execute(pages)).scalars()]
            before = {"uri": crawl.uri, "state": crawl.state, "sources": len(found)}
            await self._audit(session, tenant_id, crawl_id, actor, "crawl.delete", before=before, after={})
            await session.delete(crawl)  # first, so that a walk at work ends and adds nothing more
        for source_id in found:
            with suppress(NotFound):  # deleted meanwhile
                await delete_source(self.tenancy, tenant_id, actor, source_id)
        return len(found)

    async def fail(self, tenant_id: TenantId, crawl_id: CrawlId, reason: str) -> None:
        """Record why a walk did not succeed; the sources it found stay as they are.

        Raises:
            NotFound: there is no such crawl (any more).
        """
        await self._end(tenant_id, crawl_id, "failed", reason, {})

    async def done(self, tenant_id: TenantId, crawl_id: CrawlId, told: dict[str, int]) -> None:
        """Record that a walk came to its end, and the counts it is told by.

        Raises:
            NotFound: there is no such crawl (any more).
        """
        await self._end(tenant_id, crawl_id, "ready", None, told)

    async def _requeue(self, session: TenantSession, crawl: Crawl, actor: str) -> None:
        before = {"state": crawl.state}
        crawl.state, crawl.reason, crawl.updated_at = "queued", None, func.clock_timestamp()
        tenant_id, crawl_id = TenantId(crawl.tenant_id), CrawlId(crawl.id)
        await self._audit(
            session, tenant_id, crawl_id, actor, "crawl.resync", before=before, after={"state": "queued"}
        )
        await enqueue(session, "crawl_site", tenant_id, crawl_id)

    async def _end(
        self, tenant_id: TenantId, crawl_id: CrawlId, state: str, reason: str | None, told: dict[str, int]
    ) -> None:
        async with self.tenancy.session(tenant_id) as session:
            crawl = await locked(session, tenant_id, crawl_id)
            before = {"state": crawl.state}
            crawl.state, crawl.reason = state, reason
            crawl.checked_at = crawl.updated_at = func.clock_timestamp()
            after = {"state": state, "reason": reason, **told}
            action = "crawl.fail" if state == "failed" else "crawl.done"
            await self._audit(session, tenant_id, crawl_id, ACTOR, action, before=before, after=after)

    async def _audit(
        self,
        session: TenantSession,
        tenant_id: TenantId,
        crawl_id: CrawlId,
        actor: str,
        action: str,
        *,
        after: dict[str, Any],
        before: dict[str, Any] | None = None,
    ) -> None:
        await audit.record(
            session,
            tenant_id,
            actor=actor,
            action=action,
            subject=show("crawl", crawl_id),
            before=before,
            after=after,
        )


async def locked(session: TenantSession, tenant_id: TenantId, crawl_id: CrawlId) -> Crawl:
    """Return the crawl's row, locked until the transaction ends.

    Raises:
        NotFound: there is no such crawl (any more).
    """
    found = await session.execute(
        select(Crawl).where(Crawl.tenant_id == tenant_id, Crawl.id == crawl_id).with_for_update()
    )
    crawl = found.scalar_one_or_none()
    if crawl is None:
        raise NotFound(kind="crawl")
    return crawl


def _check(plan: Plan, resync_s: int | None) -> None:
    patterns = (*plan.include, *plan.exclude)
    if not 0 <= plan.depth <= _MAX_DEPTH:
        raise InvalidInput(field="depth", most=_MAX_DEPTH)
    if not 1 <= plan.page_limit <= _MAX_PAGES:
        raise InvalidInput(field="page_limit", most=_MAX_PAGES)
    if len(patterns) > _MAX_PATTERNS or not all(0 < len(each) <= _MAX_PATTERN for each in patterns):
        raise InvalidInput(field="include" if plan.include else "exclude")
    check_interval(resync_s)


def view_of(crawl: Crawl) -> CrawlView:
    """Return a row as people see it."""
    return CrawlView(
        id=CrawlId(crawl.id),
        kind=crawl.kind,
        uri=crawl.uri,
        depth=crawl.depth,
        page_limit=crawl.page_limit,
        include=tuple(crawl.include),
        exclude=tuple(crawl.exclude),
        audience=crawl.audience,
        resync_s=crawl.resync_s,
        state=crawl.state,
        reason=crawl.reason,
        pages_found=crawl.pages_found,
        checked_at=crawl.checked_at,
        created_at=crawl.created_at,
        updated_at=crawl.updated_at,
    )
