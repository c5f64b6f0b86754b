"""Lets the answerer write, through the release gate.

Where a policy may take a whole answer away, nothing of it is shown before its end.
"""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from typing import cast
from uuid import UUID

from langgraph.runtime import Runtime

from foundation.errors import ModelFailed
from foundation.ids import TenantId
from foundation.turns import Cited, Delta, Language, Status, Utterance
from graphs import notes
from graphs.answerers.account import Account
from graphs.answerers.port import Question
from graphs.gate import Gate
from graphs.handover import PolicyHandover
from graphs.passages import Passage
from graphs.ports import Ports
from graphs.query import search_query
from graphs.registry import NoOptions, node
from graphs.state import Json, TurnState


@node("generate", options=NoOptions, routes=("written", "failed"))
async def generate(state: TurnState, runtime: Runtime[Ports], _options: NoOptions) -> TurnState:
    """Stream the answer's released units. When the model fails, what was shown stays and the turn fails."""
    runtime.stream_writer(Status(stage="writing"))
    question = Question(
        text=state["query"],
        language=cast("Language", state["language"]),
        passages=tuple(Passage.model_validate(passage) for passage in state["passages"]),
        history=tuple(Utterance.model_validate(said) for said in state["history"]),
        tenant_id=TenantId(UUID(state["tenant_id"])),
    )
    policies = runtime.context.policies
    gate = Gate(
        question.passages,
        # In their own words: what a model made of them is no word of theirs.
        customer=search_query(state["text"], state["history"]),
        language=question.language,
        policies=policies,
        guarded=runtime.context.answerer.guarded,
        meanings=runtime.context.meanings,
    )
    held: list[Delta | Cited] = []
    show = held.append if policies.buffers else runtime.stream_writer
    failure = ""
    account: Account | None = None
    try:
        # Closing the generator ends the provider's request also when this node is cancelled.
        with _noted(gate):
            async with aclosing(runtime.context.answerer.answer(question)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Account):
                        account = piece
                        continue
                    for event in await gate.feed(piece):
                        show(event)
                    if gate.ended is not None:
                        break
            for event in await gate.close():
                show(event)
    except ModelFailed as error:
        failure = error.code
    decisions = _decided(gate)
    if gate.ended is not None and gate.ended.action == "handover":
        raise PolicyHandover([*state["policies"], *decisions])
    account = account or notes.current().account  # of an answer that was not heard to its end
    told: TurnState = {
        "withheld": gate.withheld,
        "policies": decisions,
        "answerer": account.answerer if account else runtime.context.answerer.name,
        "model": account.model_dump(mode="json") if account else None,
    }
    if gate.ended is not None:
        return {**told, "answer": "", "route": "written"}
    for event in held:
        runtime.stream_writer(event)
    return {
        **told,
        "answer": gate.text,
        "citations": [citation.model_dump(mode="json") for citation in gate.citations],
        "failure": failure,
        "route": "failed" if failure else "written",
    }


@contextmanager
def _noted(gate: Gate) -> Iterator[None]:
    """Note down what the gate has decided when the run is ended in the middle of the answer."""
    try:
        yield
    except asyncio.CancelledError:
        notes.current().left |= {"policies": _decided(gate), "withheld": gate.withheld}
        raise


def _decided(gate: Gate) -> list[Json]:
    return [decision.model_dump(mode="json") for decision in gate.decisions]
