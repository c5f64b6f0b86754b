"""Finds passages."""

from typing import cast
from uuid import UUID

from langgraph.runtime import Runtime
from pydantic import Field

from foundation.ids import TenantId
from foundation.turns import Language, Status, Value
from graphs.planted import obeying_nobody
from graphs.policies.port import Decision
from graphs.ports import Ports
from graphs.query import query_of
from graphs.registry import node
from graphs.state import TurnState


class RetrieveOptions(Value):
    limit: int = Field(default=8, gt=0, le=50)


@node("retrieve", options=RetrieveOptions, routes=("found", "nothing"))
async def retrieve(state: TurnState, runtime: Runtime[Ports], options: RetrieveOptions) -> TurnState:
    """Search the tenant's knowledge."""
    runtime.stream_writer(Status(stage="searching"))
    query = query_of(state)
    passages = await runtime.context.retriever.search(
        TenantId(UUID(state["tenant_id"])),
        query,
        language=cast("Language", state["language"]),
        limit=options.limit,
    )
    read = [obeying_nobody(passage) for passage in passages]
    kept = [passage for passage in read if passage is not None]
    cut = sum(before is not after for before, after in zip(passages, read, strict=True))
    refused = Decision(action="block", rule="injection", reason=f"passages: {cut}")
    return {
        "query": query,
        "passages": [passage.model_dump(mode="json") for passage in kept],
        "policies": [refused.model_dump(mode="json")] if cut else [],
        "route": "found" if kept else "nothing",
    }
