"""Routes for a tenant's inboxes."""

from fastapi import APIRouter
from pydantic import BaseModel

from admin_api.desk import DeskDep, id_of
from admin_api.words import Label, Line
from agents.inbox.inboxes import Inboxes, InboxFields, InboxView
from foundation.ids import InboxId


class Inbox(InboxFields):
    name: Line
    channels: tuple[Label, ...] = ()


class InboxList(BaseModel):
    inboxes: list[InboxView]


router = APIRouter(prefix="/inboxes", tags=["inbox"])


@router.get("")
async def every(desk: DeskDep) -> InboxList:
    """List all inboxes, the default one first."""
    return InboxList(inboxes=await Inboxes(desk.tenancy).all(desk.tenant_id))


@router.post("", status_code=201)
async def add(desk: DeskDep, body: Inbox) -> InboxView:
    """Add an inbox."""
    return await Inboxes(desk.tenancy).add(desk.tenant_id, desk.actor, body)


@router.put("/{inbox_id}")
async def change(desk: DeskDep, inbox_id: str, body: Inbox) -> InboxView:
    """Replace what is said of an inbox."""
    return await Inboxes(desk.tenancy).change(
        desk.tenant_id, desk.actor, InboxId(id_of("inbox", inbox_id)), body
    )


@router.delete("/{inbox_id}", status_code=204)
async def delete(desk: DeskDep, inbox_id: str) -> None:
    """Delete an inbox that is empty and not the default."""
    await Inboxes(desk.tenancy).delete(desk.tenant_id, desk.actor, InboxId(id_of("inbox", inbox_id)))
