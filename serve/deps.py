"""What a route may ask for, as annotated types: the services, and who is calling."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Path, Request
from pydantic import JsonValue

from agents.stream import Address
from foundation.errors import ConversationNotFound, Forbidden, InvalidId, Unauthorized
from foundation.ids import ConversationId, KeyId, TenantId, VisitorId, parse
from foundation.origins import is_allowed
from foundation.permissions import Principal
from foundation.tenancy import KeyOwner
from serve import access, rates, session
from serve.services import Services

_VISITOR = "visitor 2"
"""The tokens' purpose; the number says what is in them."""
_CLAIMS = ("tenant", "conversation", "visitor", "key")


async def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


ServicesDep = Annotated[Services, Depends(_services)]


@dataclass(frozen=True, slots=True)
class Visitor:
    """A customer in the widget, who may use one conversation."""

    address: Address
    visitor_id: VisitorId
    key_id: KeyId
    """The publishable key that the conversation was started with."""


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > 4_096:
        raise Unauthorized()
    return token.strip()


async def _key(request: Request, services: Services, kind: str) -> KeyOwner:
    owner = await services.tenancy.owner_of_key(_bearer(request))
    if owner is None or owner.kind != kind:
        raise Unauthorized()
    services.key_use.note(owner)
    return owner


async def _caller(request: Request, services: ServicesDep) -> Principal:
    """Return who calls a route that needs a permission, once they are known to have it."""
    needed = access.needed(request.method, request.scope["path"])
    if "authorization" in request.headers:
        owner = await _key(request, services, "server")
        await rates.limit_key(request, services, owner)
        caller = Principal(owner.tenant_id, f"key:{owner.key_id}", owner.scopes, key_id=owner.key_id)
    else:
        caller = session.principal(await session.signed_in(request, services.identity))
        await rates.limit_person(request, services, caller)
    if not caller.may(needed):
        raise Forbidden(permission=needed)
    return caller


async def still_may(request: Request, services: Services, caller: Principal) -> bool:
    """Return whether who was let in would be let in now, with the key, session and role they have left."""
    needed = access.needed(request.method, request.scope["path"])
    if caller.key_id is not None:
        owner = await services.tenancy.owner_of_key(_bearer(request))
        return owner is not None and needed in owner.scopes
    token = session.token_of(request, services.identity)
    who = await services.identity.sessions.of_token(token) if token else None
    return who is not None and who.tenant_id == caller.tenant_id and needed in who.permissions


async def _publishable_key(request: Request, services: ServicesDep) -> KeyOwner:
    owner = await _key(request, services, "publishable")
    origin = request.headers.get("origin")
    if owner.allowed_origins and origin is not None and not is_allowed(origin, owner.allowed_origins):
        raise Forbidden(reason="origin")
    await rates.limit_start(request, services, owner)
    return owner


async def _shown(
    request: Request, services: ServicesDep, conversation_id: Annotated[str, Path(max_length=64)]
) -> Visitor:
    claims = cast("dict[str, object]", services.tokens.open(_VISITOR, _bearer(request)))
    tenant_id, own, visitor_id, key_id = (UUID(str(claims[name])) for name in _CLAIMS)
    if conversation_of(conversation_id) != own:
        # A token for another conversation: the same answer as for one that does not exist.
        raise ConversationNotFound()
    return Visitor(Address(TenantId(tenant_id), ConversationId(own)), VisitorId(visitor_id), KeyId(key_id))


async def _visitor(
    request: Request, services: ServicesDep, visitor: Annotated[Visitor, Depends(_shown)]
) -> Visitor:
    await rates.limit_visitor(request, services, visitor.address, visitor.visitor_id)
    return visitor


async def _speaker(
    request: Request, services: ServicesDep, visitor: Annotated[Visitor, Depends(_shown)]
) -> Visitor:
    await rates.limit_visitor(request, services, visitor.address, visitor.visitor_id, says=True)
    return visitor


def conversation_of(text: str) -> ConversationId:
    """Return the id behind `conv_…`.

    Raises:
        ConversationNotFound: it is not a conversation's id.
    """
    try:
        return ConversationId(parse("conversation", text))
    except InvalidId:
        raise ConversationNotFound() from None


def visitor_token(services: Services, visitor: Visitor) -> tuple[str, datetime]:
    """Return a token that lets a visitor use one conversation, and when it ends."""
    lifetime_s = services.settings.visitor_token_s
    ids = (visitor.address.tenant_id, visitor.address.conversation_id, visitor.visitor_id, visitor.key_id)
    claims: dict[str, JsonValue] = {name: value.hex for name, value in zip(_CLAIMS, ids, strict=True)}
    ends = datetime.now(UTC) + timedelta(seconds=lifetime_s)
    return services.tokens.seal(_VISITOR, claims, lifetime_s), ends


Caller = Annotated[Principal, Depends(_caller)]
PublishableKey = Annotated[KeyOwner, Depends(_publishable_key)]
VisitorDep = Annotated[Visitor, Depends(_visitor)]
SpeakerDep = Annotated[Visitor, Depends(_speaker)]
"""A visitor whose request says something, which is counted as such."""
