"""Routes for approved answers: wordings that people fixed, and corrections of what the agent said."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from admin_api.desk import Desk, DeskDep, id_of
from admin_api.listing import Renamed
from agents.approved import ApprovedAnswersDesk, ApprovedView, Audience, Filter, Sort, Wording
from foundation.ids import ApprovedId, ConversationId, show
from foundation.lists import MOST
from foundation.turns import Language


class Correction(BaseModel):
    """The better answer to what was asked there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: str = Field(min_length=1, max_length=10_000)
    language: Language
    question: str | None = Field(default=None, min_length=1, max_length=1_000)
    """In general words; left out, it is what the customer wrote."""


class ApprovedState(BaseModel):
    approved_id: str
    wording: Wording
    corrects_conversation: str | None
    corrects_position: int | None
    created_at: datetime
    updated_at: datetime


class ApprovedList(BaseModel):
    approved: list[ApprovedState]
    next: str | None = None
    """Give this as `cursor` for the ones that follow; null at the end."""


class Asked(Renamed):
    """Which approved answers. Words are looked for in questions and answers."""

    sort: Sort = "newest"
    language: Language | None = None
    audience: Audience | None = None
    enabled: bool | None = None
    limit: int = Field(default=100, ge=1, le=MOST)


router = APIRouter(tags=["approved answers"])


@router.get("/approved")
async def listed(desk: DeskDep, asked: Annotated[Asked, Query()]) -> ApprovedList:
    """List approved answers."""
    wanted = Filter(asked.language, asked.audience, asked.enabled)
    page = await _at(desk).page(desk.tenant_id, asked.paging, wanted)
    return ApprovedList(approved=[_state(view) for view in page.items], next=page.next)


@router.post("/approved", status_code=201)
async def add(desk: DeskDep, body: Wording) -> ApprovedState:
    """Fix the answer to a question. It holds at once, and wins over whatever would be generated."""
    return _state(await _at(desk).add(desk.tenant_id, desk.actor, body))


@router.get("/approved/{approved_id}")
async def get(desk: DeskDep, approved_id: str) -> ApprovedState:
    """Show one approved answer."""
    return _state(await _at(desk).get(desk.tenant_id, ApprovedId(id_of("approved", approved_id))))


@router.put("/approved/{approved_id}")
async def change(desk: DeskDep, approved_id: str, body: Wording) -> ApprovedState:
    """Replace an approved answer."""
    known = ApprovedId(id_of("approved", approved_id))
    return _state(await _at(desk).change(desk.tenant_id, desk.actor, known, body))


@router.delete("/approved/{approved_id}", status_code=204)
async def delete(desk: DeskDep, approved_id: str) -> None:
    """Delete an approved answer; the question is answered from the sources again."""
    await _at(desk).delete(desk.tenant_id, desk.actor, ApprovedId(id_of("approved", approved_id)))


@router.post("/conversations/{conversation_id}/messages/{position}/correction", status_code=201)
async def correct(desk: DeskDep, conversation_id: str, position: int, body: Correction) -> ApprovedState:
    """Correct an answer that the agent gave: from now on it is answered like this."""
    there = ConversationId(id_of("conversation", conversation_id))
    answers = _at(desk)
    asked = body.question or (await answers.question_of(desk.tenant_id, there, position))[:1_000]
    wording = Wording(question=asked, answer=body.answer, language=body.language)
    return _state(await answers.add(desk.tenant_id, desk.actor, wording, corrects=(there, position)))


def _at(desk: Desk) -> ApprovedAnswersDesk:
    return ApprovedAnswersDesk(desk.tenancy, desk.retriever.embedder)


def _state(view: ApprovedView) -> ApprovedState:
    conversation, position = view.corrects or (None, None)
    return ApprovedState(
        approved_id=show("approved", view.id),
        wording=view.wording,
        corrects_conversation=None if conversation is None else show("conversation", conversation),
        corrects_position=position,
        created_at=view.created_at,
        updated_at=view.updated_at,
    )
