"""Signing in with e-mail and password, and what follows from it."""

from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import select, update

from foundation.database.models import Credentials, Person, SessionRow
from foundation.errors import InvalidInput, NotFound
from foundation.identity import emails, sessions, trail
from foundation.identity.accounts import person_of
from foundation.identity.errors import EmailUnverified, WrongCredentials
from foundation.identity.floor import at_least
from foundation.identity.hashing import Hashing, is_outdated
from foundation.identity.sessions import Client, SignedIn
from foundation.identity.throttle import Throttle
from foundation.ids import PersonId, SessionId, TenantId, new_uuid, show
from foundation.tenancy import Tenancy


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant that a person works for, with the name of their role there."""

    id: TenantId
    slug: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What a signed-in person is told about themselves."""

    person_id: PersonId
    email: str
    name: str
    language: str
    has_factor: bool
    tenants: tuple[Tenant, ...]


@dataclass(frozen=True, slots=True)
class SignIn:
    """Opens sessions for who knows the password."""

    tenancy: Tenancy
    hashing: Hashing
    throttle: Throttle

    async def with_password(self, email: str, password: str, client: Client) -> str:
        """Return a fresh session's token; the session owes the second factor if the person has one.

        Raises:
            WrongCredentials: after the same time, whether the address is unknown or the password wrong.
            EmailUnverified: only to who knows the password.
            TooManyAttempts: for this account or from this client.
        """
        try:
            email = emails.normal(email)
        except InvalidInput:
            email = ""  # nobody's
        await self.throttle.take(f"account:{email}", f"address:{client.address}")
        async with at_least():
            person_id = await self._proven(email, password)
        await self.throttle.succeeded(f"account:{email}", f"address:{client.address}")
        return await self.open(person_id, client)

    async def open(self, person_id: PersonId, client: Client, *, only_tenant: TenantId | None = None) -> str:
        """Return the token of a fresh session for who has proven to be this person.

        `only_tenant` is the tenant whose own provider vouched; it asks for a second factor itself.
        """
        first = only_tenant or next((tenant.id for tenant in await self._tenants(person_id)), None)
        async with self.tenancy.person(person_id) as session:
            factor = await session.scalar(select(Credentials.totp_confirmed_at))
            owed = factor is not None and only_tenant is None
            token = await sessions.begin(
                session, person_id, client, tenant_id=first, factor_owed=owed, only_tenant=only_tenant
            )
            if first is not None:
                await trail.record_in(session, first, person_id, "session.begin", after={"factor_owed": owed})
        return token

    async def profile(self, who: SignedIn) -> Profile:
        """Return what a signed-in person is told about themselves."""
        tenants = await self._tenants(who.person_id)
        async with self.tenancy.person(who.person_id) as session:
            person = (await session.scalars(select(Person))).one()
            factor = await session.scalar(select(Credentials.totp_confirmed_at))
        reached = tuple(tenant for tenant in tenants if who.only_tenant in {None, tenant.id})
        return Profile(who.person_id, person.email, person.name, person.language, factor is not None, reached)

    async def work_in(self, who: SignedIn, tenant_id: TenantId) -> None:
        """Make a tenant the one that the session works in.

        Raises:
            NotFound: the person is not in its team.
        """
        mine = await self._tenants(who.person_id)
        if who.only_tenant not in {None, tenant_id} or all(tenant.id != tenant_id for tenant in mine):
            raise NotFound(kind="tenant")
        async with self.tenancy.person(who.person_id) as session:
            await session.execute(
                update(SessionRow).where(SessionRow.id == who.id).values(tenant_id=tenant_id)
            )
            await trail.record_in(session, tenant_id, who.person_id, "session.work_in")

    async def sign_out(self, who: SignedIn) -> None:
        """End the session; that it has ended already is no error."""
        async with self.tenancy.person(who.person_id) as session:
            with suppress(NotFound):
                await sessions.end(session, who.id)
            if who.tenant_id is not None:
                await trail.record_in(session, who.tenant_id, who.person_id, "session.end")

    async def end(self, who: SignedIn, session_id: SessionId) -> None:
        """End one of the person's sessions.

        Raises:
            NotFound: they have none of this id.
        """
        async with self.tenancy.person(who.person_id) as session:
            await sessions.end(session, session_id)
            await trail.record(
                session, who.person_id, "session.revoke", after={"id": show("session", session_id)}
            )

    async def end_others(self, who: SignedIn) -> int:
        """End all the person's sessions but this one; return how many."""
        async with self.tenancy.person(who.person_id) as session:
            ended = await sessions.end_others(session, who.id)
            await trail.record(session, who.person_id, "session.revoke_others", after={"ended": ended})
        return ended

    async def _proven(self, email: str, password: str) -> PersonId:
        """Return who this is; for an unknown address the same steps are taken, with nobody's password."""
        found = await person_of(self.tenancy, email)
        person_id = found or PersonId(new_uuid())
        async with self.tenancy.person(person_id) as session:
            stored = await session.scalar(select(Credentials.password_hash))
            verified = await session.scalar(select(Person.verified_at))
        if not await self.hashing.fits(stored, password):
            if found is not None:
                async with self.tenancy.person(person_id) as session:
                    await trail.record(session, person_id, "session.refuse")
            raise WrongCredentials()
        if verified is None:
            raise EmailUnverified()
        if stored is not None and is_outdated(stored):
            hashed = await self.hashing.hash(password)
            async with self.tenancy.person(person_id) as session:
                await session.execute(update(Credentials).values(password_hash=hashed))
        return person_id

    async def _tenants(self, person_id: PersonId) -> list[Tenant]:
        rows = await self.tenancy.ask("select * from memberships_of(%(id)s)", {"id": person_id})
        return [Tenant(TenantId(row.tenant_id), row.slug, row.name, row.role_name) for row in rows]
