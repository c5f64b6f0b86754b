"""Gives the answer whose wording people fixed for this question."""

from uuid import UUID

from langgraph.runtime import Runtime

from foundation.ids import TenantId
from foundation.turns import Delta
from graphs.nodes.reply import language_of
from graphs.ports import Ports
from graphs.query import query_of
from graphs.registry import NoOptions, node
from graphs.state import TurnState


@node("approved", options=NoOptions, routes=("found", "none"))
async def approved(state: TurnState, runtime: Runtime[Ports], _options: NoOptions) -> TurnState:
    """Say it word for word. A follow-up is compared together with what it follows."""
    store = runtime.context.approved
    if store is None:
        return {"route": "none"}
    query = query_of(state)
    found = await store.find(
        TenantId(UUID(state["tenant_id"])),
        query,
        language=language_of(state),
        audience=state["audience"],
    )
    if found is None:
        return {"query": query, "route": "none"}
    runtime.stream_writer(Delta(text=found.answer))
    return {
        "query": query,
        "answer": found.answer,
        "approved": str(found.id),
        "answerer": "approved",
        "confidence": 1.0,
        "route": "found",
    }
