"""What a run has found out so far, for whoever ends it before its last word.

A run may be ended from outside: by its deadline, by a newer message, by a person. Then it yields nothing any
more; what it knows stands in its notes, where whoever runs it can look. As with the run's span, nobody hands
the notes on: they are the current ones in the task that runs it.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from graphs.answerers.account import Account
from graphs.state import Json, TurnState


def _nothing() -> Json:
    return {}


@dataclass(slots=True)
class Notes:
    """One run's."""

    trace: Callable[[], Json] = _nothing
    """Gives the run's trace as far as it came."""
    account: Account | None = None
    """What the models had to do with the answer that was being written."""
    ended_in: str = ""
    """The node that did not end."""
    left: TurnState = field(default_factory=TurnState)
    """What that node knew; of `policies`, those that it had found itself."""

    def over(self, state: TurnState) -> TurnState:
        """Return a state with what the node that did not end knew."""
        if not self.ended_in:
            return state
        known: TurnState = {**state, **self.left}
        known["policies"] = [*state["policies"], *self.left.get("policies", [])]
        known["timings"] = {**state["timings"], **self.left.get("timings", {})}
        # A node that ended has said itself what the models had to do with it.
        if self.account is not None and not known.get("model"):
            known["answerer"] = self.account.answerer
            known["model"] = self.account.model_dump(mode="json")
        return known


_notes: Final[ContextVar[Notes | None]] = ContextVar("notes", default=None)


def take_notes() -> Notes:
    """Let this task's run be noted down, and return where."""
    taken = Notes()
    _notes.set(taken)
    return taken


def current() -> Notes:
    """Return the notes of the run that goes on here; some that nobody reads, when nobody wants them."""
    return _notes.get() or Notes()
