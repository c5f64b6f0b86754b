"""Who is in a tenant's team, with which role. A team always has an owner."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import delete, func, select, text

from foundation import audit, lists
from foundation.database.models import Membership, Person
from foundation.errors import NotFound
from foundation.identity.errors import LastOwner
from foundation.identity.grants import Grant, granted, permissions_in, require_within, stored_grant
from foundation.ids import PersonId, TenantId, show
from foundation.permissions import Principal
from foundation.tenancy import Tenancy, TenantSession

Sort = Literal["oldest", "newest", "name", "-name", "email", "-email"]
_ORDERS: Final[Mapping[str, lists.Order]] = {
    **lists.by_age(Membership.created_at, Membership.person_id),
    **lists.both_ways("name", lists.letters(Person.name), Membership.person_id),
    **lists.both_ways("email", lists.letters(Person.email), Membership.person_id),
}


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a team."""

    person_id: PersonId
    email: str
    name: str
    grant: Grant
    since: datetime


@dataclass(frozen=True, slots=True)
class Team:
    """All that can be done with members; every change is one transaction with its audit row."""

    tenancy: Tenancy

    async def page(
        self, tenant_id: TenantId, paging: lists.Paging, grant: Grant | None
    ) -> lists.Page[Member]:
        """Return a page of members, or of those with a grant, sorted by a `Sort`.

        `oldest` has the longest in the team first; words are looked for in names and addresses.

        Raises:
            InvalidInput: the cursor is none of this list's.
        """
        chosen = (
            select(Membership, Person)
            .join(Person, Person.id == Membership.person_id)
            .where(
                *granted(Membership, grant),
                *lists.having(paging.words, Person.name, Person.email),
            )
        )
        async with self.tenancy.session(tenant_id) as session:
            return await lists.page(session, chosen, _ORDERS, paging, _member)

    async def change_role(self, caller: Principal, person_id: PersonId, grant: Grant) -> Member:
        """Give a member another role.

        Raises:
            NotFound: they are not in the team.
            MoreThanOwn: the new role, or what they have now, is more than the caller has.
            LastOwner: they are the only owner.
        """
        async with self.tenancy.session(caller.tenant_id) as session:
            row = await self._locked(session, caller, person_id)
            before = stored_grant(row.role, row.role_id)
            require_within(caller, await permissions_in(session, grant))
            if before.role == "owner" and grant.role != "owner":
                await _require_another_owner(session, person_id)
            row.role, row.role_id = grant.role, grant.role_id
            await session.flush()
            await _record(session, caller, ("member.change_role", person_id), before, grant)
            person = (await session.scalars(select(Person).where(Person.id == person_id))).one()
            return _member(row, person)

    async def remove(self, caller: Principal, person_id: PersonId) -> None:
        """Take a member out of the team; what they may do ends with this transaction.

        Raises:
            NotFound, MoreThanOwn, LastOwner: as for `change_role`.
        """
        async with self.tenancy.session(caller.tenant_id) as session:
            row = await self._locked(session, caller, person_id)
            before = stored_grant(row.role, row.role_id)
            if before.role == "owner":
                await _require_another_owner(session, person_id)
            await session.execute(delete(Membership).where(Membership.person_id == person_id))
            await _record(session, caller, ("member.remove", person_id), before, None)

    async def _locked(self, session: TenantSession, caller: Principal, person_id: PersonId) -> Membership:
        """Return a member's row, with the tenant's team locked against all other changes."""
        await session.execute(
            text("select 1 from tenants where id = :tenant for no key update"), {"tenant": caller.tenant_id}
        )
        row = (
            await session.scalars(select(Membership).where(Membership.person_id == person_id))
        ).one_or_none()
        if row is None:
            raise NotFound(kind="person")
        require_within(caller, await permissions_in(session, stored_grant(row.role, row.role_id)))
        return row


async def _require_another_owner(session: TenantSession, person_id: PersonId) -> None:
    others = select(func.count()).where(Membership.role == "owner", Membership.person_id != person_id)
    if not await session.scalar(others):
        raise LastOwner()


def _member(membership: Membership, person: Person) -> Member:
    return Member(
        PersonId(person.id),
        person.email,
        person.name,
        stored_grant(membership.role, membership.role_id),
        membership.created_at,
    )


async def _record(
    session: TenantSession, caller: Principal, what: tuple[str, PersonId], before: Grant, after: Grant | None
) -> None:
    action, person_id = what
    await audit.record(
        session,
        caller.tenant_id,
        actor=caller.actor,
        action=action,
        subject=show("person", person_id),
        before={"role": before.shown},
        after={"role": after.shown} if after else None,
    )
