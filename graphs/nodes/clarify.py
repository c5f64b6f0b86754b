"""Asks back when a question says too little, with what the sources have to offer on it."""

from collections.abc import Sequence
from typing import Final

from langgraph.runtime import Runtime

from foundation.turns import Delta
from graphs.nodes.reply import say
from graphs.passages import Passage
from graphs.ports import Ports
from graphs.registry import NoOptions, node
from graphs.state import TurnState

_MOST: Final = 3
_LONGEST: Final = 80


@node("clarify", options=NoOptions)
async def clarify(state: TurnState, runtime: Runtime[Ports], _options: NoOptions) -> TurnState:
    """Ask what is meant, and name the headings of the passages that were found."""
    update = say(state, runtime, "clarify", outcome="asked")
    named = _headings([Passage.model_validate(passage) for passage in state["passages"]])
    if not named:
        return update
    listed = "\n\n" + "\n".join(f"- {heading}" for heading in named)
    runtime.stream_writer(Delta(text=listed))
    return {**update, "answer": update["answer"] + listed}


def _headings(passages: Sequence[Passage]) -> list[str]:
    """Return different headings, best first, the title where a passage has none."""
    names = (passage.heading.rsplit(" > ", 1)[-1] or passage.title for passage in passages)
    return [name for name in dict.fromkeys(names) if 0 < len(name) <= _LONGEST][:_MOST]
