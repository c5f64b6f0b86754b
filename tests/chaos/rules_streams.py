"""What must hold in what one client saw, whatever happened to its connections."""

from collections.abc import Callable, Iterator

from tests.chaos.history import Seen
from tests.chaos.sorted import Conversation, Stream
from tests.chaos.violation import Kind, Violation

_STORED = {"accepted", "message", "handover"}
"""Events that carry the position of their row."""
_PASSING = {"delta", "status", "citation"}


def judge_stream(conversation: Conversation, stream: Stream) -> Iterator[Violation]:
    """Yield what is wrong with a stream."""
    view = _View(conversation, stream.name)
    for event in stream.events:
        yield from view.take(event)
    if stream.is_whole:
        yield from view.missing()


class _View:
    """What the client knows so far."""

    def __init__(self, conversation: Conversation, stream: str) -> None:
        self._conversation = conversation
        self._stream = stream
        self._rows = {row.position: row for row in conversation.rows}
        self._ids: set[str] = set()
        self._last: tuple[int, ...] = ()
        self._shown: set[int] = set()
        self._text: dict[str, str] = {}
        """By turn, the deltas since the last reset."""
        self._ended: set[str] = set()
        self._done: set[str] = set()
        self._is_human = False

    def take(self, event: Seen) -> Iterator[Violation]:
        """Judge the next event."""
        if event.id in self._ids:
            yield self._violation("duplicated", event, "the same event twice")
            return
        self._ids.add(event.id)
        order = order_of(event.id)
        if order < self._last:
            yield self._violation("reordered", event, "the event id goes backwards")
        self._last = max(self._last, order)
        yield from self._of_agent(event)
        if event.name in _STORED:
            yield from self._stored(event)
        judge: Callable[[Seen, str], Iterator[Violation]] | None = {
            "delta": self._delta,
            "reset": self._reset,
            "message": self._message,
            "error": self._end,
            "done": self._finish,
        }.get(event.name)
        turn_id = event.data.get("turn_id")
        if judge is not None and turn_id is not None:
            yield from judge(event, turn_id)

    def missing(self) -> Iterator[Violation]:
        """Yield the public rows that were passed over."""
        last = max(self._shown, default=0)
        for row in self._conversation.rows:
            # An error has no position in its event; it is known by its turn.
            seen = row.turn_id in self._ended if row.event == "error" else row.position in self._shown
            if row.position < last and row.visibility == "public" and not seen:
                yield Violation("lost", self._stream, f"the row at {row.position} was passed over")

    def _of_agent(self, event: Seen) -> Iterator[Violation]:
        """Nothing of the agent's follows a takeover; of a turn that was handed over, not even afterwards."""
        if event.name == "handover":
            self._is_human = event.data["mode"] == "human"
            return
        of_agent = event.name in _PASSING | {"error", "done"} or (
            event.name == "message" and event.data.get("author") == "agent"
        )
        if not of_agent:
            return
        if self._is_human:
            yield self._violation("after_takeover", event, "a person has the conversation")
        elif self._was_handed_over(event.data.get("turn_id")):
            yield self._violation("after_takeover", event, "its turn had been handed over")

    def _was_handed_over(self, turn_id: str | None) -> bool:
        """Tell whether this stream has shown the handover that ended the turn."""
        turn = self._conversation.turns.get(turn_id or "")
        if turn is None or turn.state != "handed_over":
            return False
        ends = (
            row.position
            for row in self._conversation.handovers
            if row.mode == "human" and row.position > max(turn.positions)
        )
        return next(ends, 0) in self._shown

    def _stored(self, event: Seen) -> Iterator[Violation]:
        position = event.data["position"]
        if position in self._shown:
            yield self._violation("duplicated", event, f"row {position} is shown again")
        elif self._shown and position < max(self._shown):
            yield self._violation("reordered", event, f"row {position} is shown too late")
        self._shown.add(position)
        row = self._rows.get(position)
        if row is None:
            yield self._violation("lost", event, f"row {position} was shown, but is not stored")
        elif event.name != "handover" and row.text != event.data["text"]:
            yield self._violation("lost", event, f"row {position} was shown with another text")

    def _delta(self, event: Seen, turn_id: str) -> Iterator[Violation]:
        if turn_id in self._ended:
            yield self._violation("reordered", event, "a delta after the turn's end")
            return
        before, said = self._text.get(turn_id, ""), event.data["text"]
        self._text[turn_id] = before + said
        answer = self._conversation.answer_to(turn_id)
        # The final text lacks the white space after its last sentence.
        if answer is not None and f"{answer.text} ".startswith(before + said):
            return
        if said in before:
            yield self._violation("duplicated", event, "a delta again without a reset between")
        elif answer is not None:
            yield self._violation("lost", event, "a delta before it is missing, without a reset")
        else:
            return
        del self._text[turn_id]
        self._ended.add(turn_id)  # one report for one fault

    def _reset(self, _event: Seen, turn_id: str) -> Iterator[Violation]:
        self._text.pop(turn_id, None)
        yield from ()

    def _message(self, event: Seen, turn_id: str) -> Iterator[Violation]:
        if event.data.get("author") == "agent" and event.data.get("kind") == "text":
            yield from self._end(event, turn_id)

    def _end(self, event: Seen, turn_id: str) -> Iterator[Violation]:
        if turn_id in self._ended:
            yield self._violation("duplicated", event, "the turn ends again")
        self._ended.add(turn_id)

    def _finish(self, event: Seen, turn_id: str) -> Iterator[Violation]:
        if turn_id not in self._ended:
            yield self._violation("reordered", event, "done before the turn's end")
        if turn_id in self._done:
            yield self._violation("duplicated", event, "done again")
        self._done.add(turn_id)

    def _violation(self, kind: Kind, event: Seen, what: str) -> Violation:
        shown = {name: event.data.get(name) for name in ("turn_id", "position") if event.data.get(name)}
        return Violation(kind, self._stream, f"{event.at:.3f} {event.name} {event.id} {shown}: {what}")


def order_of(event_id: str) -> tuple[int, ...]:
    """Return what an event id is ordered by: its numbers.

    Raises:
        ValueError: it is not an id of ours.
    """
    return tuple(int(part) for part in event_id.split("."))
