"""What a route may ask for, as annotated types: the services, and who is calling."""

from dataclasses import dataclass
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Path, Request

from agents.stream import Address
from foundation.errors import ConversationNotFound, Forbidden, InvalidId, Unauthorized
from foundation.ids import ConversationId, TenantId, VisitorId, parse
from foundation.permissions import PERMISSIONS, Principal
from foundation.tenancy import KeyOwner
from serve import access, session
from serve.services import Services

VISITOR_TOKEN_S = 7 * 24 * 3600.0


async def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


ServicesDep = Annotated[Services, Depends(_services)]


@dataclass(frozen=True, slots=True)
class Visitor:
    """A customer in the widget, who may use one conversation."""

    address: Address
    visitor_id: VisitorId


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > 4_096:
        raise Unauthorized()
    return token.strip()


async def _key(request: Request, services: Services, kind: str) -> KeyOwner:
    owner = await services.tenancy.owner_of_key(_bearer(request))
    if owner is None or owner.kind != kind:
        raise Unauthorized()
    return owner


async def _caller(request: Request, services: ServicesDep) -> Principal:
    """Return who calls a route that needs a permission, once they are known to have it."""
    needed = access.needed(request.method, request.scope["path"])
    if "authorization" in request.headers:
        owner = await _key(request, services, "server")
        caller = Principal(owner.tenant_id, f"key:{owner.key_id}", PERMISSIONS)
    else:
        caller = session.principal(await session.signed_in(request, services.identity))
    if not caller.may(needed):
        raise Forbidden(permission=needed)
    return caller


async def _publishable_key(request: Request, services: ServicesDep) -> KeyOwner:
    owner = await _key(request, services, "publishable")
    origin = request.headers.get("origin")
    if owner.allowed_origins and origin is not None and origin not in owner.allowed_origins:
        raise Forbidden(reason="origin")
    return owner


async def _visitor(
    request: Request, services: ServicesDep, conversation_id: Annotated[str, Path(max_length=64)]
) -> Visitor:
    claims = cast("dict[str, object]", services.tokens.open("visitor", _bearer(request)))
    tenant_id, own, visitor_id = (UUID(str(claims[name])) for name in ("tenant", "conversation", "visitor"))
    if conversation_of(conversation_id) != own:
        # A token for another conversation: the same answer as for one that does not exist.
        raise ConversationNotFound()
    return Visitor(Address(TenantId(tenant_id), ConversationId(own)), VisitorId(visitor_id))


def conversation_of(text: str) -> ConversationId:
    """Return the id behind `conv_…`.

    Raises:
        ConversationNotFound: it is not a conversation's id.
    """
    try:
        return ConversationId(parse("conversation", text))
    except InvalidId:
        raise ConversationNotFound() from None


def visitor_token(services: Services, address: Address, visitor_id: VisitorId) -> str:
    """Return a token that lets a visitor use one conversation for `VISITOR_TOKEN_S` seconds."""
    claims = {
        "tenant": address.tenant_id.hex,
        "conversation": address.conversation_id.hex,
        "visitor": visitor_id.hex,
    }
    return services.tokens.seal("visitor", claims, VISITOR_TOKEN_S)  # type: ignore[arg-type]


Caller = Annotated[Principal, Depends(_caller)]
PublishableKey = Annotated[KeyOwner, Depends(_publishable_key)]
VisitorDep = Annotated[Visitor, Depends(_visitor)]
