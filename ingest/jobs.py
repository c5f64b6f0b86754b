"""Durable jobs: procrastinate on the same PostgreSQL, in its own schema. Jobs only wake; rows are the truth.

The job is enqueued in the transaction that queues the source (`enqueue_ingest` in the database), so neither
is ever there without the other. What a killed worker leaves behind is found by a plain loop and not by a
periodic job, since a queue that stands still cannot recover itself.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from uuid import UUID

import procrastinate
import structlog
from procrastinate import exceptions as job_errors
from procrastinate.jobs import Job, Status
from sqlalchemy import text

from foundation.errors import NotFound
from foundation.ids import CrawlId, SourceId, TenantId
from ingest.clock import queue_due
from ingest.crawler import Crawler
from ingest.crawls import Crawls
from ingest.erase import Eraser
from ingest.extract import Reason
from ingest.pipeline import Ingestion, fail, ingest
from ingest.queue import Task, enqueue
from ingest.reindex import Reindexer
from ingest.sources import Sources

QUEUE = "ingest"
MAX_ATTEMPTS = 5
"""Runs of a job, killed ones included, before its source is given up."""

_GOODBYE_S = 5.0
"""How long each step of stopping may take when the database does not answer."""

_log = structlog.get_logger()


class IngestWorker:
    """Runs ingestion jobs while its context is open.

    `worker_url` logs in as `replik_worker` and needs LISTEN, so it must not pass a transaction-mode pooler.
    """

    def __init__(
        self,
        worker_url: str,
        ingestion: Ingestion,
        *,
        concurrency: int = 4,
        heartbeat: float = 3.0,
        stalled_after: float = 15.0,
        lost_after: float = 120.0,
        look_every: float = 30.0,
    ) -> None:
        """All times in seconds.

        A worker beats every `heartbeat`; after `stalled_after` without one its jobs are taken over. A source
        at rest for `lost_after` without any job is queued again, and each `look_every` pages that are due.
        """
        self._ingestion = ingestion
        self._concurrency = concurrency
        self._heartbeat = heartbeat
        self._stalled_after = stalled_after
        self._lost_after = lost_after
        self._look_every = look_every
        self._interrupted: set[tuple[Task, TenantId, UUID]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        # The pool checks its connections, and the search path makes procrastinate's names mean its schema.
        connector = procrastinate.PsycopgConnector(
            conninfo=worker_url, kwargs={"options": "-c search_path=jobs,pg_catalog"}, min_size=1, max_size=5
        )
        self._app = procrastinate.App(connector=connector)
        # Not for CancelledError: being stopped is no failed attempt.
        retry = procrastinate.RetryStrategy(
            max_attempts=MAX_ATTEMPTS, exponential_wait=3, retry_exceptions=[Exception]
        )
        self._app.task(name="ingest_source", queue=QUEUE, pass_context=True, retry=retry)(self._ingest_source)
        for task in (self._crawl_site, self._erase, self._reindex):
            name = task.__name__.removeprefix("_")
            self._app.task(name=name, queue=QUEUE, pass_context=True, retry=retry)(task)

    async def __aenter__(self) -> Self:
        await self._app.open_async()
        self._tasks = [
            asyncio.create_task(self._work(), name="ingest worker"),
            asyncio.create_task(self._recover_forever(), name="ingest recovery"),
            asyncio.create_task(self._look_forever(), name="ingest clock"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        try:
            # Without a database procrastinate would wait minutes for a connection to say goodbye on.
            await asyncio.wait(self._tasks, timeout=_GOODBYE_S)
            await self._give_back()
        finally:
            await self._app.close_async()
            # Whoever waits for a connection has been told now that there is none.
            await asyncio.wait(self._tasks, timeout=_GOODBYE_S)

    async def _give_back(self) -> None:
        """Queue the jobs that were cut short: procrastinate aborts them, for us they are to be run again."""
        for task, tenant_id, subject in self._interrupted:
            try:
                async with asyncio.timeout(_GOODBYE_S):
                    await self._enqueue(task, tenant_id, subject)
            except Exception:  # noqa: BLE001 - without a database the next worker finds the work as lost
                _log.warning("interrupted work not queued", task=task, subject=str(subject), exc_info=True)

    async def _work(self) -> None:
        while True:
            try:
                await self._app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=self._concurrency,
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=0.5,
                    update_heartbeat_interval=self._heartbeat,
                    stalled_worker_timeout=self._stalled_after,
                    delete_jobs="successful",
                )
            except Exception:  # noqa: BLE001 - nobody else would start it again
                _log.warning("ingest worker stopped; starting it again", exc_info=True)
            # It also ends, without an error, when it loses the database.
            await asyncio.sleep(1)

    async def _ingest_source(self, context: procrastinate.JobContext, *, tenant: str, source: str) -> None:
        tenant_id, source_id = TenantId(UUID(tenant)), SourceId(UUID(source))
        job = _Job("ingest_source", tenant_id, source_id, context.job.attempts or 0)
        await self._run(
            job,
            lambda: ingest(self._ingestion, tenant_id, source_id),
            lambda: fail(self._ingestion, tenant_id, source_id, Reason.INTERNAL),
        )

    async def _crawl_site(self, context: procrastinate.JobContext, *, tenant: str, subject: str) -> None:
        tenant_id, crawl_id = TenantId(UUID(tenant)), CrawlId(UUID(subject))
        work = self._ingestion
        crawls = Crawls(work.tenancy)
        crawler = Crawler(crawls, Sources(work.tenancy, work.files), work.fetch)
        await self._run(
            _Job("crawl_site", tenant_id, crawl_id, context.job.attempts or 0),
            lambda: crawler.run(tenant_id, crawl_id),
            lambda: crawls.fail(tenant_id, crawl_id, Reason.INTERNAL),
        )

    async def _erase(self, context: procrastinate.JobContext, *, tenant: str, subject: str) -> None:
        tenant_id, erasure_id = TenantId(UUID(tenant)), UUID(subject)
        eraser = Eraser(self._ingestion.tenancy, self._ingestion.files, self._ingestion.vectors)
        await self._run(
            _Job("erase", tenant_id, erasure_id, context.job.attempts or 0),
            lambda: eraser.run(tenant_id, erasure_id),
            None,
        )

    async def _reindex(self, context: procrastinate.JobContext, *, tenant: str, subject: str) -> None:
        tenant_id, reindex_id = TenantId(UUID(tenant)), UUID(subject)
        reindexer = Reindexer(self._ingestion)
        await self._run(
            _Job("reindex", tenant_id, reindex_id, context.job.attempts or 0),
            lambda: reindexer.run(tenant_id, reindex_id),
            lambda: reindexer.fail(tenant_id, reindex_id, Reason.INTERNAL),
        )

    async def _run(
        self,
        job: "_Job",
        work: Callable[[], Awaitable[object]],
        give_up: Callable[[], Awaitable[object]] | None,
    ) -> None:
        """Do the work; give it up after `MAX_ATTEMPTS`, unless it must be done: then recovery asks again."""
        try:
            if job.attempts >= MAX_ATTEMPTS and give_up is not None:  # it killed its workers every time
                await give_up()
                return
            await work()
        except NotFound:
            return  # deleted meanwhile
        except asyncio.CancelledError:
            self._interrupted.add((job.task, job.tenant_id, job.subject))
            raise
        except Exception:
            # Whatever it was, the people waiting for it must not wait for ever.
            _log.exception("job failed", task=job.task, subject=str(job.subject), attempt=job.attempts)
            if job.attempts >= MAX_ATTEMPTS - 1 and give_up is not None:
                with contextlib.suppress(NotFound):
                    await give_up()
            raise

    async def _recover_forever(self) -> None:
        while True:
            try:
                await self._recover()
            except Exception:  # noqa: BLE001 - nobody else would look again
                _log.warning("recovery of ingest jobs failed; trying again", exc_info=True)
            await asyncio.sleep(self._stalled_after / 3)

    async def _look_forever(self) -> None:
        sources = Sources(self._ingestion.tenancy, self._ingestion.files)
        while True:
            try:
                await queue_due(self._ingestion.tenancy, sources)
            except Exception:  # noqa: BLE001 - nobody else would look again
                _log.warning("pages that are due could not be queued; trying again", exc_info=True)
            await asyncio.sleep(self._look_every)

    async def _recover(self) -> None:
        manager = self._app.job_manager
        for job in await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=self._stalled_after):
            await self._take_over(job)
        for task, tenant_id, subject in await self._lost():
            _log.warning("work without a job queued again", task=task, subject=str(subject))
            await self._enqueue(task, tenant_id, subject)

    async def _lost(self) -> list[tuple[Task, TenantId, UUID]]:
        async with self._ingestion.tenancy.engine.connect() as connection:
            found = await connection.execute(
                text(
                    "select 'ingest_source' as task, tenant_id, source_id as subject"
                    " from lost_sources(make_interval(secs => :seconds))"
                    " union all select * from lost_work(make_interval(secs => :seconds))"
                ),
                {"seconds": self._lost_after},
            )
            return [(row.task, TenantId(row.tenant_id), row.subject) for row in found]

    async def _take_over(self, job: Job) -> None:
        _log.warning("job of a dead worker taken over", job_id=job.id, attempts=job.attempts)
        try:
            await self._app.job_manager.retry_job(job)
        except job_errors.UniqueViolation:
            # The same source is queued anew already; the dead job's lock must go, or that one never starts.
            await self._app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)

    async def _enqueue(self, task: Task, tenant_id: TenantId, subject: UUID) -> None:
        async with self._ingestion.tenancy.session(tenant_id) as session:
            await enqueue(session, task, tenant_id, subject)


@dataclass(frozen=True, slots=True)
class _Job:
    """What a job is about, and how often it was begun before."""

    task: Task
    tenant_id: TenantId
    subject: UUID
    attempts: int
