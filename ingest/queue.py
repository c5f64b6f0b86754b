"""Waking the worker: a job is there when the transaction that asks for it commits, or not at all."""

from typing import Literal
from uuid import UUID

from sqlalchemy import text

from foundation.ids import SourceId, TenantId
from foundation.tenancy import TenantSession

Task = Literal["crawl_site", "reindex", "erase"]


async def enqueue_ingest(session: TenantSession, tenant_id: TenantId, source_id: SourceId) -> None:
    """Have a source read; asking again while it waits adds nothing."""
    await session.execute(
        text("select enqueue_ingest(:tenant, :source)"), {"tenant": tenant_id, "source": source_id}
    )


async def enqueue(session: TenantSession, task: Task, tenant_id: TenantId, subject: UUID) -> None:
    """Have other work done; asking again while it waits adds nothing."""
    await session.execute(
        text("select enqueue_knowledge(:task, :tenant, :subject)"),
        {"task": task, "tenant": tenant_id, "subject": subject},
    )
