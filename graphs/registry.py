"""The nodes a graph config can name, each with the options it takes and the routes it can choose."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from langgraph.runtime import Runtime

from foundation.turns import Value
from graphs.ports import Ports
from graphs.state import TurnState

P = TypeVar("P", bound=Value)
Step = Callable[[TurnState, Runtime[Ports], P], Awaitable[TurnState]]

NEXT: Final = "next"
"""The route of a node that does not choose."""


class NoOptions(Value):
    """For a node that takes none."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A node that configs can use."""

    name: str
    step: Step[Any]
    options: type[Value]
    routes: tuple[str, ...]
    pauses: bool = False
    """Whether it may stop to ask the customer (`graphs.pauses.ask`)."""

    @property
    def summary(self) -> str:
        """What it does: the first line of its docstring."""
        return (self.step.__doc__ or "").strip().partition("\n")[0]


_nodes: Final[dict[str, Registered]] = {}


def node(
    name: str, *, options: type[P], routes: tuple[str, ...] = (NEXT,), pauses: bool = False
) -> Callable[[Step[P]], Step[P]]:
    """Register a node under a name that configs use.

    `options` forbids unknown fields (it is a `Value`), so a config with a misspelt option is refused when
    it is read. `routes` are all values the node may leave in `state["route"]`. Only the graphs of nodes with
    `pauses` are run with checkpoints.

    Raises:
        ValueError: the name is taken.
    """

    def register(step: Step[P]) -> Step[P]:
        if name in _nodes:
            raise ValueError(f"a node named {name!r} is registered already")
        _nodes[name] = Registered(name, step, options, routes, pauses)
        return step

    return register


def registered(name: str) -> Registered | None:
    """Return the node of that name, if there is one."""
    return _nodes.get(name)


def all_nodes() -> list[Registered]:
    """Return all registered nodes, by name."""
    return [_nodes[name] for name in names()]


def names() -> list[str]:
    """Return the names of all registered nodes."""
    return sorted(_nodes)
