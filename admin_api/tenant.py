"""The route that deletes the tenant itself."""

import structlog
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from admin_api.desk import DeskDep
from foundation.database.models import Tenant
from foundation.errors import InvalidInput, NotFound
from foundation.ids import show
from ingest.erase import delete_tenant

log = structlog.get_logger()


class Farewell(BaseModel):
    """Says which tenant is meant: its short name, once more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: str = Field(min_length=1, max_length=63)


class Deleted(BaseModel):
    """From now on nothing of it is found; files and vectors go as soon as a worker comes to it."""

    erasure_id: str


router = APIRouter(tags=["tenant"])


@router.delete("", status_code=202)
async def delete(desk: DeskDep, body: Farewell) -> Deleted:
    """Delete the tenant with everything it has. This cannot be undone, and its keys end at once."""
    async with desk.tenancy.session(desk.tenant_id) as session:
        slug = await session.scalar(select(Tenant.slug).where(Tenant.id == desk.tenant_id))
    if slug is None:
        raise NotFound(kind="tenant")
    if body.slug != slug:
        detail = "slug: not this tenant's short name; write the one that is to be deleted"
        raise InvalidInput(field="slug", reason="other", detail=detail)
    # Before the rows: if Valkey is away nothing is deleted, and the call may be repeated.
    await desk.keyspace.forget(await desk.keyspace.named(desk.tenant_id.hex, str(desk.tenant_id)))
    erasure = await delete_tenant(desk.tenancy, desk.tenant_id)
    # Its audit log goes with it: this line is what is left.
    log.warning("tenant_deleted", tenant=show("tenant", desk.tenant_id), actor=desk.actor)
    return Deleted(erasure_id=show("erasure", erasure))
