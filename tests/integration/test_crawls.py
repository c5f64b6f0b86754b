"""A site becomes sources, and stays what the site is."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from foundation.database.engine import connect
from foundation.database.roles import DatabaseUrls
from foundation.errors import Conflict, ExtractionFailed, InvalidInput, NotFound
from foundation.ids import CrawlId, SourceId, new_uuid
from foundation.lists import Paging
from foundation.tenancy import Tenancy
from ingest.clock import queue_due
from ingest.crawl import Plan
from ingest.crawler import Crawler
from ingest.crawls import Crawls, CrawlView, Filter
from ingest.fetch import Fetched, Fetcher, Validators
from ingest.jobs import MAX_ATTEMPTS, IngestWorker
from ingest.source_view import SourceView
from tests.support.house import House
from tests.support.site import Site, answer, open_site, resolver
from tests.support.tenants import audit_actions, make_tenant

pytestmark = pytest.mark.integration

FETCH = Fetcher(allow_private=True, resolve=resolver(shop_example="127.0.0.1"))


def page(words: str, *links: str) -> bytes:
    anchors = " ".join(f'<a href="{link}">mer</a>' for link in links)
    return answer(
        f"<!doctype html><html><body><h1>{words}</h1><p>Allt om {words}. {anchors}</p></body></html>".encode()
    )


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with open_site() as opened:
        opened.pages |= {
            "/": page("Start", "/frakt", "/retur"),
            "/frakt": page("Frakt"),
            "/retur": page("Retur"),
        }
        yield opened


@pytest.fixture
async def house(tenancy: Tenancy, chroma_url: str, tmp_path: Path) -> House:
    opened = House(tenancy, await make_tenant(tenancy), chroma_url, tmp_path)
    opened.fetch_with(FETCH)
    return opened


async def add(house: House, site: Site, *, page_limit: int = 200) -> CrawlId:
    start = Plan(f"http://shop.example:{site.port}/", page_limit=page_limit)
    return await Crawls(house.tenancy).add(house.tenant_id, "anna", "site", start, audience="staff")


async def walk(house: House, crawl_id: CrawlId) -> CrawlView:
    """Do what the worker's job does."""
    crawls = Crawls(house.tenancy)
    await Crawler(crawls, house.sources, house.ingestion.fetch).run(house.tenant_id, crawl_id)
    return await crawls.get(house.tenant_id, crawl_id)


async def by_path(house: House) -> dict[str, SourceView]:
    found = await house.sources.list(house.tenant_id)
    return {"/" + (each.uri or "").split("/", 3)[3]: each for each in found}


async def read_all(house: House) -> dict[str, SourceView]:
    for each in await house.sources.list(house.tenant_id, state="queued"):
        await house.run(each.id)
    return await by_path(house)


async def test_pages_become_sources_of_the_crawls_audience(house: House, site: Site) -> None:
    crawl_id = await add(house, site)
    crawl = await walk(house, crawl_id)
    assert (crawl.state, crawl.reason, crawl.pages_found) == ("ready", None, 3)
    assert crawl.checked_at is not None
    pages = await by_path(house)
    assert {path: (each.state, each.audience) for path, each in pages.items()} == dict.fromkeys(
        ["/", "/frakt", "/retur"], ("queued", "staff")
    )
    pages = await read_all(house)
    assert {path: (each.state, each.name) for path, each in pages.items()} == {
        "/": ("ready", "Start"),
        "/frakt": ("ready", "Frakt"),
        "/retur": ("ready", "Retur"),
    }
    actions = await audit_actions(house.tenancy, house.tenant_id)
    assert actions == ["crawl.add", *["source.add"] * 3, "crawl.done", *["source.live"] * 3]


async def test_walking_again_adds_looks_and_marks(house: House, site: Site) -> None:
    crawl_id = await add(house, site)
    own = await house.sources.add_url(house.tenant_id, "anna", f"http://shop.example:{site.port}/retur")
    await walk(house, crawl_id)
    await read_all(house)

    crawls = Crawls(house.tenancy)
    await crawls.resync(house.tenant_id, "anna", crawl_id)
    assert (await crawls.get(house.tenant_id, crawl_id)).state == "queued"
    with pytest.raises(Conflict):
        await crawls.resync(house.tenant_id, "anna", crawl_id)
    site.pages |= {"/": page("Start", "/ny"), "/ny": page("Nytt")}
    assert (await walk(house, crawl_id)).pages_found == 2
    pages = await by_path(house)
    assert {path: (each.state, each.reason) for path, each in pages.items()} == {
        "/": ("queued", None),
        "/ny": ("queued", None),
        "/frakt": ("stale", "unlisted"),
        "/retur": ("ready", None),  # somebody's own: no crawl speaks for it
    }
    assert pages["/retur"].id == own
    assert any("Allt om Frakt" in passage for passage in await house.passages())
    assert (await audit_actions(house.tenancy, house.tenant_id))[-5:] == [
        "crawl.resync",
        "source.resync",
        "source.add",
        "source.unlist",
        "crawl.done",
    ]
    await read_all(house)

    site.pages["/"] = page("Start", "/ny", "/frakt", "/retur")
    await walk(house, crawl_id)
    pages = await by_path(house)
    assert {path: each.state for path, each in pages.items()} == {
        "/": "queued",
        "/ny": "queued",
        "/frakt": "queued",
        "/retur": "ready",  # found, and still looked at only when its owner says so
    }
    pages = await read_all(house)
    assert (pages["/frakt"].state, pages["/frakt"].reason, pages["/frakt"].live_version) == ("ready", None, 1)


@pytest.mark.parametrize("trouble", ["a page fails", "the limit"])
async def test_a_walk_cut_short_marks_nothing(house: House, site: Site, trouble: str) -> None:
    crawl_id = await add(house, site, page_limit=3)
    await walk(house, crawl_id)
    await read_all(house)
    if trouble == "the limit":
        site.pages |= {
            "/": page("Start", "/1", "/2", "/3"),
            "/1": page("1"),
            "/2": page("2"),
            "/3": page("3"),
        }
    else:
        site.pages |= {"/": page("Start", "/1"), "/1": answer(b"", status="502 Bad Gateway")}
    assert (await walk(house, crawl_id)).state == "ready"
    pages = await by_path(house)
    assert {pages[path].state for path in ("/frakt", "/retur")} == {"ready"}


async def test_a_site_that_cannot_be_walked_says_why_and_changes_nothing(house: House, site: Site) -> None:
    crawl_id = await add(house, site)
    await walk(house, crawl_id)
    await read_all(house)
    site.pages["/robots.txt"] = answer(b"User-agent: *\nDisallow: /")
    crawl = await walk(house, crawl_id)
    assert (crawl.state, crawl.reason) == ("failed", "robots")
    assert {each.state for each in (await by_path(house)).values()} == {"ready"}
    del site.pages["/robots.txt"], site.pages["/"]
    assert (await walk(house, crawl_id)).reason == "gone"
    site.pages["/"] = answer(b"<html><head><meta name=robots content=noindex></head><body>Hej</body></html>")
    assert (await walk(house, crawl_id)).reason == "no_pages"
    assert {each.state for each in (await by_path(house)).values()} == {"ready"}
    assert (await audit_actions(house.tenancy, house.tenant_id))[-3:] == ["crawl.fail"] * 3


async def test_what_a_stopped_run_found_is_kept_and_the_next_finds_the_same(house: House, site: Site) -> None:
    crawl_id = await add(house, site)

    async def dies(url: str, known: Validators) -> Fetched:
        if url.endswith("/retur"):
            raise ZeroDivisionError
        return await FETCH(url, known)

    house.ingestion = replace(house.ingestion, fetch=dies)
    with pytest.raises(ZeroDivisionError):
        await walk(house, crawl_id)
    assert (await Crawls(house.tenancy).get(house.tenant_id, crawl_id)).state == "crawling"
    first = {path: each.id for path, each in (await by_path(house)).items()}
    assert sorted(first) == ["/", "/frakt"]
    house.ingestion = replace(house.ingestion, fetch=FETCH)
    assert (await walk(house, crawl_id)).pages_found == 3
    assert {path: each.id for path, each in (await by_path(house)).items()}.items() >= first.items()


async def test_bounds_and_other_tenants(house: House, site: Site, tenancy: Tenancy) -> None:
    crawls = Crawls(house.tenancy)
    start = Plan(f"http://shop.example:{site.port}/")
    for wrong in (
        replace(start, depth=11),
        replace(start, page_limit=0),
        replace(start, page_limit=10_001),
        replace(start, include=("x" * 201,)),
        replace(start, exclude=("x",) * 51),
    ):
        with pytest.raises(InvalidInput):
            await crawls.add(house.tenant_id, "anna", "site", wrong)
    with pytest.raises(InvalidInput):
        await crawls.add(house.tenant_id, "anna", "site", start, resync_s=299)
    with pytest.raises(ExtractionFailed):
        await crawls.add(house.tenant_id, "anna", "site", replace(start, start="ftp://shop.example/"))
    assert (await crawls.page(house.tenant_id, Paging("newest"), Filter())).items == []
    assert await audit_actions(house.tenancy, house.tenant_id) == []
    crawl_id = await add(house, site)
    other = await make_tenant(tenancy)
    for refused in (crawls.get(other, crawl_id), crawls.resync(other, "eva", crawl_id)):
        with pytest.raises(NotFound):
            await refused
    with pytest.raises(NotFound):
        await walk(house, CrawlId(new_uuid()))


async def test_the_clock_queues_a_crawl_that_is_due_once(
    house: House, site: Site, database_urls: DatabaseUrls
) -> None:
    crawls = Crawls(house.tenancy)
    start = Plan(f"http://shop.example:{site.port}/")
    crawl_id = await crawls.add(house.tenant_id, "anna", "site", start, resync_s=300)
    await walk(house, crawl_id)
    worker = Tenancy(connect(database_urls.worker))
    await queue_due(worker, house.sources)
    assert (await crawls.get(house.tenant_id, crawl_id)).state == "ready"
    async with house.tenancy.session(house.tenant_id) as session:
        past = text("update crawls set checked_at = clock_timestamp() - interval '301 s' where id = :id")
        await session.execute(past, {"id": crawl_id})
    await asyncio.gather(*(queue_due(worker, house.sources) for _ in range(3)))
    assert (await crawls.get(house.tenant_id, crawl_id)).state == "queued"
    assert (await audit_actions(house.tenancy, house.tenant_id)).count("crawl.resync") == 1
    await walk(house, crawl_id)
    assert not await crawls.resync_if_due(house.tenant_id, "test", crawl_id)
    await worker.close()


@pytest.fixture
async def worker(house: House, database_urls: DatabaseUrls) -> AsyncIterator[IngestWorker]:
    tenancy = Tenancy(connect(database_urls.worker))
    async with tenancy.engine.begin() as connection:  # other tests leave jobs behind, and no worker
        await connection.execute(text("delete from jobs.procrastinate_jobs"))
    work = replace(house.ingestion, tenancy=tenancy)
    yield IngestWorker(database_urls.worker, work, heartbeat=0.3, stalled_after=1, lost_after=0.5)
    await tenancy.close()


async def until_ready(house: House, crawl_id: CrawlId, state: str = "ready") -> list[str]:
    deadline = time.monotonic() + 30
    crawls = Crawls(house.tenancy)
    while True:
        states = [each.state for each in await house.sources.list(house.tenant_id)]
        if (await crawls.get(house.tenant_id, crawl_id)).state == state and {*states} <= {"ready"}:
            return states
        assert time.monotonic() < deadline, states
        await asyncio.sleep(0.05)


async def test_the_workers_job_walks_and_reads_and_lost_crawls_are_found(
    house: House, site: Site, worker: IngestWorker, database_urls: DatabaseUrls
) -> None:
    crawl_id = await add(house, site)
    async with worker:
        assert await until_ready(house, crawl_id) == ["ready"] * 3
        async with house.tenancy.session(house.tenant_id) as session:
            # As a killed worker leaves it, whose job has gone too.
            lost = text(
                "update crawls set state = 'crawling', updated_at = clock_timestamp() - interval '1 minute'"
            )
            await session.execute(lost)
        assert await until_ready(house, crawl_id) == ["ready"] * 3
    assert (await audit_actions(house.tenancy, house.tenant_id)).count("crawl.done") == 2


async def test_a_crawl_that_killed_its_workers_is_given_up(
    house: House, site: Site, worker: IngestWorker, database_urls: DatabaseUrls
) -> None:
    crawl_id = await add(house, site)
    engine = connect(database_urls.worker)
    async with engine.begin() as connection:
        attempts = text("update jobs.procrastinate_jobs set attempts = :n")
        await connection.execute(attempts, {"n": MAX_ATTEMPTS})
    await engine.dispose()
    async with worker:
        assert await until_ready(house, crawl_id, "failed") == []
    crawl = await Crawls(house.tenancy).get(house.tenant_id, crawl_id)
    assert (crawl.state, crawl.reason) == ("failed", "internal")
    assert site.requests == []
    assert await audit_actions(house.tenancy, house.tenant_id) == ["crawl.add", "crawl.fail"]


async def test_reading_a_page_again_by_hand_brings_an_unlisted_one_back(house: House, site: Site) -> None:
    crawl_id = await add(house, site)
    await walk(house, crawl_id)
    await read_all(house)
    site.pages["/"] = page("Start", "/retur")
    await walk(house, crawl_id)
    source: SourceId = (await by_path(house))["/frakt"].id
    await house.sources.resync(house.tenant_id, "anna", source)
    assert (await read_all(house))["/frakt"].state == "ready"


async def test_a_deleted_crawl_takes_its_pages_along_and_nobody_elses(
    house: House, site: Site, tenancy: Tenancy
) -> None:
    own = await house.sources.add_url(house.tenant_id, "anna", f"http://shop.example:{site.port}/retur")
    crawl_id = await add(house, site)
    await walk(house, crawl_id)
    await read_all(house)
    crawls = Crawls(house.tenancy)
    with pytest.raises(NotFound):
        await crawls.delete(await make_tenant(tenancy), "eve", crawl_id)

    assert await crawls.delete(house.tenant_id, "anna", crawl_id) == 2
    assert [each.id for each in await house.sources.list(house.tenant_id)] == [own]
    with pytest.raises(NotFound):
        await crawls.get(house.tenant_id, crawl_id)
    with pytest.raises(NotFound):  # the job that may still wait for it
        await walk(house, crawl_id)
    actions = await audit_actions(house.tenancy, house.tenant_id)
    assert actions[-3:] == ["crawl.delete", *["source.delete"] * 2]
