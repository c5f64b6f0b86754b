"""Which graphs can stop to ask, and what they need for it."""

from contextlib import aclosing

import pytest

from foundation.turns import Answer
from graphs.agent import Agent
from graphs.builder import can_pause, compiled
from graphs.config import load_config
from graphs.pauses import ask, question_in
from graphs.registry import registered
from tests.support.pausing import asking
from tests.unit.graphs.fakes import shop, turn


def test_a_graph_can_pause_when_one_of_its_nodes_can() -> None:
    assert can_pause(asking())
    assert not can_pause(load_config())
    assert not any(found.pauses for name in ("policy", "generate") if (found := registered(name)))


def test_equal_graphs_are_compiled_once_and_without_a_saver() -> None:
    assert compiled(asking()) is compiled(asking())
    assert compiled(asking()).checkpointer is None


async def test_a_graph_that_can_pause_does_not_run_without_a_saver() -> None:
    agent = Agent(asking(), shop()[0].ports)
    async with aclosing(agent.run(turn("Byt"))) as events:
        with pytest.raises(RuntimeError, match=r"exchange@1 can pause and needs a saver"):
            await anext(events)


async def test_a_plain_graph_needs_none() -> None:
    plain, _ = shop()
    events = [event async for event in plain.agent.run(turn("hej"))]
    assert isinstance(events[-1], Answer)
    assert question_in({"answer": "Hej!"}) is None


def test_nobody_asks_outside_a_graph() -> None:
    with pytest.raises(RuntimeError):
        ask("Vad?")
