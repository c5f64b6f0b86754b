"""The second factor of an account: an authenticator app, and codes for the day it is lost."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update

from foundation.crypto import Sealer
from foundation.database.models import Credentials, Person, RecoveryCode
from foundation.errors import Conflict
from foundation.identity import sessions, totp, trail
from foundation.identity.accounts import Accounts
from foundation.identity.errors import WrongCode
from foundation.identity.sessions import SignedIn
from foundation.identity.throttle import Throttle
from foundation.identity.tokens import token_hash
from foundation.tenancy import Tenancy, TenantSession

PURPOSE = "totp"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What is typed, or read from a QR code, into an authenticator app."""

    secret: str
    address: str


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """Enrols, checks and removes it. Secrets are sealed for the person they belong to."""

    tenancy: Tenancy
    sealer: Sealer
    throttle: Throttle
    accounts: Accounts
    now: Callable[[], float] = time.time

    async def enrol(self, who: SignedIn, password: str) -> Enrolment:
        """Return a fresh secret; it counts once `confirm` has seen a code of it.

        Raises:
            Conflict: there is a confirmed one; disable it first.
            WrongCredentials, TooManyAttempts.
        """
        person = await self.accounts.require_password(who, password)
        secret = totp.new_secret()
        sealed = self.sealer.seal(PURPOSE, secret, who.person_id.bytes)
        async with self.tenancy.person(who.person_id) as session:
            stored = await session.execute(
                update(Credentials)
                .where(Credentials.totp_confirmed_at.is_(None))
                .values(totp_secret=sealed, totp_step=0)
                .returning(Credentials.person_id)
            )
            if stored.first() is None:
                raise Conflict(reason="enrolled")
        return Enrolment(totp.shown(secret), totp.address(secret, person.email))

    async def confirm(self, who: SignedIn, code: str) -> list[str]:
        """Switch it on; return the recovery codes, shown this once. Other sessions end.

        Raises:
            WrongCode, TooManyAttempts.
            Conflict: nothing is waiting to be confirmed.
        """
        await self.throttle.take(f"factor:{who.person_id.hex}")
        async with self.tenancy.person(who.person_id) as session:
            row = (await session.scalars(select(Credentials).with_for_update())).one()
            if row.totp_secret is None or row.totp_confirmed_at is not None:
                raise Conflict(reason="not_waiting")
            if not await self._take_code(session, who, code):
                raise WrongCode()
            await session.execute(update(Credentials).values(totp_confirmed_at=func.clock_timestamp()))
            codes = await _fresh_codes(session, who)
            await sessions.end_others(session, who.id)
            person = (await session.scalars(select(Person))).one()
            await trail.record(session, who.person_id, "factor.enable")
            await self.accounts.tell_of_change(session, person)
        await self._succeeded(who)
        return codes

    async def disable(self, who: SignedIn, password: str) -> None:
        """Switch it off; the secret and the recovery codes are gone. Other sessions end.

        Raises:
            Conflict: it is off.
            WrongCredentials, TooManyAttempts.
        """
        person = await self.accounts.require_password(who, password)
        async with self.tenancy.person(who.person_id) as session:
            switched = await session.execute(
                update(Credentials)
                .where(Credentials.totp_confirmed_at.is_not(None))
                .values(totp_secret=None, totp_confirmed_at=None)
                .returning(Credentials.person_id)
            )
            if switched.first() is None:
                raise Conflict(reason="not_enrolled")
            await session.execute(delete(RecoveryCode))
            await sessions.end_others(session, who.id)
            await trail.record(session, who.person_id, "factor.disable")
            await self.accounts.tell_of_change(session, person)

    async def new_codes(self, who: SignedIn, password: str) -> list[str]:
        """Return ten other recovery codes; the earlier ones are void.

        Raises:
            Conflict: the second factor is off.
            WrongCredentials, TooManyAttempts.
        """
        await self.accounts.require_password(who, password)
        async with self.tenancy.person(who.person_id) as session:
            if await session.scalar(select(Credentials.totp_confirmed_at)) is None:
                raise Conflict(reason="not_enrolled")
            codes = await _fresh_codes(session, who)
            await trail.record(session, who.person_id, "factor.new_codes")
        return codes

    async def show(self, who: SignedIn, code: str) -> str:
        """Pay what a session owes, with a code of the app or a recovery code; return the session's new token.

        Raises:
            Conflict: nothing is owed.
            WrongCode: also for a code that was used before.
            TooManyAttempts.
        """
        if not who.factor_owed:
            raise Conflict(reason="not_owed")
        await self.throttle.take(f"factor:{who.person_id.hex}")
        async with self.tenancy.person(who.person_id) as session:
            by_app = await self._take_code(session, who, code)
            fits = by_app or await _take_recovery_code(session, code)
            if fits:
                token = await sessions.rotate(session, who.id)
                kind = "app" if by_app else "recovery_code"
                await trail.record(session, who.person_id, "factor.show", after={"with": kind})
            else:
                token = ""
                await trail.record(session, who.person_id, "factor.refuse")
        if not fits:
            raise WrongCode()
        await self._succeeded(who)
        return token

    async def _take_code(self, session: TenantSession, who: SignedIn, code: str) -> bool:
        """Return whether it is a code of the app that was not used before; from now on it was."""
        row = (await session.scalars(select(Credentials))).one()
        if row.totp_secret is None:
            return False
        secret = self.sealer.open(PURPOSE, row.totp_secret, who.person_id.bytes)
        typed = code.replace(" ", "")
        step = totp.step_of(secret, typed, self.now(), after=row.totp_step)
        if step is None:
            return False
        taken = await session.execute(
            update(Credentials)
            .where(Credentials.totp_step < step)  # of two at the same time, one
            .values(totp_step=step)
            .returning(Credentials.person_id)
        )
        return taken.first() is not None

    async def _succeeded(self, who: SignedIn) -> None:
        key = f"factor:{who.person_id.hex}"
        await self.throttle.succeeded(key, key)


async def _fresh_codes(session: TenantSession, who: SignedIn) -> list[str]:
    await session.execute(delete(RecoveryCode))
    codes = totp.new_recovery_codes()
    session.add_all(
        RecoveryCode(person_id=who.person_id, hash=token_hash(totp.plain_recovery_code(code)))
        for code in codes
    )
    await session.flush()
    return codes


async def _take_recovery_code(session: TenantSession, code: str) -> bool:
    plain = totp.plain_recovery_code(code)
    used = await session.execute(
        delete(RecoveryCode).where(RecoveryCode.hash == token_hash(plain)).returning(RecoveryCode.hash)
    )
    return used.first() is not None
