"""Roles that a tenant makes for itself: named sets of permissions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from foundation import audit
from foundation.database.models import RoleRow
from foundation.errors import Conflict, InvalidInput, NotFound
from foundation.identity.errors import RoleInUse
from foundation.identity.grants import BUILT_IN, require_within
from foundation.identity.sessions import permissions_of
from foundation.ids import RoleId, TenantId, new_uuid, show
from foundation.permissions import Permission, Principal
from foundation.tenancy import Tenancy, TenantSession

MOST = 50
"""Roles of a tenant."""


@dataclass(frozen=True, slots=True)
class OwnRole:
    id: RoleId
    name: str
    permissions: frozenset[Permission]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OwnRoles:
    """All that can be done with them; every change is one transaction with its audit row."""

    tenancy: Tenancy

    async def all(self, tenant_id: TenantId) -> Sequence[OwnRole]:
        """Return all by name."""
        async with self.tenancy.session(tenant_id) as session:
            return [_view(row) for row in await session.scalars(select(RoleRow).order_by(RoleRow.name))]

    async def add(self, caller: Principal, name: str, permissions: frozenset[Permission]) -> OwnRole:
        """Make a role.

        Raises:
            MoreThanOwn: it holds more than the caller has.
            Conflict: there is one of this name.
            InvalidInput: there are 50 already, or the name is that of a role that every tenant has.
        """
        require_within(caller, permissions)
        _require_own_name(name)
        try:
            async with self.tenancy.session(caller.tenant_id) as session:
                if (await session.scalar(select(func.count()).select_from(RoleRow)) or 0) >= MOST:
                    raise InvalidInput(field="name", reason="too_many")
                row = RoleRow(
                    tenant_id=caller.tenant_id, id=new_uuid(), name=name, permissions=sorted(permissions)
                )
                session.add(row)
                await session.flush()
                await session.refresh(row)
                await _record(session, caller, "create", row, None)
                return _view(row)
        except IntegrityError:
            raise Conflict(reason="name") from None

    async def change(
        self, caller: Principal, role_id: RoleId, name: str, permissions: frozenset[Permission]
    ) -> OwnRole:
        """Give a role another name and other permissions; who holds it has them from the next request on.

        Raises:
            NotFound: there is none of this id.
            MoreThanOwn: it holds, or would hold, more than the caller has.
            Conflict: another one has the name.
        """
        require_within(caller, permissions)
        _require_own_name(name)
        try:
            async with self.tenancy.session(caller.tenant_id) as session:
                row = await _locked(session, caller, role_id)
                before = _shown(row)
                row.name, row.permissions = name, sorted(permissions)
                await session.flush()
                await _record(session, caller, "change", row, before)
                return _view(row)
        except IntegrityError:
            raise Conflict(reason="name") from None

    async def delete(self, caller: Principal, role_id: RoleId) -> None:
        """Delete a role that nobody holds.

        Raises:
            NotFound, MoreThanOwn.
            RoleInUse: a member or an invitation has it.
        """
        try:
            async with self.tenancy.session(caller.tenant_id) as session:
                row = await _locked(session, caller, role_id)
                await audit.record(
                    session,
                    caller.tenant_id,
                    actor=caller.actor,
                    action="role.delete",
                    subject=show("role", role_id),
                    before=_shown(row),
                )
                await session.execute(delete(RoleRow).where(RoleRow.id == role_id))
        except IntegrityError:
            raise RoleInUse() from None


def _require_own_name(name: str) -> None:
    if name.lower() in BUILT_IN:
        raise InvalidInput(field="name", reason="built_in")


async def _locked(session: TenantSession, caller: Principal, role_id: RoleId) -> RoleRow:
    row = (
        await session.scalars(select(RoleRow).where(RoleRow.id == role_id).with_for_update())
    ).one_or_none()
    if row is None:
        raise NotFound(kind="role")
    require_within(caller, permissions_of(None, row.permissions))
    return row


def _view(row: RoleRow) -> OwnRole:
    return OwnRole(RoleId(row.id), row.name, permissions_of(None, row.permissions), row.created_at)


def _shown(row: RoleRow) -> dict[str, object]:
    return {"name": row.name, "permissions": list(row.permissions)}


async def _record(
    session: TenantSession, caller: Principal, verb: str, row: RoleRow, before: dict[str, object] | None
) -> None:
    await audit.record(
        session,
        caller.tenant_id,
        actor=caller.actor,
        action=f"role.{verb}",
        subject=show("role", row.id),
        before=before,
        after=_shown(row),
    )
