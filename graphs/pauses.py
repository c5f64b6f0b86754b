"""Pausing: a node asks the customer and goes on with what they say, perhaps days later in another process."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import Interrupt, interrupt

from graphs.state import TurnState

_INTERRUPT = "__interrupt__"
"""Where LangGraph puts the interrupts of a run that stopped."""


@dataclass(frozen=True, slots=True)
class Version:
    """What a procedure runs on from its beginning to its end."""

    release: int
    graph: str
    """`name@version`: the state of another version may mean something else."""


class Saver(BaseCheckpointSaver[int], ABC):
    """Keeps one conversation's unfinished procedure during a run; made anew for each run."""

    @abstractmethod
    async def paused(self) -> Version | None:
        """Return what the procedure that waits for the customer runs on; None when none does.

        Raises:
            ProcedureUnreadable: there is one, but it was altered or sealed for somebody else.
        """

    @abstractmethod
    def begin(self, version: Version) -> None:
        """Take note of what the run that comes now runs on."""


def ask(question: str) -> str:
    """Ask the customer and return what they answer; for nodes that are registered with `pauses=True`.

    The turn ends here, with the question as its text. With the answer the node is run again *from its
    top*, and each `ask` that was answered returns at once: nothing with an effect may stand before one.
    What the customer says has not passed the policy node.
    """
    return cast("str", interrupt(question))


def question_in(state: TurnState) -> str | None:
    """Return what the run stopped to ask, if it did."""
    stopped = cast("Sequence[Interrupt[object]]", state.get(_INTERRUPT) or ())
    return str(stopped[0].value) if stopped else None
