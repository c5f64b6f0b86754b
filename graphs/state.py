"""The state of one turn's graph: JSON values only, so that a checkpoint gives back what was put in."""

from collections.abc import Mapping
from operator import add
from typing import Annotated, TypedDict

Json = dict[str, object]


def _merged(old: Mapping[str, float], new: Mapping[str, float]) -> dict[str, float]:
    return {**old, **new}


class TurnState(TypedDict, total=False):
    """What the nodes read and update."""

    tenant_id: str
    text: str
    """The customer's text; free of personal data after the policy node."""
    history: list[dict[str, str]]
    """Earlier utterances, oldest first: author and text."""
    language: str
    audience: str
    release: int
    route: str
    """Where the last node wants to go; conditional edges read it."""
    query: str
    """What was searched for."""
    rewriting: Json | None
    """How the query came about; see `graphs.rewriting`."""
    passages: list[Json]
    confidence: float | None
    raw_confidence: float | None
    """Before the tenant's calibration."""
    confidence_parts: dict[str, float]
    answer: str
    """The text that was released; equal to the deltas joined."""
    citations: list[Json]
    withheld: int
    outcome: str
    offer_person: bool
    failure: str
    """An error code; set when the turn ends in a failure."""
    answerer: str
    approved: str
    """The id of the approved answer that was given."""
    model: Json | None
    """What models had to do with the answer; see `graphs.answerers.account`."""
    policies: Annotated[list[Json], add]
    """Every decision other than allow, in order."""
    timings: Annotated[dict[str, float], _merged]
    """Milliseconds per node."""
