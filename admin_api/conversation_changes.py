"""Routes by which staff change conversations and speak in them."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Response
from pydantic import AwareDatetime, Field, field_validator

from admin_api import etags
from admin_api.conversations import address_of
from admin_api.desk import Desk, DeskDep, id_of
from admin_api.etags import Expected
from admin_api.words import Body, ClientId, Label, Line, Said
from agents.inbox.changing import Changes, Staff
from agents.inbox.names import name_of
from agents.inbox.reading import MessageView, Reading
from agents.inbox.speaking import Speaking
from agents.inbox.states import States, Wanted
from agents.inbox.views import ConversationView, Status
from agents.stream import Address
from foundation.errors import InvalidInput
from foundation.ids import new_uuid

LARGEST_METADATA = 8_192
"""Bytes of JSON."""


class Patch(Body):
    """What is left out stays as it is."""

    status: Status | None = None
    snoozed_until: AwareDatetime | None = None
    assignee_id: str | None = Field(default=None, max_length=60)
    """A person, or `me`; null takes it from whoever has it."""
    inbox_id: str | None = Field(default=None, max_length=60)
    customer_id: str | None = Field(default=None, max_length=60)
    labels: Annotated[list[Label], Field(max_length=30)] | None = None
    metadata: dict[str, Any] | None = None

    @field_validator("metadata")
    @classmethod
    def _small(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        written = orjson.dumps(value)
        if len(written) > LARGEST_METADATA or b"\\u0000" in written:
            raise ValueError("metadata has at most 8 KB and no null bytes")
        return value


class Reply(Body):
    text: Said
    client_message_id: ClientId | None = None
    """Makes repeats safe: the same id is said once."""
    name: Line | None = None
    """Who speaks, as the customer reads it; only where a server calls and no person is signed in."""


class Note(Body):
    text: Said
    name: Line | None = None


router = APIRouter(prefix="/conversations/{conversation_id}", tags=["inbox"])


@router.patch("")
async def change(
    desk: DeskDep, conversation_id: str, body: Patch, expected: Expected, response: Response
) -> ConversationView:
    """Change status, snooze, assignee, inbox, customer, labels or metadata."""
    after = await States(_changes(desk)).change(
        address_of(desk, conversation_id), await _staff(desk), _wanted(desk, body), expected=expected
    )
    etags.mark(response, after.version)
    return after


@router.post("/reply", status_code=201)
async def reply(desk: DeskDep, conversation_id: str, body: Reply, expected: Expected) -> MessageView:
    """Say something to the customer as a person. The agent falls silent until it is handed back."""
    address = address_of(desk, conversation_id)
    return await Speaking(_changes(desk)).reply(
        address,
        await _staff(desk, body.name),
        body.text,
        client_message_id=body.client_message_id or str(new_uuid()),
        handover_text=await _handover_text(desk, address),
        expected=expected,
    )


@router.post("/notes", status_code=201)
async def note(desk: DeskDep, conversation_id: str, body: Note) -> MessageView:
    """Leave a note that only staff see."""
    address = address_of(desk, conversation_id)
    return await Speaking(_changes(desk)).note(address, await _staff(desk, body.name), body.text)


@router.post("/take-over")
async def take_over(
    desk: DeskDep, conversation_id: str, expected: Expected, response: Response
) -> ConversationView:
    """Take the conversation from the agent."""
    address = address_of(desk, conversation_id)
    after = await Speaking(_changes(desk)).take_over(
        address,
        await _staff(desk),
        handover_text=await _handover_text(desk, address),
        expected=expected,
    )
    etags.mark(response, after.version)
    return after


@router.post("/hand-back")
async def hand_back(
    desk: DeskDep, conversation_id: str, expected: Expected, response: Response
) -> ConversationView:
    """Give the conversation back to the agent."""
    after = await Speaking(_changes(desk)).hand_back(
        address_of(desk, conversation_id), await _staff(desk), expected=expected
    )
    etags.mark(response, after.version)
    return after


def _changes(desk: Desk) -> Changes:
    return Changes(desk.tenancy, desk.bus)


async def _staff(desk: Desk, name: str | None = None) -> Staff:
    person = desk.caller.person_id
    shown = name if name is not None and person is None else await name_of(desk.tenancy, desk.caller)
    return Staff(desk.actor, shown, person)


async def _handover_text(desk: Desk, address: Address) -> str:
    return desk.handover_text((await Reading(desk.tenancy).conversation(address)).language)


def _wanted(desk: Desk, body: Patch) -> Wanted:
    values = body.model_dump(include=body.model_fields_set)
    for name in ("status", "labels", "metadata", "inbox_id"):
        if name in values and values[name] is None:
            raise InvalidInput(field=name, reason="null")
    if (assignee := values.get("assignee_id")) is not None:
        if assignee == "me" and desk.caller.person_id is None:
            raise InvalidInput(field="assignee_id", reason="no_person")
        values["assignee_id"] = desk.caller.person_id if assignee == "me" else id_of("person", assignee)
    for name, kind in (("inbox_id", "inbox"), ("customer_id", "customer")):
        if values.get(name) is not None:
            values[name] = id_of(kind, values[name])
    if "labels" in values:
        values["labels"] = list(dict.fromkeys(values["labels"]))
    return Wanted(values)
