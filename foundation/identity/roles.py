"""Roles that a tenant makes for itself: named sets of permissions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Integer,
    Text,
    cast,
    column,
    delete,
    func,
    literal,
    null,
    select,
    union_all,
    values,
)
from sqlalchemy.exc import IntegrityError

from foundation import audit, lists
from foundation.database.models import RoleRow
from foundation.errors import Conflict, InvalidInput, NotFound
from foundation.identity.errors import RoleInUse
from foundation.identity.grants import BUILT_IN, require_within
from foundation.identity.sessions import permissions_of
from foundation.ids import RoleId, TenantId, new_uuid, show
from foundation.permissions import ROLES, Permission, Principal
from foundation.tenancy import Tenancy, TenantSession

MOST = 50
"""Roles of a tenant."""
Sort = Literal["standard", "name", "-name"]


@dataclass(frozen=True, slots=True)
class AnyRole:
    """A role that every tenant has, or one of the tenant's own; only those have an id."""

    id: RoleId | None
    name: str
    permissions: frozenset[Permission]


@dataclass(frozen=True, slots=True)
class OwnRoles:
    """All that can be done with them; every change is one transaction with its audit row."""

    tenancy: Tenancy

    async def page(
        self, tenant_id: TenantId, paging: lists.Paging, *, built_in: bool | None
    ) -> lists.Page[AnyRole]:
        """Return a page of the roles that every tenant has and of its own, or of either, sorted by a `Sort`.

        `standard` has those that every tenant has first, then its own by name; words are looked for in names.

        Raises:
            InvalidInput: the cursor is none of this list's.
        """
        every = _EVERY.c
        chosen = select(every.id, every.name, every.permissions).where(
            *lists.equal((every.place < len(ROLES), built_in)), *lists.having(paging.words, every.name)
        )
        async with self.tenancy.session(tenant_id) as session:
            return await lists.page(session, chosen, _ORDERS, paging, _any)

    async def add(self, caller: Principal, name: str, permissions: frozenset[Permission]) -> AnyRole:
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
    ) -> AnyRole:
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


# Roles that every tenant has stand at places of their own; the tenant's come behind them.
_EVERY: Final = union_all(
    select(
        values(
            column("place", Integer),
            column("name", Text),
            column("permissions", ARRAY(Text)),
            name="built_in",
        ).data([(place, name, sorted(held)) for place, (name, held) in enumerate(ROLES.items())])
    ).add_columns(cast(null(), RoleRow.id.type).label("id")),
    select(literal(len(ROLES)), RoleRow.name, RoleRow.permissions, RoleRow.id),
).subquery("every_role")
# Names are the tenant's own, and none is that of a role that every tenant has.
_ORDERS: Final[Mapping[str, lists.Order]] = {
    "standard": lists.Order((_EVERY.c.place, _EVERY.c.name)),
    **lists.both_ways("name", lists.letters(_EVERY.c.name), _EVERY.c.name),
}


def _any(role_id: UUID | None, name: str, permissions: Sequence[str]) -> AnyRole:
    return AnyRole(None if role_id is None else RoleId(role_id), name, permissions_of(None, permissions))


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


def _view(row: RoleRow) -> AnyRole:
    return _any(row.id, row.name, row.permissions)


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
