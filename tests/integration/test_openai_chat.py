"""The chat client against a server that speaks the real protocol, well and badly."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from email.utils import formatdate

import pytest

from foundation.clients.chat.dialect import dialect_of
from foundation.clients.chat.openai_chat import Limits, OpenAIChat, openai_chat
from foundation.clients.chat.port import Prompt
from foundation.clients.chat.usage import Meter, Used
from foundation.errors import ModelFailed
from foundation.turns import Delta, Failure
from graphs.answerers.model import ModelAnswerer
from graphs.answerers.prompt import load_prompt
from tests.servers.openai_server import Behaviour, OpenAIServer, running
from tests.unit.graphs.fakes import Shop, shown, turn

PROMPTS = [Prompt("system", "Be brief."), Prompt("user", "Hi")]
LIMITS = Limits(connect_s=1, read_s=0.4, total_s=3, retries=2)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with running() as started:
        yield started


@pytest.fixture
async def chat(server: OpenAIServer) -> AsyncIterator[OpenAIChat]:
    client = openai_chat(base_url=server.url, key="k", model="m", limits=LIMITS)
    yield client
    await client.close()


async def told(chat: OpenAIChat) -> str:
    return "".join([piece async for piece in chat.stream(PROMPTS, max_tokens=50)])


async def failed(chat: OpenAIChat) -> tuple[str, ModelFailed]:
    """Return what came before the failure, and the failure."""
    shown = ""
    try:
        async for piece in chat.stream(PROMPTS, max_tokens=50):
            shown += piece
    except ModelFailed as error:
        return shown, error
    pytest.fail("it did not fail")


async def test_an_answer_comes_in_pieces(server: OpenAIServer, chat: OpenAIChat) -> None:
    assert [piece async for piece in chat.stream(PROMPTS, max_tokens=50)] == ["Hello", " there", "."]
    asked = server.requests[0]
    assert (asked["model"], asked["max_tokens"], asked["stream"]) == ("m", 50, True)
    assert asked["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
    ]


async def measured(chat: OpenAIChat) -> Used:
    """Return what one whole answer used; how long it took is left out."""
    meter = Meter()
    async with aclosing(chat.stream(PROMPTS, max_tokens=50, meter=meter)) as pieces:
        assert "".join([piece async for piece in pieces]) == "Hello there."
    [used] = meter.used
    assert used.first_piece_ms is not None
    assert used.first_piece_ms > 0
    return replace(used, first_piece_ms=None)


async def test_a_stream_reports_what_it_used(server: OpenAIServer, chat: OpenAIChat) -> None:
    assert await measured(chat) == Used("openai", "m", 11, 3, estimated=False, first_piece_ms=None)
    assert server.requests[0]["stream_options"] == {"include_usage": True}


async def test_where_the_server_is_silent_the_usage_is_guessed_and_says_so(
    server: OpenAIServer, chat: OpenAIChat
) -> None:
    server.script(Behaviour(usage=None))
    assert await measured(chat) == Used("openai", "m", 4, 4, estimated=True, first_piece_ms=None)


async def test_a_server_without_stream_options_answers_and_is_not_asked_for_them_again(
    server: OpenAIServer, chat: OpenAIChat
) -> None:
    server.script(Behaviour(refuses=("stream_options",)))
    assert (await measured(chat)).estimated
    assert (await measured(chat)).estimated
    assert ["stream_options" in request for request in server.requests] == [True, False, False]


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
async def test_a_limit_is_named_as_the_server_names_it_from_the_second_request_on(
    server: OpenAIServer, chat: OpenAIChat, limit: str
) -> None:
    names = {"max_tokens", "max_completion_tokens"}
    server.script(Behaviour(refuses=tuple(names - {limit})))
    assert [await told(chat), await told(chat)] == ["Hello there.", "Hello there."]
    for request in server.requests[-2:]:
        assert names & request.keys() == {limit}
        assert request[limit] == 50


async def test_the_field_that_a_server_names_is_left_out_at_once(server: OpenAIServer) -> None:
    chat = openai_chat(base_url=server.url, key="k", model="m", limits=LIMITS, effort="low")
    server.script(Behaviour(refuses=("reasoning_effort", "stream_options")))
    assert await told(chat) == "Hello there."
    assert len(server.requests) == 3
    await chat.close()


async def test_a_refusal_of_something_else_is_not_asked_again(server: OpenAIServer, chat: OpenAIChat) -> None:
    server.script(Behaviour(fault="status", status=400, param="messages"))
    _, error = await failed(chat)
    assert (error.data["reason"], len(server.requests)) == ("status_400", 1)


async def test_a_model_is_told_how_much_to_think_where_it_understands_that(server: OpenAIServer) -> None:
    chat = openai_chat(base_url=server.url, key="k", model="m", limits=LIMITS, effort="minimal")
    assert await told(chat) == "Hello there."
    assert [request["reasoning_effort"] for request in server.requests] == ["minimal"]
    await chat.close()
    other = openai_chat(base_url=server.url, key="k", model="m", limits=LIMITS, effort="minimal")
    server.script(Behaviour(refuses=("reasoning_effort",)))
    assert [await told(other), await told(other)] == ["Hello there.", "Hello there."]
    assert ["reasoning_effort" in request for request in server.requests[-2:]] == [False, False]
    await other.close()


async def test_what_no_dialect_mends_is_refused_in_the_servers_first_words(
    server: OpenAIServer, chat: OpenAIChat
) -> None:
    server.script(Behaviour(fault="status", status=400))
    _, error = await failed(chat)
    assert error.data["reason"] == "status_400"
    assert len({tuple(sorted(request)) for request in server.requests}) == len(server.requests) == 4


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("https://api.openai.com.example/v1", "max_tokens"),
        ("http://127.0.0.1:8000/v1", "max_tokens"),
    ],
)
def test_openai_is_asked_as_its_newest_models_demand_and_others_as_most_understand(
    address: str, name: str
) -> None:
    assert dialect_of(address, None).limit == name


async def test_who_stops_listening_pays_for_what_was_said(server: OpenAIServer, chat: OpenAIChat) -> None:
    meter = Meter()
    async with aclosing(chat.stream(PROMPTS, max_tokens=50, meter=meter)) as pieces:
        assert await anext(pieces) == "Hello"
    [used] = meter.used
    assert (used.prompt_tokens, used.completion_tokens, used.estimated) == (4, 2, True)


async def test_a_refused_request_costs_nothing(server: OpenAIServer, chat: OpenAIChat) -> None:
    server.script(Behaviour(fault="status", status=401))
    meter = Meter()
    with pytest.raises(ModelFailed):
        await anext(chat.stream(PROMPTS, max_tokens=50, meter=meter))
    assert meter.used == []


async def test_a_slow_answer_within_the_limits_is_an_answer(server: OpenAIServer, chat: OpenAIChat) -> None:
    server.script(Behaviour(pause_s=0.1))
    assert await told(chat) == "Hello there."


async def test_a_server_that_recovers_is_asked_again(server: OpenAIServer, chat: OpenAIChat) -> None:
    server.script(Behaviour(fault="status", status=500), Behaviour())
    assert await told(chat) == "Hello there."
    assert len(server.requests) == 2


async def test_the_pause_the_server_asks_for_is_kept(server: OpenAIServer, chat: OpenAIChat) -> None:
    limited = Behaviour(fault="status", status=429, headers={"Retry-After": "1"})
    server.script(limited, Behaviour())
    assert await told(chat) == "Hello there."
    assert server.times[1] - server.times[0] >= 1


async def test_a_pause_beyond_the_deadline_fails_at_once(server: OpenAIServer, chat: OpenAIChat) -> None:
    when = formatdate(time.time() + 3600, usegmt=True)
    server.script(Behaviour(fault="status", status=429, headers={"Retry-After": when}))
    began = time.monotonic()
    _, error = await failed(chat)
    assert error.data == {"reason": "status_429"}
    assert time.monotonic() - began < 1
    assert len(server.requests) == 1


async def test_a_refusal_is_not_repeated_and_its_text_stays_behind(
    server: OpenAIServer, chat: OpenAIChat
) -> None:
    server.script(Behaviour(fault="status", status=401))
    _, error = await failed(chat)
    assert len(server.requests) == 1
    assert "provider" not in f"{error} {error.data}"


async def test_tries_end(server: OpenAIServer, chat: OpenAIChat) -> None:
    server.script(Behaviour(fault="status", status=503))
    await failed(chat)
    assert len(server.requests) == 3


@pytest.mark.parametrize("fault", ["stall", "cut", "malformed", "odd", "end_early", "error_event"])
async def test_a_break_in_the_middle_fails_without_a_repeat(
    server: OpenAIServer, chat: OpenAIChat, fault: str
) -> None:
    server.script(Behaviour(fault=fault, after=2))  # type: ignore[arg-type]
    shown, error = await failed(chat)
    assert shown == "Hello there"
    assert error.code == "model_failed"
    assert "provider" not in f"{error} {error.data}"
    assert len(server.requests) == 1


async def test_a_stall_before_the_first_piece_is_tried_again(server: OpenAIServer, chat: OpenAIChat) -> None:
    server.script(Behaviour(fault="stall", after=0), Behaviour())
    assert await told(chat) == "Hello there."


async def test_an_answer_cut_off_at_its_length_is_a_failure(server: OpenAIServer, chat: OpenAIChat) -> None:
    server.script(Behaviour(finish="length"))
    shown, error = await failed(chat)
    assert shown == "Hello there."
    assert error.data == {"reason": "length"}


async def test_the_total_deadline_holds_over_a_trickle(server: OpenAIServer) -> None:
    server.script(Behaviour(pieces=["x"] * 100, pause_s=0.1))
    chat = openai_chat(
        base_url=server.url, key="k", model="m", limits=Limits(read_s=1, total_s=0.5, retries=0)
    )
    began = time.monotonic()
    shown, error = await failed(chat)
    assert shown
    assert error.data == {"reason": "timeout"}
    assert time.monotonic() - began < 1
    await chat.close()


async def test_nobody_there(server: OpenAIServer) -> None:
    chat = openai_chat(
        base_url="http://127.0.0.1:9/v1", key="k", model="m", limits=Limits(total_s=1, retries=1)
    )
    _, error = await failed(chat)
    assert error.data == {"reason": "connection"}
    await chat.close()


async def test_closing_the_stream_ends_the_request(server: OpenAIServer, chat: OpenAIChat) -> None:
    server.script(Behaviour(fault="stall", after=1))
    async with aclosing(chat.stream(PROMPTS, max_tokens=50)) as pieces:
        assert await anext(pieces) == "Hello"
    await until(lambda: server.disconnects == 1)


async def test_cancelling_whoever_listens_ends_the_request(server: OpenAIServer, chat: OpenAIChat) -> None:
    server.script(Behaviour(fault="stall", after=1))
    listener = asyncio.create_task(told(chat))
    await until(lambda: len(server.requests) == 1)
    await asyncio.sleep(0.1)
    listener.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listener
    await until(lambda: server.disconnects == 1)


async def test_closing_a_whole_turn_ends_the_request(server: OpenAIServer, chat: OpenAIChat) -> None:
    pieces = ["Du har 30 dagars öppet köp [1]. ", "Varan ska", " vara"]
    server.script(Behaviour(pieces=pieces, fault="stall", after=2))
    shop = Shop(ModelAnswerer(chat, load_prompt()))
    async with aclosing(shop.agent.run(turn("Hur lång är returtiden hos er?"))) as events:
        async for event in events:
            if isinstance(event, Delta):
                break
    await until(lambda: server.disconnects == 1)


async def test_a_turn_whose_model_breaks_off_ends_in_an_apology(
    server: OpenAIServer, chat: OpenAIChat
) -> None:
    pieces = ["Du har 30 dagars öppet köp [1]. ", "Varan ska", " vara"]
    server.script(Behaviour(pieces=pieces, fault="cut", after=2))
    events = await Shop(ModelAnswerer(chat, load_prompt())).ask("Hur lång är returtiden hos er?")
    assert shown(events) == "Du har 30 dagars öppet köp [1]."
    assert isinstance(events[-1], Failure)
    assert events[-1].code == "model_failed"


async def until(holds: Callable[[], bool]) -> None:
    """Wait up to two seconds for a condition."""
    for _ in range(200):
        if holds():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not come true")
