"""A tenant's knowledge and its agent's behaviour over HTTP, for whoever may work on them."""

from functools import partial

from fastapi import APIRouter, Depends, Request

from admin_api import (
    archive,
    behaviour,
    embeddings,
    inbox,
    keys,
    knowledge,
    people,
    privacy,
    settings,
    tenant,
)
from admin_api.desk import Desk, language_of
from foundation.clients.embedding.choice import embedding_model
from foundation.permissions import Principal
from serve.deps import Caller, ServicesDep, still_may
from serve.services import Services


def open_desk(services: Services, request: Request, caller: Principal) -> Desk:
    """Return a tenant's desk, for whoever sends this request."""
    return Desk(
        caller,
        language=language_of(request),
        tenancy=services.tenancy,
        files=services.files,
        vectors=services.vectors,
        bus=services.bus,
        keyspace=services.keyspace,
        embedding_model=embedding_model(services.settings),
        retriever=services.retriever,
        letters=services.identity.letters,
        sealer=services.sealer,
        hub=services.hub,
        presence=services.presence,
        fixed_text=services.fixed_text,
        still_may=partial(still_may, request, services, caller),
    )


async def _desk(request: Request, services: ServicesDep, caller: Caller) -> None:
    request.state.desk = open_desk(services, request, caller)


router = APIRouter()
router.include_router(behaviour.router, prefix="/api/admin", dependencies=[Depends(_desk)])
router.include_router(people.router, prefix="/api/admin", dependencies=[Depends(_desk)])
router.include_router(inbox.router, prefix="/api/admin", dependencies=[Depends(_desk)])
router.include_router(knowledge.router, prefix="/api/admin/knowledge", dependencies=[Depends(_desk)])
router.include_router(keys.router, prefix="/api/admin", dependencies=[Depends(_desk)])
router.include_router(keys.tenant_router, prefix="/api/tenant", dependencies=[Depends(_desk)])
router.include_router(archive.router, prefix="/api/knowledge", dependencies=[Depends(_desk)])
router.include_router(embeddings.router, prefix="/api/embeddings", dependencies=[Depends(_desk)])
router.include_router(privacy.router, prefix="/api/admin/privacy", dependencies=[Depends(_desk)])
router.include_router(tenant.router, prefix="/api/tenant", dependencies=[Depends(_desk)])
router.include_router(settings.router, prefix="/api/tenant", dependencies=[Depends(_desk)])
