"""Roles as they are given to people: nobody gives, or takes, more than they have."""

from dataclasses import dataclass
from typing import Final, get_args
from uuid import UUID

from sqlalchemy import ColumnElement, select

from foundation import lists
from foundation.database.models import Invitation, Membership, RoleRow
from foundation.errors import InvalidId, InvalidInput
from foundation.identity.errors import MoreThanOwn
from foundation.identity.sessions import permissions_of
from foundation.ids import RoleId, parse, show
from foundation.permissions import Permission, Principal, Role
from foundation.tenancy import TenantSession

BUILT_IN: Final[tuple[Role, ...]] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that every tenant has, or one of the tenant's own; exactly one of the two."""

    role: Role | None
    role_id: RoleId | None

    @property
    def shown(self) -> str:
        """The role in the API: its name, or `rol_…`."""
        return self.role if self.role_id is None else show("role", self.role_id)  # type: ignore[return-value]


def grant_of(text: str) -> Grant:
    """Return the grant behind its API form.

    Raises:
        InvalidInput: it is no role's name or id.
    """
    known = next((role for role in BUILT_IN if role == text), None)
    if known is not None:
        return Grant(known, None)
    try:
        return Grant(None, RoleId(parse("role", text)))
    except InvalidId:
        raise InvalidInput(field="role", reason="role") from None


def stored_grant(role: str | None, role_id: UUID | None) -> Grant:
    """Return the grant of a row."""
    return Grant(
        next((known for known in BUILT_IN if known == role), None),
        None if role_id is None else RoleId(role_id),
    )


def granted(table: type[Membership | Invitation], grant: Grant | None) -> list[ColumnElement[bool]]:
    """Return the conditions that rows have this grant; None lets everything through."""
    return [] if grant is None else lists.equal((table.role, grant.role), (table.role_id, grant.role_id))


async def permissions_in(session: TenantSession, grant: Grant) -> frozenset[Permission]:
    """Return what a grant allows in the session's tenant.

    Raises:
        InvalidInput: the tenant has no such role.
    """
    if grant.role is not None:
        return permissions_of(grant.role, ())
    # Locked, so that it is not deleted or changed while it is being given.
    held = await session.scalar(
        select(RoleRow.permissions).where(RoleRow.id == grant.role_id).with_for_update(read=True)
    )
    if held is None:
        raise InvalidInput(field="role", reason="role")
    return permissions_of(None, held)


def require_within(caller: Principal, permissions: frozenset[Permission]) -> None:
    """Raises: MoreThanOwn unless the caller has all of these themselves."""
    if not permissions <= caller.permissions:
        raise MoreThanOwn()
