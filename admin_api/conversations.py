"""Routes that read the inbox: lists, one conversation, what was said in it."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, Field

from admin_api import etags
from admin_api.desk import Desk, DeskDep, id_of
from admin_api.words import Body, Line
from agents.inbox.lists import Count, Filter, Lists, Page, Sort
from agents.inbox.reading import Messages, Reading
from agents.inbox.views import ConversationView, Status
from agents.stream import Address
from foundation.errors import ConversationNotFound, InvalidId, InvalidInput
from foundation.ids import ConversationId, parse


class Counts(BaseModel):
    counts: list[Count]


class Reveal(Body):
    reason: Line
    """Goes into the audit log."""


class Revealed(BaseModel):
    text: str


Cursor = Annotated[str | None, Query(max_length=300)]
Name = Annotated[Line, Field(max_length=60)] | None


class Asked(Body):
    """Which conversations."""

    status: Status | None = None
    channel: Name = None
    inbox: Name = None
    assignee: Name = None
    """`me`, `none` or a person."""
    label: Name = None
    language: Name = None
    customer: Name = None
    since: AwareDatetime | None = Field(default=None, alias="from")
    """Of the last activity, as `to` is."""
    until: AwareDatetime | None = Field(default=None, alias="to")
    q: Line | None = None
    """Words of messages in Swedish or English, a case number, or what is known of the customer."""
    sort: Sort = "newest"
    cursor: str | None = Field(default=None, max_length=300)
    limit: int = Field(default=25, ge=1, le=100)


router = APIRouter(prefix="/conversations", tags=["inbox"])


@router.get("")
async def page(desk: DeskDep, asked: Annotated[Asked, Query()]) -> Page:
    """List conversations."""
    wanted = Filter(
        status=asked.status,
        channel=asked.channel,
        inbox_id=id_of("inbox", asked.inbox) if asked.inbox else None,
        assignee=_assignee(desk, asked.assignee),
        label=asked.label,
        language=asked.language,
        customer_id=id_of("customer", asked.customer) if asked.customer else None,
        since=asked.since,
        until=asked.until,
        search=asked.q,
    )
    return await Lists(desk.tenancy).page(
        desk.tenant_id, wanted, sort=asked.sort, cursor=asked.cursor, limit=asked.limit
    )


@router.get("/counts")
async def counts(desk: DeskDep) -> Counts:
    """Say how many conversations have each status; beyond 1,000 only that there are more."""
    return Counts(counts=await Lists(desk.tenancy).counts(desk.tenant_id))


@router.get("/{conversation_id}")
async def one(desk: DeskDep, conversation_id: str, response: Response) -> ConversationView:
    """Show a conversation; its ETag is the version of its state."""
    found = await Reading(desk.tenancy).conversation(address_of(desk, conversation_id))
    etags.mark(response, found.version)
    return found


@router.get("/{conversation_id}/messages")
async def messages(
    desk: DeskDep,
    conversation_id: str,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    order: Literal["oldest", "newest"] = "oldest",
) -> Messages:
    """List what was said, internal notes and events included; personal data is masked."""
    return await Reading(desk.tenancy).messages(
        address_of(desk, conversation_id), cursor=cursor, limit=limit, backwards=order == "newest"
    )


@router.post("/{conversation_id}/messages/{position}/reveal")
async def reveal(desk: DeskDep, conversation_id: str, position: int, body: Reveal) -> Revealed:
    """Show a message unmasked. Who saw it and why goes on record."""
    shown = await Reading(desk.tenancy).reveal(
        address_of(desk, conversation_id), position, actor=desk.actor, reason=body.reason
    )
    return Revealed(text=shown)


def address_of(desk: Desk, conversation_id: str) -> Address:
    """Return the conversation that a path names.

    Raises:
        ConversationNotFound: it is not a conversation's id.
    """
    try:
        return Address(desk.tenant_id, ConversationId(parse("conversation", conversation_id)))
    except InvalidId:
        raise ConversationNotFound() from None


def _assignee(desk: Desk, wanted: str | None) -> UUID | Literal["none"] | None:
    match wanted:
        case None | "none":
            return wanted
        case "me":
            if desk.caller.person_id is None:
                raise InvalidInput(field="assignee", reason="no_person")
            return desk.caller.person_id
    return id_of("person", wanted)
