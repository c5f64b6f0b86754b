"""A worker that is killed in the middle of two hundred documents costs time, and nothing else."""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from foundation.clients.bus.fakes import LocalBus
from foundation.clients.embedding.fakes import HashingEmbedder
from foundation.clients.embedding.port import Vectors
from foundation.clients.files.fsspec_store import FsspecStore
from foundation.clients.vectors.chroma import ChromaIndex
from foundation.clients.vectors.port import Collection
from foundation.database.engine import connect
from foundation.database.roles import DatabaseUrls
from foundation.tenancy import Tenancy
from ingest.compute import ThreadCompute
from ingest.jobs import IngestWorker
from ingest.pipeline import Ingestion
from ingest.sources import Sources
from tests.integration.test_ingest_jobs import forget_jobs, unreachable, until
from tests.support.tenants import make_tenant

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]

DOCUMENTS, PARTS = 200, 5
AT_ONCE = 4

WORKER = """
import asyncio, sys
from tests.integration.test_killed_worker import work

asyncio.run(work(*sys.argv[1:]))
"""


class Noting(HashingEmbedder):
    """Writes down every text before it embeds it."""

    def __init__(self, notes: Path) -> None:
        super().__init__()
        self._notes = notes

    async def passages(self, texts: Sequence[str]) -> Vectors:
        with self._notes.open("a") as notes:
            notes.writelines(f"{each.splitlines()[-1]}\n" for each in texts)
        return await super().passages(texts)


async def work(url: str, chroma_url: str, folder: str) -> None:
    """Run ingestion jobs until the process ends."""
    ingestion = Ingestion(
        Tenancy(connect(url)),
        FsspecStore(folder),
        ChromaIndex(chroma_url),
        ThreadCompute(Noting(Path(folder) / "embedded.txt")),
        LocalBus(),
        lambda _text: None,
        fetch=unreachable,
    )
    async with IngestWorker(url, ingestion, concurrency=AT_ONCE, heartbeat=0.3, stalled_after=2):
        await asyncio.Event().wait()


async def test_all_end_ready_and_no_chunk_is_there_twice(
    tenancy: Tenancy, database_urls: DatabaseUrls, chroma_url: str, tmp_path: Path
) -> None:
    await forget_jobs(database_urls)
    tenant_id = await make_tenant(tenancy)
    sources = Sources(tenancy, FsspecStore(str(tmp_path)))
    for number in range(DOCUMENTS):
        parts = "\n\n".join(f"## Part {part}\n\nText {number} of part {part}." for part in range(PARTS))
        await sources.add_file(tenant_id, "test", f"{number}.md", f"# Document {number}\n\n{parts}".encode())

    async def ready() -> int:
        return sum(source.state == "ready" for source in await sources.list(tenant_id))

    async def a_part_is_ready() -> bool:
        return await ready() >= DOCUMENTS // 4

    async def all_are_ready() -> bool:
        return await ready() == DOCUMENTS

    arguments = (sys.executable, "-c", WORKER, database_urls.worker, chroma_url, str(tmp_path))
    first = await asyncio.create_subprocess_exec(*arguments)
    await until(a_part_is_ready, 60)
    first.send_signal(signal.SIGKILL)
    await first.wait()
    assert DOCUMENTS // 4 <= await ready() < DOCUMENTS
    second = await asyncio.create_subprocess_exec(*arguments)
    try:
        await until(all_are_ready, 60)
    finally:
        second.kill()
        await second.wait()

    async with tenancy.session(tenant_id) as session:
        places = (await session.execute(text("select source_id, ordinal, live from passages"))).all()
        vectors = (await session.execute(text("select count(*) from embeddings"))).scalar_one()
    chunks = DOCUMENTS * PARTS
    assert len(places) == len({(row.source_id, row.ordinal) for row in places}) == chunks
    assert all(row.live for row in places)
    assert vectors == chunks
    assert await ChromaIndex(chroma_url).count(Collection(tenant_id, "hashing", 1)) == chunks
    # Only what the killed worker had in hand, and had not stored, was embedded once more.
    embedded = Counter((tmp_path / "embedded.txt").read_text().splitlines())
    assert len(embedded) == chunks
    assert embedded.total() <= chunks + AT_ONCE * PARTS
    print(f"\n{DOCUMENTS} documents, {chunks} chunks, {embedded.total() - chunks} embedded twice")
