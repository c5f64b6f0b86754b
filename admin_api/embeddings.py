"""Routes for the index of vectors: make it anew, and watch it being made."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from admin_api.desk import DeskDep
from foundation.ids import show
from ingest.reindex import ReindexView, reindexes, start_reindex


class Reindex(BaseModel):
    reindex_id: str
    model: str
    state: Literal["queued", "embedding", "ready", "failed"]
    reason: str | None
    done: int
    """Passages that have a vector of the model."""
    total: int | None


class ReindexList(BaseModel):
    model: str
    """The model that new passages are embedded with."""
    reindexes: list[Reindex]


router = APIRouter(tags=["knowledge"])


@router.post("", status_code=202)
async def start(desk: DeskDep) -> Reindex:
    """Make the index anew, with the present model, beside the one that answers; it switches when done."""
    started = await start_reindex(desk.tenancy, desk.tenant_id, desk.actor, desk.embedding_model)
    [view] = [each for each in await reindexes(desk.tenancy, desk.tenant_id) if each.id == started]
    return _shown(view)


@router.get("")
async def listed(desk: DeskDep) -> ReindexList:
    """List the last times the index was made anew, newest first."""
    found = await reindexes(desk.tenancy, desk.tenant_id)
    return ReindexList(model=desk.embedding_model, reindexes=[_shown(each) for each in found])


def _shown(view: ReindexView) -> Reindex:
    return Reindex(
        reindex_id=show("reindex", view.id),
        model=view.model,
        state=view.state,  # type: ignore[arg-type]  # the table allows these only
        reason=view.reason,
        done=view.done,
        total=view.total,
    )
