"""Answers greetings, thanks, goodbyes and anger with fixed texts; everything else goes on.

Who only wants a person gets one, before "ja tack" is taken for thanks.
"""

from typing import Final, cast

from langgraph.runtime import Runtime

from foundation.languages import LANGUAGES
from foundation.turns import Language
from graphs.handover import PersonWanted
from graphs.nodes.reply import say
from graphs.person_wanted import wants_person
from graphs.ports import Ports
from graphs.registry import NoOptions, node
from graphs.replies import Replies, ReplyName
from graphs.smalltalk import recognise
from graphs.state import TurnState

_OFFERS: Final[tuple[ReplyName, ...]] = ("unknown", "anger", "failed")
"""The fixed texts that offer a person."""


@node("smalltalk", options=NoOptions, routes=("smalltalk", "question"))
async def smalltalk(state: TurnState, runtime: Runtime[Ports], _options: NoOptions) -> TurnState:
    """Reply when the message is nothing but small talk; anger is offered a person.

    Raises:
        PersonWanted: the customer wants one.
    """
    if wants_person(state["text"], offered=_offered(state, runtime.context.replies)):
        raise PersonWanted()
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


def _offered(state: TurnState, replies: Replies) -> bool:
    """Say whether the last that the customer read was the offer of a person."""
    last = state["history"][-1] if state["history"] else None
    if last is None or last["author"] != "agent":
        return False
    return last["text"] in {replies.text(name, language) for name in _OFFERS for language in LANGUAGES}
