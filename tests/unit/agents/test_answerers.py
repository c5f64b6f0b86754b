"""Each graph is answered as its config says."""

import pytest

from agents.answerers import Answerers
from foundation.clients.chat.fakes import ScriptedChat
from foundation.errors import ModelFailed
from foundation.turns import Answer, Failure
from graphs.answerers.routed import Route
from graphs.config import Models
from tests.unit.graphs.fakes import FakeAnswerer, Shop
from tests.unit.graphs.test_routed import QUESTION, QUOTED, SAID, OneRoute

NONE: list[str | ModelFailed] = []
FAILS: list[str | ModelFailed] = [ModelFailed(reason="status_500")]


async def answered(script: list[str | ModelFailed], **models: object) -> str:
    """Return what a turn ends with; an empty script is no model."""
    route = Route(ScriptedChat(script) if script else None, then_quotes=True)
    answerers = Answerers(OneRoute(route), FakeAnswerer([QUOTED], name="extractive"))
    final = (await Shop(answerers.of(Models.model_validate(models))).ask(QUESTION))[-1]
    assert isinstance(final, Answer | Failure)
    return final.text if isinstance(final, Answer) else final.code


@pytest.mark.parametrize(
    ("answerer", "script", "said"),
    [
        ("default", [SAID], SAID),
        ("default", FAILS, QUOTED),
        ("default", NONE, QUOTED),
        ("extractive", [SAID], QUOTED),
        ("extractive", NONE, QUOTED),
        ("model", [SAID], SAID),
        ("model", FAILS, "model_failed"),
        ("model", NONE, "model_failed"),
    ],
)
async def test_a_graph_is_answered_as_its_config_says(
    answerer: str, script: list[str | ModelFailed], said: str
) -> None:
    assert await answered(script, answerer=answerer) == said


async def test_graphs_differ_in_prompt_and_length_and_share_the_model() -> None:
    chat = ScriptedChat([SAID, " Varan ska vara oanvänd [1]."])
    answerers = Answerers(OneRoute(Route(chat)), FakeAnswerer([]))
    for pieces in (1, 2):
        answerer = answerers.of(Models(max_tokens=pieces, prompt="answer@1"))
        final = (await Shop(answerer).ask(QUESTION))[-1]
        assert isinstance(final, Answer)
        assert final.text.count("[1]") == pieces
        assert isinstance(final.trace["model"], dict)
        assert final.trace["model"]["prompt"] == "answer@1"
    assert len(chat.asked) == 2
