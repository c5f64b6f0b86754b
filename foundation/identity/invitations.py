"""Asking people into a team by mail: single use, seven days, with a role that the inviter has too."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import delete, func, select

from foundation import audit, lists, plans
from foundation.database.models import Invitation, Membership, Person, Tenant
from foundation.errors import InvalidInput, NotFound
from foundation.identity import emails
from foundation.identity.errors import AlreadyMember
from foundation.identity.grants import Grant, granted, permissions_in, require_within, stored_grant
from foundation.identity.mails import Letters
from foundation.identity.tokens import new_token, token_hash
from foundation.ids import InvitationId, TenantId, new_uuid, show
from foundation.permissions import Principal
from foundation.tenancy import Tenancy, TenantSession

LIFETIME: Final = timedelta(days=7)
MOST: Final = 200
"""Unanswered invitations of a tenant."""
Sort = Literal["newest", "oldest", "email", "-email"]
_ORDERS: Final[Mapping[str, lists.Order]] = {
    **lists.by_age(Invitation.created_at, Invitation.id),
    **lists.both_ways("email", lists.letters(Invitation.email), Invitation.id),
}


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation that was not answered yet."""

    id: InvitationId
    email: str
    grant: Grant
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invitations:
    """All that a team can do with them; every change is one transaction with its audit row."""

    tenancy: Tenancy
    letters: Letters

    async def page(
        self, tenant_id: TenantId, paging: lists.Paging, grant: Grant | None
    ) -> lists.Page[Invited]:
        """Return a page of those that can still be accepted, or of those with a grant, sorted by a `Sort`.

        Words are looked for in addresses.

        Raises:
            InvalidInput: the cursor is none of this list's.
        """
        chosen = select(Invitation).where(
            Invitation.expires_at > func.clock_timestamp(),
            *granted(Invitation, grant),
            *lists.having(paging.words, Invitation.email),
        )
        async with self.tenancy.session(tenant_id) as session:
            return await lists.page(session, chosen, _ORDERS, paging, _view)

    async def invite(self, caller: Principal, email: str, grant: Grant) -> Invited:
        """Mail an invitation; an earlier one to the same address is void.

        Raises:
            MoreThanOwn: the role is more than the caller has.
            AlreadyMember: who has the address is in the team.
            InvalidInput: the address is none, there is no such role, or 200 invitations wait.
            PlanLimit: the team and those invited have all seats.
            MailUnavailable: no mail can be sent.
        """
        self.letters.require()
        email = emails.normal(email)
        token = new_token()
        async with self.tenancy.session(caller.tenant_id) as session:
            require_within(caller, await permissions_in(session, grant))
            members = select(Person.id).join(Membership, Membership.person_id == Person.id)
            if await session.scalar(members.where(Person.email == email)) is not None:
                raise AlreadyMember()
            tenant = (await session.scalars(select(Tenant))).one()
            now = func.clock_timestamp()
            await session.execute(
                delete(Invitation).where((Invitation.email == email) | (Invitation.expires_at < now))
            )
            if (await session.scalar(select(func.count()).select_from(Invitation)) or 0) >= MOST:
                raise InvalidInput(field="email", reason="too_many")
            await plans.check(session, caller.tenant_id, "seats")
            row = Invitation(
                tenant_id=caller.tenant_id,
                id=new_uuid(),
                email=email,
                role=grant.role,
                role_id=grant.role_id,
                token_hash=token_hash(token),
                invited_by=caller.actor,
                expires_at=now + LIFETIME,
            )
            session.add(row)
            await session.flush()
            await session.refresh(row)
            await _record(session, caller, "create", InvitationId(row.id), grant)
            language, name = tenant.language, tenant.name
            await self.letters.post(session, "invitation", email, language, token, tenant=name)
            return _view(row)

    async def withdraw(self, caller: Principal, invitation_id: InvitationId) -> None:
        """Make an invitation void.

        Raises:
            NotFound: there is none of this id.
        """
        async with self.tenancy.session(caller.tenant_id) as session:
            gone = await session.execute(
                delete(Invitation)
                .where(Invitation.id == invitation_id)
                .returning(Invitation.role, Invitation.role_id)
            )
            row = gone.first()
            if row is None:
                raise NotFound(kind="invitation")
            await _record(session, caller, "withdraw", invitation_id, stored_grant(row.role, row.role_id))


def _view(row: Invitation) -> Invited:
    return Invited(InvitationId(row.id), row.email, stored_grant(row.role, row.role_id), row.expires_at)


async def _record(
    session: TenantSession, caller: Principal, verb: str, invitation_id: InvitationId, grant: Grant
) -> None:
    await audit.record(
        session,
        caller.tenant_id,
        actor=caller.actor,
        action=f"invitation.{verb}",
        subject=show("invitation", invitation_id),
        after={"role": grant.shown},
    )
