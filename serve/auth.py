"""Routes for people before and around their session: accounts, sign-in, sign-out."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AfterValidator, BaseModel, Field, SecretStr, StringConstraints

from foundation.errors import InvalidId, NotFound
from foundation.identity.accounts import SignUp
from foundation.identity.sessions import SignedIn
from foundation.identity.sign_in import Tenant
from foundation.ids import TenantId, parse, show
from foundation.permissions import Permission
from serve import session
from serve.deps import ServicesDep
from serve.identity import Identity
from serve.texts import Body, printable

Email = Annotated[str, StringConstraints(min_length=3, max_length=320)]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True), AfterValidator(printable)
]
Password = Annotated[SecretStr, Field(min_length=1, max_length=1024)]
Token = Annotated[SecretStr, Field(min_length=1, max_length=128)]


class SignUpBody(Body):
    email: Email
    name: Name
    password: Password
    """12 to 128 characters of any kind, not easily guessed."""
    company: Name
    language: Literal["sv", "en"] = "sv"


class SignInBody(Body):
    email: Email
    password: Password


class CodeBody(Body):
    code: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """Six digits from the app, or a recovery code."""


class TokenBody(Body):
    token: Token


class EmailBody(Body):
    email: Email


class ResetBody(Body):
    token: Token
    password: Password


class AcceptBody(Body):
    token: Token
    name: Name | None = None
    password: Password | None = None


class TenantBody(Body):
    tenant_id: Annotated[str, StringConstraints(max_length=64)]


class Sent(BaseModel):
    """The same whether or not the address has an account: what there is to know comes by mail."""

    sent: Literal[True] = True


class OfferView(BaseModel):
    tenant: str
    email: str
    has_account: bool
    """Without one, a name and a password are needed to accept."""


class PersonView(BaseModel):
    id: str
    email: str
    name: str
    language: str
    second_factor: bool


class TenantView(BaseModel):
    id: str
    slug: str
    name: str
    role: str
    active: bool


class SessionState(BaseModel):
    """Who is signed in. While the second factor is owed, only that."""

    second_factor_owed: bool
    csrf_token: str
    """For the header `X-CSRF-Token` of every request that changes something."""
    person: PersonView | None
    tenants: Sequence[TenantView]
    permissions: Sequence[Permission]
    """In the active tenant."""
    single_sign_on: bool
    """The tenant's provider vouched: this session reaches that tenant only, and not the account."""


async def guard(request: Request, response: Response, services: ServicesDep) -> None:
    """Keep answers out of caches, and other sites' pages out."""
    response.headers["Cache-Control"] = "no-store"
    if request.method == "POST":
        session.require_own_page(request, services.identity)


router = APIRouter(prefix="/api/auth", tags=["sign-in"], dependencies=[Depends(guard)])


@router.post("/sign-up", status_code=202)
async def sign_up(request: Request, services: ServicesDep, body: SignUpBody) -> Sent:
    """Make an account and a tenant of its own; a mail confirms the address."""
    wanted = SignUp(body.email, body.name, body.password.get_secret_value(), body.company, body.language)
    await services.identity.accounts.sign_up(wanted, session.client_of(request, services))
    return Sent()


@router.post("/verify", status_code=204)
async def verify(services: ServicesDep, body: TokenBody) -> None:
    """Confirm an address with the token from the mail."""
    await services.identity.accounts.verify(body.token.get_secret_value())


@router.post("/sign-in")
async def sign_in(
    request: Request, response: Response, services: ServicesDep, body: SignInBody
) -> SessionState:
    """Begin a session; where a second factor is on, it is still owed."""
    identity = services.identity
    token = await identity.sign_in.with_password(
        body.email, body.password.get_secret_value(), session.client_of(request, services)
    )
    earlier = session.token_of(request, identity)
    if earlier and (before := await identity.sessions.of_token(earlier)):
        await identity.sign_in.sign_out(before)
    return await _begun(response, identity, token)


@router.post("/second-factor")
async def second_factor(
    request: Request, response: Response, services: ServicesDep, body: CodeBody
) -> SessionState:
    """Show the second factor; the session gets another token."""
    who = await session.signed_in(request, services.identity, owing=True)
    token = await services.identity.factor.show(who, body.code)
    return await _begun(response, services.identity, token)


@router.post("/sign-out", status_code=204)
async def sign_out(request: Request, response: Response, services: ServicesDep) -> None:
    """End the session."""
    who = await session.signed_in(request, services.identity, owing=True)
    await services.identity.sign_in.sign_out(who)
    session.forget(response, services.identity)


@router.get("/session")
async def get_session(request: Request, services: ServicesDep) -> SessionState:
    """Say who is signed in, where they work, and what they may do there."""
    identity = services.identity
    who = await session.signed_in(request, identity, owing=True)
    return await _state(identity, who, session.token_of(request, identity) or "")


@router.post("/tenant")
async def work_in(request: Request, services: ServicesDep, body: TenantBody) -> SessionState:
    """Work in another of one's tenants."""
    identity = services.identity
    who = await session.signed_in(request, identity)
    try:
        tenant_id = TenantId(parse("tenant", body.tenant_id))
    except InvalidId:
        raise NotFound(kind="tenant") from None
    await identity.sign_in.work_in(who, tenant_id)
    token = session.token_of(request, identity) or ""
    return await _state(identity, await session.signed_in(request, identity), token)


@router.post("/reset", status_code=202)
async def ask_reset(request: Request, services: ServicesDep, body: EmailBody) -> Sent:
    """Ask for a mail with which a new password can be set."""
    await services.identity.accounts.ask_reset(body.email, session.client_of(request, services))
    return Sent()


@router.post("/reset/confirm", status_code=204)
async def reset(services: ServicesDep, body: ResetBody) -> None:
    """Set a new password with the token from the mail; every session ends."""
    await services.identity.accounts.reset(body.token.get_secret_value(), body.password.get_secret_value())


@router.post("/invitation")
async def invitation(services: ServicesDep, body: TokenBody) -> OfferView:
    """Say what an invitation offers."""
    offer = await services.identity.acceptance.offer(body.token.get_secret_value())
    return OfferView(tenant=offer.tenant, email=offer.email, has_account=offer.person_id is not None)


@router.post("/invitation/accept")
async def accept(services: ServicesDep, body: AcceptBody) -> OfferView:
    """Join the team; sign in afterwards."""
    password = body.password.get_secret_value() if body.password else None
    offer = await services.identity.acceptance.accept(body.token.get_secret_value(), body.name, password)
    return OfferView(tenant=offer.tenant, email=offer.email, has_account=True)


async def _begun(response: Response, identity: Identity, token: str) -> SessionState:
    session.keep(response, identity, token)
    who = await identity.sessions.of_token(token)
    if who is None:
        raise NotFound(kind="session")
    return await _state(identity, who, token)


async def _state(identity: Identity, who: SignedIn, token: str) -> SessionState:
    csrf = session.csrf_token(identity, token)
    if who.factor_owed:
        return SessionState(
            second_factor_owed=True, csrf_token=csrf, person=None, tenants=(), permissions=(),
            single_sign_on=False,
        )  # fmt: skip
    profile = await identity.sign_in.profile(who)
    return SessionState(
        second_factor_owed=False,
        csrf_token=csrf,
        person=PersonView(
            id=show("person", profile.person_id),
            email=profile.email,
            name=profile.name,
            language=profile.language,
            second_factor=profile.has_factor,
        ),
        tenants=[_tenant(tenant, who) for tenant in profile.tenants],
        permissions=sorted(who.permissions),
        single_sign_on=who.only_tenant is not None,
    )


def _tenant(tenant: Tenant, who: SignedIn) -> TenantView:
    return TenantView(
        id=show("tenant", tenant.id),
        slug=tenant.slug,
        name=tenant.name,
        role=tenant.role,
        active=tenant.id == who.tenant_id,
    )
