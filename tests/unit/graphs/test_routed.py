"""Who answers: the model of a route, what stands in for it, and what the trace tells of it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from foundation.clients.chat.chain import ChainedChat
from foundation.clients.chat.fakes import ScriptedChat
from foundation.clients.chat.usage import Meter, Used
from foundation.errors import ModelFailed
from foundation.ids import TenantId
from foundation.turns import Answer, Failure, ReplyEvent
from graphs import notes
from graphs.answerers.account import Account, Call
from graphs.answerers.prompt import load_prompt
from graphs.answerers.routed import Route, RoutedAnswerer
from graphs.state import TurnState
from tests.unit.graphs.fakes import FakeAnswerer, Shop, shown
from tests.unit.graphs.test_model_answerer import question

QUESTION = "Hur lång är returtiden hos er?"
SAID = "Du har 30 dagars öppet köp [1]."
QUOTED = "Varan ska vara oanvänd [1]."


@dataclass
class OneRoute:
    """The same route for everybody, at a price of one krona a call."""

    route: Route
    name: str = "preferred"
    open_now: int = 0
    booked: list[tuple[TenantId | None, Used]] = field(default_factory=list)

    @asynccontextmanager
    async def open(self, tenant_id: TenantId | None) -> AsyncIterator[Route]:
        self.open_now += 1
        try:
            yield self.route
        finally:
            self.open_now -= 1

    def book(self, tenant_id: TenantId | None, meter: Meter) -> tuple[Call, ...]:
        self.booked += [(tenant_id, used) for used in meter.used]
        return tuple(
            Call(
                provider=used.provider,
                model=used.model,
                prompt_tokens=used.prompt_tokens,
                completion_tokens=used.completion_tokens,
                estimated=used.estimated,
                first_piece_ms=used.first_piece_ms,
                cost=1.0,
                currency="SEK",
            )
            for used in meter.used
        )


def shop(route: Route) -> tuple[Shop, OneRoute]:
    routes = OneRoute(route)
    return Shop(RoutedAnswerer(routes, FakeAnswerer([QUOTED], name="extractive"), load_prompt())), routes


def chain(*scripts: Sequence[str | ModelFailed]) -> ChainedChat:
    return ChainedChat(*(ScriptedChat(script, model=f"m{at}") for at, script in enumerate(scripts, 1)))


def account(events: Sequence[ReplyEvent]) -> Account:
    answer = events[-1]
    assert isinstance(answer, Answer)
    return Account.model_validate(answer.trace["model"])


async def test_the_trace_tells_model_prompt_tokens_cost_and_wait() -> None:
    agent, routes = shop(Route(chain([SAID])))
    events = await agent.ask(QUESTION)
    assert shown(events) == SAID
    told = account(events)
    assert (told.answerer, told.because, told.prompt) == ("m1", "", "answer@1")
    [call] = told.calls
    assert (call.provider, call.model, call.completion_tokens, call.estimated) == ("fake", "m1", 1, True)
    assert (call.cost, call.currency, call.first_piece_ms) == (1.0, "SEK", 0.0)
    assert call.prompt_tokens > 100
    assert len(routes.booked) == 1
    assert routes.open_now == 0


async def test_the_trace_tells_who_failed_and_who_answered_instead() -> None:
    agent, _ = shop(Route(chain([ModelFailed(reason="status_500")], [SAID])))
    events = await agent.ask(QUESTION)
    assert shown(events) == SAID
    told = account(events)
    assert (told.answerer, told.because) == ("m2", "fallback")
    assert [(each.model, each.reason) for each in told.failed] == [("m1", "status_500")]
    answer = events[-1]
    assert isinstance(answer, Answer)
    assert answer.trace["answerer"] == "m2"


async def test_when_all_models_fail_the_sources_are_quoted() -> None:
    agent, _ = shop(Route(chain([ModelFailed(reason="timeout")]), then_quotes=True))
    events = await agent.ask(QUESTION)
    assert shown(events) == QUOTED
    told = account(events)
    assert (told.answerer, told.because, told.calls) == ("extractive", "fallback", ())


async def test_who_is_cut_short_while_quotes_stand_in_is_noted_as_quoting() -> None:
    noted = notes.take_notes()
    agent, _ = shop(Route(chain([ModelFailed(reason="timeout")]), then_quotes=True))
    async with aclosing(agent.answerer.answer(question())) as pieces:
        assert await anext(pieces) == QUOTED
        assert noted.account is not None
        assert (noted.account.answerer, noted.account.because) == ("extractive", "fallback")


def test_what_a_node_that_ended_said_of_the_models_is_not_said_anew() -> None:
    noted = notes.Notes(account=Account(answerer="m1"), ended_in="post_policy")
    told: TurnState = {
        "answerer": "extractive",
        "model": {"answerer": "extractive"},
        "policies": [],
        "timings": {},
    }
    known = noted.over(told)
    assert (known["answerer"], known["model"]) == ("extractive", {"answerer": "extractive"})
    known = noted.over({**told, "answerer": "", "model": None})
    assert known["answerer"] == "m1"


async def test_without_that_fallback_the_turn_fails() -> None:
    agent, _ = shop(Route(chain([ModelFailed(reason="timeout")])))
    [*_, last] = await agent.ask(QUESTION)
    assert isinstance(last, Failure)
    assert last.code == "model_failed"
    told = Account.model_validate(last.trace["model"])
    assert (told.prompt, told.because, told.calls) == ("answer@1", "", ())
    assert [(each.model, each.reason) for each in told.failed] == [("m1", "timeout")]


async def test_after_the_first_piece_nothing_is_quoted_and_what_was_used_is_booked() -> None:
    agent, routes = shop(Route(chain([f"{SAID} ", "Varan", ModelFailed(reason="cut_off")]), then_quotes=True))
    events = await agent.ask(QUESTION)
    assert shown(events) == SAID
    failure = events[-1]
    assert isinstance(failure, Failure)
    assert len(routes.booked) == 1
    told = Account.model_validate(failure.trace["model"])
    assert (told.answerer, len(told.calls)) == ("m1", 1)


async def test_when_the_budget_is_used_up_the_sources_are_quoted_and_the_trace_says_so() -> None:
    agent, routes = shop(Route(None, because="budget"))
    events = await agent.ask(QUESTION)
    assert shown(events) == QUOTED
    told = account(events)
    assert (told.answerer, told.because, told.prompt) == ("extractive", "budget", None)
    assert routes.booked == []


async def test_without_a_model_there_is_nothing_to_account_for() -> None:
    agent, _ = shop(Route(None))
    [*_, answer] = await agent.ask(QUESTION)
    assert isinstance(answer, Answer)
    assert answer.trace["model"] is None


async def test_a_model_that_cannot_answer_is_booked_too() -> None:
    agent, routes = shop(Route(chain(["NO_ANSWER", " more"])))
    [*_, answer] = await agent.ask(QUESTION)
    assert isinstance(answer, Answer)
    assert answer.outcome == "unknown"
    assert len(routes.booked) == 1


async def test_who_goes_away_in_the_middle_has_used_something() -> None:
    agent, routes = shop(Route(chain([f"{SAID} ", "Varan ska ", "vara oanvänd [1]."])))
    async with aclosing(agent.answerer.answer(question())) as items:
        await anext(items)
        assert routes.open_now == 1
    assert len(routes.booked) == 1
    assert routes.open_now == 0
