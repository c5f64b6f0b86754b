"""Answers greetings, thanks, goodbyes and anger with fixed texts; everything else goes on."""

from typing import cast

from langgraph.runtime import Runtime

from foundation.turns import Language
from graphs.nodes.reply import say
from graphs.ports import Ports
from graphs.registry import NoOptions, node
from graphs.smalltalk import recognise
from graphs.state import TurnState


@node("smalltalk", options=NoOptions, routes=("smalltalk", "question"))
async def smalltalk(state: TurnState, runtime: Runtime[Ports], _options: NoOptions) -> TurnState:
    """Reply when the message is nothing but small talk; anger is offered a person."""
    found = recognise(state["text"])
    if found is None:
        return {"route": "question"}
    reply = say(
        state,
        runtime,
        found.kind,
        outcome="smalltalk",
        offer_person=found.kind == "anger",
        language=found.language(cast("Language", state["language"])),
    )
    return {**reply, "route": "smalltalk"}
