"""Durable jobs: procrastinate on the same PostgreSQL, in its own schema. Jobs only wake; rows are the truth.

The job is enqueued in the transaction that queues the source (`enqueue_ingest` in the database), so neither
is ever there without the other. What a killed worker leaves behind is found by a plain loop and not by a
periodic job, since a queue that stands still cannot recover itself.
"""

import asyncio
import contextlib
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
from ingest.queue import enqueue, enqueue_ingest
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
        self._interrupted: set[tuple[TenantId, SourceId]] = set()
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
        self._app.task(name="crawl_site", queue=QUEUE, pass_context=True, retry=retry)(self._crawl_site)
        self._app.task(name="erase", queue=QUEUE, retry=retry)(self._erase)
        self._app.task(name="reindex", queue=QUEUE, retry=retry)(self._reindex)

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
        for tenant_id, source_id in self._interrupted:
            try:
                async with asyncio.timeout(_GOODBYE_S):
                    await self._enqueue(tenant_id, source_id)
            except Exception:  # noqa: BLE001 - without a database the next worker finds the source as lost
                _log.warning("interrupted source not queued", source_id=str(source_id), exc_info=True)

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
        last = (context.job.attempts or 0) >= MAX_ATTEMPTS - 1
        try:
            if (context.job.attempts or 0) >= MAX_ATTEMPTS:  # it killed its workers every time
                await fail(self._ingestion, tenant_id, source_id, Reason.INTERNAL)
                return
            await ingest(self._ingestion, tenant_id, source_id)
        except NotFound:
            return  # deleted meanwhile
        except asyncio.CancelledError:
            self._interrupted.add((tenant_id, source_id))
            raise
        except Exception:
            # Whatever it was, the people waiting for this source must not wait for ever.
            _log.exception("ingestion failed", source_id=source, attempt=context.job.attempts)
            if last:
                with contextlib.suppress(NotFound):
                    await fail(self._ingestion, tenant_id, source_id, Reason.INTERNAL)
            raise

    async def _crawl_site(self, context: procrastinate.JobContext, *, tenant: str, subject: str) -> None:
        tenant_id, crawl_id = TenantId(UUID(tenant)), CrawlId(UUID(subject))
        attempts = context.job.attempts or 0
        work = self._ingestion
        crawls = Crawls(work.tenancy)
        crawler = Crawler(crawls, Sources(work.tenancy, work.files), work.fetch)
        try:
            if attempts >= MAX_ATTEMPTS:  # it killed its workers every time
                await crawls.fail(tenant_id, crawl_id, Reason.INTERNAL)
                return
            await crawler.run(tenant_id, crawl_id)
        except NotFound:
            return  # deleted meanwhile
        except Exception:
            _log.exception("crawl failed", crawl_id=subject, attempt=attempts)
            if attempts >= MAX_ATTEMPTS - 1:
                with contextlib.suppress(NotFound):
                    await crawls.fail(tenant_id, crawl_id, Reason.INTERNAL)
            raise

    async def _erase(self, *, tenant: str, subject: str) -> None:
        eraser = Eraser(self._ingestion.tenancy, self._ingestion.files, self._ingestion.vectors)
        await eraser.run(TenantId(UUID(tenant)), UUID(subject))

    async def _reindex(self, *, tenant: str, subject: str) -> None:
        with contextlib.suppress(NotFound):  # deleted meanwhile, with its tenant
            await Reindexer(self._ingestion).run(TenantId(UUID(tenant)), UUID(subject))

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
        async with self._ingestion.tenancy.engine.connect() as connection:
            lost = await connection.execute(
                text("select tenant_id, source_id from lost_sources(make_interval(secs => :seconds))"),
                {"seconds": self._lost_after},
            )
            rows = lost.all()
            lost = await connection.execute(
                text("select task, tenant_id, subject from lost_work(make_interval(secs => :seconds))"),
                {"seconds": self._lost_after},
            )
            other = lost.all()
        for row in rows:
            _log.warning("source without a job queued again", source_id=str(row.source_id))
            await self._enqueue(TenantId(row.tenant_id), SourceId(row.source_id))
        for row in other:
            _log.warning("work without a job queued again", task=row.task, subject=str(row.subject))
            async with self._ingestion.tenancy.session(TenantId(row.tenant_id)) as session:
                await enqueue(session, row.task, TenantId(row.tenant_id), row.subject)

    async def _take_over(self, job: Job) -> None:
        _log.warning("job of a dead worker taken over", job_id=job.id, attempts=job.attempts)
        try:
            await self._app.job_manager.retry_job(job)
        except job_errors.UniqueViolation:
            # The same source is queued anew already; the dead job's lock must go, or that one never starts.
            await self._app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)

    async def _enqueue(self, tenant_id: TenantId, source_id: SourceId) -> None:
        async with self._ingestion.tenancy.session(tenant_id) as session:
            await enqueue_ingest(session, tenant_id, source_id)
