"""Which chat models the settings ask for."""

from collections.abc import Sequence
from typing import cast

import httpx2

from foundation.clients.chat.breaker import Breaker, BreakerLimits
from foundation.clients.chat.chain import ChainedChat
from foundation.clients.chat.endpoint import EXTRACTIVE, Endpoint, Provider
from foundation.clients.chat.guarded import GuardedChat
from foundation.clients.chat.openai_chat import Limits, azure_chat, openai_chat
from foundation.clients.chat.port import ChatModel
from foundation.clients.chat.prices import Effort, Prices
from foundation.clients.chat.public import public_client
from foundation.settings import Settings


def chat_for(settings: Settings, prices: Prices) -> ChatModel:
    """Return the model of the settings, followed by the models of LLM_FALLBACKS.

    The first is Azure's if its settings are there, else that of the OpenAI-compatible server.
    """
    deployment = settings.azure_openai_deployment
    if settings.azure_openai_endpoint and settings.azure_openai_api_key and deployment:
        first = _endpoint("azure", deployment, settings)
    else:
        first = _endpoint("openai", settings.openai_model, settings)
    others = [
        _endpoint(cast("Provider", provider), model, settings)
        for provider, _, model in (name.partition(":") for name in settings.llm_fallbacks)
        if provider != EXTRACTIVE
    ]
    return _chained([first, *others], settings, prices)


def chat_of_tenant(
    endpoint: Endpoint, settings: Settings, prices: Prices, *, allow_private: bool = False
) -> ChatModel:
    """Return a model that a tenant named. It is reached at public addresses only.

    No other model follows: the tenant agreed with this provider, and with no other, on what happens to its
    customers' questions. `allow_private` is for tests that serve a model on this machine.
    """
    return _chained([endpoint], settings, prices, http=None if allow_private else public_client())


def _chained(
    endpoints: Sequence[Endpoint],
    settings: Settings,
    prices: Prices,
    http: httpx2.AsyncClient | None = None,
) -> ChatModel:
    limits = _limits(settings)
    breaks = BreakerLimits(
        failures=settings.llm_breaker_failures,
        window_s=settings.llm_breaker_window_s,
        pause_s=settings.llm_breaker_pause_s,
    )
    # Each model's share of the turn, or the first could use it up with its retries.
    first_s = limits.total_s / len(endpoints)
    version = settings.azure_openai_api_version
    models = (
        _model(endpoint, limits, version, prices.effort(endpoint.model), http) for endpoint in endpoints
    )
    return ChainedChat(*(GuardedChat(model, Breaker(breaks), first_s=first_s) for model in models))


def _model(
    endpoint: Endpoint,
    limits: Limits,
    api_version: str,
    effort: Effort | None,
    http: httpx2.AsyncClient | None,
) -> ChatModel:
    if endpoint.provider == "azure":
        return azure_chat(
            endpoint=endpoint.base_url,
            key=endpoint.key,
            api_version=api_version,
            deployment=endpoint.model,
            limits=limits,
            effort=effort,
            http=http,
        )
    return openai_chat(
        base_url=endpoint.base_url,
        key=endpoint.key,
        model=endpoint.model,
        limits=limits,
        provider=endpoint.provider,
        effort=effort,
        http=http,
    )


def _endpoint(provider: Provider, model: str, settings: Settings) -> Endpoint:
    """Return where the operator's own model is reached; the settings are complete, they were checked."""
    address, key = {
        "openai": (settings.openai_base_url, settings.openai_api_key),
        "azure": (settings.azure_openai_endpoint, settings.azure_openai_api_key),
        "compatible": (settings.compatible_base_url, settings.compatible_api_key),
    }[provider]
    return Endpoint(provider, model, str(address), key.get_secret_value() if key else "none")


def _limits(settings: Settings) -> Limits:
    return Limits(
        read_s=settings.openai_timeout_s,
        total_s=settings.turn_deadline_s - 5 if settings.turn_deadline_s > 10 else settings.turn_deadline_s,
        retries=settings.openai_max_retries,
    )
