"""A knowledge base goes out into a file and comes back, here or elsewhere, and a bad file adds nothing."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from foundation.errors import InvalidInput
from foundation.ids import SourceId
from foundation.tenancy import Tenancy
from ingest.archive import Export, Manifest
from ingest.archive_import import Import
from ingest.fetch import Fetched, Validators
from ingest.versions import Versions
from tests.support.house import House
from tests.support.tenants import audit_actions, make_tenant
from tests.unit.ingest import files

pytestmark = pytest.mark.integration

GUIDE = "# Guide\n\nDu har 60 dagars öppet köp.\n\n## Frakt\n\nFrakten kostar 49 kr."


@pytest.fixture
async def house(tenancy: Tenancy, chroma_url: str, tmp_path: Path) -> House:
    return House(tenancy, await make_tenant(tenancy), chroma_url, tmp_path)


@pytest.fixture
async def other(tenancy: Tenancy, chroma_url: str, tmp_path: Path) -> House:
    return House(tenancy, await make_tenant(tenancy), chroma_url, tmp_path)


async def filled(house: House) -> SourceId:
    guide = await house.add(GUIDE.replace("60", "30"), "guide.md")
    await house.run(guide)
    await house.sources.replace_file(house.tenant_id, "test", guide, GUIDE.encode())
    await house.run(guide)
    await house.run(await house.add(files.pdf(), "verkstad.pdf"))
    never = await house.add(files.scanned_pdf(), "scan.pdf")
    assert await house.run(never) == "failed"
    await house.sources.change(house.tenant_id, "test", guide, audience="staff")
    return guide


async def exported(
    house: House, *, history: bool = False, vectors: bool = False
) -> tuple[Manifest, io.BytesIO]:
    target = io.BytesIO()
    export = Export(house.tenancy, house.files)
    return await export.write(house.tenant_id, "anna", target, history=history, vectors=vectors), target


async def read_all(house: House) -> None:
    for source in await house.sources.list(house.tenant_id):
        if source.state == "queued":
            assert await house.run(source.id) == "ready"


async def test_what_went_out_comes_back_elsewhere_without_being_embedded_again(
    house: House, other: House
) -> None:
    await filled(house)
    manifest, archive = await exported(house, vectors=True)
    assert (manifest.sources, manifest.model, manifest.dimensions) == (2, "hashing", 256)
    done = await Import(other.tenancy, other.files).read(other.tenant_id, "eva", archive)
    assert (done.added, done.skipped) == (2, 0)
    assert {each.state for each in await other.sources.list(other.tenant_id)} == {"queued"}
    await read_all(other)
    assert other.embedder.asked.total() == 0
    assert sorted(await other.passages()) == sorted(await house.passages()) == await other.indexed()
    assert {each.name: each.audience for each in await other.sources.list(other.tenant_id)} == {
        "guide.md": "staff",
        "verkstad.pdf": "customer",
    }
    assert (await audit_actions(house.tenancy, house.tenant_id))[-1] == "knowledge.export"
    assert (await audit_actions(other.tenancy, other.tenant_id))[0] == "knowledge.import"
    # And out again the same: documents, list and vectors.
    again, _ = await exported(other, vectors=True)
    wanted = {name for name in manifest.files if name.startswith("files/")}
    assert {name for name in again.files if name.startswith("files/")} == wanted
    # A second time there is nothing to add.
    done = await Import(other.tenancy, other.files).read(other.tenant_id, "eva", archive)
    assert (done.added, done.skipped) == (0, 2)


async def test_a_page_comes_in_as_it_was_archived_and_is_then_looked_at(house: House, other: House) -> None:
    asked: list[str] = []

    async def fetch(url: str, _known: Validators) -> Fetched:
        asked.append(url)
        return Fetched(url, files.PAGE if len(asked) == 1 else files.PAGE.replace(b"49 kr", b"59 kr"))

    house.fetch_with(fetch)
    other.fetch_with(fetch)
    page = await house.sources.add_url(house.tenant_id, "test", "https://shop.example/frakt")
    await house.run(page)
    _, archive = await exported(house)
    await Import(other.tenancy, other.files).read(other.tenant_id, "eva", archive)
    await read_all(other)
    assert len(asked) == 1
    [source] = await other.sources.list(other.tenant_id)
    assert (source.uri, source.live_version) == ("https://shop.example/frakt", 1)
    assert any("49 kr" in passage for passage in await other.passages())
    await other.sources.resync(other.tenant_id, "eva", source.id)
    await read_all(other)
    assert any("59 kr" in passage for passage in await other.passages())


async def test_history_comes_along_when_asked_for(house: House, other: House) -> None:
    await filled(house)
    _, without = await exported(house)
    _, archive = await exported(house, history=True)
    assert len(zipfile.ZipFile(archive).namelist()) == len(zipfile.ZipFile(without).namelist()) + 1
    await Import(other.tenancy, other.files).read(other.tenant_id, "eva", archive)
    await read_all(other)
    assert other.embedder.asked.total() > 0  # no vectors in it
    [guide] = [each for each in await other.sources.list(other.tenant_id) if each.name == "guide.md"]
    history = await Versions(other.tenancy, other.files).history(other.tenant_id, guide.id)
    assert [(each.number, each.live) for each in history] == [(2, True), (1, False)]
    assert "Du har 60 dagars öppet köp." in await other.passages()


def rewritten(archive: io.BytesIO, change: Callable[[str, bytes], bytes | None]) -> io.BytesIO:
    target = io.BytesIO()
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


def other_format(name: str, content: bytes) -> bytes:
    return content.replace(b"replik-knowledge", b"something-else") if name == "manifest.json" else content


def newer_version(name: str, content: bytes) -> bytes:
    if name != "manifest.json":
        return content
    return json.dumps(json.loads(content) | {"version": 2}).encode()


def changed_document(name: str, content: bytes) -> bytes:
    return content + b"!" if name.startswith("files/") else content


def missing_document(name: str, content: bytes) -> bytes | None:
    return None if name.startswith("files/") else content


@pytest.mark.parametrize("change", [other_format, newer_version, changed_document, missing_document])
async def test_a_bad_archive_is_refused_and_adds_nothing(
    house: House, other: House, tmp_path: Path, change: Callable[[str, bytes], bytes | None]
) -> None:
    await filled(house)
    _, archive = await exported(house, vectors=True)
    bad = rewritten(archive, change)
    with pytest.raises(InvalidInput) as caught:
        await Import(other.tenancy, other.files).read(other.tenant_id, "eva", bad)
    assert caught.value.data["reason"] == "damaged"
    assert await other.sources.list(other.tenant_id) == []
    assert not (tmp_path / "files" / other.tenant_id.hex).exists()
    async with other.tenancy.session(other.tenant_id) as session:
        assert (await session.execute(text("select count(*) from embeddings"))).scalar_one() == 0
    assert await audit_actions(other.tenancy, other.tenant_id) == []


@pytest.mark.parametrize("content", [b"", b"no archive", files.pdf()])
async def test_what_is_no_archive_is_refused(other: House, content: bytes) -> None:
    with pytest.raises(InvalidInput):
        await Import(other.tenancy, other.files).read(other.tenant_id, "eva", io.BytesIO(content))


async def test_a_bomb_is_refused_by_what_it_says_and_by_what_it_does(other: House) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("files/a", b"0" * 30_000_000)
        archive.writestr("manifest.json", b"{}")
    with pytest.raises(InvalidInput) as caught:
        await Import(other.tenancy, other.files).read(other.tenant_id, "eva", bomb)
    assert caught.value.data["reason"] == "too_large"
