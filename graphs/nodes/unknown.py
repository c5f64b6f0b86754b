"""Says that the agent does not know, and offers a person."""

from langgraph.runtime import Runtime

from graphs.nodes.reply import say
from graphs.ports import Ports
from graphs.registry import NoOptions, node
from graphs.state import TurnState


@node("unknown", options=NoOptions)
async def unknown(state: TurnState, runtime: Runtime[Ports], _options: NoOptions) -> TurnState:
    """Reply with the fixed text."""
    return say(state, runtime, "unknown", outcome="unknown", offer_person=True)
