"""Routes for the roles that a tenant makes for itself."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from admin_api.desk import DeskDep, id_of
from foundation.identity.roles import OwnRole, OwnRoles
from foundation.ids import RoleId, show
from foundation.permissions import ROLES, Permission


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


router = APIRouter(prefix="/roles", tags=["team"])


@router.get("")
async def roles(desk: DeskDep) -> Roles:
    """List the roles that every tenant has, then the tenant's own by name."""
    own = await OwnRoles(desk.tenancy).all(desk.tenant_id)
    every = [
        RoleView(id=name, name=name, permissions=sorted(held), built_in=True) for name, held in ROLES.items()
    ]
    return Roles(roles=[*every, *map(_view, own)])


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


def _view(role: OwnRole) -> RoleView:
    return RoleView(
        id=show("role", role.id), name=role.name, permissions=sorted(role.permissions), built_in=False
    )
