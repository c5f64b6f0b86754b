"""The contract everything speaks: one frozen `Turn` goes down, one stream of `ReplyEvent`s comes back."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from foundation.ids import ConversationId, TenantId, TurnId

Language = Literal["sv", "en", "nb", "da", "fi"]
Author = Literal["customer", "agent", "staff", "system"]
Outcome = Literal["answered", "unknown", "smalltalk", "blocked", "asked", "failed"]
"""`asked`: the customer was asked something, by a procedure that waits for it, or what they mean."""


class Value(BaseModel):
    """A frozen value that crosses a border as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Utterance(Value):
    """What was said earlier in the conversation, oldest first in `Turn.history`."""

    author: Author
    text: str


class Turn(Value):
    """One thing for the agent to answer: a customer's message, or several merged."""

    tenant_id: TenantId
    conversation_id: ConversationId
    turn_id: TurnId
    text: str
    history: tuple[Utterance, ...] = ()
    language: Language | None = None
    """The conversation's language so far; the text's own language wins if it is clear."""
    release: int
    attempt: int = 1
    audience: str = "public"


class Citation(Value):
    """Where a sentence of the answer stands: `[number]` in the text points here."""

    number: int
    passage_id: UUID
    source_id: UUID
    title: str
    heading: str = ""
    page: int | None = None
    paragraph: int | None = None
    """Counted from 1 on the page, or under the heading where there are no pages; None: cannot be told."""
    quote: str
    language: Language
    url: str = ""
    """A link that opens the cited place; filled in by the front door, which can sign it."""


class Status(Value):
    type: Literal["status"] = "status"
    stage: Literal["searching", "writing"]


class Delta(Value):
    """A released unit of text (a sentence, list item, table or code fence), ready to append."""

    type: Literal["delta"] = "delta"
    text: str


class Cited(Value):
    type: Literal["citation"] = "citation"
    citation: Citation


class Answer(Value):
    """The final, authoritative text of the turn; clients replace what was streamed with it."""

    type: Literal["message"] = "message"
    text: str
    outcome: Outcome
    language: Language
    confidence: float | None = Field(default=None, ge=0, le=1)
    citations: tuple[Citation, ...] = ()
    offer_person: bool = False
    trace: dict[str, object] = {}
    """How it came about (scores, policy hits, model); stored, never sent to customers."""


class Failure(Value):
    """The run could not finish; `text` tells the customer so, in their language."""

    type: Literal["error"] = "error"
    code: str
    text: str
    language: Language
    offer_person: bool = True
    trace: dict[str, object] = {}
    """What led to it, as far as the run came; for staff, never shown to customers."""


ReplyEvent = Annotated[Status | Delta | Cited | Answer | Failure, Field(discriminator="type")]
