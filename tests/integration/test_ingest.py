"""A document's way into the knowledge base, on real PostgreSQL and Chroma."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from foundation.clients.embedding.fakes import HashingEmbedder
from foundation.clients.embedding.port import Vectors
from foundation.database.engine import connect
from foundation.database.roles import DatabaseUrls
from foundation.errors import Conflict, DependencyUnavailable, ExtractionFailed, InvalidInput, NotFound
from foundation.tenancy import Tenancy
from ingest.cli_import import import_folder
from ingest.compute import ThreadCompute
from ingest.fetch import Fetched, Fetcher, Validators
from ingest.pipeline import ingest, text_key, version_key
from ingest.progress import channel
from ingest.queue import enqueue_ingest
from ingest.upload import MAX_BYTES
from tests.support.house import House
from tests.support.site import answer, open_site, resolver
from tests.support.tenants import audit_actions, make_tenant
from tests.unit.ingest import files

pytestmark = pytest.mark.integration

LONG = "# Guide\n\n" + "\n\n".join(f"## Part {n}\n\nThis is what part {n} says." for n in range(100))


class Slow(HashingEmbedder):
    """Says when it has begun, and goes on when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def passages(self, texts: Sequence[str]) -> Vectors:
        self.begun.set()
        await self.go_on.wait()
        return await super().passages(texts)


@pytest.fixture
async def house(tenancy: Tenancy, chroma_url: str, tmp_path: Path) -> House:
    return House(tenancy, await make_tenant(tenancy), chroma_url, tmp_path)


async def test_a_pdf_becomes_live_passages_with_their_place(house: House) -> None:
    source_id = await house.add(files.pdf(), "verkstad.pdf")
    events: list[dict[str, object]] = []
    async with house.bus.subscribe(channel(house.tenant_id, source_id)) as subscription:
        assert await house.run(source_id) == "ready"
        events += [orjson.loads(payload) for payload in await subscription.take(0.05)]
    assert [event["state"] for event in events] == ["extracting", "embedding", "embedding", "ready"]
    assert [event["chunks_done"] for event in events] == [0, 0, 2, 2]

    source = await house.sources.get(house.tenant_id, source_id)
    assert (source.state, source.live_version, source.chunks_done, source.chunks_total) == ("ready", 1, 2, 2)
    assert await audit_actions(house.tenancy, house.tenant_id) == ["source.add", "source.live"]
    stored = (await house.files.read(house.tenant_id, text_key(version_key(source_id, 1)))).decode()
    async with house.tenancy.session(house.tenant_id) as session:
        rows = (await session.execute(text("select * from passages order by ordinal"))).all()
        version = (await session.execute(text("select title, media_type from source_versions"))).one()
    assert tuple(version) == ("Verkstad", "application/pdf")
    assert all(stored[row.start_offset : row.end_offset] == row.text and row.live for row in rows)
    places = [(row.heading, row.page) for row in rows]
    assert places == [("Verkstad > Priser", 1), ("Verkstad > Tider", 1)]
    assert (await house.nearest("Vallning pris")).startswith("Alla priser")


async def test_an_interrupted_run_is_finished_without_doing_anything_twice(house: House) -> None:
    source_id = await house.add(LONG)
    house.embedder.lives = 3
    with pytest.raises(DependencyUnavailable):
        await house.run(source_id)
    source = await house.sources.get(house.tenant_id, source_id)
    assert source.state == "embedding"
    assert 0 < source.chunks_done < 100
    assert await house.passages() == []  # nothing is live before all is

    house.embedder.lives = 1_000_000
    assert await house.run(source_id) == "ready"
    assert await house.run(source_id) == "ready"
    assert set(house.embedder.asked.values()) == {1}
    assert len(house.embedder.asked) == 100
    assert len(await house.passages()) == 100
    assert await house.passages(live=False) == []
    assert await house.indexed() == sorted(await house.passages())
    assert await audit_actions(house.tenancy, house.tenant_id) == ["source.add", "source.live"]


async def test_a_crash_at_any_step_heals(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    source_id = await house.add(LONG)
    for target, name in ((house.files, "read"), (house.index, "upsert"), (house.index, "delete")):
        with monkeypatch.context() as broken:

            async def away(*_args: object) -> None:
                raise DependencyUnavailable(part="x")

            broken.setattr(target, name, away)
            if name == "delete":  # only needed when a version is replaced
                await house.sources.replace_file(
                    house.tenant_id, "test", source_id, LONG.replace("99", "77").encode()
                )
            with pytest.raises(DependencyUnavailable):
                await house.run(source_id)
        if name == "upsert":
            assert await house.run(source_id) == "ready"
    # Live already, but the old vectors are still there: the next run clears them away.
    assert len(await house.indexed()) == 200
    assert await house.run(source_id) == "ready"
    assert await house.indexed() == sorted(await house.passages())
    assert set(house.embedder.asked.values()) == {1}


async def test_two_runs_at_once_end_as_one(house: House) -> None:
    source_id = await house.add(LONG)
    assert set(await asyncio.gather(house.run(source_id), house.run(source_id))) == {"ready"}
    assert len(await house.passages()) == 100
    assert await house.indexed() == sorted(await house.passages())


async def test_a_new_version_replaces_the_old_one_in_one_step(house: House) -> None:
    source_id = await house.add(LONG)
    await house.run(source_id)
    changed = LONG.replace("what part 7 says", "something new")
    assert await house.sources.replace_file(house.tenant_id, "test", source_id, changed.encode()) == 2
    assert (await house.sources.get(house.tenant_id, source_id)).state == "queued"
    assert any("what part 7 says" in passage for passage in await house.passages())
    await house.run(source_id)
    assert sum("something new" in passage for passage in await house.passages()) == 1
    assert not any("what part 7 says" in passage for passage in await house.passages())
    assert len(house.embedder.asked) == 101  # one passage is new
    assert await house.indexed() == sorted(await house.passages())
    assert (await house.sources.get(house.tenant_id, source_id)).live_version == 2


async def test_what_cannot_be_read_says_why_and_leaves_the_live_version(house: House) -> None:
    failed = await house.add(files.scanned_pdf(), "scan.pdf")
    assert await house.run(failed) == "failed"
    view = await house.sources.get(house.tenant_id, failed)
    assert (view.state, view.reason, view.live_version) == ("failed", "no_text", None)

    good = await house.add("Öppet alla dagar.")
    await house.run(good)
    await house.sources.replace_file(house.tenant_id, "test", good, files.locked_pdf())
    assert await house.run(good) == "stale"
    view = await house.sources.get(house.tenant_id, good)
    assert (view.state, view.reason, view.live_version) == ("stale", "password", 1)
    assert await house.passages() == ["Öppet alla dagar."]
    actions = await audit_actions(house.tenancy, house.tenant_id)
    assert actions == [
        "source.add",
        "source.fail",
        "source.add",
        "source.live",
        "source.replace",
        "source.fail",
    ]


async def test_a_page_is_fetched_again_only_when_asked_for(house: House) -> None:
    pages = [files.PAGE, files.PAGE, files.PAGE.replace(b"49 kr", b"59 kr")]
    fetched: list[str] = []

    async def fetch(url: str, _known: Validators) -> Fetched:
        fetched.append(url)
        return Fetched(url, pages[len(fetched) - 1])

    house.ingestion = replace(house.ingestion, fetch=fetch)
    source_id = await house.sources.add_url(house.tenant_id, "test", "https://shop.example/frakt#x")
    for again, version in enumerate((1, 1, 2)):
        if again:
            await house.sources.resync(house.tenant_id, "test", source_id)
        await house.run(source_id)
        await house.run(source_id)  # a job that is run twice
        source = await house.sources.get(house.tenant_id, source_id)
        assert (source.state, source.live_version, source.name) == ("ready", version, "Frakt")
    assert fetched == ["https://shop.example/frakt"] * 3
    assert any("59 kr" in passage for passage in await house.passages())
    assert not any("49 kr" in passage for passage in await house.passages())


async def test_a_page_that_could_not_be_read_is_fetched_again(house: House) -> None:
    async with open_site() as site:
        fetch = Fetcher(allow_private=True, resolve=resolver(shop_example="127.0.0.1"))
        house.ingestion = replace(house.ingestion, fetch=fetch)
        url = f"http://shop.example:{site.port}/frakt"
        source_id = await house.sources.add_url(house.tenant_id, "test", url)
        site.pages["/frakt"] = answer(files.scanned_pdf())
        assert await house.run(source_id) == "failed"
        await house.sources.resync(house.tenant_id, "test", source_id)
        assert await house.run(source_id) == "failed"  # the same page still: no other version of it
        site.pages["/frakt"] = answer(files.PAGE)
        await house.sources.resync(house.tenant_id, "test", source_id)
        assert await house.run(source_id) == "ready"
    source = await house.sources.get(house.tenant_id, source_id)
    assert (source.state, source.reason, source.live_version) == ("ready", None, 2)
    assert len(site.requests) == 3
    assert any("49 kr" in passage for passage in await house.passages())


async def test_an_overtaken_run_does_not_bring_the_old_version_back(house: House) -> None:
    source_id = await house.add(LONG)
    slow = Slow()
    late = asyncio.create_task(
        ingest(replace(house.ingestion, compute=ThreadCompute(slow)), house.tenant_id, source_id)
    )
    await slow.begun.wait()
    await house.sources.replace_file(house.tenant_id, "test", source_id, b"Something new.")
    assert await house.run(source_id) == "ready"
    slow.go_on.set()
    assert await late == "ready"
    assert await house.passages() == ["Something new."]
    assert await house.indexed() == ["Something new."]
    source = await house.sources.get(house.tenant_id, source_id)
    assert (source.state, source.live_version, source.chunks_done, source.chunks_total) == ("ready", 2, 1, 1)
    actions = await audit_actions(house.tenancy, house.tenant_id)
    assert actions == ["source.add", "source.replace", "source.live"]


async def test_what_is_added_is_judged_first(house: House) -> None:
    for content, reason in (
        (b"", "empty"),
        (b"x" * (MAX_BYTES + 1), "too_large"),
        (b"\0\1\2\3" * 9, "unsupported"),
    ):
        with pytest.raises(ExtractionFailed) as caught:
            await house.add(content)
        assert caught.value.data["reason"] == reason
    with pytest.raises(ExtractionFailed):
        await house.sources.add_url(house.tenant_id, "test", "file:///etc/passwd")
    with pytest.raises(InvalidInput):
        await house.sources.add_text(house.tenant_id, "test", " ", "text")
    assert await house.sources.list(house.tenant_id) == []
    assert await audit_actions(house.tenancy, house.tenant_id) == []


async def test_another_tenant_sees_and_reaches_nothing(house: House) -> None:
    source_id = await house.add("Hemligt.")
    other = await make_tenant(house.tenancy)
    assert await house.sources.list(other) == []
    with pytest.raises(NotFound):
        await house.sources.get(other, source_id)
    with pytest.raises(NotFound):
        await ingest(house.ingestion, other, source_id)
    with pytest.raises(DBAPIError, match="only be enqueued"):
        async with house.tenancy.session(other) as session:
            await enqueue_ingest(session, house.tenant_id, source_id)


@pytest.fixture
async def worker_tenancy(database_urls: DatabaseUrls) -> AsyncIterator[Tenancy]:
    engine = connect(database_urls.worker)
    opened = Tenancy(engine)
    yield opened
    await opened.close()


async def test_the_application_cannot_read_jobs_and_the_worker_can_ingest(
    house: House, worker_tenancy: Tenancy
) -> None:
    source_id = await house.add("Öppet alla dagar.")
    with pytest.raises(DBAPIError, match="permission denied"):
        async with house.tenancy.engine.connect() as connection:
            await connection.execute(text("select * from jobs.procrastinate_jobs"))
    house.ingestion = replace(house.ingestion, tenancy=worker_tenancy)
    assert await house.run(source_id) == "ready"


async def test_a_folder_is_imported_and_a_second_time_skipped(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "kb"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.md").write_text("# A\n\nText.")
    (folder / "sub" / "b.docx").write_bytes(files.word())
    (folder / "c.pdf").write_bytes(files.locked_pdf())
    (folder / "d.bin").write_bytes(b"\0\1\2")
    (folder / ".hidden").write_text("no")
    first = await import_folder(folder, house.ingestion, house.tenant_id)
    assert (first["documents"], first["skipped"], first["chunks"]) == (2, 0, 2)
    assert first["failed"] == {"c.pdf": "password", "d.bin": "unsupported"}
    assert {source.name for source in await house.sources.list(house.tenant_id)} == {
        "a.md",
        "sub/b.docx",
        "c.pdf",
    }

    (folder / "a.md").write_text("# A\n\nOther text.")
    second = await import_folder(folder, house.ingestion, house.tenant_id)
    assert (second["documents"], second["skipped"]) == (1, 1)
    assert "Other text." in await house.passages()
    assert "Text." not in await house.passages()


async def test_files_stay_in_their_tenants_folder(house: House) -> None:
    await house.files.write(house.tenant_id, "a/b.txt", b"1")
    await house.files.write(house.tenant_id, "a/b.txt", b"22")
    assert await house.files.read(house.tenant_id, "a/b.txt") == b"22"
    other = await make_tenant(house.tenancy)
    with pytest.raises(NotFound):
        await house.files.read(other, "a/b.txt")
    for key in ("../x", "/etc/passwd", "a/../../x", "a//b", "", "a\0", "..", "a/./b", ".part"):
        with pytest.raises(InvalidInput):
            await house.files.read(house.tenant_id, key)
    await house.files.delete(house.tenant_id, "a/b.txt")
    await house.files.delete(house.tenant_id, "a/b.txt")


async def test_vectors_are_kept_as_they_came(house: House) -> None:
    await house.run(await house.add("Öppet alla dagar."))
    async with house.tenancy.session(house.tenant_id) as session:
        stored = (await session.execute(text("select vector from embeddings"))).scalar_one()
    expected = await house.embedder.queries(["a\nÖppet alla dagar."])
    assert np.array_equal(np.frombuffer(stored, "<f4"), expected[0])


async def test_the_same_content_given_again_is_the_same_source(house: House) -> None:
    first, second = await asyncio.gather(house.add("# A\n\nText.", "a.md"), house.add("# A\n\nText.", "b.md"))
    assert first == second
    assert [each.id for each in await house.sources.list(house.tenant_id)] == [first]
    assert await audit_actions(house.tenancy, house.tenant_id) == ["source.add"]
    url = "https://shop.example/frakt"
    pages = [await house.sources.add_url(house.tenant_id, "test", url) for _ in range(2)]
    assert pages[0] == pages[1]
    await house.sources.cancel(house.tenant_id, "test", pages[0])  # no other test's worker shall fetch it
    # Once it says something else, the old content is new again.
    await house.sources.replace_file(house.tenant_id, "test", first, b"# A\n\nOther.")
    assert await house.add("# A\n\nText.") != first


async def test_a_cancelled_run_stops_and_can_be_taken_up_again(
    tenancy: Tenancy, chroma_url: str, tmp_path: Path
) -> None:
    house = House(tenancy, await make_tenant(tenancy), chroma_url, tmp_path)
    source_id = await house.add("# A\n\nOld.")
    await house.run(source_id)
    slow = Slow()
    house.ingestion = replace(house.ingestion, compute=ThreadCompute(slow))
    await house.sources.replace_file(house.tenant_id, "test", source_id, b"# A\n\nNew.")
    running = asyncio.create_task(house.run(source_id))
    await slow.begun.wait()
    await house.sources.cancel(house.tenant_id, "anna", source_id)
    slow.go_on.set()
    assert await running == "ready"

    source = await house.sources.get(house.tenant_id, source_id)
    assert (source.state, source.reason, source.live_version) == ("ready", "cancelled", 1)
    assert await house.passages() == ["Old."]
    assert (await audit_actions(house.tenancy, house.tenant_id))[-1] == "source.cancel"
    with pytest.raises(Conflict):
        await house.sources.cancel(house.tenant_id, "anna", source_id)
    # A job that still waits for it does nothing, until somebody asks for it.
    assert await house.run(source_id) == "ready"
    assert await house.passages() == ["Old."]
    await house.sources.resync(house.tenant_id, "anna", source_id)
    assert await house.run(source_id) == "ready"
    assert await house.passages() == ["New."]


async def test_what_is_changed_about_a_source_is_stored_and_audited(house: House) -> None:
    source_id = await house.add("Text.")
    change = house.sources.change
    await change(house.tenant_id, "anna", source_id, name="Nytt", audience="staff", resync_s=3_600)
    source = await house.sources.get(house.tenant_id, source_id)
    assert (source.name, source.audience, source.resync_s) == ("Nytt", "staff", 3_600)
    await change(house.tenant_id, "anna", source_id, resync_s=0)
    assert (await house.sources.get(house.tenant_id, source_id)).resync_s is None
    with pytest.raises(InvalidInput):
        await change(house.tenant_id, "anna", source_id, resync_s=10)
    assert await audit_actions(house.tenancy, house.tenant_id) == ["source.add", *["source.change"] * 2]
