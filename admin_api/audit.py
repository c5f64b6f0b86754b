"""Routes for a tenant's audit log (permission `audit.read`): who did what, and whether the log is whole."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict

from admin_api.bodies import JsonLines
from admin_api.desk import DeskDep
from foundation import cursors
from foundation.audit_chain import Head, Reason
from foundation.audit_log import AuditLog, Filter

_TEXT = r"^[^\x00]*$"
"""PostgreSQL has no text with a zero byte in it."""


class AuditEntry(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    number: int
    """1, 2, 3 … without gaps."""
    id: UUID
    at: datetime
    actor: str
    action: str
    subject: str
    before: Any
    after: Any
    """What is personal stands as it was, or as `{"erased": true}` once the person's key is erased."""


class AuditPage(BaseModel):
    entries: list[AuditEntry]
    next: str | None
    """Pass it as `cursor` for the page after this one; null at the end."""


class Remembered(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    against: str | None = None
    """A head of an earlier answer or export: it must still be in the log."""


class BadRow(BaseModel):
    number: int
    reason: Reason


class AuditVerdict(BaseModel):
    ok: bool
    rows: int
    """Good ones, from the first on."""
    head: str
    bad: BadRow | None


class Wanted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    cursor: Annotated[str | None, Query(max_length=64)] = None
    limit: Annotated[int, Query(ge=1, le=100)] = 50
    actor: Annotated[str | None, Query(max_length=200, pattern=_TEXT)] = None
    action: Annotated[str | None, Query(max_length=200, pattern=_TEXT)] = None
    """What actions begin with."""
    subject: Annotated[str | None, Query(max_length=200, pattern=_TEXT)] = None
    since: Annotated[AwareDatetime | None, Query(alias="from")] = None
    until: Annotated[AwareDatetime | None, Query(alias="to")] = None


router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("")
async def page(desk: DeskDep, wanted: Annotated[Wanted, Query()]) -> AuditPage:
    """List the audit log, newest first."""
    chosen = Filter(wanted.actor, wanted.action, wanted.subject, wanted.since, wanted.until)
    below = None if wanted.cursor is None else cursors.read(wanted.cursor, (int,))[0]
    rows = await AuditLog(desk.tenancy).page(desk.tenant_id, chosen, below=below, limit=wanted.limit + 1)
    shown = rows[: wanted.limit]
    more = len(rows) > len(shown)
    entries = [AuditEntry.model_validate(row) for row in shown]
    return AuditPage(entries=entries, next=cursors.written(shown[-1].number) if more else None)


@router.get("/export", response_class=JsonLines)
async def export(desk: DeskDep) -> JsonLines:
    """Return the whole log as JSON lines; the last one is the head, and what is personal stays sealed."""
    return JsonLines(
        AuditLog(desk.tenancy).lines(desk.tenant_id),
        headers={"Content-Disposition": 'attachment; filename="audit.jsonl"', "Cache-Control": "no-store"},
    )


@router.post("/verify")
async def verify(desk: DeskDep, remembered: Remembered | None = None) -> AuditVerdict:
    """Say whether the log is as it was written, and which row is the first that is not."""
    against = Head.parse(remembered.against) if remembered and remembered.against else None
    verdict = await AuditLog(desk.tenancy).verify(desk.tenant_id, against)
    bad = BadRow(**asdict(verdict.bad)) if verdict.bad else None
    return AuditVerdict(ok=verdict.ok, rows=verdict.rows, head=str(verdict.head), bad=bad)
