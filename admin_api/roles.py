"""Routes for the roles that a tenant makes for itself."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from admin_api import listing
from admin_api.desk import DeskDep, id_of
from foundation.identity.roles import AnyRole, OwnRoles, Sort
from foundation.ids import RoleId, show
from foundation.permissions import Permission


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("only printable characters are allowed")
    return text


class RoleBody(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=60, strip_whitespace=True),
        AfterValidator(_printable),
    ]
    permissions: Annotated[frozenset[Permission], Field(max_length=64)]


class RoleView(BaseModel):
    id: str
    """Of a role that every tenant has: its name."""
    name: str
    permissions: Sequence[Permission]
    built_in: bool


class Roles(BaseModel):
    roles: Sequence[RoleView]
    next: str | None = None
    """Give this as `cursor` for the ones that follow; null at the end."""


class Asked(listing.ListQuery):
    """Which roles: those that every tenant has, then the tenant's own, if no other order is said.

    Words are looked for in names.
    """

    sort: Sort = "standard"
    built_in: bool | None = None


router = APIRouter(prefix="/roles", tags=["team"])


@router.get("")
async def roles(desk: DeskDep, asked: Annotated[Asked, Query()]) -> Roles:
    """List the roles that every tenant has, and the tenant's own."""
    page = await OwnRoles(desk.tenancy).page(desk.tenant_id, asked.paging, built_in=asked.built_in)
    return Roles(roles=list(map(_view, page.items)), next=page.next)


@router.post("", status_code=201)
async def add(desk: DeskDep, body: RoleBody) -> RoleView:
    """Make a role of permissions that one has oneself."""
    return _view(await OwnRoles(desk.tenancy).add(desk.caller, body.name, body.permissions))


@router.put("/{role_id}")
async def change(desk: DeskDep, role_id: str, body: RoleBody) -> RoleView:
    """Change a role; who holds it has the new permissions from the next request on."""
    own = RoleId(id_of("role", role_id))
    return _view(await OwnRoles(desk.tenancy).change(desk.caller, own, body.name, body.permissions))


@router.delete("/{role_id}", status_code=204)
async def delete(desk: DeskDep, role_id: str) -> None:
    """Delete a role that nobody holds."""
    await OwnRoles(desk.tenancy).delete(desk.caller, RoleId(id_of("role", role_id)))


def _view(role: AnyRole) -> RoleView:
    return RoleView(
        id=role.name if role.id is None else show("role", role.id),
        name=role.name,
        permissions=sorted(role.permissions),
        built_in=role.id is None,
    )
