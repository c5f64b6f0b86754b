"""What the rest of Replik needs to know of who looks at a thing now: nothing durable."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Doing = Literal["viewing", "typing"]

LASTS_S = 30.0
"""Whoever has not said for so long that they are there is gone."""


@dataclass(frozen=True, slots=True)
class Present:
    who: str
    """As the audit log names them."""
    name: str
    doing: Doing


class Presence(Protocol):
    """When it is away nobody is seen, and nothing else suffers."""

    async def put(self, place: str, present: Present) -> None:
        """Say that somebody is at a place, for `LASTS_S` seconds."""
        ...

    async def drop(self, place: str, who: str) -> None:
        """Say that somebody has left."""
        ...

    async def at(self, place: str) -> Sequence[Present]:
        """Return who is at a place, by who they are."""
        ...
