"""Pages are looked at again: cheaply, in time, and without overruling what somebody put back."""

from pathlib import Path

import pytest
from sqlalchemy import text

from foundation.database.engine import connect
from foundation.database.roles import DatabaseUrls
from foundation.ids import SourceId
from foundation.tenancy import Tenancy
from ingest.clock import queue_due
from ingest.fetch import Fetcher
from ingest.source_view import SourceView
from ingest.versions import Versions
from tests.support.house import House
from tests.support.site import Site, answer, open_site, resolver
from tests.support.tenants import audit_actions, make_tenant
from tests.unit.ingest import files

pytestmark = pytest.mark.integration


@pytest.fixture
async def house(tenancy: Tenancy, chroma_url: str, tmp_path: Path) -> House:
    opened = House(tenancy, await make_tenant(tenancy), chroma_url, tmp_path)
    fetch = Fetcher(allow_private=True, resolve=resolver(shop_example="127.0.0.1"))
    opened.fetch_with(fetch)
    return opened


async def add_page(house: House, site: Site) -> SourceId:
    source_id = await house.sources.add_url(house.tenant_id, "test", f"http://shop.example:{site.port}/frakt")
    assert await house.run(source_id) == "ready"
    return source_id


async def look_again(house: House, source_id: SourceId) -> SourceView:
    await house.sources.resync(house.tenant_id, "test", source_id)
    await house.run(source_id)
    return await house.sources.get(house.tenant_id, source_id)


async def test_a_page_that_has_not_changed_is_not_sent_again(house: House) -> None:
    async with open_site() as site:
        site.pages["/frakt"] = answer(files.PAGE, 'ETag: "a"', "Last-Modified: Wed, 25 Nov 2026 10:00:00 GMT")
        site.etags["/frakt"] = '"a"'
        source_id = await add_page(house, site)
        source = await look_again(house, source_id)
        assert (source.state, source.live_version) == ("ready", 1)
        assert source.checked_at is not None
        assert "if-none-match" not in site.asked[0]
        assert site.asked[1]["if-none-match"] == '"a"'
        assert site.asked[1]["if-modified-since"] == "Wed, 25 Nov 2026 10:00:00 GMT"

        site.etags["/frakt"] = '"b"'
        site.pages["/frakt"] = answer(files.PAGE.replace(b"49 kr", b"59 kr"), 'ETag: "b"')
        assert (await look_again(house, source_id)).live_version == 2
        assert any("59 kr" in passage for passage in await house.passages())


async def test_a_page_that_is_gone_leaves_what_was_read_and_says_so(house: House) -> None:
    async with open_site() as site:
        site.pages["/frakt"] = answer(files.PAGE)
        source_id = await add_page(house, site)
        del site.pages["/frakt"]
        source = await look_again(house, source_id)
        assert (source.state, source.reason, source.live_version) == ("stale", "gone", 1)
        assert any("49 kr" in passage for passage in await house.passages())
        site.pages["/frakt"] = answer(files.PAGE)
        source = await look_again(house, source_id)
        assert (source.state, source.reason, source.live_version) == ("ready", None, 1)


async def test_what_somebody_put_back_stays_until_the_page_says_something_else(house: House) -> None:
    async with open_site() as site:
        site.pages["/frakt"] = answer(files.PAGE)
        source_id = await add_page(house, site)
        site.pages["/frakt"] = answer(files.PAGE.replace(b"49 kr", b"9 kr"))
        assert (await look_again(house, source_id)).live_version == 2
        versions = Versions(house.tenancy, house.files)
        await versions.restore(house.tenant_id, "anna", source_id, 1)
        await house.run(source_id)
        assert (await look_again(house, source_id)).live_version == 3
        assert any("49 kr" in passage for passage in await house.passages())

        site.pages["/frakt"] = answer(files.PAGE.replace(b"49 kr", b"69 kr"))
        assert (await look_again(house, source_id)).live_version == 4
        assert any("69 kr" in passage for passage in await house.passages())


async def test_what_is_put_back_is_brought_in_also_when_the_page_has_changed_or_is_away(house: House) -> None:
    async with open_site() as site:
        site.pages["/frakt"] = answer(files.PAGE)
        source_id = await add_page(house, site)
        site.pages["/frakt"] = answer(files.PAGE.replace(b"49 kr", b"9 kr"))
        await look_again(house, source_id)
        versions = Versions(house.tenancy, house.files)
        for page in (answer(files.PAGE.replace(b"49 kr", b"19 kr")), None):
            site.pages.pop("/frakt", None)
            site.pages |= {} if page is None else {"/frakt": page}
            coming = await versions.restore(house.tenant_id, "anna", source_id, 1)
            asked = len(site.requests)
            assert await house.run(source_id) == "ready"
            assert len(site.requests) == asked
            source = await house.sources.get(house.tenant_id, source_id)
            assert source.live_version == coming
            assert any("49 kr" in passage for passage in await house.passages())


async def test_the_clock_queues_what_is_due_once(house: House, database_urls: DatabaseUrls) -> None:
    worker = Tenancy(connect(database_urls.worker))
    async with open_site() as site:
        site.pages["/frakt"] = answer(files.PAGE)
        source_id = await add_page(house, site)
        other = await house.sources.add_url(
            house.tenant_id, "test", f"http://shop.example:{site.port}/frakt?2"
        )
        await house.sources.change(house.tenant_id, "anna", source_id, resync_s=300)
        sources = house.sources
        await queue_due(worker, sources)
        assert (await sources.get(house.tenant_id, source_id)).state == "ready"  # looked at just now

        async with house.tenancy.session(house.tenant_id) as session:
            past = text("update sources set checked_at = clock_timestamp() - interval '301 s' where id = :id")
            await session.execute(past, {"id": source_id})
        assert await queue_due(worker, sources) >= 1
        assert (await sources.get(house.tenant_id, source_id)).state == "queued"
        assert not await sources.resync_if_due(house.tenant_id, "test", source_id)
        await house.run(source_id)
        assert (await sources.get(house.tenant_id, source_id)).state == "ready"
        assert not await sources.resync_if_due(house.tenant_id, "test", source_id)
        assert not await sources.resync_if_due(house.tenant_id, "test", other)
        # No other test's worker shall fetch them.
        await sources.cancel(house.tenant_id, "test", other)
        await sources.change(house.tenant_id, "anna", source_id, resync_s=0)
    assert (await audit_actions(house.tenancy, house.tenant_id))[-4:] == [
        "source.change",
        "source.resync",
        "source.cancel",
        "source.change",
    ]
    await worker.close()
