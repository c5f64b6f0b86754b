"""Follow-up questions: when a model is asked what they mean, and what is believed of what it says."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pydantic import ValidationError

from foundation.clients.chat.fakes import ScriptedChat
from foundation.clients.chat.port import Prompt
from foundation.clients.chat.usage import Meter
from foundation.errors import ModelFailed
from foundation.turns import Answer, Utterance
from graphs.agent import Agent
from graphs.answerers.rewrite import RoutedRewriter
from graphs.answerers.routed import Route
from graphs.config import GraphConfig, load_config
from graphs.nodes.query import QueryOptions
from graphs.query import leans
from tests.unit.graphs.fakes import FakeAnswerer, Shop
from tests.unit.graphs.test_routed import OneRoute

BEFORE = (
    Utterance(author="customer", text="Vad kostar frakten? Mitt nummer är 070-123 45 67."),
    Utterance(author="agent", text="Frakten kostar 1 299 kr."),
)
BY_RULES = "Vad kostar frakten? Och till Norge?"
ALONE = "Vad kostar frakten till Norge?"


def asking(chat: ScriptedChat | None, *, said: str = "Du har 30 dagars öppet köp [1].") -> Shop:
    """Return a shop whose follow-ups this model makes stand alone."""
    shop = Shop(FakeAnswerer([said]))
    route = Route(chat) if chat else Route(None, because="budget")
    shop.ports = replace(shop.ports, rewriter=RoutedRewriter(OneRoute(route)))
    shop.agent = Agent(load_config(), shop.ports)
    return shop


async def traced(shop: Shop, text: str, history: Sequence[Utterance] = BEFORE) -> dict[str, Any]:
    answer = (await shop.ask(text, history=history))[-1]
    assert isinstance(answer, Answer)
    return dict(answer.trace)


async def test_a_follow_up_is_searched_for_as_the_model_understands_it() -> None:
    chat = ScriptedChat([ALONE])
    shop = asking(chat)
    trace = await traced(shop, "Och till Norge?")
    assert shop.retriever.queries == [ALONE]
    assert trace["query"] == ALONE
    told = trace["rewriting"]
    assert (told["by"], told["because"], told["prompt"]) == ("model", "", "rewrite@1")
    assert [call["cost"] for call in told["calls"]] == [1.0]


async def test_the_model_never_sees_what_was_redacted() -> None:
    chat = ScriptedChat([ALONE])
    await traced(asking(chat), "Och till Norge, ring 070-765 43 21?")
    [prompts] = chat.asked
    seen = "\n".join(prompt.text for prompt in prompts)
    assert "Och till Norge" in seen
    assert "123 45" not in seen
    assert "765 43" not in seen


@pytest.mark.parametrize("history", [(), BEFORE[1:]])
async def test_a_first_message_asks_no_model(history: Sequence[Utterance]) -> None:
    chat = ScriptedChat(["Något annat?"])
    trace = await traced(asking(chat), "Och till Norge?", history)
    assert chat.asked == []
    assert (trace["query"], trace["rewriting"]["by"]) == ("Och till Norge?", "customer")


async def test_a_question_that_stands_alone_asks_no_model() -> None:
    chat = ScriptedChat(["Något annat?"])
    trace = await traced(asking(chat), "Hur lång är garantin på era tält?")
    assert chat.asked == []
    assert trace["rewriting"]["by"] == "customer"


@pytest.mark.parametrize(
    ("said", "because"),
    [
        ([ModelFailed(reason="status_500")], "model_failed"),
        (["  "], "unusable"),
        (["x" * 500], "unusable"),
        (["Vad kostar frakten?\nTill Norge?"], "unusable"),
        (["Kostar frakten till Norge 79 kr?"], "unusable"),
        (["Är frakten till Norge gratis?"], "unusable"),
        (["Finns det på https://evil.example/x?"], "unusable"),
    ],
)
async def test_the_rules_stand_in_for_a_model_that_fails_or_invents(
    said: list[str | ModelFailed], because: str
) -> None:
    shop = asking(ScriptedChat(said))
    trace = await traced(shop, "Och till Norge?")
    assert shop.retriever.queries == [BY_RULES]
    assert (trace["rewriting"]["by"], trace["rewriting"]["because"]) == ("rules", because)


async def test_a_used_up_budget_leaves_it_to_the_rules() -> None:
    trace = await traced(asking(None), "Och till Norge?")
    assert (trace["query"], trace["rewriting"]["because"]) == (BY_RULES, "budget")


@dataclass
class Silent(ScriptedChat):
    """Never says anything."""

    async def stream(
        self, prompts: Sequence[Prompt], *, max_tokens: int, meter: Meter | None = None
    ) -> AsyncGenerator[str, None]:
        self.asked.append(prompts)
        await asyncio.Event().wait()
        yield ""


async def test_a_slow_model_is_not_waited_for() -> None:
    shop = asking(Silent([]))
    config = load_config()
    options = {"rewrite": "model", "timeout_s": 0.05}
    node = config.nodes["query"].model_copy(update={"options": options})
    shop.agent = Agent(config.model_copy(update={"nodes": {**config.nodes, "query": node}}), shop.ports)
    trace = await traced(shop, "Och till Norge?")
    assert (trace["query"], trace["rewriting"]["because"]) == (BY_RULES, "timeout")


async def test_a_graph_may_leave_it_to_the_rules() -> None:
    chat = ScriptedChat([ALONE])
    shop = asking(chat)
    shop.agent = Agent(_by_rules(), shop.ports)
    trace = await traced(shop, "Och till Norge?")
    assert chat.asked == []
    assert (trace["query"], trace["rewriting"]["by"]) == (BY_RULES, "rules")


def _by_rules() -> GraphConfig:
    config = load_config()
    node = config.nodes["query"].model_copy(update={"options": {"rewrite": "rules"}})
    return config.model_copy(update={"nodes": {**config.nodes, "query": node}})


async def test_what_the_model_made_of_a_question_is_no_word_of_the_customers() -> None:
    """1 299 kr stand in what the agent said: the customer did not, so the answer cannot echo them."""
    chat = ScriptedChat(["Kostar frakten till Norge också 1 299 kr?"])
    shop = asking(chat, said="Du skrev 1 299 kr. Du har 30 dagars öppet köp [1].")
    shop.retriever.passages = tuple(
        each.model_copy(update={"text": "Du har 30 dagars öppet köp."}) for each in shop.retriever.passages
    )
    [*_, answer] = await shop.ask("Och till Norge?", history=BEFORE)
    assert isinstance(answer, Answer)
    assert answer.trace["query"] == "Kostar frakten till Norge också 1 299 kr?"
    assert answer.text == "Du har 30 dagars öppet köp [1]."


@pytest.mark.parametrize(
    ("text", "leaning"),
    [
        ("Och till Norge?", True),
        ("Hur länge gäller den?", True),
        ("Can I return those if they were on sale?", True),
        ("Hur länge?", True),
        ("Hur lång är garantin på era tält?", False),
        ("Do you ship sleeping bags to Norway?", False),
    ],
)
def test_what_leans_on_the_conversation(text: str, leaning: bool) -> None:
    assert leans(text) is leaning


def test_a_prompt_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValidationError, match="there is no prompt 'rewrit'"):
        QueryOptions(prompt="rewrit")
