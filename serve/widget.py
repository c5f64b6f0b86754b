"""The widget's routes: start a conversation, say something, follow it, ask for a person."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel

from admin_api.bodies import ServerSentEvents
from agents.stream import Address
from foundation.ids import show
from foundation.turns import Language
from serve.deps import VISITOR_TOKEN_S, PublishableKey, ServicesDep, VisitorDep, visitor_token
from serve.sse import conversation_events, event_stream, last_event_id
from serve.texts import Body, ClientId, IdempotencyKey, Said

router = APIRouter(prefix="/api/chat/conversations", tags=["widget"])

CHANNEL = "widget"


class Start(Body):
    language: Language | None = None


class Started(BaseModel):
    conversation_id: str
    visitor_token: str
    expires_at: datetime


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
    """Start a conversation; the same `Idempotency-Key` gives the same one."""
    again = f"{CHANNEL}:{idempotency_key}" if idempotency_key else None
    opened = await services.mailbox.open(
        key.tenant_id, channel=CHANNEL, language=body.language, idempotency_key=again
    )
    address = Address(key.tenant_id, opened.conversation_id)
    return Started(
        conversation_id=show("conversation", opened.conversation_id),
        visitor_token=visitor_token(services, address, opened.visitor_id),
        expires_at=datetime.now(UTC) + timedelta(seconds=VISITOR_TOKEN_S),
    )


@router.post("/{conversation_id}/messages", status_code=202)
async def say(visitor: VisitorDep, services: ServicesDep, body: Say) -> Sent:
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
        said=services.handover_text(language),
        actor=show("visitor", visitor.visitor_id),
    )
    return Mode(mode="human")
