"""Judges whether the passages answer the question, or whether it says too little to be answered."""

from typing import Final, cast

from langgraph.runtime import Runtime
from pydantic import Field

from foundation.turns import Language, Value
from graphs.passages import Passage
from graphs.ports import Ports
from graphs.registry import node
from graphs.retrieval.words import content_words
from graphs.state import TurnState
from graphs.words import words

_FEW: Final = 1
_SHORT: Final = 3


class ConfidenceOptions(Value):
    threshold: float = Field(ge=0, le=1)


@node("confidence", options=ConfidenceOptions, routes=("confident", "unsure", "vague"))
async def confidence(state: TurnState, runtime: Runtime[Ports], options: ConfidenceOptions) -> TurnState:
    """Score the question against its passages and compare with the threshold."""
    passages = tuple(Passage.model_validate(passage) for passage in state["passages"])
    scored = runtime.context.confidence(state["query"], cast("Language", state["language"]), passages)
    raw = min(1.0, max(0.0, float(scored.value)))
    value = runtime.context.calibration.of(raw)
    return {
        "confidence": value,
        "raw_confidence": raw,
        "confidence_parts": {name: float(part) for name, part in scored.parts.items()},
        "route": "confident" if value >= options.threshold else _why_not(state),
    }


def _why_not(state: TurnState) -> str:
    """Return `vague` for a question of one meaningful word, such as "retur?", that the sources have."""
    asked = content_words(state["query"])
    named = any(dict(passage).get("lexical") for passage in state["passages"])
    return "vague" if 1 <= len(asked) <= _FEW and len(words(state["query"])) <= _SHORT and named else "unsure"
