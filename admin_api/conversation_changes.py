"""Routes by which staff change conversations and speak in them."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, Field, field_validator

from admin_api import etags
from admin_api.conversations import address_of
from admin_api.desk import Desk, DeskDep, id_of
from admin_api.etags import Expected
from admin_api.words import Body, ClientId, Label, Line, Said, small
from agents.inbox.changing import Changes, Staff
from agents.inbox.merging import Merging
from agents.inbox.names import name_of
from agents.inbox.reading import MessageView, Reading
from agents.inbox.speaking import Speaking
from agents.inbox.states import States, Wanted
from agents.inbox.views import ConversationView, Status
from agents.stream import Address
from foundation.errors import InvalidInput
from foundation.ids import new_uuid
from graphs.replies import ReplyName


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
        return None if value is None else small(value)


class Reply(Body):
    text: Said
    client_message_id: ClientId | None = None
    """Makes repeats safe: the same id is said once."""
    name: Line | None = None
    """Who speaks, as the customer reads it; only where a server calls and no person is signed in."""


class Merge(Body):
    into: str = Field(max_length=60)
    """The conversation in which this one can be read from then on."""


class Note(Body):
    text: Said
    name: Line | None = None


router = APIRouter(prefix="/conversations/{conversation_id}", tags=["inbox"])


@router.patch("")
async def change(
    desk: DeskDep, conversation_id: str, body: Patch, expected: Expected, response: Response
) -> ConversationView:
    """Change status, snooze, assignee, inbox, customer, labels or metadata."""
    after = await States(changes_of(desk)).change(
        address_of(desk, conversation_id), await staff_of(desk), _wanted(desk, body), expected=expected
    )
    etags.mark(response, after.version)
    return after


@router.post("/reply", status_code=201)
async def reply(desk: DeskDep, conversation_id: str, body: Reply, expected: Expected) -> MessageView:
    """Say something to the customer as a person. The agent falls silent until it is handed back."""
    address = address_of(desk, conversation_id)
    return await Speaking(changes_of(desk)).reply(
        address,
        await staff_of(desk, body.name),
        body.text,
        client_message_id=body.client_message_id or str(new_uuid()),
        handover_text=await _fixed_text(desk, "handover", address),
        expected=expected,
    )


@router.post("/notes", status_code=201)
async def note(desk: DeskDep, conversation_id: str, body: Note) -> MessageView:
    """Leave a note that only staff see."""
    address = address_of(desk, conversation_id)
    return await Speaking(changes_of(desk)).note(address, await staff_of(desk, body.name), body.text)


@router.post("/take-over")
async def take_over(
    desk: DeskDep, conversation_id: str, expected: Expected, response: Response
) -> ConversationView:
    """Take the conversation from the agent."""
    address = address_of(desk, conversation_id)
    after = await Speaking(changes_of(desk)).take_over(
        address,
        await staff_of(desk),
        handover_text=await _fixed_text(desk, "handover", address),
        expected=expected,
    )
    etags.mark(response, after.version)
    return after


@router.post("/hand-back")
async def hand_back(
    desk: DeskDep, conversation_id: str, expected: Expected, response: Response
) -> ConversationView:
    """Give the conversation back to the agent."""
    after = await Speaking(changes_of(desk)).hand_back(
        address_of(desk, conversation_id), await staff_of(desk), expected=expected
    )
    etags.mark(response, after.version)
    return after


@router.post("/merge")
async def merge(
    desk: DeskDep, conversation_id: str, body: Merge, expected: Expected, response: Response
) -> ConversationView:
    """Close a conversation that is about the same as another one of the same customer."""
    address = address_of(desk, conversation_id)
    after = await Merging(changes_of(desk)).merge(
        address,
        await staff_of(desk),
        address_of(desk, body.into).conversation_id,
        await _fixed_text(desk, "merged", address),
        expected=expected,
    )
    etags.mark(response, after.version)
    return after


def changes_of(desk: Desk) -> Changes:
    """Return what opens changes."""
    return Changes(desk.tenancy, desk.bus)


async def staff_of(desk: Desk, name: str | None = None) -> Staff:
    """Return who calls; `name` is theirs if no person is signed in."""
    person = desk.caller.person_id
    shown = name if name is not None and person is None else await name_of(desk.tenancy, desk.caller)
    return Staff(desk.actor, shown, person)


async def _fixed_text(desk: Desk, name: ReplyName, address: Address) -> str:
    return desk.fixed_text(name, (await Reading(desk.tenancy).conversation(address)).language)


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
