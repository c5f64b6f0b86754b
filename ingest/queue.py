"""Waking the worker: a job is there when the transaction that asks for it commits, or not at all."""

from typing import Literal
from uuid import UUID

from sqlalchemy import text

from foundation.ids import SourceId, TenantId
from foundation.tenancy import TenantSession

Task = Literal["ingest_source", "crawl_site", "reindex", "erase"]


async def enqueue_ingest(session: TenantSession, tenant_id: TenantId, source_id: SourceId) -> None:
    """Have a source read; asking again while it waits adds nothing."""
    await enqueue(session, "ingest_source", tenant_id, source_id)


async def enqueue(session: TenantSession, task: Task, tenant_id: TenantId, subject: UUID) -> None:
    """Have work done; asking again while it waits adds nothing."""
    wake = "enqueue_ingest(:tenant, :subject)"
    if task != "ingest_source":
        wake = "enqueue_knowledge(:task, :tenant, :subject)"
    values = {"task": task, "tenant": tenant_id, "subject": subject}
    await session.execute(text(f"select {wake}"), values)
