"""Says a fixed text, and what it means for the turn: shared by the nodes that end with one."""

from typing import cast

from langgraph.runtime import Runtime

from foundation.turns import Delta, Language, Outcome
from graphs.ports import Ports
from graphs.replies import ReplyName
from graphs.state import TurnState


def language_of(state: TurnState) -> Language:
    """Return the turn's language."""
    return cast("Language", state["language"])


def say(
    state: TurnState,
    runtime: Runtime[Ports],
    name: ReplyName,
    *,
    outcome: Outcome,
    offer_person: bool = False,
    language: Language | None = None,
) -> TurnState:
    """Emit a fixed text in the turn's language (or another) and return the state that goes with it."""
    spoken = language or language_of(state)
    text = runtime.context.replies.text(name, spoken)
    runtime.stream_writer(Delta(text=text))
    return {
        "answer": text,
        "outcome": outcome,
        "offer_person": offer_person,
        "language": spoken,
        "citations": [],
    }
