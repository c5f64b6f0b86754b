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


class SettingState(BaseModel):
    """What a threshold would have meant for the questions so far."""

    threshold: float
    coverage: float
    """The share of the questions that would be answered."""
    expected_wrong: float | None
    """The share of those answers that would be wrong, by the calibrated confidence."""
    rated_wrong: float | None
    """The same by the ratings; null where nothing was rated."""
    rated: int


class DialState(BaseModel):
    topic: str
    """The title of the source found first; empty for all together."""
    questions: int
    settings: list[SettingState]


class Dials(BaseModel):
    calibration: Calibration
    """What the ratings make of the confidence; the next release takes it."""
    dials: list[DialState]


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
    return Dials(calibration=calibration, dials=[_state(each) for each in dials])


def _state(dial: Dial) -> DialState:
    settings = [
        SettingState(
            threshold=each.threshold,
            coverage=each.coverage,
            expected_wrong=each.expected_wrong,
            rated_wrong=each.rated_wrong,
            rated=each.rated,
        )
        for each in dial.settings
    ]
    return DialState(topic=dial.topic, questions=dial.questions, settings=settings)
