"""What a client of the event stream expects of it, whatever connections break in between. No I/O."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any


class Broken(Exception):
    """The service did not keep a promise; the text says which."""


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    id: str
    name: str
    data: dict[str, Any]


def parse(pieces: Iterable[bytes]) -> Iterator[Event]:
    """Yield the events of a stream that arrives in pieces of any size; comments are passed over."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n\n")
        for block in whole:
            fields = dict(
                line.split(": ", 1) for line in block.decode().splitlines() if not line.startswith(":")
            )
            if "event" in fields:
                yield Event(fields["id"], fields["event"], json.loads(fields["data"]))


@dataclass(slots=True)
class Following:
    """One conversation as its client sees it, over all connections."""

    last_id: str | None = None
    """Where to resume, for `Last-Event-ID`."""
    finished: set[str] = field(default_factory=set)
    """Turns that are over."""
    _answers: dict[str, str] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def take(self, event: Event) -> None:
        """Note an event.

        Raises:
            Broken: it came before, or its turn is answered already, or ends without an answer.
        """
        if event.id in self._seen:
            raise Broken(f"event {event.id} ({event.name}) came twice")
        self._seen.add(event.id)
        self.last_id = event.id
        turn = str(event.data.get("turn_id"))
        if event.name == "error":
            raise Broken(f"a turn failed: {event.data.get('code')}")
        if event.name in {"delta", "message", "citation", "status"} and turn in self._answers:
            raise Broken(f"{event.name} after the turn's answer")
        if event.name == "message":
            self._answers[turn] = event.data["text"]
        if event.name == "done":
            if not self._answers.get(turn):
                raise Broken("a turn ended without an answer")
            self.finished.add(turn)
