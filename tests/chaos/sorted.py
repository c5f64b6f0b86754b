"""A history by conversation, as the rules want to read it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from tests.chaos.history import (
    Acked,
    Connected,
    Controlled,
    Disconnected,
    Effect,
    Fault,
    Mode,
    Record,
    Seen,
    Sent,
    StoredRow,
    StoredTurn,
)


@dataclass
class Stream:
    """All that one client saw of a conversation, over all its connections."""

    name: str
    is_whole: bool
    """Whether it began at the conversation's beginning and shows everything."""
    events: list[Seen] = field(default_factory=list)


@dataclass
class Conversation:
    """One conversation: what was sent, promised, seen and stored. Complete before any rule reads it."""

    name: str
    sent: dict[str, list[Sent]] = field(default_factory=lambda: defaultdict(list))
    """By client message id, oldest first."""
    acked: dict[str, list[Acked]] = field(default_factory=lambda: defaultdict(list))
    controls: list[Controlled] = field(default_factory=list)
    streams: dict[str, Stream] = field(default_factory=dict)
    stored: list[StoredRow] = field(default_factory=list)
    turns: dict[str, StoredTurn] = field(default_factory=dict)

    @cached_property
    def rows(self) -> list[StoredRow]:
        """In mailbox order."""
        return sorted(self.stored, key=lambda row: row.position)

    @cached_property
    def outcomes(self) -> dict[str, list[StoredRow]]:
        """By turn: the answers and errors that were committed for it."""
        found: dict[str, list[StoredRow]] = defaultdict(list)
        for row in self.rows:
            if row.turn_id is not None and is_outcome(row):
                found[row.turn_id].append(row)
        return found

    @cached_property
    def handovers(self) -> list[StoredRow]:
        return [row for row in self.rows if row.event == "handover"]

    def mode_at(self, position: int) -> Mode:
        """Return who had the conversation when this position was taken."""
        mode: Mode = "agent"
        for row in self.handovers:
            if row.position >= position:
                break
            mode = row.mode or mode
        return mode

    def answer_to(self, turn_id: str) -> StoredRow | None:
        """Return the turn's answer, if it has one."""
        return next((row for row in self.outcomes.get(turn_id, ()) if row.kind == "text"), None)


def is_outcome(row: StoredRow) -> bool:
    """Tell whether the row ends a turn: an answer or an error."""
    return (row.author == "agent" and row.kind == "text") or row.event == "error"


@dataclass
class Sorted:
    conversations: dict[str, Conversation]
    faults: list[Fault]
    effects: list[Effect]


def sort(records: Iterable[Record]) -> Sorted:
    """Put each record where it belongs.

    Raises:
        KeyError: an event of a stream that never connected.
    """
    history = Sorted({}, [], [])
    stream_of: dict[str, Stream] = {}

    def of(name: str) -> Conversation:
        return history.conversations.setdefault(name, Conversation(name))

    for record in records:
        match record:
            case Fault():
                history.faults.append(record)
            case Effect():
                history.effects.append(record)
            case Seen():
                stream_of[record.stream].events.append(record)
            case Connected():
                _connect(of(record.conversation), stream_of, record)
            case Disconnected():
                pass
            case _:
                _add(of(record.conversation), record)
    return history


def _add(conversation: Conversation, record: Sent | Acked | Controlled | StoredRow | StoredTurn) -> None:
    match record:
        case Sent():
            conversation.sent[record.client_message_id].append(record)
        case Acked():
            conversation.acked[record.client_message_id].append(record)
        case Controlled():
            conversation.controls.append(record)
        case StoredRow():
            conversation.stored.append(record)
        case StoredTurn():
            conversation.turns[record.turn_id] = record


def _connect(conversation: Conversation, stream_of: dict[str, Stream], record: Connected) -> None:
    if record.stream not in stream_of:
        is_whole = record.scope == "conversation" and record.last_event_id is None
        stream_of[record.stream] = Stream(record.stream, is_whole)
        conversation.streams[record.stream] = stream_of[record.stream]
