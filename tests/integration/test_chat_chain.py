"""Two model servers in a chain as the settings make it, and models that tenants name."""

import ipaddress
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import httpx2
import pytest

from foundation.addresses import Address
from foundation.clients.chat.choice import chat_for, chat_of_tenant
from foundation.clients.chat.endpoint import Endpoint
from foundation.clients.chat.openai_chat import Limits, openai_chat
from foundation.clients.chat.port import ChatModel, Prompt
from foundation.clients.chat.prices import Prices
from foundation.clients.chat.public import PublicTransport
from foundation.clients.chat.usage import Failed, Meter
from foundation.errors import ModelFailed
from foundation.settings import Settings
from tests.servers.openai_server import Behaviour, OpenAIServer, running

PROMPTS = [Prompt("user", "Hi")]
LIMITS = Limits(connect_s=1, read_s=1, total_s=3, retries=0)


@pytest.fixture
def first() -> Iterator[OpenAIServer]:
    with running() as started:
        yield started


@pytest.fixture
def second() -> Iterator[OpenAIServer]:
    with running() as started:
        yield started


@pytest.fixture
async def chain(first: OpenAIServer, second: OpenAIServer) -> AsyncIterator[ChatModel]:
    second.script(Behaviour(pieces=["From", " the", " second."]))
    chat = chat_for(
        Settings.load(
            {
                "LLM_PROVIDER": "openai",
                "OPENAI_BASE_URL": first.url,
                "OPENAI_MODEL": "one",
                "OPENAI_MAX_RETRIES": "0",
                "COMPATIBLE_BASE_URL": second.url,
                "LLM_FALLBACKS": "compatible:two,extractive",
                "LLM_BREAKER_FAILURES": "2",
                "TURN_DEADLINE_S": "2",
            }
        ),
        Prices({}),
    )
    yield chat
    await chat.close()


async def told(chat: ChatModel, meter: Meter | None = None) -> str:
    async with aclosing(chat.stream(PROMPTS, max_tokens=50, meter=meter)) as pieces:
        return "".join([piece async for piece in pieces])


async def reason(chat: ChatModel) -> object:
    with pytest.raises(ModelFailed) as caught:
        await told(chat)
    return caught.value.data["reason"]


async def test_the_preferred_one_answers_while_it_can(second: OpenAIServer, chain: ChatModel) -> None:
    meter = Meter()
    assert await told(chain, meter) == "Hello there."
    assert [(used.provider, used.model) for used in meter.used] == [("openai", "one")]
    assert second.requests == []


async def test_when_it_breaks_the_next_answers_and_soon_at_once(
    first: OpenAIServer, chain: ChatModel
) -> None:
    first.script(Behaviour(fault="status", status=500))
    meter = Meter()
    for _ in range(4):
        meter = Meter()
        assert await told(chain, meter) == "From the second."
        assert [(used.provider, used.model, used.prompt_tokens) for used in meter.used] == [
            ("compatible", "two", 11)
        ]
    assert meter.failed == [Failed("openai", "one", "circuit_open")]
    assert len(first.requests) == 2


async def test_who_says_nothing_has_its_share_of_the_turn_and_no_more(
    first: OpenAIServer, chain: ChatModel
) -> None:
    first.script(Behaviour(fault="stall", after=0))
    meter = Meter()
    assert await told(chain, meter) == "From the second."
    assert meter.failed == [Failed("openai", "one", "timeout")]


async def test_who_breaks_off_is_not_followed(
    first: OpenAIServer, second: OpenAIServer, chain: ChatModel
) -> None:
    first.script(Behaviour(fault="cut", after=2))
    assert await reason(chain) in {"connection", "malformed"}
    assert second.requests == []


async def test_a_second_server_without_stream_options_answers(
    first: OpenAIServer, second: OpenAIServer, chain: ChatModel
) -> None:
    first.script(Behaviour(fault="status", status=503))
    second.script(Behaviour(refuses=("stream_options",)))
    meter = Meter()
    assert await told(chain, meter) == "Hello there."
    assert [used.estimated for used in meter.used] == [True]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0"])
async def test_a_tenants_model_is_not_a_way_into_our_network(first: OpenAIServer, host: str) -> None:
    url = first.url.replace("127.0.0.1", host)
    chat = chat_of_tenant(Endpoint("compatible", "m", url, "k"), Settings.load({}), Prices({}))
    assert await reason(chat) == "address_refused"
    assert first.requests == []
    await chat.close()


async def test_the_judged_address_is_the_one_that_is_called(
    first: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads elsewhere a moment later is judged anew at the next request."""
    here = ipaddress.ip_address("127.0.0.1")
    answers = iter([here, ipaddress.ip_address("127.0.0.2")])

    async def rebinding(_host: str, _port: int) -> list[Address]:
        return [next(answers)]

    # The local server stands for a public one.
    monkeypatch.setattr("foundation.clients.chat.public.is_public", lambda address: address == here)
    http = httpx2.AsyncClient(transport=PublicTransport(httpx2.AsyncHTTPTransport(), rebinding))
    url = first.url.replace("127.0.0.1", "models.example")
    chat = openai_chat(base_url=url, key="k", model="m", limits=LIMITS, http=http)
    assert await told(chat) == "Hello there."
    assert first.hosts == [f"models.example:{url.rsplit(':', 1)[1].split('/')[0]}"]
    assert await reason(chat) == "address_refused"
    assert len(first.requests) == 1
    await chat.close()
