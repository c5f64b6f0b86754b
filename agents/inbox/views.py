"""A conversation as staff see it."""

from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import Field

from agents.inbox.masking import masked
from foundation.ids import show
from foundation.turns import Author, Value

Status = Literal["active", "pending", "escalated", "resolved", "snoozed"]
"""pending: the customer is to write. escalated: a person is to."""

_SHOWN: Final = 160
"""Characters of a preview. More is stored, so that a number at the end is whole when it is masked."""


class Known(Value):
    """What the conversation's customer is called."""

    customer_id: str
    name: str | None
    email: str | None
    verified: bool


class ConversationView(Value):
    """One line of the inbox."""

    conversation_id: str
    case_number: int | None
    status: Status
    mode: Literal["agent", "human"]
    """Who answers."""
    channel: str
    inbox_id: str | None
    language: str | None
    assignee_id: str | None
    assignee_name: str | None
    """Null when they have left the team."""
    customer: Known | None
    labels: tuple[str, ...]
    metadata: dict[str, Any]
    subject: str | None
    """How the customer's first message begins."""
    preview: str | None
    """How the last message begins."""
    preview_author: Author | None
    snoozed_until: datetime | None
    resolved_at: datetime | None
    merged_into: str | None
    last_message_at: datetime
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="Of the state, as in the ETag; messages do not count.")


COLUMNS: Final = """c.id, c.case_number, c.status, a.mode, c.channel, c.inbox_id, c.language, c.assignee_id,
    (select p.name from people p where p.id = c.assignee_id) as assignee_name,
    c.customer_id, k.name as customer_name, k.email as customer_email, k.verified as customer_verified,
    c.labels, c.metadata, c.subject, c.preview, c.preview_author, c.snoozed_until, c.resolved_at,
    c.merged_into, c.last_message_at, c.created_at, c.updated_at, c.version"""
"""Of `conversations c`, with `JOINED`."""
JOINED: Final = """
join activations a on a.tenant_id = c.tenant_id and a.conversation_id = c.id
left join customers k on k.tenant_id = c.tenant_id and k.id = c.customer_id"""


def view_of(row: Any) -> ConversationView:
    """Return the view of a row of `COLUMNS`."""
    return ConversationView(
        conversation_id=show("conversation", row.id),
        case_number=row.case_number,
        status=row.status,
        mode=row.mode,
        channel=row.channel,
        inbox_id=_shown("inbox", row.inbox_id),
        language=row.language,
        assignee_id=_shown("person", row.assignee_id),
        assignee_name=row.assignee_name,
        customer=_customer(row),
        labels=tuple(row.labels),
        metadata=row.metadata,
        subject=_beginning(row.subject, row.language),
        preview=_beginning(row.preview, row.language),
        preview_author=row.preview_author,
        snoozed_until=row.snoozed_until,
        resolved_at=row.resolved_at,
        merged_into=_shown("conversation", row.merged_into),
        last_message_at=row.last_message_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        version=row.version,
    )


def _customer(row: Any) -> Known | None:
    if row.customer_id is None:
        return None
    return Known(
        customer_id=show("customer", row.customer_id),
        name=row.customer_name,
        email=row.customer_email,
        verified=bool(row.customer_verified),
    )


def _shown(kind: str, value: UUID | None) -> str | None:
    return None if value is None else show(kind, value)


def _beginning(text: str | None, language: str | None) -> str | None:
    if text is None:
        return None
    return masked(text, language)[:_SHOWN]
