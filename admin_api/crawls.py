"""Routes for crawls: a site, or its sitemap, whose pages become sources."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from admin_api.desk import Desk, DeskDep, id_of
from admin_api.listing import Renamed
from foundation.ids import CrawlId, show
from foundation.lists import MOST
from ingest.crawl import Plan
from ingest.crawls import Crawls, CrawlView, Filter, Kind, Sort, State
from ingest.extract import sentence
from ingest.options import Audience

Patterns = Annotated[list[str], Field(default_factory=list, max_length=50)]


class NewCrawl(BaseModel):
    """What to walk. Patterns are of paths, `*` being anything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(min_length=1, max_length=2_000)
    kind: Kind = "site"
    depth: int = 2
    page_limit: int = 200
    include: Patterns
    exclude: Patterns
    audience: Audience = "customer"
    resync_s: int | None = None
    """How often the site is walked again, in seconds."""


class CrawlState(BaseModel):
    crawl_id: str
    kind: str
    url: str
    depth: int
    page_limit: int
    include: list[str]
    exclude: list[str]
    audience: str
    resync_s: int | None
    state: str
    reason: str | None
    """Why it failed, in words for people."""
    pages_found: int
    checked_at: datetime | None
    created_at: datetime
    updated_at: datetime


class CrawlList(BaseModel):
    crawls: list[CrawlState]
    next: str | None = None
    """Give this as `cursor` for the ones that follow; null at the end."""


class Asked(Renamed):
    """Which crawls. Words are looked for in addresses."""

    sort: Sort = "newest"
    state: State | None = None
    kind: Kind | None = None
    audience: Audience | None = None
    limit: int = Field(default=100, ge=1, le=MOST)


class Deleted(BaseModel):
    sources: int
    """How many went with it."""


router = APIRouter(prefix="/crawls")


@router.post("", status_code=202)
async def add(desk: DeskDep, body: NewCrawl) -> CrawlState:
    """Walk a site, or read its sitemap; each page becomes a source."""
    plan = Plan(body.url.strip(), body.depth, body.page_limit, tuple(body.include), tuple(body.exclude))
    crawl_id = await Crawls(desk.tenancy).add(
        desk.tenant_id, desk.actor, body.kind, plan, audience=body.audience, resync_s=body.resync_s
    )
    return await _state_of(desk, crawl_id)


@router.get("")
async def listed(desk: DeskDep, asked: Annotated[Asked, Query()]) -> CrawlList:
    """List crawls."""
    wanted = Filter(asked.state, asked.kind, asked.audience)
    page = await Crawls(desk.tenancy).page(desk.tenant_id, asked.paging, wanted)
    return CrawlList(crawls=[_state(view, desk.language) for view in page.items], next=page.next)


@router.get("/{crawl_id}")
async def get(desk: DeskDep, crawl_id: str) -> CrawlState:
    """Show one crawl."""
    return await _state_of(desk, CrawlId(id_of("crawl", crawl_id)))


@router.post("/{crawl_id}/resync", status_code=202)
async def resync(desk: DeskDep, crawl_id: str) -> CrawlState:
    """Walk the site again: new pages are added, known ones looked at, vanished ones become stale."""
    known = CrawlId(id_of("crawl", crawl_id))
    await Crawls(desk.tenancy).resync(desk.tenant_id, desk.actor, known)
    return await _state_of(desk, known)


@router.delete("/{crawl_id}")
async def delete(desk: DeskDep, crawl_id: str) -> Deleted:
    """Delete a crawl and the sources it found; their files and vectors go in the background."""
    known = CrawlId(id_of("crawl", crawl_id))
    return Deleted(sources=await Crawls(desk.tenancy).delete(desk.tenant_id, desk.actor, known))


async def _state_of(desk: Desk, crawl_id: CrawlId) -> CrawlState:
    return _state(await Crawls(desk.tenancy).get(desk.tenant_id, crawl_id), desk.language)


def _state(view: CrawlView, language: str) -> CrawlState:
    return CrawlState(
        crawl_id=show("crawl", view.id),
        kind=view.kind,
        url=view.uri,
        depth=view.depth,
        page_limit=view.page_limit,
        include=list(view.include),
        exclude=list(view.exclude),
        audience=view.audience,
        resync_s=view.resync_s,
        state=view.state,
        reason=sentence(view.reason, language) if view.reason else None,
        pages_found=view.pages_found,
        checked_at=view.checked_at,
        created_at=view.created_at,
        updated_at=view.updated_at,
    )
