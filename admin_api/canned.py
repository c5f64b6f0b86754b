"""Routes for canned replies."""

from fastapi import APIRouter
from pydantic import BaseModel

from admin_api.desk import DeskDep, id_of
from agents.inbox.canned import CannedFields, CannedReplies, CannedView
from foundation.ids import CannedId


class CannedList(BaseModel):
    canned_replies: list[CannedView]


router = APIRouter(prefix="/canned-replies", tags=["inbox"])


@router.get("")
async def every(desk: DeskDep) -> CannedList:
    """List all canned replies by shortcut."""
    return CannedList(canned_replies=await CannedReplies(desk.tenancy).all(desk.tenant_id))


@router.post("", status_code=201)
async def add(desk: DeskDep, body: CannedFields) -> CannedView:
    """Add a canned reply."""
    return await CannedReplies(desk.tenancy).add(desk.tenant_id, desk.actor, body)


@router.put("/{canned_id}")
async def change(desk: DeskDep, canned_id: str, body: CannedFields) -> CannedView:
    """Replace a canned reply."""
    return await CannedReplies(desk.tenancy).change(
        desk.tenant_id, desk.actor, CannedId(id_of("canned", canned_id)), body
    )


@router.delete("/{canned_id}", status_code=204)
async def delete(desk: DeskDep, canned_id: str) -> None:
    """Delete a canned reply."""
    await CannedReplies(desk.tenancy).delete(desk.tenant_id, desk.actor, CannedId(id_of("canned", canned_id)))
