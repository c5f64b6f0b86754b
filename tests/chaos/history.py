"""A history: what clients did and saw, which faults there were, and what the database held at the end.

One JSON object a line, in the order in which the recording process noticed it; `at` is seconds since its
start. Several clients, one recorder: line order is real time at the clients.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Literal

import orjson

Json = dict[str, Any]
Mode = Literal["agent", "human"]


@dataclass(frozen=True, slots=True)
class Sent:
    """A client begins to send a message; the same id again is a repeat."""

    at: float
    conversation: str
    client_message_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Acked:
    """The message was acknowledged: from here on it must not be lost."""

    at: float
    conversation: str
    client_message_id: str
    message_id: str
    turn_id: str | None
    """None while a person has the conversation."""
    position: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Connected:
    """A client's stream begins or is resumed. All connections of one `stream` are one client's view."""

    at: float
    stream: str
    conversation: str
    last_event_id: str | None
    scope: Literal["conversation", "turn"] = "conversation"
    """`turn`: the stream shows one turn's events only."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    at: float
    stream: str
    why: str


@dataclass(frozen=True, slots=True)
class Seen:
    """An event arrived at a client's socket."""

    at: float
    stream: str
    id: str
    name: str
    data: Json


@dataclass(frozen=True, slots=True)
class Controlled:
    """A takeover or a hand-back was acknowledged."""

    at: float
    asked_at: float
    conversation: str
    mode: Mode
    version: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault was injected. It counts as overcome when each of `turns` has ended at its client."""

    at: float
    number: int
    kind: str
    point: str
    turns: tuple[str, ...]
    conversations: tuple[str, ...] = ()
    """Without turns: overcome when each of these has the next turn ended."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """An action was executed at the outside service; each key may be executed once."""

    at: float
    key: str


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row of `messages` at the end."""

    conversation: str
    position: int
    message_id: str
    turn_id: str | None
    author: str
    kind: str
    visibility: str
    client_message_id: str | None
    text: str
    event: str | None = None
    """The name of a row of kind `event`: `handover`, `error`."""
    mode: Mode | None = None
    """Of a handover."""


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A row of `turns` at the end."""

    conversation: str
    turn_id: str
    positions: tuple[int, ...]
    state: str
    attempt: int


Record = Sent | Acked | Connected | Disconnected | Seen | Controlled | Fault | Effect | StoredRow | StoredTurn
_KINDS: dict[str, type[Record]] = {
    kind.__name__: kind
    for kind in (
        Sent, Acked, Connected, Disconnected, Seen, Controlled, Fault, Effect, StoredRow, StoredTurn
    )
}  # fmt: skip
_TUPLES = ("turns", "conversations", "positions")


def encode(record: Record) -> bytes:
    """Return the record as one line, without its end."""
    return orjson.dumps({"record": type(record).__name__, **asdict(record)})


def decode(line: bytes) -> Record:
    """Return the record of a line.

    Raises:
        KeyError, TypeError, ValueError: it is not a line of a history.
    """
    value: Json = orjson.loads(line)
    kind = _KINDS[value.pop("record")]
    for name in _TUPLES:
        if name in value:
            value[name] = tuple(value[name])
    return kind(**value)


def read(path: Path) -> Iterator[Record]:
    """Yield a file's records. A line that was cut off at the very end is an error like any other."""
    with path.open("rb") as lines:
        for line in lines:
            yield decode(line)


class Recorder:
    """Writes a history. `now` gives the seconds that go into `at`."""

    def __init__(self, file: IO[bytes], now: Callable[[], float]) -> None:
        self._file = file
        self.now = now

    def write(self, record: Record) -> None:
        self._file.write(encode(record) + b"\n")

    def write_all(self, records: Iterable[Record]) -> None:
        for record in records:
            self.write(record)
