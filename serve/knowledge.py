"""A tenant's knowledge and its agent's behaviour over HTTP, for whoever holds its server key."""

from fastapi import APIRouter, Depends, Request

from admin_api import archive, behaviour, embeddings, knowledge
from admin_api.desk import Desk, language_of
from foundation.clients.embedding.choice import embedding_model
from serve.deps import ServerKey, ServicesDep
from serve.services import Services


def open_desk(services: Services, request: Request, key: ServerKey) -> Desk:
    """Return the key owner's desk."""
    return Desk(
        key.tenant_id,
        actor=f"key:{key.key_id}",
        language=language_of(request),
        tenancy=services.tenancy,
        files=services.files,
        vectors=services.vectors,
        bus=services.bus,
        embedding_model=embedding_model(services.settings),
        retriever=services.retriever,
    )


async def _desk(request: Request, services: ServicesDep, key: ServerKey) -> None:
    request.state.desk = open_desk(services, request, key)


router = APIRouter()
router.include_router(behaviour.router, prefix="/api/admin", dependencies=[Depends(_desk)])
router.include_router(knowledge.router, prefix="/api/admin/knowledge", dependencies=[Depends(_desk)])
router.include_router(archive.router, prefix="/api/knowledge", dependencies=[Depends(_desk)])
router.include_router(embeddings.router, prefix="/api/embeddings", dependencies=[Depends(_desk)])
