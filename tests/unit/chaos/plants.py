"""Plants one fault in a legal history. Each function returns the spoilt history.

Raises:
    NoPlace: this history has nothing that could be spoilt so.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

from tests.chaos.history import Acked, Controlled, Effect, Record, Seen, Sent, StoredRow, StoredTurn
from tests.chaos.sorted import sort

History = list[Record]
Plant = Callable[[History, Random], History]
R = TypeVar("R", bound=Record)
T = TypeVar("T")

PLANTS: dict[str, list[Plant]] = {}


def plant(kind: str) -> Callable[[Plant], Plant]:
    """Register a function as a way to break this promise."""

    def register(function: Plant) -> Plant:
        PLANTS.setdefault(kind, []).append(function)
        return function

    return register


class NoPlace(Exception):
    """There is nothing here that could be spoilt so."""


def one_of(random: Random, places: Sequence[T]) -> T:
    if not places:
        raise NoPlace
    return random.choice(places)


def pick(history: History, random: Random, of: type[R], fits: Callable[[R], bool]) -> R:
    return one_of(random, [record for record in history if isinstance(record, of) and fits(record)])


def without(history: History, *gone: Record) -> History:
    return [record for record in history if not any(record is one for one in gone)]


def instead(history: History, old: Record, *new: Record) -> History:
    index = next(index for index, record in enumerate(history) if record is old)
    return [*history[:index], *new, *history[index + 1 :]]


def is_answer(row: StoredRow) -> bool:
    return row.author == "agent" and row.kind == "text"


def after(event: Seen, **changes: object) -> Seen:
    """Return an event that comes right after `event`, with an id of its own."""
    data = {**event.data, **changes}
    return replace(event, id=f"{event.id}.1", data=data)


def run_of(history: History, random: Random) -> list[Seen]:
    """Return at least three deltas that one stream saw of one run, in order."""
    runs: dict[tuple[str, str], list[list[Seen]]] = {}
    for event in history:
        if not isinstance(event, Seen) or event.name not in {"delta", "reset", "status"}:
            continue
        own = runs.setdefault((event.stream, event.data["turn_id"]), [[]])
        if event.name == "delta":
            own[-1].append(event)
        else:
            own.append([])
    answered = {r.turn_id for r in history if isinstance(r, StoredRow) and is_answer(r)}
    long = [run for (_, turn), own in runs.items() for run in own if len(run) >= 3 and turn in answered]
    return one_of(random, long)


def acked_turns(history: History) -> set[str | None]:
    return {record.turn_id for record in history if isinstance(record, Acked)} - {None}


@plant("lost")
def a_message_is_not_stored(history: History, random: Random) -> History:
    row = pick(history, random, StoredRow, lambda row: row.author == "customer")
    return without(history, row)


@plant("lost")
def an_answer_is_not_stored(history: History, random: Random) -> History:
    row = pick(history, random, StoredRow, is_answer)
    return without(history, row)


@plant("lost")
def a_turn_is_not_stored(history: History, random: Random) -> History:
    turn = pick(history, random, StoredTurn, lambda turn: turn.turn_id in acked_turns(history))
    return without(history, turn)


@plant("lost")
def a_turn_is_still_queued(history: History, random: Random) -> History:
    turn = pick(history, random, StoredTurn, lambda turn: turn.state == "done")
    row = pick(history, random, StoredRow, lambda row: row.turn_id == turn.turn_id and is_answer(row))
    return without(instead(history, turn, replace(turn, state="queued")), row)


@plant("lost")
def a_turn_without_a_handover(history: History, random: Random) -> History:
    turn = pick(history, random, StoredTurn, lambda turn: turn.state == "handed_over")
    return [
        record
        for record in history
        if not (isinstance(record, StoredRow) and record.mode and record.conversation == turn.conversation)
    ]


@plant("lost")
def an_acknowledgement_without_a_turn(history: History, random: Random) -> History:
    ack = pick(history, random, Acked, lambda ack: ack.turn_id is not None and not ack.duplicate)
    rest = [r for r in history if not (isinstance(r, Acked) and r.message_id == ack.message_id)]
    return [*rest, replace(ack, turn_id=None)]


@plant("lost")
def an_answer_to_something_else(history: History, random: Random) -> History:
    row = pick(history, random, StoredRow, is_answer)
    return instead(history, row, replace(row, text="Something else."))


@plant("lost")
def no_client_sees_the_end(history: History, random: Random) -> History:
    row = pick(history, random, StoredRow, is_answer)
    return [
        record
        for record in history
        if not (isinstance(record, Seen) and record.data.get("turn_id") == row.turn_id
                and record.name in {"message", "done"})
    ]  # fmt: skip


@plant("lost")
def a_row_is_passed_over(history: History, random: Random) -> History:
    streams = {s.name: s for c in sort(history).conversations.values() for s in c.streams.values()}
    stored = {
        name: [e for e in stream.events if e.name in {"accepted", "message", "handover"}]
        for name, stream in streams.items()
    }
    places = [events[:-1] for events in stored.values() if len(events) > 1]
    return without(history, random.choice(one_of(random, places)))


@plant("lost")
def a_delta_is_missing(history: History, random: Random) -> History:
    run = run_of(history, random)
    return without(history, random.choice(run[:-1]))


@plant("lost")
def a_takeover_is_not_stored(history: History, random: Random) -> History:
    control = pick(history, random, Controlled, lambda _: True)
    return instead(history, control, replace(control, version=control.version + 99))


@plant("lost")
def a_row_is_shown_that_was_never_committed(history: History, random: Random) -> History:
    event = pick(history, random, Seen, lambda event: event.name == "message")
    last = max((r.position for r in history if isinstance(r, StoredRow)), default=0)
    return [*history, replace(event, id="999.1.0.0", data={**event.data, "position": last + 1})]


@plant("duplicated")
def two_answers(history: History, random: Random) -> History:
    row = pick(history, random, StoredRow, is_answer)
    return [*history, replace(row, position=row.position + 1_000)]


@plant("duplicated")
def an_answer_and_an_error(history: History, random: Random) -> History:
    row = pick(history, random, StoredRow, is_answer)
    error = replace(row, position=row.position + 1_000, author="system", kind="event", event="error")
    return [*history, error]


@plant("duplicated")
def a_message_stored_twice(history: History, random: Random) -> History:
    row = pick(history, random, StoredRow, lambda row: row.author == "customer")
    return [*history, replace(row, position=row.position + 1_000, message_id="another")]


@plant("duplicated")
def one_id_acknowledged_as_two_messages(history: History, random: Random) -> History:
    ack = pick(history, random, Acked, lambda _: True)
    return [*history, replace(ack, message_id="another", position=ack.position + 1)]


@plant("duplicated")
def the_same_event_again(history: History, random: Random) -> History:
    event = pick(history, random, Seen, lambda _: True)
    later = [r for r in history if isinstance(r, Seen) and r.stream == event.stream and r.at >= event.at]
    place = random.choice(later)
    return instead(history, place, place, event)


@plant("duplicated")
def a_row_shown_again_under_another_id(history: History, random: Random) -> History:
    event = pick(history, random, Seen, lambda event: event.name in {"accepted", "message", "handover"})
    return instead(history, event, event, after(event))


@plant("duplicated")
def a_delta_again_without_a_reset(history: History, random: Random) -> History:
    run = run_of(history, random)
    earlier, later = sorted(random.choices(range(len(run)), k=2))
    return instead(history, run[later], run[later], after(run[later], text=run[earlier].data["text"]))


@plant("duplicated")
def done_again(history: History, random: Random) -> History:
    event = pick(history, random, Seen, lambda event: event.name == "done")
    return instead(history, event, event, after(event))


@plant("reordered")
def two_events_change_places(history: History, random: Random) -> History:
    streams = [s.events for c in sort(history).conversations.values() for s in c.streams.values()]
    long = [events for events in streams if len(events) > 1]
    events = one_of(random, long)
    index = random.randrange(len(events) - 1)
    first, second = events[index], events[index + 1]
    return [second if record is first else first if record is second else record for record in history]


@plant("reordered")
def answers_change_places(history: History, random: Random) -> History:
    rows = sorted((r for r in history if isinstance(r, StoredRow) and is_answer(r)), key=lambda r: r.position)
    pairs = [
        (a, b) for a in rows for b in rows if a.conversation == b.conversation and a.position < b.position
    ]
    first, second = one_of(random, pairs)
    spoilt = instead(history, first, replace(first, position=second.position))
    return instead(spoilt, second, replace(second, position=first.position))


@plant("reordered")
def a_later_message_comes_first(history: History, random: Random) -> History:
    first_sent: dict[str, Sent] = {}
    for record in history:
        if isinstance(record, Sent):
            first_sent.setdefault(record.client_message_id, record)
    ack = pick(
        history, random, Acked,
        lambda ack: not ack.duplicate and any(
            sent.conversation == ack.conversation and sent.at > ack.at for sent in first_sent.values()
        ),
    )  # fmt: skip
    high = ack.position + 1_000
    spoilt: History = []
    for record in history:
        if isinstance(record, Acked | StoredRow) and record.message_id == ack.message_id:
            spoilt.append(replace(record, position=high))
        else:
            spoilt.append(record)
    return spoilt


@plant("reordered")
def a_delta_after_the_end(history: History, random: Random) -> History:
    run = run_of(history, random)
    ends = [
        record for record in history
        if isinstance(record, Seen) and record.stream == run[0].stream and record.name == "message"
        and record.data["turn_id"] == run[0].data["turn_id"]
    ]  # fmt: skip
    one_of(random, ends)
    return instead(history, ends[0], ends[0], replace(run[-1], id=f"{ends[0].id}.1"))


@plant("double_effects")
def an_effect_twice(history: History, random: Random) -> History:
    effect = pick(history, random, Effect, lambda _: True)
    return [*history, replace(effect, at=effect.at + 1)]


def _said_after_takeover(history: History, random: Random, name: str, **data: object) -> History:
    event = pick(history, random, Seen, lambda e: e.name == "handover" and e.data["mode"] == "human")
    spoken = replace(after(event), name=name, data={"turn_id": "any", **data})
    return instead(history, event, event, spoken)


@plant("after_takeover")
def a_delta_after_takeover(history: History, random: Random) -> History:
    return _said_after_takeover(history, random, "delta", text="I am still here.")


@plant("after_takeover")
def a_status_after_takeover(history: History, random: Random) -> History:
    return _said_after_takeover(history, random, "status", stage="writing")


@plant("after_takeover")
def a_citation_after_takeover(history: History, random: Random) -> History:
    return _said_after_takeover(history, random, "citation", citation={})


@plant("after_takeover")
def a_message_after_takeover(history: History, random: Random) -> History:
    return _said_after_takeover(
        history, random, "message", author="agent", kind="text", text="Done.", position=10_000
    )


@plant("after_takeover")
def a_reply_committed_after_takeover(history: History, random: Random) -> History:
    rows = [record for record in history if isinstance(record, StoredRow)]
    takeover = pick(history, random, StoredRow, lambda row: row.mode == "human")
    last = max(row.position for row in rows if row.conversation == takeover.conversation)
    is_last = not any(
        row.mode == "agent" and row.position > takeover.position and row.conversation == takeover.conversation
        for row in rows
    )
    reply = replace(
        takeover, position=last + 1, author="agent", kind="text", event=None, mode=None, text="Yes."
    )
    if not is_last:
        raise NoPlace
    return [*history, reply]


@plant("after_takeover")
def an_old_run_speaks_after_the_hand_back(history: History, random: Random) -> History:
    backs = [r for r in history if isinstance(r, Seen) and r.name == "handover" and r.data["mode"] == "agent"]
    over = [r for r in history if isinstance(r, StoredTurn) and r.state == "handed_over"]
    places = [
        (back, turn) for back in backs for turn in over
        if back.stream.startswith(f"{turn.conversation}/") and max(turn.positions) < back.data["position"]
        and any(r.conversation == turn.conversation and r.mode == "human"
                and max(turn.positions) < r.position < back.data["position"]
                for r in history if isinstance(r, StoredRow))
    ]  # fmt: skip
    back, turn = one_of(random, places)
    delta = replace(after(back), name="delta", data={"turn_id": turn.turn_id, "text": "As I said, "})
    return instead(history, back, back, delta)
