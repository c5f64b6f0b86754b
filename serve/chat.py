"""The server API: one turn, answered as JSON or as a stream; and handover by a server."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header
from pydantic import BaseModel

from admin_api.bodies import ServerSentEvents
from agents.acceptance import Accepted
from agents.follow import Events
from agents.stream import Address, Cursor, StreamEvent
from foundation.clients.bus.port import Subscription
from foundation.errors import ModelFailed, TurnInterrupted, TurnTimeout
from foundation.ids import new_uuid, show
from foundation.permissions import Principal
from foundation.turns import Language
from serve.deps import Caller, ServicesDep, conversation_of
from serve.services import Services
from serve.sse import event_stream, linked
from serve.texts import Body, ClientId, IdempotencyKey, Said

router = APIRouter(prefix="/api", tags=["server"])

CHANNEL = "api"
StartKey = Annotated[IdempotencyKey | None, Header(alias="Idempotency-Key")]
"""Makes starting a conversation safe to repeat; means nothing where a conversation goes on."""

_LAST = {"done", "handover"}


class Ask(Body):
    message: Said
    conversation_id: str | None = None
    """Leave out to start a new conversation."""
    client_message_id: ClientId | None = None
    """Give one to make repeats safe: within a conversation the same id is answered once."""
    language: Language | None = None


class Reply(BaseModel):
    conversation_id: str
    turn_id: str | None
    message: dict[str, Any] | None
    """The agent's message, as in the stream's `message` event; null while a person has the conversation."""
    handover: str | None = None
    """What the customer reads instead, where this message brought a person."""


class Handover(Body):
    conversation_id: str
    mode: Literal["human", "agent"] = "human"


class Handed(BaseModel):
    conversation_id: str
    mode: Literal["human", "agent"]
    control_version: int


@router.post("/chat/message")
async def message(
    caller: Caller, services: ServicesDep, body: Ask, idempotency_key: StartKey = None
) -> Reply:
    """Run one turn and return its answer.

    Raises:
        ModelFailed: the answer broke off; what was said is in the conversation.
        TurnInterrupted: a newer message ended the turn; both are answered with that one.
        TurnTimeout: it takes too long; the same request again will have it.
    """
    address, start_key = await _address(caller, services, body, idempotency_key)
    async with services.reader.listen(address) as subscription:
        accepted = await _accept(services, address, body, start_key)
        conversation_id = show("conversation", address.conversation_id)
        if accepted.turn_id is None:
            return Reply(conversation_id=conversation_id, turn_id=None, message=None)
        turn_id = show("turn", accepted.turn_id)
        try:
            async with asyncio.timeout(services.settings.turn_deadline_s + 10):
                last = await _last_word(_turn_events(services, address, accepted, subscription))
        except TimeoutError:
            raise TurnTimeout(conversation_id=conversation_id, turn_id=turn_id) from None
    if last is not None and last.name == "handover":
        said = last.data["text"]
        return Reply(conversation_id=conversation_id, turn_id=turn_id, message=None, handover=said)
    message = None if last is None else last.data
    return Reply(conversation_id=conversation_id, turn_id=turn_id, message=message)


@router.post("/chat/stream", response_class=ServerSentEvents)
async def stream(
    caller: Caller, services: ServicesDep, body: Ask, idempotency_key: StartKey = None
) -> ServerSentEvents:
    """Run one turn and stream it. The turn goes on if the caller goes away."""
    address, start_key = await _address(caller, services, body, idempotency_key)
    async with AsyncExitStack() as opened:
        subscription = await opened.enter_async_context(services.reader.listen(address))
        accepted = await _accept(services, address, body, start_key)
        response = event_stream(_turn_events(services, address, accepted, subscription), opened.pop_all())
    response.headers["Replik-Conversation"] = show("conversation", address.conversation_id)
    return response


@router.post("/conversations/handover")
async def handover(caller: Caller, services: ServicesDep, body: Handover) -> Handed:
    """Give a conversation to a person, or back to the agent."""
    address = Address(caller.tenant_id, conversation_of(body.conversation_id))
    language = await services.mailbox.language(address)
    said = "" if body.mode == "agent" else await services.handover_text.of(address.tenant_id, language)
    version = await services.mailbox.control(address, mode=body.mode, said=said, actor=caller.actor)
    return Handed(conversation_id=body.conversation_id, mode=body.mode, control_version=version)


async def _address(
    caller: Principal, services: Services, body: Ask, start_key: str | None
) -> tuple[Address, str | None]:
    """Return the conversation, a new one if none is named, and the key that started it."""
    if body.conversation_id is not None:
        return Address(caller.tenant_id, conversation_of(body.conversation_id)), None
    opened = await services.mailbox.open(
        caller.tenant_id,
        channel=CHANNEL,
        language=body.language,
        # Keys of different channels never meet: this one comes from a server, the widget's from anybody.
        idempotency_key=f"{CHANNEL}:{start_key}" if start_key else None,
    )
    return Address(caller.tenant_id, opened.conversation_id), start_key


async def _accept(services: Services, address: Address, body: Ask, start_key: str | None) -> Accepted:
    accepted = await services.mailbox.accept(
        address,
        said=body.message,
        # The key of the start also names its message: a repeat must not say it twice.
        client_message_id=body.client_message_id or start_key or str(new_uuid()),
        channel=CHANNEL,
    )
    if not accepted.duplicate:
        services.counters.accepted(CHANNEL)
    if accepted.turn_id is not None and not accepted.woken:
        await services.waker.wake(address)
    return accepted


async def _last_word(events: AsyncGenerator[Events, None]) -> StreamEvent | None:
    """Return the turn's message, or the handover that ended it.

    Raises:
        ModelFailed, TurnInterrupted: the turn ended otherwise.
    """
    said: StreamEvent | None = None
    async with aclosing(events):
        async for event in (event async for batch in events for event in batch):
            if event.name == "error":
                raise ModelFailed(
                    reason=event.data["code"],
                    text=event.data["text"],
                    turn_id=event.data["turn_id"],
                )
            if event.name == "done" and event.data.get("interrupted"):
                raise TurnInterrupted(turn_id=event.data["turn_id"])
            if event.name in {"message", "handover"}:
                said = event
    return said


async def _turn_events(
    services: Services, address: Address, accepted: Accepted, subscription: Subscription
) -> AsyncGenerator[Events, None]:
    """Yield the events of one turn, from its acceptance to its end.

    The subscription is older than the message, so nothing can have been missed unless it was sent before.
    """
    own = show("turn", accepted.turn_id) if accepted.turn_id else None
    following = services.reader.follow_from(
        address, Cursor.just_before(accepted.position), subscription, missed=accepted.duplicate
    )
    async with aclosing(following):
        async for batch in following:
            events = [e for e in batch if e.name == "handover" or e.data.get("turn_id") == own]
            ends = next((n for n, e in enumerate(events, 1) if own is None or e.name in _LAST), None)
            yield linked(services, address, events[:ends])
            if ends is not None:
                return
