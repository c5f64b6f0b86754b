"""Routes that say why an answer is as it is."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from admin_api.desk import DeskDep, id_of
from agents.traces import Traces, TurnView
from foundation.ids import ConversationId, TurnId, show


class TurnState(BaseModel):
    turn_id: str
    state: str
    outcome: str | None
    release: int | None
    attempt: int
    answer_position: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    trace: dict[str, Any] | None
    """Policies that struck, the query, passages with scores, confidence with its parts, model, timings."""


class TurnList(BaseModel):
    turns: list[TurnState]


router = APIRouter(prefix="/conversations", tags=["traces"])


@router.get("/{conversation_id}/turns")
async def turns(
    desk: DeskDep, conversation_id: str, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> TurnList:
    """List a conversation's turns, newest first, each with why it ended as it did."""
    known = ConversationId(id_of("conversation", conversation_id))
    views = await Traces(desk.tenancy).turns(desk.tenant_id, known, limit=limit)
    return TurnList(turns=[_state(view) for view in views])


@router.get("/{conversation_id}/turns/{turn_id}")
async def turn(desk: DeskDep, conversation_id: str, turn_id: str) -> TurnState:
    """Say why a turn ended as it did."""
    known = ConversationId(id_of("conversation", conversation_id))
    return _state(await Traces(desk.tenancy).turn(desk.tenant_id, known, TurnId(id_of("turn", turn_id))))


def _state(view: TurnView) -> TurnState:
    return TurnState(
        turn_id=show("turn", view.id),
        state=view.state,
        outcome=view.outcome,
        release=view.release,
        attempt=view.attempt,
        answer_position=view.answer_position,
        created_at=view.created_at,
        started_at=view.started_at,
        finished_at=view.finished_at,
        trace=view.trace,
    )
