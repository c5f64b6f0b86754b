"""The first node: takes personal data out of the customer's words, and refuses what is not talked about."""

from typing import cast

from langgraph.runtime import Runtime

from foundation.turns import Language, Value
from graphs.nodes.reply import say
from graphs.policies import pii, topic
from graphs.policies.options import Policies
from graphs.policies.port import ALLOW, Decision
from graphs.ports import Ports
from graphs.registry import node
from graphs.state import TurnState


class PolicyOptions(Value):
    policies: Policies = Policies()


@node("policy", options=PolicyOptions, routes=("continue", "blocked"))
async def policy(state: TurnState, runtime: Runtime[Ports], options: PolicyOptions) -> TurnState:
    """Redact, then judge; a blocked text gets its fixed reply here."""
    redacted, redaction = _redacted(state) if options.policies.pii else ({}, ALLOW)
    text = redacted.get("text", state["text"])
    judged = await topic.judge(text, options.policies.topic, runtime.context.embedder)
    update: TurnState = {**redacted, "route": "continue", "policies": _trace(redaction, judged)}
    if judged.action in ("block", "handover"):
        handover = judged.action == "handover"
        reply = say(
            state,
            runtime,
            "handover" if handover else "blocked",
            outcome="blocked",
            offer_person=handover,
        )
        update = {**update, **reply, "route": "blocked"}
    return update


def _redacted(state: TurnState) -> tuple[TurnState, Decision]:
    """Redact the customer's earlier words with the same numbering; what we said ourselves stays."""
    language = cast("Language", state["language"])
    history = state["history"]
    theirs = [at for at, utterance in enumerate(history) if utterance["author"] == "customer"]
    texts, decision = pii.redact([*(history[at]["text"] for at in theirs), state["text"]], language)
    replaced = dict(zip(theirs, texts, strict=False))
    return {
        "text": texts[-1],
        "history": [
            {**utterance, "text": replaced.get(at, utterance["text"])} for at, utterance in enumerate(history)
        ],
    }, decision


def _trace(*decisions: Decision) -> list[dict[str, object]]:
    return [decision.model_dump(mode="json") for decision in decisions if decision.action != "allow"]
