"""The widget's routes: start a conversation, say something, follow it, ask for a person."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, Field

from admin_api.bodies import ServerSentEvents
from agents.opening import Opening
from agents.opening_times import opening_times
from agents.stream import Address
from foundation.api_keys import ApiKeys, identity_secret
from foundation.errors import IdentityRefused, NotFound, Unauthorized
from foundation.ids import show
from foundation.tenancy import KeyOwner
from foundation.turns import Language
from serve.deps import PublishableKey, ServicesDep, SpeakerDep, Visitor, VisitorDep, visitor_token
from serve.services import Services
from serve.sse import conversation_events, event_stream, last_event_id
from serve.texts import Body, ClientId, IdempotencyKey, Said
from serve.visitor_identity import LONGEST_TOKEN, Identity, read_identity

router = APIRouter(prefix="/api/chat/conversations", tags=["widget"])

CHANNEL = "widget"


class Start(Body):
    language: Language | None = None
    identity: Annotated[str, Field(max_length=LONGEST_TOKEN)] | None = None
    """Who the visitor is: a JSON web token that the company's server has signed with the key's secret."""


class Pass(BaseModel):
    visitor_token: str
    expires_at: datetime
    staff: Opening | None
    """Whether the company's people are there; null if it has set no hours."""


class Started(Pass):
    conversation_id: str
    verified: bool
    """Whether the company has vouched for the visitor."""


class Say(Body):
    client_message_id: ClientId
    text: Said


class Sent(BaseModel):
    message_id: str
    turn_id: str | None
    position: int
    duplicate: bool


class Mode(BaseModel):
    mode: Literal["human"]


@router.post("", status_code=201)
async def start(
    key: PublishableKey,
    services: ServicesDep,
    body: Start,
    idempotency_key: Annotated[IdempotencyKey | None, Header()] = None,
) -> Started:
    """Start a conversation; the same `Idempotency-Key` gives the same one.

    Raises:
        IdentityRefused: the visitor's identity is wrong, or the key requires one and there is none.
    """
    identity = _identity(services, key, body.identity)
    opened = await services.mailbox.open(
        key.tenant_id,
        channel=CHANNEL,
        language=body.language,
        idempotency_key=f"{CHANNEL}:{idempotency_key}" if idempotency_key else None,
        vouched=identity.vouched if identity else None,
    )
    address = Address(key.tenant_id, opened.conversation_id)
    held = await _pass(services, Visitor(address, opened.visitor_id, key.key_id))
    return Started(
        **dict(held),
        conversation_id=show("conversation", opened.conversation_id),
        verified=identity is not None,
    )


@router.post("/{conversation_id}/token")
async def renew(visitor: VisitorDep, services: ServicesDep) -> Pass:
    """Give another token for the same conversation while this one opens it.

    Raises:
        Unauthorized: the publishable key that the conversation was started with is revoked or over.
    """
    try:
        key = await ApiKeys(services.tenancy, services.sealer).get(visitor.address.tenant_id, visitor.key_id)
    except NotFound:
        raise Unauthorized() from None
    if key.state != "active":
        raise Unauthorized()
    return await _pass(services, visitor)


@router.post("/{conversation_id}/messages", status_code=202)
async def say(visitor: SpeakerDep, services: ServicesDep, body: Say) -> Sent:
    """Send a message. Acknowledged means stored: it will be answered whatever fails now."""
    accepted = await services.mailbox.accept(
        visitor.address, said=body.text, client_message_id=body.client_message_id, channel=CHANNEL
    )
    if not accepted.duplicate:
        services.counters.accepted(CHANNEL)
    if accepted.turn_id is not None and not accepted.woken:
        await services.waker.wake(visitor.address)
    return Sent(
        message_id=show("message", accepted.message_id),
        turn_id=show("turn", accepted.turn_id) if accepted.turn_id else None,
        position=accepted.position,
        duplicate=accepted.duplicate,
    )


@router.get("/{conversation_id}/events", response_class=ServerSentEvents)
async def events(visitor: VisitorDep, services: ServicesDep, request: Request) -> ServerSentEvents:
    """Follow the conversation, from its beginning or from `Last-Event-ID`."""
    cursor = last_event_id(request)
    await services.mailbox.language(
        visitor.address
    )  # refuses an unknown conversation before the stream begins
    return event_stream(conversation_events(services, visitor.address, cursor))


@router.post("/{conversation_id}/handover", status_code=202)
async def handover(visitor: VisitorDep, services: ServicesDep) -> Mode:
    """Ask for a person."""
    language = await services.mailbox.language(visitor.address)
    await services.mailbox.control(
        visitor.address,
        mode="human",
        said=await services.handover_text.of(visitor.address.tenant_id, language),
        actor=show("visitor", visitor.visitor_id),
    )
    return Mode(mode="human")


async def _pass(services: Services, visitor: Visitor) -> Pass:
    token, expires_at = visitor_token(services, visitor)
    times = await opening_times(services.tenancy, visitor.address.tenant_id)
    return Pass(visitor_token=token, expires_at=expires_at, staff=times.at(datetime.now(UTC)))


def _identity(services: Services, key: KeyOwner, token: str | None) -> Identity | None:
    if token is None:
        if key.require_identity:
            raise IdentityRefused(reason="missing")
        return None
    opened = (
        identity_secret(services.sealer, key.tenant_id, key.key_id, one) for one in key.identity_secrets
    )
    return read_identity(token, opened)
