"""Which chat model the settings ask for."""

from foundation.clients.chat.openai_chat import Limits, azure_chat, openai_chat
from foundation.clients.chat.port import ChatModel
from foundation.settings import Settings


def chat_for(settings: Settings) -> ChatModel:
    """Return Azure's model if its settings are there, else that of the OpenAI-compatible server."""
    limits = Limits(
        read_s=settings.openai_timeout_s,
        total_s=settings.turn_deadline_s - 5 if settings.turn_deadline_s > 10 else settings.turn_deadline_s,
        retries=settings.openai_max_retries,
    )
    if settings.azure_openai_endpoint and settings.azure_openai_api_key and settings.azure_openai_deployment:
        return azure_chat(
            endpoint=str(settings.azure_openai_endpoint),
            key=settings.azure_openai_api_key.get_secret_value(),
            api_version=settings.azure_openai_api_version,
            deployment=settings.azure_openai_deployment,
            limits=limits,
        )
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else "none"
    return openai_chat(
        base_url=str(settings.openai_base_url), key=key, model=settings.openai_model, limits=limits
    )
