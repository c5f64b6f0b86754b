"""Accounts: made by signing up, confirmed by mail, with passwords that can be changed and reset."""

import re
import secrets
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError

from foundation import audit, plans
from foundation.database.models import Credentials, Membership, Person
from foundation.identity import emails, mail_tokens, sessions, trail
from foundation.identity.errors import LinkExpired, SignUpClosed, WrongCredentials
from foundation.identity.floor import at_least
from foundation.identity.hashing import Hashing
from foundation.identity.mails import Language, Letters
from foundation.identity.passwords import require_strong
from foundation.identity.sessions import Client, SignedIn
from foundation.identity.throttle import Throttle
from foundation.ids import PersonId, TenantId, new_uuid, show
from foundation.permissions import Role
from foundation.tenancy import Tenancy, TenantSession


@dataclass(frozen=True, slots=True)
class SignUp:
    """What somebody who signs up says of themselves; the address as they typed it."""

    email: str
    name: str
    password: str
    company: str
    language: Language


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person to be; the address in its normal form, no password for who signs in by a provider only."""

    id: PersonId
    email: str
    name: str
    language: Language
    password_hash: str | None
    verified: bool = False


@dataclass(frozen=True, slots=True)
class NewTenant:
    """A tenant to be."""

    id: TenantId
    slug: str
    name: str
    language: str


Found = Callable[[TenantSession, NewTenant, str], Awaitable[None]]
"""Makes a tenant, in a session of its own, for an actor."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """What people do with accounts; answers never tell whether an address has one."""

    tenancy: Tenancy
    hashing: Hashing
    throttle: Throttle
    letters: Letters
    sign_up_is: Literal["open", "invited"]
    found: Found

    async def sign_up(self, wanted: SignUp, client: Client) -> None:
        """Make a person, a tenant and its ownership, and mail a link that confirms the address.

        Whoever has an account already is told so by mail, and nobody else is told.

        Raises:
            SignUpClosed: accounts are made by invitation here.
            MailUnavailable: the link could not be mailed.
            InvalidInput: the address is none, or the password is weak.
            TooManyAttempts: this client, or somebody for this address, tried too often.
        """
        if self.sign_up_is != "open":
            raise SignUpClosed()
        self.letters.require()
        email = emails.normal(wanted.email)
        require_strong(wanted.password, own_words=(email, wanted.name, wanted.company))
        await self.throttle.take(f"mail:{email}", f"sign-up:{client.address}")
        async with at_least():
            hashed = await self.hashing.hash(wanted.password)
            person = NewPerson(PersonId(new_uuid()), email, wanted.name, wanted.language, hashed)
            try:
                await self._make(person, wanted)
            except IntegrityError:
                await self._tell_who_has_one(email)

    async def verify(self, token: str) -> None:
        """Confirm an address with the token that was mailed to it.

        Raises:
            LinkExpired: the token is nobody's, was used, or has expired.
        """
        person_id = await mail_tokens.owner(self.tenancy, token, "verify")
        async with self.tenancy.person(person_id) as session:
            await mail_tokens.use(session, token, "verify")
            await session.execute(update(Person).values(verified_at=func.clock_timestamp()))
            await trail.record(session, person_id, "person.verify")

    async def ask_reset(self, email: str, client: Client) -> None:
        """Mail a link for a new password, if the address has an account.

        Raises:
            MailUnavailable: no mail can be sent.
            InvalidInput: the address is none.
            TooManyAttempts: this client, or somebody for this address, asked too often.
        """
        self.letters.require()
        email = emails.normal(email)
        await self.throttle.take(f"mail:{email}", f"reset:{client.address}")
        async with at_least():
            person_id = await person_of(self.tenancy, email)
            if person_id is None:
                return
            async with self.tenancy.person(person_id) as session:
                person = (await session.scalars(select(Person))).one()
                token = await mail_tokens.issue(session, person_id, "reset")
                await trail.record(session, person_id, "person.ask_reset")
                language, name = person.language, person.name
                await self.letters.post(session, "reset", email, language, token, name=name)

    async def reset(self, token: str, password: str) -> None:
        """Set a new password with a mailed token; all sessions end, and the address counts as confirmed.

        Raises:
            LinkExpired: the token is nobody's, was used, or has expired.
            WeakPassword: the token stays valid.
        """
        person_id = await mail_tokens.owner(self.tenancy, token, "reset")
        async with self.tenancy.person(person_id) as session:
            person = (await session.scalars(select(Person))).one_or_none()
        if person is None:
            raise LinkExpired()
        require_strong(password, own_words=(person.email, person.name))
        hashed = await self.hashing.hash(password)
        async with self.tenancy.person(person_id) as session:
            await mail_tokens.use(session, token, "reset")
            await session.execute(
                update(Person).values(verified_at=func.coalesce(Person.verified_at, func.clock_timestamp()))
            )
            await set_password(session, hashed)
            ended = await sessions.end_others(session, None)
            await trail.record(session, person_id, "person.reset_password", after={"sessions_ended": ended})
            await self.tell_of_change(session, person)

    async def change_password(self, who: SignedIn, current: str, password: str) -> None:
        """Set a new password; the person's other sessions end.

        Raises:
            WrongCredentials: `current` is not the present password.
            WeakPassword, TooManyAttempts.
        """
        person = await self.require_password(who, current)
        require_strong(password, own_words=(person.email, person.name))
        hashed = await self.hashing.hash(password)
        async with self.tenancy.person(who.person_id) as session:
            await set_password(session, hashed)
            ended = await sessions.end_others(session, who.id)
            await trail.record(
                session, who.person_id, "person.change_password", after={"sessions_ended": ended}
            )
            await self.tell_of_change(session, person)

    async def require_password(self, who: SignedIn, password: str) -> Person:
        """Return the person, who has just shown the password again.

        Raises:
            WrongCredentials, TooManyAttempts.
        """
        key = f"password:{who.person_id.hex}"
        await self.throttle.take(key)
        async with self.tenancy.person(who.person_id) as session:
            person = (await session.scalars(select(Person))).one()
            stored = await session.scalar(select(Credentials.password_hash))
        if not await self.hashing.fits(stored, password):
            raise WrongCredentials()
        await self.throttle.succeeded(key, key)
        return person

    async def tell_of_change(self, session: TenantSession, person: Person) -> None:
        """Mail a person, with the change, that how they sign in was changed, where mail can be sent."""
        if self.letters.mail_outbox is not None:
            email, language = person.email, person.language
            await self.letters.post(session, "changed", email, language, name=person.name)

    async def _make(self, person: NewPerson, wanted: SignUp) -> None:
        """Make the person and their tenant, and post the token that confirms the address."""
        tenant_id = TenantId(new_uuid())
        actor = f"person:{person.id.hex}"
        async with self.tenancy.person(person.id, tenant_id) as session:
            await add_person(session, person)
            new = NewTenant(tenant_id, slug_of(wanted.company), wanted.company, wanted.language)
            await self.found(session, new, actor)
            await plans.choose(session, tenant_id, "free", actor=actor)
            await add_member(session, tenant_id, person.id, "owner", actor)
            token = await mail_tokens.issue(session, person.id, "verify")
            language, name = person.language, person.name
            await self.letters.post(session, "verify", person.email, language, token, name=name)

    async def _tell_who_has_one(self, email: str) -> None:
        """Mail who has an account that they have; a link to confirm the address if that was never done."""
        person_id = await person_of(self.tenancy, email)
        if person_id is None:
            return
        async with self.tenancy.person(person_id) as session:
            person = (await session.scalars(select(Person))).one()
            language, name = person.language, person.name
            if person.verified_at:
                await self.letters.post(session, "existing", email, language, name=name)
            else:
                token = await mail_tokens.issue(session, person_id, "verify")
                await self.letters.post(session, "verify", email, language, token, name=name)


async def person_of(tenancy: Tenancy, email: str) -> PersonId | None:
    """Return who has this address (in its normal form)."""
    [row] = await tenancy.ask("select person_of_email(%(email)s) as id", {"email": email})
    return None if row.id is None else PersonId(row.id)


async def add_person(session: TenantSession, person: NewPerson) -> None:
    """Add a person to the session of that very person.

    Raises:
        IntegrityError: somebody has the address.
    """
    now = func.clock_timestamp()
    session.add(
        Person(
            id=person.id,
            email=person.email,
            name=person.name,
            language=person.language,
            verified_at=now if person.verified else None,
        )
    )
    await session.flush()
    hashed = person.password_hash
    session.add(Credentials(person_id=person.id, password_hash=hashed, password_at=now if hashed else None))
    await session.flush()


async def add_member(
    session: TenantSession, tenant_id: TenantId, person_id: PersonId, role: Role, actor: str
) -> None:
    """Take somebody into a team with a role that every tenant has.

    Raises:
        PlanLimit: the team and those invited have all seats.
    """
    await plans.check(session, tenant_id, "seats")
    session.add(Membership(tenant_id=tenant_id, person_id=person_id, role=role))
    await audit.record(
        session,
        tenant_id,
        actor=actor,
        action="member.add",
        subject=show("person", person_id),
        after={"role": role},
    )
    await session.flush()


async def set_password(session: TenantSession, hashed: str) -> None:
    """Store the password of the person whose session this is."""
    await session.execute(
        update(Credentials).values(password_hash=hashed, password_at=func.clock_timestamp())
    )
    await session.execute(text("delete from mail_tokens where kind = 'reset'"))


def slug_of(company: str) -> str:
    """Return a short name that is free: the company's letters, and a few of chance."""
    plain = unicodedata.normalize("NFKD", company).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "company"
    return f"{words}-{secrets.token_hex(3)}"
