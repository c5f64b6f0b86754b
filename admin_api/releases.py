"""Routes for releases and the agent's settings: drafts become what customers meet."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from admin_api.desk import DeskDep
from agents.behaviour import Settings
from agents.releases import PublishedRelease, Releases


class Publish(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    note: str = Field(default="", max_length=500)
    """What is new in it, for those who read the list."""


class ReleaseList(BaseModel):
    releases: list[PublishedRelease]
    next: int | None = None
    """Give this as `before` for the ones that precede; null at the end."""


router = APIRouter(tags=["releases"])


@router.get("/agent/settings")
async def settings(desk: DeskDep) -> Settings:
    """Show the drafted settings of the agent."""
    return await Releases(desk.tenancy).settings(desk.tenant_id)


@router.put("/agent/settings")
async def change_settings(desk: DeskDep, body: Settings) -> Settings:
    """Draft the agent's settings: its threshold, and per channel `off`, `suggest` or `autonomous`."""
    return await Releases(desk.tenancy).set(desk.tenant_id, desk.actor, body)


@router.get("/releases")
async def listed(
    desk: DeskDep,
    before: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> ReleaseList:
    """List releases, newest first. The first of all is the one that answers."""
    views = await Releases(desk.tenancy).all(desk.tenant_id, before=before, limit=limit + 1)
    shown = views[:limit]
    return ReleaseList(releases=shown, next=shown[-1].number if len(views) > limit else None)


@router.post("/releases", status_code=201)
async def publish(desk: DeskDep, body: Publish) -> PublishedRelease:
    """Freeze the drafts as they are now; each conversation takes them at its next turn."""
    return await Releases(desk.tenancy).publish(desk.tenant_id, desk.actor, body.note)


@router.get("/releases/{number}")
async def get(desk: DeskDep, number: int) -> PublishedRelease:
    """Show one release."""
    return await Releases(desk.tenancy).get(desk.tenant_id, number)


@router.post("/releases/{number}/restore", status_code=201)
async def restore(desk: DeskDep, number: int, body: Publish) -> PublishedRelease:
    """Publish an earlier release's behaviour again; the drafts stay as they are."""
    return await Releases(desk.tenancy).restore(desk.tenant_id, desk.actor, number, body.note)
