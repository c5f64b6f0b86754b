"""Routes for one's own account: sessions, password, second factor."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from admin_api.desk import id_of
from foundation.identity.sessions import SignedIn
from foundation.ids import SessionId, show
from serve import session
from serve.auth import CodeBody, Password, guard
from serve.deps import ServicesDep
from serve.texts import Body


class PasswordBody(Body):
    password: Password


class NewPasswordBody(Body):
    current: Password
    password: Password


class OwnSession(BaseModel):
    id: str
    device: str
    address: str
    """The network only."""
    created_at: datetime
    seen_at: datetime
    current: bool


class OwnSessions(BaseModel):
    sessions: Sequence[OwnSession]


class Ended(BaseModel):
    ended: int


class EnrolmentView(BaseModel):
    secret: str
    """To be typed into an authenticator app; shown this once."""
    address: str
    """The same as a QR code holds it."""


class RecoveryCodes(BaseModel):
    codes: Sequence[str]
    """Each stands in once for the app; shown this once."""


async def _own(request: Request, services: ServicesDep) -> SignedIn:
    who = await session.signed_in(request, services.identity)
    who.require_own()
    return who


Own = Annotated[SignedIn, Depends(_own)]

router = APIRouter(prefix="/api/auth", tags=["sign-in"], dependencies=[Depends(guard)])


@router.get("/sessions")
async def sessions(services: ServicesDep, who: Own) -> OwnSessions:
    """Show where one is signed in, the place seen last first."""
    found = await services.identity.sessions.own(who.person_id)
    return OwnSessions(
        sessions=[
            OwnSession(
                id=show("session", one.id),
                device=one.device,
                address=one.address,
                created_at=one.created_at,
                seen_at=one.seen_at,
                current=one.id == who.id,
            )
            for one in found
        ]
    )


@router.delete("/sessions")
async def end_others(services: ServicesDep, who: Own) -> Ended:
    """Sign out everywhere else."""
    return Ended(ended=await services.identity.sign_in.end_others(who))


@router.delete("/sessions/{session_id}", status_code=204)
async def end(services: ServicesDep, who: Own, session_id: str) -> None:
    """Sign out in one place."""
    await services.identity.sign_in.end(who, SessionId(id_of("session", session_id)))


@router.post("/password", status_code=204)
async def change_password(services: ServicesDep, who: Own, body: NewPasswordBody) -> None:
    """Set another password; every other session ends."""
    current, password = body.current.get_secret_value(), body.password.get_secret_value()
    await services.identity.accounts.change_password(who, current, password)


@router.post("/totp")
async def enrol(services: ServicesDep, who: Own, body: PasswordBody) -> EnrolmentView:
    """Get a secret for an authenticator app; it counts once a code of it was shown."""
    enrolment = await services.identity.factor.enrol(who, body.password.get_secret_value())
    return EnrolmentView(secret=enrolment.secret, address=enrolment.address)


@router.post("/totp/confirm")
async def confirm(services: ServicesDep, who: Own, body: CodeBody) -> RecoveryCodes:
    """Switch the second factor on with a code of the app; every other session ends."""
    return RecoveryCodes(codes=await services.identity.factor.confirm(who, body.code))


@router.post("/totp/disable", status_code=204)
async def disable(services: ServicesDep, who: Own, body: PasswordBody) -> None:
    """Switch the second factor off."""
    await services.identity.factor.disable(who, body.password.get_secret_value())


@router.post("/totp/recovery-codes")
async def new_codes(services: ServicesDep, who: Own, body: PasswordBody) -> RecoveryCodes:
    """Get ten other recovery codes; the earlier ones are void."""
    return RecoveryCodes(
        codes=await services.identity.factor.new_codes(who, body.password.get_secret_value())
    )
