"""Routes for one person's data: to hand it out, and to erase it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel

from admin_api.desk import Desk, DeskDep, id_of
from agents.privacy.jobs import Kind, PrivacyJobs
from agents.privacy.subject import Subject
from foundation.ids import show


class PrivacyJobState(BaseModel):
    """How far an export or an erasure is; the report holds numbers and ids, never what was found."""

    job_id: str
    state: Literal["queued", "running", "done", "failed", "gone"]
    report: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    """When an export's file is deleted."""


router = APIRouter(tags=["privacy"])


@router.post("/exports", status_code=202)
async def export(desk: DeskDep, body: Subject) -> PrivacyJobState:
    """Gather all there is of a person, for them; ask again until it is done."""
    return await _asked(desk, "export", body)


@router.get("/exports/{job_id}")
async def exported(desk: DeskDep, job_id: str) -> PrivacyJobState:
    """Say how far an export is."""
    return await _state(desk, "export", id_of("privacy", job_id))


@router.get("/exports/{job_id}/file", response_class=Response)
async def file(desk: DeskDep, job_id: str) -> Response:
    """Fetch an export that is done: a ZIP file with data.json."""
    key = await _jobs(desk).handed_out(desk.tenant_id, desk.actor, id_of("privacy", job_id))
    headers = {
        "Content-Disposition": f'attachment; filename="{job_id}.zip"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(await desk.files.read(desk.tenant_id, key), media_type="application/zip", headers=headers)


@router.post("/erasures", status_code=202)
async def erase(desk: DeskDep, body: Subject) -> PrivacyJobState:
    """Erase a person everywhere and look whether anything is left. This cannot be undone."""
    return await _asked(desk, "erase", body)


@router.get("/erasures/{job_id}")
async def erased(desk: DeskDep, job_id: str) -> PrivacyJobState:
    """Say how far an erasure is; `report.proof` is what the last look found."""
    return await _state(desk, "erase", id_of("privacy", job_id))


async def _asked(desk: Desk, kind: Kind, subject: Subject) -> PrivacyJobState:
    job_id = await _jobs(desk).ask(desk.tenant_id, desk.actor, kind, subject)
    return await _state(desk, kind, job_id)


async def _state(desk: Desk, kind: Kind, job_id: UUID) -> PrivacyJobState:
    row = await _jobs(desk).get(desk.tenant_id, kind, job_id)
    return PrivacyJobState(
        job_id=show("privacy", row["id"]),
        state=row["state"],
        report=row["report"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        expires_at=row["expires_at"],
    )


def _jobs(desk: Desk) -> PrivacyJobs:
    return PrivacyJobs(desk.tenancy, desk.sealer)
