"""Judges what the customer wrote, before anything else sees it."""

from langgraph.runtime import Runtime

from graphs.handover import PolicyHandover
from graphs.nodes.reply import language_of, say
from graphs.ports import Ports
from graphs.registry import NoOptions, node
from graphs.state import TurnState


@node("policy", options=NoOptions, routes=("continue", "blocked"))
async def policy(state: TurnState, runtime: Runtime[Ports], _options: NoOptions) -> TurnState:
    """Run the chain; a blocked text gets its fixed reply here.

    Raises:
        PolicyHandover: a rule gives the conversation to a person.
    """
    history = state["history"]
    theirs = [at for at, utterance in enumerate(history) if utterance["author"] == "customer"]
    judged = await runtime.context.policies.before(
        state["text"],
        language_of(state),
        # What we said ourselves stays.
        history=[history[at]["text"] for at in theirs],
        embedder=runtime.context.embedder,
    )
    replaced = dict(zip(theirs, judged.history, strict=True))
    update: TurnState = {
        "text": judged.text,
        "history": [
            {**utterance, "text": replaced.get(at, utterance["text"])} for at, utterance in enumerate(history)
        ],
        "policies": [decision.model_dump(mode="json") for decision in judged.decisions],
        "route": "continue",
    }
    verdict = judged.verdict
    if verdict is None:
        return update
    if verdict.action == "handover":
        raise PolicyHandover(update["policies"])
    return {**update, **say(state, runtime, "blocked", outcome="blocked"), "route": "blocked"}
