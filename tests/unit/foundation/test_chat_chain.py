"""Models in a chain and behind breakers, with models that say what a test wrote and a clock that it sets."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import pytest

from foundation.clients.chat.breaker import Breaker, BreakerLimits
from foundation.clients.chat.chain import ChainedChat
from foundation.clients.chat.fakes import ScriptedChat
from foundation.clients.chat.guarded import GuardedChat
from foundation.clients.chat.port import ChatModel, Prompt
from foundation.clients.chat.usage import Failed, Meter
from foundation.errors import ModelFailed

PROMPTS = [Prompt("user", "Hi")]
LIMITS = BreakerLimits(failures=3, window_s=10, pause_s=5)


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


class SilentChat(ScriptedChat):
    """Begins and never says anything; `begun` tells when."""

    def __init__(self) -> None:
        super().__init__(())
        self.begun = asyncio.Event()

    async def stream(
        self, prompts: Sequence[Prompt], *, max_tokens: int, meter: Meter | None = None
    ) -> AsyncGenerator[str, None]:
        self.begun.set()
        await asyncio.Event().wait()
        yield "never"


async def told(chat: ChatModel, meter: Meter | None = None) -> str:
    async with aclosing(chat.stream(PROMPTS, max_tokens=50, meter=meter)) as pieces:
        return "".join([piece async for piece in pieces])


async def failure(chat: ChatModel) -> str:
    with pytest.raises(ModelFailed) as caught:
        await told(chat)
    return str(caught.value.data["reason"])


def broken(reason: str = "status_500", *before: str, model: str = "broken") -> ScriptedChat:
    return ScriptedChat((*before, ModelFailed(reason=reason)), model=model)


# The chain


async def test_the_first_that_begins_answers_and_the_failed_are_named() -> None:
    first, second, third = broken("timeout"), ScriptedChat(["Hej", "."], model="good"), ScriptedChat(["No"])
    meter = Meter()
    assert await told(ChainedChat(first, second, third), meter) == "Hej."
    assert [used.model for used in meter.used] == ["good"]
    assert meter.failed == [Failed("fake", "broken", "timeout")]
    assert third.asked == []


async def test_after_the_first_piece_nobody_else_is_asked() -> None:
    second = ScriptedChat(["Other."])
    chain = ChainedChat(broken("cut_off", "Hej"), second)
    pieces = chain.stream(PROMPTS, max_tokens=50)
    assert await anext(pieces) == "Hej"
    with pytest.raises(ModelFailed):
        await anext(pieces)
    assert second.asked == []


async def test_when_all_fail_the_last_failure_is_raised() -> None:
    meter = Meter()
    with pytest.raises(ModelFailed) as caught:
        await told(ChainedChat(broken("timeout"), broken("status_401")), meter)
    assert caught.value.data == {"reason": "status_401"}
    assert [failed.reason for failed in meter.failed] == ["timeout", "status_401"]


async def test_an_answer_of_nothing_is_an_answer() -> None:
    second = ScriptedChat(["Other."])
    assert await told(ChainedChat(ScriptedChat([]), second)) == ""
    assert second.asked == []


async def test_closing_the_chain_closes_the_stream_and_then_all_models() -> None:
    first, second = ScriptedChat(["a", "b"]), ScriptedChat([])
    chain = ChainedChat(first, second)
    async with aclosing(chain.stream(PROMPTS, max_tokens=50)) as pieces:
        await anext(pieces)
    assert first.closed_early
    await chain.close()
    assert first.closed
    assert second.closed


# The breaker


async def test_an_open_breaker_lets_the_chain_go_on_at_once() -> None:
    clock = Clock()
    first, second = broken(), ScriptedChat(["Hej."])
    chain = ChainedChat(GuardedChat(first, Breaker(LIMITS, clock)), second)
    for _ in range(5):
        assert await told(chain) == "Hej."
    assert len(first.asked) == 3
    meter = Meter()
    await told(chain, meter)
    assert meter.failed == [Failed("fake", "broken", "circuit_open")]


async def test_failures_far_apart_do_not_open_it() -> None:
    clock = Clock()
    model = GuardedChat(broken(), Breaker(LIMITS, clock))
    for _ in range(6):
        assert await failure(model) == "status_500"
        clock.now += 6


async def test_a_busy_models_rare_failures_do_not_open_it() -> None:
    breaker = Breaker(LIMITS, Clock())
    for turn in range(30):
        assert breaker.enter() == "call"
        (breaker.failed if turn % 5 == 0 else breaker.succeeded)("call")
    assert breaker.enter() == "call"


async def test_after_a_pause_one_probe_goes_through_and_its_success_closes_it() -> None:
    clock, model = Clock(), broken()
    guarded = GuardedChat(model, Breaker(LIMITS, clock))
    for _ in range(3):
        await failure(guarded)
    clock.now += 4.9
    assert await failure(guarded) == "circuit_open"
    clock.now += 0.2
    model.pieces = ["Back", " again"]
    pieces = guarded.stream(PROMPTS, max_tokens=50)
    assert await anext(pieces) == "Back"
    assert await told(guarded) == "Back again"
    await pieces.aclose()


async def test_a_failed_probe_starts_the_pause_anew() -> None:
    clock, model = Clock(), broken()
    guarded = GuardedChat(model, Breaker(LIMITS, clock))
    for _ in range(3):
        await failure(guarded)
    clock.now += 5
    assert await failure(guarded) == "status_500"
    clock.now += 4.9
    assert await failure(guarded) == "circuit_open"
    clock.now += 0.2
    assert await failure(guarded) == "status_500"


async def test_others_are_refused_while_a_probe_is_under_way_and_a_cancelled_one_makes_room() -> None:
    clock, silent = Clock(), SilentChat()
    breaker = Breaker(LIMITS, clock)
    for _ in range(3):
        breaker.failed("call")
    clock.now += 5
    guarded = GuardedChat(silent, breaker)
    probe = asyncio.create_task(told(guarded))
    await silent.begun.wait()
    assert await failure(guarded) == "circuit_open"
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    assert breaker.enter() == "probe"


async def test_a_call_that_began_before_it_opened_does_not_close_it() -> None:
    breaker = Breaker(LIMITS, Clock())
    for _ in range(3):
        breaker.failed("call")
    breaker.succeeded("call")
    assert breaker.enter() is None


@pytest.mark.parametrize("reason", ["length", "content_filter", "status_400"])
async def test_what_lies_in_the_question_does_not_open_it(reason: str) -> None:
    guarded = GuardedChat(broken(reason), Breaker(LIMITS, Clock()))
    for _ in range(5):
        assert await failure(guarded) == reason


async def test_a_model_that_breaks_off_in_the_middle_opens_it_too() -> None:
    guarded = GuardedChat(broken("cut_off", "Hej"), Breaker(LIMITS, Clock()))
    for _ in range(3):
        assert await failure(guarded) == "cut_off"
    assert await failure(guarded) == "circuit_open"


async def test_who_does_not_begin_in_time_has_failed() -> None:
    guarded = GuardedChat(SilentChat(), Breaker(LIMITS, Clock()), first_s=0.01)
    second = ScriptedChat(["Hej."])
    assert await told(ChainedChat(guarded, second)) == "Hej."
    for _ in range(2):
        assert await failure(guarded) == "timeout"
    assert await failure(guarded) == "circuit_open"
