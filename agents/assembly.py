"""Builds a host from the settings: which model answers, what it searches, how a release becomes an agent."""

import functools
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from sqlalchemy.ext.asyncio import AsyncEngine

from agents.answerers import Answerers
from agents.behaviour import Behaviour
from agents.conversation import Agent as RunsTurns
from agents.host import Host
from agents.model_routes import ModelRoutes
from agents.model_settings import ModelSettingsStore
from agents.model_usage import UsageBook
from agents.stream import Json
from foundation.clients.bus.valkey import ValkeyBus
from foundation.clients.cache.port import Cache
from foundation.clients.cache.valkey import ValkeyCache
from foundation.clients.chat.endpoint import EXTRACTIVE, Endpoint
from foundation.clients.chat.port import ChatModel
from foundation.clients.chat.prices import Prices, load_prices
from foundation.clients.embedding.choice import embedder_for
from foundation.clients.vectors.chroma import ChromaIndex
from foundation.crypto import Sealer, sealer_of
from foundation.database.engine import connect
from foundation.settings import Settings
from foundation.tenancy import Tenancy
from foundation.turns import Language
from graphs import confidence
from graphs.agent import Agent
from graphs.answerers.extractive import ExtractiveAnswerer
from graphs.approved import StoredApprovedAnswers
from graphs.cache import AnswerCache
from graphs.config import load_config
from graphs.meanings import Meanings
from graphs.ports import Ports
from graphs.replies import ReplyName, load_replies
from graphs.retrieval.background import Background
from graphs.retrieval.choice import retriever_for

_CONFIGS = Path(__file__).resolve().parent.parent / "configs"


def behaviour_of(graph: str) -> Json:
    """Return what a release freezes of a graph config: the graph, and how it takes messages in a row.

    Raises:
        ConfigInvalid: with file, line and remedy.
    """
    config = load_config(_CONFIGS / "graphs" / f"{graph}.yaml")
    return Behaviour(graph=graph, double_texting=config.double_texting).model_dump(mode="json")


@dataclass(frozen=True, slots=True)
class Assembled:
    """A running host and what must be closed after it."""

    host: Host
    bus: ValkeyBus
    tenancy: Tenancy
    lease_engine: AsyncEngine
    models: ModelRoutes | None = None
    cache: ValkeyCache | None = None

    async def close(self, deadline_s: float) -> None:
        """Finish or give up the running turns, then let go of everything."""
        try:
            await self.host.drain(deadline_s)
            if self.models is not None:
                await self.models.close()
        finally:
            await self.bus.close()
            if self.cache is not None:
                await self.cache.close()
            await self.tenancy.close()
            await self.lease_engine.dispose()


async def assemble(settings: Settings) -> Assembled:
    """Return a started host; `settings` are those that the started stack completed."""
    sealer = sealer_of(settings)
    tenancy = Tenancy(connect(settings.require("database_url")), sealer)
    lease_engine = connect(settings.require("database_url"), pool_size=1)
    bus = ValkeyBus(settings.require("redis_url"))
    cache = ValkeyCache(settings.require("redis_url"))
    models = _models(settings, tenancy, sealer)
    ports = await _ports(settings, tenancy, cache)
    answerers = Answerers(models, ports.answerer)

    @functools.lru_cache(maxsize=256)
    def agent(stored: str) -> Agent:
        behaviour = Behaviour.model_validate_json(stored)
        config = load_config(_CONFIGS / "graphs" / f"{behaviour.graph}.yaml")
        if behaviour.threshold is not None:
            config = config.model_copy(update={"threshold": behaviour.threshold})
        own = replace(
            ports,
            answerer=answerers.of(config.models),
            rewriter=answerers.rewriter_of(config.models),
            calibration=behaviour.calibration,
        )
        return Agent(config, own, behaviour.policies)

    def agent_of(behaviour: Json) -> RunsTurns:
        # By its text: two tenants with the same behaviour share an agent, which remembers nothing.
        return cast(RunsTurns, agent(json.dumps(behaviour, sort_keys=True)))

    def fixed_text(name: str, language: Language | None) -> str:
        return ports.replies.text(cast(ReplyName, name), language or "sv")

    host = Host(
        tenancy=tenancy,
        bus=bus,
        agent_of=agent_of,
        fixed_text=fixed_text,
        turn_deadline_s=settings.turn_deadline_s,
        sealer=sealer,
        lease_engine=lease_engine,
        turns_at_once=settings.turns_at_once,
        residents=settings.active_conversations,
        idle_s=settings.idle_s,
    )
    await host.start()
    return Assembled(host, bus, tenancy, lease_engine, models, cache)


async def _ports(settings: Settings, tenancy: Tenancy, cache: Cache) -> Ports:
    embedder = embedder_for(settings)
    background = Background(embedder, settings.home / "cache")
    vectors = ChromaIndex(settings.require("chroma_url"))
    retriever = retriever_for(settings, tenancy, vectors, embedder, background)
    await retriever.warm("sv", "en")
    return Ports(
        retriever=retriever,
        # Quotes; each graph gets what its config says in its place.
        answerer=ExtractiveAnswerer(embedder, background),
        cache=AnswerCache(cache, embedder, tenancy),
        confidence=confidence.load(_CONFIGS / "confidence.json").of,
        replies=load_replies(_CONFIGS / "replies.yaml"),
        embedder=embedder,
        meanings=Meanings(embedder),
        approved=StoredApprovedAnswers(tenancy, embedder),
    )


def _models(settings: Settings, tenancy: Tenancy, sealer: Sealer) -> ModelRoutes:
    quotes = settings.llm_provider == EXTRACTIVE
    prices = load_prices(_CONFIGS / "models.yaml")
    return ModelRoutes(
        ModelSettingsStore(tenancy, sealer),
        UsageBook(tenancy),
        prices,
        default=None if quotes else _chat(settings, prices),
        then_quotes=quotes or EXTRACTIVE in settings.llm_fallbacks,
        chat_at=functools.partial(_chat, settings, prices),
    )


def _chat(settings: Settings, prices: Prices, endpoint: Endpoint | None = None) -> ChatModel:
    """Return the operator's model, or a tenant's."""
    # The package of OpenAI takes a tenth of a host's start: only who answers with a model waits for it.
    from foundation.clients.chat.choice import chat_for, chat_of_tenant  # noqa: PLC0415

    return chat_for(settings, prices) if endpoint is None else chat_of_tenant(endpoint, settings, prices)
