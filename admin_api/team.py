"""Routes for a tenant's team: members and invitations."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from admin_api import listing
from admin_api.desk import Desk, DeskDep, id_of
from foundation.identity.grants import Grant, grant_of
from foundation.identity.invitations import Invitations, Invited
from foundation.identity.invitations import Sort as InvitationSort
from foundation.identity.team import Member, Team
from foundation.identity.team import Sort as MemberSort
from foundation.ids import InvitationId, PersonId, show

MOST_MEMBERS = 1_000
"""Of a page."""

RoleName = Annotated[str, Field(min_length=1, max_length=64)]
"""`owner`, `admin`, `editor`, `agent`, `viewer`, or the id of a role of the tenant's own."""


class MemberView(BaseModel):
    person_id: str
    email: str
    name: str
    role: str
    since: datetime


class Members(BaseModel):
    members: Sequence[MemberView]
    next: str | None = None
    """Give this as `cursor` for the ones that follow; null at the end."""


class Asked(listing.ListQuery):
    role: RoleName | None = None

    @property
    def grant(self) -> Grant | None:
        return None if self.role is None else grant_of(self.role)


class MembersAsked(Asked):
    """Which members, the longest in the team first. Words are looked for in names and addresses."""

    sort: MemberSort = "oldest"
    limit: int = Field(default=MOST_MEMBERS, ge=1, le=MOST_MEMBERS)


class InvitationsAsked(Asked):
    """Which invitations. Words are looked for in addresses."""

    sort: InvitationSort = "newest"


class RoleChange(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    role: RoleName


class InvitationBody(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    email: Annotated[str, Field(min_length=3, max_length=320)]
    role: RoleName


class InvitationView(BaseModel):
    id: str
    email: str
    role: str
    expires_at: datetime


class InvitationsView(BaseModel):
    invitations: Sequence[InvitationView]
    next: str | None = None
    """Give this as `cursor` for the ones that follow; null at the end."""


router = APIRouter(tags=["team"])


@router.get("/team")
async def members(desk: DeskDep, asked: Annotated[MembersAsked, Query()]) -> Members:
    """List who is in the team."""
    page = await Team(desk.tenancy).page(desk.tenant_id, asked.paging, asked.grant)
    return Members(members=[_member(one) for one in page.items], next=page.next)


@router.put("/team/{person_id}/role")
async def change_role(desk: DeskDep, person_id: str, body: RoleChange) -> MemberView:
    """Give a member another role, at most one's own; it holds from their next request on."""
    person = PersonId(id_of("person", person_id))
    return _member(await Team(desk.tenancy).change_role(desk.caller, person, grant_of(body.role)))


@router.delete("/team/{person_id}", status_code=204)
async def remove(desk: DeskDep, person_id: str) -> None:
    """Take a member out of the team; their next request is refused."""
    await Team(desk.tenancy).remove(desk.caller, PersonId(id_of("person", person_id)))


@router.get("/invitations")
async def invitations(desk: DeskDep, asked: Annotated[InvitationsAsked, Query()]) -> InvitationsView:
    """List the invitations that wait for an answer."""
    page = await _invitations(desk).page(desk.tenant_id, asked.paging, asked.grant)
    return InvitationsView(invitations=[_invitation(one) for one in page.items], next=page.next)


@router.post("/invitations", status_code=201)
async def invite(desk: DeskDep, body: InvitationBody) -> InvitationView:
    """Mail an invitation that can be accepted once, within seven days."""
    return _invitation(await _invitations(desk).invite(desk.caller, body.email, grant_of(body.role)))


@router.delete("/invitations/{invitation_id}", status_code=204)
async def withdraw(desk: DeskDep, invitation_id: str) -> None:
    """Make an invitation void."""
    await _invitations(desk).withdraw(desk.caller, InvitationId(id_of("invitation", invitation_id)))


def _invitations(desk: Desk) -> Invitations:
    return Invitations(desk.tenancy, desk.letters)


def _member(member: Member) -> MemberView:
    return MemberView(
        person_id=show("person", member.person_id),
        email=member.email,
        name=member.name,
        role=member.grant.shown,
        since=member.since,
    )


def _invitation(invited: Invited) -> InvitationView:
    return InvitationView(
        id=show("invitation", invited.id),
        email=invited.email,
        role=invited.grant.shown,
        expires_at=invited.expires_at,
    )
