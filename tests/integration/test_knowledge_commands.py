"""`replik knowledge add` and `crawl`, at the desk of a tenant whose worker runs elsewhere."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from admin_api.desk import Desk, id_of
from agents.inbox.hub import Hub
from foundation.clients.keyspace.valkey import ValkeyKeyspace
from foundation.clients.presence.fakes import LocalPresence
from foundation.errors import InvalidInput, StartError
from foundation.ids import CrawlId, SourceId
from foundation.lists import Paging
from foundation.permissions import PERMISSIONS, Principal
from foundation.tenancy import Tenancy
from graphs.replies import load_replies
from graphs.retrieval.hybrid import HybridRetriever
from ingest.crawler import Crawler
from ingest.crawls import Crawls, Filter
from ingest.fetch import Fetcher
from serve import commands_knowledge as commands
from serve.cli_knowledge import knowledge
from tests.support.house import House
from tests.support.scripted import SEALER
from tests.support.site import answer, open_site, resolver
from tests.support.tenants import audit_actions, make_tenant

pytestmark = pytest.mark.integration

OPTIONS: dict[str, Any] = {
    "depth": 1,
    "pages": 10,
    "include": (),
    "exclude": ("/no*",),
    "audience": "staff",
    "every": None,
}


@pytest.fixture
async def house(tenancy: Tenancy, chroma_url: str, tmp_path: Path) -> House:
    return House(tenancy, await make_tenant(tenancy), chroma_url, tmp_path)


def desk_of(house: House) -> Desk:
    retriever = HybridRetriever(house.tenancy, house.embedder, house.index)
    return Desk(
        Principal(house.tenant_id, "cli", PERMISSIONS),
        "en",
        house.tenancy,
        house.files,
        house.index,
        house.bus,
        "hashing",
        retriever,
        SEALER,
        ValkeyKeyspace("redis://127.0.0.1:9"),  # no command here erases
        Hub(house.tenancy, house.bus),
        LocalPresence(),
        load_replies().in_language,
    )


async def test_a_file_and_an_address_are_added(house: House, tmp_path: Path) -> None:
    desk = desk_of(house)
    (tmp_path / "retur.md").write_text("# Retur\n\nDu har 30 dagar.")
    file = await commands.added(desk, str(tmp_path / "retur.md"), "staff", None)
    url = await commands.added(desk, "https://shop.example/a", "customer", 3_600)
    assert isinstance(file, dict)
    assert isinstance(url, dict)
    views = [
        await house.sources.get(house.tenant_id, SourceId(id_of("source", each["source"])))
        for each in (file, url)
    ]
    assert [(each.kind, each.name, each.audience, each.resync_s) for each in views] == [
        ("file", "retur.md", "staff", None),
        ("url", "https://shop.example/a", "customer", 3_600),
    ]
    with pytest.raises(StartError, match="cannot be read"):
        await commands.added(desk, str(tmp_path / "none.md"), "customer", None)
    with pytest.raises(InvalidInput):
        await commands.added(desk, "https://shop.example/b", "customer", 5)
    assert await audit_actions(house.tenancy, house.tenant_id) == ["source.add", "source.add"]


async def test_a_crawl_is_watched_to_its_end_and_walked_again(house: House) -> None:
    desk = desk_of(house)
    fetch = Fetcher(allow_private=True, resolve=resolver(shop_example="127.0.0.1"))
    crawls = Crawls(house.tenancy)

    async def walks() -> None:
        """Do what the worker does, once the crawl is there."""
        while not (found := (await crawls.page(house.tenant_id, Paging("newest"), Filter())).items):
            await asyncio.sleep(0.02)
        while (await crawls.get(house.tenant_id, found[0].id)).state != "queued":
            await asyncio.sleep(0.02)
        await Crawler(crawls, house.sources, fetch).run(house.tenant_id, CrawlId(found[0].id))

    async with open_site() as site:
        site.pages["/"] = answer(
            b'<!doctype html><html><body><a href="/a">a</a><a href="/no">b</a></body></html>'
        )
        site.pages["/a"] = answer(b"<!doctype html><html><body><p>Hej</p></body></html>")
        said, _ = await asyncio.gather(
            commands.crawled(desk, f"http://shop.example:{site.port}", "site", OPTIONS), walks()
        )
        assert isinstance(said, dict)
        assert (said["state"], said["pages"], said["why"]) == ("ready", 2, None)
        del site.pages["/"]
        said, _ = await asyncio.gather(commands.resynced(desk, said["crawl"]), walks())
        assert isinstance(said, dict)
        assert (said["state"], said["why"][:25]) == ("failed", "The page is no longer the")
    assert {each.audience for each in await house.sources.list(house.tenant_id)} == {"staff"}
    actions = await audit_actions(house.tenancy, house.tenant_id)
    assert actions == ["crawl.add", *["source.add"] * 2, "crawl.done", "crawl.resync", "crawl.fail"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["crawl", "https://a.example", "--exclude", "/no*", "--depth", "1", "--pages", "10"],
            ("crawled", "https://a.example", "site", OPTIONS | {"audience": "customer"}),
        ),
        (
            ["crawl", "https://a.example/s.xml", "--sitemap", "--every", "300", "--audience", "staff"],
            (
                "crawled",
                "https://a.example/s.xml",
                "sitemap",
                {**OPTIONS, "depth": 2, "pages": 200, "exclude": (), "every": 300},
            ),
        ),
        (["add", "a.md"], ("added", "a.md", "customer", None)),
    ],
)
def test_what_is_typed_is_what_is_done(
    arguments: list[str], expected: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[Any, ...]] = []
    monkeypatch.setattr("serve.cli_knowledge._run", lambda tenant, *rest: done.append((tenant, *rest)))
    result = CliRunner().invoke(knowledge, [*arguments, "--tenant", "own"])
    assert result.exit_code == 0, result.output
    assert done == [("own", *expected)]
