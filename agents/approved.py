"""A tenant's approved answers: what people wrote for a question, and corrections of what the agent said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import Field, model_validator
from sqlalchemy import func, select, text

from foundation import audit, lists
from foundation.clients.embedding.port import Embedder
from foundation.database.models import ApprovedAnswer
from foundation.errors import InvalidInput, NotFound
from foundation.ids import ApprovedId, ConversationId, TenantId, new_uuid, show
from foundation.tenancy import Tenancy, TenantSession
from foundation.turns import Language, Value
from graphs.approved import pack

MOST = 5_000
"""Approved answers of a tenant: all are compared with every question."""


Sort = Literal["newest", "oldest", "question", "-question", "updated", "-updated"]
_ORDERS: Final[Mapping[str, lists.Order]] = {
    **lists.by_age(ApprovedAnswer.id),
    **lists.both_ways("question", lists.letters(ApprovedAnswer.question), ApprovedAnswer.id),
    **lists.both_ways("updated", ApprovedAnswer.updated_at, ApprovedAnswer.id),
}


class TooManyApproved(InvalidInput):
    """A tenant can have 5,000 approved answers."""

    code = "too_many_approved"


Audience = Literal["customer", "staff"]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which approved answers a list shows; a None lets everything through."""

    language: Language | None = None
    audience: Audience | None = None
    enabled: bool | None = None


class Wording(Value):
    """What people fix: a question, other ways to ask it, and the answer."""

    question: str = Field(min_length=1, max_length=1_000)
    variants: tuple[str, ...] = Field(default=(), max_length=50)
    answer: str = Field(min_length=1, max_length=10_000)
    language: Language
    audience: Audience = "customer"
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    enabled: bool = True

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> "Wording":
        times = [each for each in (self.valid_from, self.valid_until) if each is not None]
        if any(each.tzinfo is None for each in times):
            raise ValueError("valid_from and valid_until need a time zone")
        if len(times) == 2 and times[0] >= times[1]:
            raise ValueError("valid_until must come after valid_from")
        if any(not variant.strip() or len(variant) > 1_000 for variant in self.variants):
            raise ValueError("a variant has from 1 to 1,000 characters")
        return self


@dataclass(frozen=True, slots=True)
class ApprovedView:
    id: ApprovedId
    wording: Wording
    corrects: tuple[UUID, int] | None
    """The conversation and position of the answer that it corrects."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ApprovedAnswersDesk:
    """All that people do with them; each change is one transaction with its audit row, and holds at once."""

    tenancy: Tenancy
    embedder: Embedder

    async def page(
        self, tenant_id: TenantId, paging: lists.Paging, wanted: Filter
    ) -> lists.Page[ApprovedView]:
        """Return a page of them, sorted by a `Sort`; words are looked for in questions and answers.

        Raises:
            InvalidInput: the cursor is none of this list's.
        """
        chosen = select(ApprovedAnswer).where(
            *lists.equal(
                (ApprovedAnswer.language, wanted.language),
                (ApprovedAnswer.audience, wanted.audience),
                (ApprovedAnswer.enabled, wanted.enabled),
            ),
            *lists.having(paging.words, ApprovedAnswer.question, ApprovedAnswer.answer),
        )
        async with self.tenancy.session(tenant_id) as session:
            return await lists.page(session, chosen, _ORDERS, paging, _view)

    async def get(self, tenant_id: TenantId, approved_id: ApprovedId) -> ApprovedView:
        """Raises: NotFound."""
        async with self.tenancy.session(tenant_id) as session:
            return _view(await _row(session, approved_id))

    async def add(
        self,
        tenant_id: TenantId,
        actor: str,
        wording: Wording,
        *,
        corrects: tuple[ConversationId, int] | None = None,
    ) -> ApprovedView:
        """Add one. With `corrects` it is the better answer to what a customer asked there.

        Raises:
            NotFound: `corrects` names no answer of the agent.
            TooManyApproved: there are as many as a tenant can have.
        """
        vectors = await self._vectors(wording)
        async with self.tenancy.session(tenant_id) as session:
            if (await session.scalar(select(func.count()).select_from(ApprovedAnswer)) or 0) >= MOST:
                raise TooManyApproved()
            if corrects is not None:
                await _answer_there(session, *corrects)
            row = ApprovedAnswer(
                tenant_id=tenant_id,
                id=new_uuid(),
                **_fields(wording),
                vector_model=self.embedder.model,
                vectors=vectors,
                corrects_conversation=corrects[0] if corrects else None,
                corrects_position=corrects[1] if corrects else None,
            )
            session.add(row)
            await session.flush()
            await session.refresh(row)
            await _record(session, tenant_id, actor, "create", row, after=wording)
            return _view(row)

    async def question_of(self, tenant_id: TenantId, conversation_id: ConversationId, position: int) -> str:
        """Return what the customer asked when the agent gave the answer at this position.

        Raises:
            NotFound: there is no answer of the agent.
        """
        async with self.tenancy.session(tenant_id) as session:
            return await _answer_there(session, conversation_id, position)

    async def change(
        self, tenant_id: TenantId, actor: str, approved_id: ApprovedId, wording: Wording
    ) -> ApprovedView:
        """Raises: NotFound."""
        vectors = await self._vectors(wording)
        async with self.tenancy.session(tenant_id) as session:
            row = await _row(session, approved_id)
            before = _view(row).wording
            for name, value in _fields(wording).items():
                setattr(row, name, value)
            row.vector_model, row.vectors = self.embedder.model, vectors
            row.updated_at = func.clock_timestamp()
            await session.flush()
            await session.refresh(row)
            await _record(session, tenant_id, actor, "change", row, before=before, after=wording)
            return _view(row)

    async def delete(self, tenant_id: TenantId, actor: str, approved_id: ApprovedId) -> None:
        """Raises: NotFound."""
        async with self.tenancy.session(tenant_id) as session:
            row = await _row(session, approved_id)
            await _record(session, tenant_id, actor, "delete", row, before=_view(row).wording)
            await session.delete(row)

    async def _vectors(self, wording: Wording) -> bytes:
        return pack(await self.embedder.queries([wording.question, *wording.variants]))


async def _row(session: TenantSession, approved_id: ApprovedId) -> ApprovedAnswer:
    found = await session.execute(select(ApprovedAnswer).where(ApprovedAnswer.id == approved_id))
    row = found.scalar_one_or_none()
    if row is None:
        raise NotFound(kind="approved")
    return row


async def _answer_there(session: TenantSession, conversation_id: ConversationId, position: int) -> str:
    found = await session.execute(_ASKED, {"conversation": conversation_id, "position": position})
    asked: Sequence[Any] = found.scalars().all()
    if not asked:
        raise NotFound(kind="message")
    return "\n".join(part["text"] for parts in asked for part in parts if part["type"] == "text")


def _fields(wording: Wording) -> dict[str, Any]:
    return {**wording.model_dump(), "variants": list(wording.variants)}


def _view(row: ApprovedAnswer) -> ApprovedView:
    wording = Wording.model_validate({name: getattr(row, name) for name in Wording.model_fields})
    corrects = None
    if row.corrects_conversation is not None and row.corrects_position is not None:
        corrects = (row.corrects_conversation, row.corrects_position)
    return ApprovedView(ApprovedId(row.id), wording, corrects, row.created_at, row.updated_at)


async def _record(
    session: TenantSession,
    tenant_id: TenantId,
    actor: str,
    verb: str,
    row: ApprovedAnswer,
    *,
    before: Wording | None = None,
    after: Wording | None = None,
) -> None:
    # The audit log outlives an erasure: what came from a conversation may be a customer's words.
    hidden = {"question", "variants", "answer"} if row.corrects_conversation is not None else None
    await audit.record(
        session,
        tenant_id,
        actor=actor,
        action=f"approved.{verb}",
        subject=show("approved", row.id),
        before=before.model_dump(mode="json", exclude=hidden) if before else None,
        after=after.model_dump(mode="json", exclude=hidden) if after else None,
    )


_ASKED = text(
    "select c.parts from messages a"
    " join turns t on t.tenant_id = a.tenant_id and t.conversation_id = a.conversation_id"
    "   and t.id = a.turn_id"
    " join messages c on c.tenant_id = a.tenant_id and c.conversation_id = a.conversation_id"
    "   and c.position = any(t.positions)"
    " where a.conversation_id = :conversation and a.position = :position and a.author = 'agent'"
    "   and a.kind = 'text' order by c.position"
)
