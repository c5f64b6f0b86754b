"""Routes that say why an answer is as it is."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from admin_api.desk import DeskDep, id_of
from agents.traces import TracedTurn, Traces
from foundation.ids import ConversationId, TurnId


class TurnList(BaseModel):
    turns: list[TracedTurn]


router = APIRouter(prefix="/conversations", tags=["traces"])


@router.get("/{conversation_id}/turns")
async def turns(
    desk: DeskDep, conversation_id: str, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> TurnList:
    """List a conversation's turns, newest first, each with why it ended as it did."""
    known = ConversationId(id_of("conversation", conversation_id))
    return TurnList(turns=await Traces(desk.tenancy).turns(desk.tenant_id, known, limit=limit))


@router.get("/{conversation_id}/turns/{turn_id}")
async def turn(desk: DeskDep, conversation_id: str, turn_id: str) -> TracedTurn:
    """Say why a turn ended as it did."""
    known = ConversationId(id_of("conversation", conversation_id))
    return await Traces(desk.tenancy).turn(desk.tenant_id, known, TurnId(id_of("turn", turn_id)))
