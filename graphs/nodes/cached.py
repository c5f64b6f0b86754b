"""Gives an answer that a model wrote before, for the same question."""

from hashlib import sha256
from uuid import UUID

from langgraph.runtime import Runtime

from foundation.ids import TenantId
from foundation.turns import Cited, Delta
from graphs.cache import Shelf
from graphs.nodes.reply import language_of
from graphs.ports import Ports
from graphs.query import query_of
from graphs.registry import NoOptions, node
from graphs.state import TurnState


@node("cached", options=NoOptions, routes=("found", "none"))
async def cached(state: TurnState, runtime: Runtime[Ports], _options: NoOptions) -> TurnState:
    """Say it as it was released then. Without a model, and for questions that are not kept, go on."""
    cache = runtime.context.cache
    if cache is None or not may_be_kept(state):
        return {"route": "none"}
    shelf, query = await shelf_of(state, runtime.context), query_of(state)
    if shelf is None:  # quoting takes no longer than looking up what was quoted before
        return {"query": query, "route": "none"}
    kept = await cache.find(shelf, query)
    if kept is None:
        return {"query": query, "route": "none"}
    for citation in kept.citations:
        runtime.stream_writer(Cited(citation=citation))
    runtime.stream_writer(Delta(text=kept.text))
    return {
        "query": query,
        "answer": kept.text,
        "citations": [citation.model_dump(mode="json") for citation in kept.citations],
        "confidence": kept.confidence,
        "answerer": f"cache of {shelf.writer}",
        "route": "found",
    }


def may_be_kept(state: TurnState) -> bool:
    """Say whether everybody who asks this gets the same answer: nothing came before, nobody is in it."""
    personal = any(decision["rule"] == "pii" for decision in state["policies"])
    return not state["history"] and not personal


async def shelf_of(state: TurnState, ports: Ports) -> Shelf | None:
    """Return where the turn's answer is kept; nowhere for a tenant whom no model answers.

    Raises:
        DependencyUnavailable: what the tenant has chosen cannot be read.
    """
    tenant_id = TenantId(UUID(state["tenant_id"]))
    writer = await ports.answerer.writer(tenant_id)
    if not writer:
        return None
    return Shelf(
        tenant_id,
        state["release"],
        language_of(state),
        state["audience"],
        writer,
        sha256(ports.answerer.guarded.encode()).hexdigest()[:12],
    )
