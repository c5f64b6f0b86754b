"""What travels on a conversation's channel between hosts and gateways, as JSON."""

from dataclasses import dataclass
from typing import Any

import orjson

from agents.stream import Json, Row


@dataclass(frozen=True, slots=True)
class Stored:
    """A row was committed."""

    row: Row
    control_version: int


@dataclass(frozen=True, slots=True)
class Passing:
    """Events that are not stored, in a row: deltas, statuses, citations, resets of one run of a turn."""

    epoch: int
    n: int
    """The first one's number; counts all passing events of one ownership."""
    index: int
    """The first one's place in its run of the turn; 0 is the run's first."""
    turn_id: str
    control_version: int
    events: tuple[tuple[str, Json], ...]
    """Name and data of each."""

    def followed_by(self, later: "Passing") -> "Passing | None":
        """Return both as one, if `later` goes on where this ends."""
        count = len(self.events)
        mine = (self.epoch, self.n + count, self.index + count, self.turn_id, self.control_version)
        if mine != (later.epoch, later.n, later.index, later.turn_id, later.control_version):
            return None
        return Passing(
            self.epoch, self.n, self.index, self.turn_id, self.control_version, self.events + later.events
        )


Frame = Stored | Passing


def encode(frame: Frame) -> bytes:
    return orjson.dumps([type(frame).__name__, frame])


def decode(payload: bytes) -> Frame:
    kind, value = orjson.loads(payload)
    if kind == "Stored":
        return Stored(Row.of_json(value["row"]), value["control_version"])
    events: list[tuple[str, dict[str, Any]]] = value.pop("events")
    return Passing(**value, events=tuple((name, data) for name, data in events))
