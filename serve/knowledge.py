"""A tenant's knowledge and its agent's behaviour over HTTP, for whoever holds its server key."""

from fastapi import APIRouter, Depends, Request

from admin_api import archive, behaviour, embeddings, knowledge
from admin_api.desk import Desk, language_of
from foundation.clients.embedding.choice import embedding_model
from foundation.crypto import sealer_of
from foundation.ids import TenantId
from serve.deps import ServerKey, ServicesDep
from serve.services import Services


def open_desk(services: Services, request: Request, tenant_id: TenantId, actor: str) -> Desk:
    """Return a tenant's desk, for whoever sends this request."""
    return Desk(
        tenant_id,
        actor=actor,
        language=language_of(request),
        tenancy=services.tenancy,
        files=services.files,
        vectors=services.vectors,
        bus=services.bus,
        embedding_model=embedding_model(services.settings),
        retriever=services.retriever,
        sealer=sealer_of(services.settings),
    )


async def _desk(request: Request, services: ServicesDep, key: ServerKey) -> None:
    request.state.desk = open_desk(services, request, key.tenant_id, f"key:{key.key_id}")


router = APIRouter()
router.include_router(behaviour.router, prefix="/api/admin", dependencies=[Depends(_desk)])
router.include_router(knowledge.router, prefix="/api/admin/knowledge", dependencies=[Depends(_desk)])
router.include_router(archive.router, prefix="/api/knowledge", dependencies=[Depends(_desk)])
router.include_router(embeddings.router, prefix="/api/embeddings", dependencies=[Depends(_desk)])
