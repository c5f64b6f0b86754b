"""Jobs wake ingestion, and what a dead worker leaves behind is finished by the next one."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from procrastinate.exceptions import AppNotOpen
from sqlalchemy import text

from foundation.clients.bus.fakes import LocalBus
from foundation.clients.embedding.fakes import HashingEmbedder
from foundation.clients.files.fsspec_store import FsspecStore
from foundation.clients.vectors.fakes import ExactIndex
from foundation.database.engine import connect
from foundation.database.roles import DatabaseUrls
from foundation.errors import ExtractionFailed
from foundation.ids import TenantId
from foundation.tenancy import Tenancy
from ingest.compute import ThreadCompute
from ingest.extract import Document, Reason
from ingest.fetch import Fetched, Validators
from ingest.jobs import MAX_ATTEMPTS, IngestWorker
from ingest.pipeline import Ingestion
from ingest.sources import Sources
from tests.integration.conftest import migrated_database
from tests.support.line import tcp_line
from tests.support.tenants import make_tenant

pytestmark = pytest.mark.integration

# The worker that is killed: it takes the job, says so, and never ends.
DOOMED = """
import asyncio, sys
from tests.integration.test_ingest_jobs import Stuck, ingestion
from ingest.jobs import IngestWorker

async def main(url, folder):
    async with IngestWorker(url, ingestion(url, folder, Stuck()), heartbeat=0.3, stalled_after=2):
        await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""


class Stuck(ThreadCompute):
    """Never gets a document read."""

    def __init__(self) -> None:
        super().__init__(HashingEmbedder())

    async def extract(self, content: bytes, name: str) -> Document:
        print("started", flush=True)
        await asyncio.sleep(60)
        return await super().extract(content, name)


class Broken(ThreadCompute):
    """Fails in a way nobody thought of."""

    async def extract(self, content: bytes, name: str) -> Document:
        raise ZeroDivisionError


def ingestion(url: str, folder: str, compute: ThreadCompute | None = None) -> Ingestion:
    return Ingestion(
        Tenancy(connect(url)),
        FsspecStore(folder),
        ExactIndex(),
        compute or ThreadCompute(HashingEmbedder()),
        LocalBus(),
        lambda _text: None,
        fetch=unreachable,
    )


async def unreachable(_url: str, _known: Validators) -> Fetched:
    """Fetch nothing: other tests leave pages behind that a worker would ask the network for."""
    raise ExtractionFailed(reason=Reason.UNREACHABLE)


def worker(
    urls: DatabaseUrls, folder: Path, compute: ThreadCompute | None = None, *, lost_after: float = 120
) -> IngestWorker:
    work = ingestion(urls.worker, str(folder), compute)
    return IngestWorker(urls.worker, work, heartbeat=0.3, stalled_after=2, lost_after=lost_after)


@pytest.fixture(scope="module")
def database_urls(short_folder: Path) -> Iterator[DatabaseUrls]:
    """A database of their own: workers take up whatever other tests have left unread."""
    with migrated_database(short_folder / "jobs") as urls:
        yield urls


@pytest.fixture
async def tenant_id(tenancy: Tenancy) -> TenantId:
    return await make_tenant(tenancy)


async def forget_jobs(urls: DatabaseUrls) -> None:
    """Other tests leave jobs behind, and no worker."""
    engine = connect(urls.worker)
    async with engine.begin() as connection:
        await connection.execute(text("delete from jobs.procrastinate_jobs"))
        await connection.execute(text("delete from jobs.procrastinate_workers"))
    await engine.dispose()


@pytest.fixture
async def sources(tenancy: Tenancy, tmp_path: Path, database_urls: DatabaseUrls) -> Sources:
    await forget_jobs(database_urls)
    return Sources(tenancy, FsspecStore(str(tmp_path)))


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.05)


def has_state(sources: Sources, tenant_id: TenantId, *states: str) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return sorted(source.state for source in await sources.list(tenant_id)) == sorted(states)

    return check


async def jobs(urls: DatabaseUrls) -> int:
    engine = connect(urls.worker)
    async with engine.connect() as connection:
        count = (await connection.execute(text("select count(*) from jobs.procrastinate_jobs"))).scalar_one()
    await engine.dispose()
    return int(count)


async def test_what_is_added_is_ingested_at_once(
    sources: Sources, tenant_id: TenantId, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    before = await sources.add_text(tenant_id, "test", "Before", "Added while no worker ran.")
    await sources.resync(tenant_id, "test", before)  # a second wake adds no second job
    assert await jobs(database_urls) == 1
    async with worker(database_urls, tmp_path):
        await until(has_state(sources, tenant_id, "ready"))
        await sources.add_text(tenant_id, "test", "After", "Added while it runs.")
        await until(has_state(sources, tenant_id, "ready", "ready"), seconds=3)
        await asyncio.sleep(0.2)
        assert await jobs(database_urls) == 0


async def test_a_killed_workers_job_is_finished_by_the_next(
    sources: Sources, tenant_id: TenantId, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    await sources.add_text(tenant_id, "test", "T", "Text.")
    doomed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DOOMED, database_urls.worker, str(tmp_path), stdout=subprocess.PIPE
    )
    assert doomed.stdout is not None
    assert await doomed.stdout.readline() == b"started\n"
    doomed.send_signal(signal.SIGKILL)
    await doomed.wait()
    assert await has_state(sources, tenant_id, "extracting")()
    async with worker(database_urls, tmp_path):
        await until(has_state(sources, tenant_id, "ready"), seconds=15)


async def test_a_stopped_worker_gives_its_job_back(
    sources: Sources, tenant_id: TenantId, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    await sources.add_text(tenant_id, "test", "T", "Text.")
    started = asyncio.get_running_loop().time()
    async with worker(database_urls, tmp_path, Stuck()):
        await until(has_state(sources, tenant_id, "extracting"))
    assert asyncio.get_running_loop().time() - started < 10
    async with worker(database_urls, tmp_path):
        await until(has_state(sources, tenant_id, "ready"), seconds=5)


async def test_a_source_whose_job_is_lost_is_queued_again(
    sources: Sources, tenant_id: TenantId, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    await sources.add_file(tenant_id, "test", "a.txt", b"Text.", enqueue=False)
    assert await jobs(database_urls) == 0
    async with worker(database_urls, tmp_path, lost_after=0.2):
        await until(has_state(sources, tenant_id, "ready"), seconds=10)


async def test_no_error_ends_the_worker_or_its_recovery(
    sources: Sources,
    tenant_id: TenantId,
    database_urls: DatabaseUrls,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await sources.add_file(tenant_id, "test", "a.txt", b"Text.", enqueue=False)
    stumbling = worker(database_urls, tmp_path, lost_after=0.2)
    stumbled: list[str] = []
    for target, name in ((stumbling, "_recover"), (stumbling._app, "run_worker_async")):
        monkeypatch.setattr(target, name, once_broken(getattr(target, name), stumbled))
    async with stumbling:
        await until(has_state(sources, tenant_id, "ready"), seconds=10)
    assert sorted(stumbled) == ["_recover", "run_worker_async"]


def once_broken(work: Callable[..., Awaitable[None]], stumbled: list[str]) -> Callable[..., Awaitable[None]]:
    """Return `work` such that its first call fails in a way nobody thought of."""

    async def broken(**arguments: object) -> None:
        name = str(getattr(work, "__name__", ""))
        if name not in stumbled:
            stumbled.append(name)
            raise ZeroDivisionError
        await work(**arguments)

    return broken


async def test_a_worker_ends_also_when_its_database_is_gone(
    sources: Sources,
    tenant_id: TenantId,
    database_urls: DatabaseUrls,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingest.jobs._GOODBYE_S", 1.0)
    await sources.add_text(tenant_id, "test", "T", "Text.")
    async with tcp_line(database_urls.worker) as line:
        stopped = IngestWorker(line.url, ingestion(line.url, str(tmp_path), Stuck()))
        async with stopped:
            await until(has_state(sources, tenant_id, "extracting"))
            line.cut()
            begun = time.monotonic()
        assert time.monotonic() - begun < 15
        with pytest.raises(AppNotOpen):
            await stopped._app.job_manager.check_connection_async()
    async with worker(database_urls, tmp_path, lost_after=1):
        await until(has_state(sources, tenant_id, "ready"), seconds=20)


async def test_what_always_fails_is_given_up_and_says_so(
    sources: Sources, tenant_id: TenantId, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    source_id = await sources.add_text(tenant_id, "test", "T", "Text.")
    engine = connect(database_urls.worker)
    async with engine.begin() as connection:
        await connection.execute(
            text("update jobs.procrastinate_jobs set attempts = :n"), {"n": MAX_ATTEMPTS - 1}
        )
    await engine.dispose()
    async with worker(database_urls, tmp_path, Broken(HashingEmbedder())):
        await until(has_state(sources, tenant_id, "failed"), seconds=10)
    assert (await sources.get(tenant_id, source_id)).reason == "internal"
