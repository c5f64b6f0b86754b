"""The page behind a citation's link."""

import re
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from foundation.clients.bus.fakes import LocalBus
from foundation.clients.embedding.fakes import HashingEmbedder
from foundation.clients.vectors.fakes import ExactIndex
from foundation.crypto import Tokens
from foundation.database.roles import DatabaseUrls
from foundation.ids import TenantId
from foundation.tenancy import Tenancy
from ingest.compute import ThreadCompute
from ingest.fetch import Fetched, Validators
from ingest.pipeline import Ingestion, ingest
from serve import marked
from serve.links import LINK_S, cited_url
from serve.services import Services
from tests.support.gateway import FrontDoor, front_door, settings_for
from tests.support.tenants import make_tenant

pytestmark = pytest.mark.integration

LONG = "# Guide\n\n" + "\n\n".join(f"## Part {n}\n\nThis is what part {n} says." for n in range(100))


@dataclass(frozen=True)
class Library:
    """A front door before one long document; `passages` are its passages' ids, in order."""

    door: FrontDoor
    tenant_id: TenantId
    passages: list[UUID]

    def link(self, number: int, services: Services | None = None, quote: str = "") -> str:
        """Return the path that a citation of a passage leads to."""
        return cited_url(services or self.door.services, self.tenant_id, self.passages[number], quote)


@pytest.fixture
async def library(
    database_urls: DatabaseUrls, redis_url: str, tmp_path: Path, tenancy: Tenancy
) -> AsyncIterator[Library]:
    tenant_id = await make_tenant(tenancy)
    async with front_door(settings_for(database_urls, redis_url, tmp_path)) as door:
        services = door.services
        source_id = await services.sources.add_file(tenant_id, "test", "a.md", LONG.encode())
        compute = ThreadCompute(HashingEmbedder())
        ingestion = Ingestion(tenancy, services.files, ExactIndex(), compute, LocalBus(), lambda _text: None)
        assert await ingest(ingestion, tenant_id, source_id) == "ready"
        async with tenancy.session(tenant_id) as session:
            found = await session.execute(text("select id from passages order by ordinal"))
            yield Library(door, tenant_id, list(found.scalars()))


async def shown(library: Library, number: int) -> tuple[str, list[int]]:
    """Return the page for a passage, and which parts of the document are on it."""
    response = await library.door.client.get(library.link(number))
    assert response.status_code == 200
    return response.text, [int(part) for part in re.findall(r"what part (\d+) says", response.text)]


async def test_a_long_document_is_shown_around_the_cited_place(library: Library) -> None:
    assert len(library.passages) == 100
    page, parts = await shown(library, 50)
    assert parts == list(range(20, 81))
    assert re.findall(r'id="cited".*?what part (\d+) says', page, re.DOTALL) == ["50"]
    assert page.count("…") == 2
    for number, expected in ((0, range(31)), (30, range(61)), (99, range(69, 100))):
        page, parts = await shown(library, number)
        assert parts == list(expected)
        assert page.count("…") == 1


async def test_the_page_is_made_beside_the_event_loop(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    render = marked.markdown.render

    def watched(source: str) -> object:
        threads.append(threading.current_thread())
        return render(source)

    monkeypatch.setattr(marked.markdown, "render", watched)
    await shown(library, 50)
    assert threads
    assert threading.main_thread() not in threads


async def test_a_link_that_expired_opens_nothing(library: Library) -> None:
    services = library.door.services
    for age, status in ((LINK_S - 60, 200), (LINK_S + 1, 404)):
        then = Tokens(services.tokens.sealer, now=lambda age=age: time.time() - age)  # type: ignore[misc]
        link = library.link(50, replace(services, tokens=then)).removesuffix("#cited")
        for path in (link, f"{link}/file"):
            assert (await library.door.client.get(path)).status_code == status
    assert (await library.door.client.get("/cited/nonsense")).status_code == 404


async def test_the_link_opens_at_the_paragraph_that_was_quoted(library: Library) -> None:
    link = library.link(50, quote="This is what part 50 says.")
    assert link.endswith("#quote")
    page = (await library.door.client.get(link)).text
    assert page.count('id="quote"') == 1
    assert '<p id="quote">This is what part 50 says.</p>' in page.partition('id="cited"')[2]


async def test_the_original_comes_as_it_was(library: Library) -> None:
    link = library.link(50).removesuffix("#cited")
    response = await library.door.client.get(f"{link}/file")
    assert response.content == LONG.encode()
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_cited_web_page_opens_at_what_was_quoted_else_at_its_heading(
    database_urls: DatabaseUrls, redis_url: str, tmp_path: Path, tenancy: Tenancy
) -> None:
    page = b"""<html lang="sv"><head><title>Frakt</title></head><body><article><h1>Frakt</h1>
        <p>Vi skickar varje vardag med post och bud till hela landet.</p><h2 id="pris">Vad det kostar</h2>
        <p>Frakten kostar 49 kr inom Sverige, oavsett hur mycket du handlar.</p></article></body></html>"""

    async def fetch(url: str, _known: Validators) -> Fetched:
        return Fetched(url, page)

    tenant_id = await make_tenant(tenancy)
    async with front_door(settings_for(database_urls, redis_url, tmp_path)) as door:
        compute = ThreadCompute(HashingEmbedder())
        ingestion = Ingestion(
            tenancy, door.services.files, ExactIndex(), compute, LocalBus(), lambda _text: None, fetch=fetch
        )
        source_id = await door.services.sources.add_url(
            tenant_id, "test", "https://shop.example/frakt?a=1&b=2"
        )
        assert await ingest(ingestion, tenant_id, source_id) == "ready"
        async with tenancy.session(tenant_id) as session:
            found = await session.execute(text("select id from passages where text like '%49 kr%'"))
            quote = "Frakten kostar 49 kr inom Sverige, oavsett hur mycket du handlar."
            link = cited_url(door.services, tenant_id, found.scalar_one(), quote)
        shown_page = (await door.client.get(link)).text
    assert 'href="https://shop.example/frakt?a=1&amp;b=2#pris:~:text=Frakten%20kostar' in shown_page
