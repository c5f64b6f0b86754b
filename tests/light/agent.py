"""The agent that runs the light graph: Status, Deltas, one Answer."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from foundation.turns import Answer, Delta, ReplyEvent, Status, Turn
from tests.light.graph import SENTENCES, LightState, builder


class LightAgent:
    """Remembers nothing between turns and can run many at once."""

    def __init__(self, sentences: int = SENTENCES) -> None:
        self._sentences = sentences
        self._graph = builder().compile()

    async def run(self, turn: Turn, _saver: object = None) -> AsyncGenerator[ReplyEvent, None]:
        """Answer a turn with numbered sentences; the deltas joined are the Answer's text and a space."""
        state: LightState = {"text": turn.text, "sentences": self._sentences}
        yield Status(stage="writing")
        events = self._graph.astream(state, stream_mode=["custom", "values"])
        async with aclosing(cast("AsyncGenerator[tuple[str, object], None]", events)) as stream:
            async for mode, item in stream:
                if mode == "custom":
                    yield Delta(text=cast("str", item))
                else:
                    state = cast("LightState", item)
        yield Answer(text=state["answer"], outcome="answered", language="en", confidence=state["confidence"])
