"""Accepting an invitation: whoever holds its token reads the mailbox that it was sent to."""

from dataclasses import dataclass

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import IntegrityError

from foundation import audit, plans
from foundation.database.models import Invitation, Membership, Person, Tenant
from foundation.errors import InvalidInput
from foundation.identity import sessions
from foundation.identity.accounts import NewPerson, add_person, set_password
from foundation.identity.errors import LinkExpired
from foundation.identity.grants import stored_grant
from foundation.identity.hashing import Hashing
from foundation.identity.mails import Language
from foundation.identity.passwords import require_strong
from foundation.identity.tokens import token_hash
from foundation.ids import InvitationId, PersonId, TenantId, new_uuid, show
from foundation.tenancy import Tenancy, TenantSession


@dataclass(frozen=True, slots=True)
class Offer:
    """What an invitation offers, to whom."""

    tenant_id: TenantId
    id: InvitationId
    tenant: str
    language: Language
    email: str
    person_id: PersonId | None
    """Who has the address and has confirmed it; they need no other password."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Takes the invited into the team, with the account they have or with a new one."""

    tenancy: Tenancy
    hashing: Hashing

    async def offer(self, token: str) -> Offer:
        """Return what the token's invitation offers.

        Raises:
            LinkExpired: it is nobody's, was answered or withdrawn, or has expired.
        """
        offer, _ = await self._found(token)
        return offer

    async def accept(self, token: str, name: str | None, password: str | None) -> Offer:
        """Take the invited into the team; who has no account yet gives a name and a password for one.

        Raises:
            LinkExpired: the token is nobody's, was answered or withdrawn, or has expired.
            InvalidInput: a name and a password are needed.
            WeakPassword: the token stays valid.
            PlanLimit: the team has all its seats, on a smaller plan than when it invited; so does the token.
        """
        offer, unconfirmed = await self._found(token)
        hashed = None
        if offer.person_id is None:
            if not name or not password:
                raise InvalidInput(field="password" if name else "name", reason="missing")
            require_strong(password, own_words=(offer.email, name, offer.tenant))
            hashed = await self.hashing.hash(password)
        person_id = offer.person_id or unconfirmed or PersonId(new_uuid())
        try:
            async with self.tenancy.person(person_id, offer.tenant_id) as session:
                if hashed is not None and unconfirmed is None:
                    new = NewPerson(person_id, offer.email, name or "", offer.language, hashed, verified=True)
                    await add_person(session, new)
                elif hashed is not None:
                    await _take_over(session, name or "", hashed)
                await _join(session, offer, token, person_id)
        except IntegrityError:
            # The address got its account, or its holder came into the team, at this very moment.
            raise LinkExpired() from None
        return offer

    async def _found(self, token: str) -> tuple[Offer, PersonId | None]:
        """Return the offer, and who has the address without having confirmed it."""
        rows = await self.tenancy.ask(
            "select * from invitation_of_token(%(hash)s)", {"hash": token_hash(token)}
        )
        if not rows:
            raise LinkExpired()
        [row] = rows
        tenant_id = TenantId(row.tenant_id)
        async with self.tenancy.session(tenant_id) as session:
            tenant = (await session.scalars(select(Tenant))).one()
        holder = None if row.person_id is None else PersonId(row.person_id)
        confirmed = holder if row.verified else None
        language: Language = "en" if tenant.language == "en" else "sv"
        offer = Offer(tenant_id, InvitationId(row.id), tenant.name, language, row.email, confirmed)
        return offer, None if row.verified else holder


async def _take_over(session: TenantSession, name: str, hashed: str) -> None:
    """Give an account that nobody confirmed to who reads its mailbox: whoever made it is out."""
    await session.execute(update(Person).values(name=name, verified_at=func.clock_timestamp()))
    await set_password(session, hashed)
    await session.execute(text("delete from mail_tokens"))
    await sessions.end_others(session, None)


async def _join(session: TenantSession, offer: Offer, token: str, person_id: PersonId) -> None:
    used = await session.execute(
        delete(Invitation)
        .where(Invitation.token_hash == token_hash(token), Invitation.expires_at > func.clock_timestamp())
        .returning(Invitation.role, Invitation.role_id)
    )
    row = used.first()
    if row is None:
        raise LinkExpired()
    # The seat of the invitation is free now, unless the plan has become smaller since.
    await plans.check(session, offer.tenant_id, "seats")
    grant = stored_grant(row.role, row.role_id)
    session.add(
        Membership(tenant_id=offer.tenant_id, person_id=person_id, role=grant.role, role_id=grant.role_id)
    )
    await audit.record(
        session,
        offer.tenant_id,
        actor=f"person:{person_id.hex}",
        action="invitation.accept",
        subject=show("invitation", offer.id),
        after={"role": grant.shown, "person": show("person", person_id)},
    )
    await session.flush()
