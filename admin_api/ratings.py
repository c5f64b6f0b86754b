"""Routes for what people say of answers, and for the dial that this turns."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from admin_api.desk import DeskDep, id_of
from agents.ratings import Dial, Ratings
from foundation.ids import ConversationId
from graphs.confidence.calibration import Calibration


class Rating(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    correct: bool
    """Whether the answer was right."""


class Dials(BaseModel):
    calibration: Calibration
    """What the ratings make of the confidence; the next release takes it."""
    dials: list[Dial]


router = APIRouter(tags=["ratings"])


@router.put("/conversations/{conversation_id}/messages/{position}/rating", status_code=204)
async def rate(desk: DeskDep, conversation_id: str, position: int, body: Rating) -> None:
    """Say whether an answer of the agent was right."""
    there = ConversationId(id_of("conversation", conversation_id))
    await Ratings(desk.tenancy).rate(desk.tenant_id, desk.actor, (there, position), correct=body.correct)


@router.get("/agent/dial")
async def dial(desk: DeskDep, topics: Annotated[int, Query(ge=0, le=50)] = 10) -> Dials:
    """Show, for all questions and per topic, wrong answers to be expected against the share answered."""
    calibration, dials = await Ratings(desk.tenancy).dial(desk.tenant_id, topics=topics)
    return Dials(calibration=calibration, dials=dials)
