"""What must hold between what was acknowledged and what the database has at the end."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.chaos.history import Acked, StoredRow
from tests.chaos.sorted import Conversation, is_outcome
from tests.chaos.violation import Violation


def judge_rows(conversation: Conversation) -> Iterator[Violation]:
    """Yield what is wrong with a conversation's rows."""
    for rule in (_stored_once, _kept, _ended_once, _seen_to_end, _in_order, _in_time, _controls, _silence):
        yield from rule(conversation)


def _stored_once(conversation: Conversation) -> Iterator[Violation]:
    """A client message id names one message, whoever asks."""
    ids = Counter(row.client_message_id for row in conversation.rows if row.client_message_id is not None)
    for name, times in ids.items():
        if times > 1:
            yield Violation("duplicated", conversation.name, f"message {name} is stored {times} times")
    for name, acks in conversation.acked.items():
        if len({(ack.message_id, ack.position, ack.turn_id) for ack in acks}) > 1:
            yield Violation("duplicated", conversation.name, f"message {name} was acknowledged as several")


def _kept(conversation: Conversation) -> Iterator[Violation]:
    """What was acknowledged is stored as it was sent, and has one outcome."""
    stored = {row.client_message_id: row for row in conversation.rows if row.client_message_id is not None}
    for name, acks in conversation.acked.items():
        ack, row = acks[0], stored.get(name)
        if row is None or row.message_id != ack.message_id or row.position != ack.position:
            yield Violation("lost", conversation.name, f"message {name} is not stored as acknowledged")
        elif row.text != conversation.sent[name][0].text:
            yield Violation("lost", conversation.name, f"message {name} is stored with another text")
        elif (why := _without_outcome(conversation, ack)) is not None:
            yield Violation("lost", conversation.name, f"message {name} at {ack.position}: {why}")


def _without_outcome(conversation: Conversation, ack: Acked) -> str | None:
    """Return why an acknowledged message has no final outcome; None if it has one."""
    if ack.turn_id is None:
        is_human = conversation.mode_at(ack.position) == "human"
        return None if is_human else "no turn, though the agent had the conversation"
    turn = conversation.turns.get(ack.turn_id)
    if turn is None or ack.position not in turn.positions:
        return "its turn is not stored"
    if turn.state == "handed_over":
        covered = any(row.position > ack.position and row.mode == "human" for row in conversation.handovers)
        return None if covered else "handed over without a handover"
    if not conversation.outcomes.get(ack.turn_id):
        return f"its turn is {turn.state} without answer or error"
    answer = conversation.answer_to(ack.turn_id)
    is_to_it = answer is None or conversation.sent[ack.client_message_id][0].text in answer.text
    return None if is_to_it else "the answer is to something else"


def _ended_once(conversation: Conversation) -> Iterator[Violation]:
    """A turn has at most one outcome, and the one that its row names."""
    for turn_id, rows in conversation.outcomes.items():
        turn = conversation.turns.get(turn_id)
        outcomes = len(rows) + (turn is not None and turn.state == "handed_over")
        if outcomes > 1:
            yield Violation("duplicated", conversation.name, f"turn {turn_id} has {outcomes} outcomes")


def _seen_to_end(conversation: Conversation) -> Iterator[Violation]:
    """Some stream of the conversation has shown how each acknowledged message ended."""
    shown: set[str] = set()
    last_handover = 0
    for stream in conversation.streams.values():
        for event in stream.events:
            if event.name == "error" or (event.name == "message" and event.data.get("kind") == "text"):
                shown.add(str(event.data.get("turn_id")))
            elif event.name == "handover" and event.data["mode"] == "human":
                last_handover = max(last_handover, event.data["position"])
    for name, acks in conversation.acked.items():
        turn_id = acks[0].turn_id
        if turn_id is None or turn_id in shown:
            continue
        turn = conversation.turns.get(turn_id)
        if turn is None or turn.state != "handed_over" or last_handover < acks[0].position:
            yield Violation("lost", conversation.name, f"no client ever saw how message {name} ended")


def _in_order(conversation: Conversation) -> Iterator[Violation]:
    """Turns end in the order in which their messages came, and after them."""
    last = 0
    for row in conversation.rows:
        turn = conversation.turns.get(row.turn_id) if row.turn_id and is_outcome(row) else None
        if turn is None:
            continue
        if min(turn.positions) < last:
            yield Violation("reordered", conversation.name, f"the outcome at {row.position} comes too late")
        if max(turn.positions) > row.position:
            yield Violation("reordered", conversation.name, f"the outcome at {row.position} comes too early")
        last = max(last, *turn.positions)


def _in_time(conversation: Conversation) -> Iterator[Violation]:
    """A message that was sent after another's acknowledgement comes after it in the mailbox."""
    latest_sent = 0.0
    for name, acks in sorted(conversation.acked.items(), key=lambda item: item[1][0].position):
        if acks[0].at < latest_sent:
            yield Violation("reordered", conversation.name, f"message {name} is stored after a later one")
        latest_sent = max(latest_sent, conversation.sent[name][0].at)


def _controls(conversation: Conversation) -> Iterator[Violation]:
    """An acknowledged takeover or hand-back is a row of the stream: the version counts them."""
    for control in conversation.controls:
        rows = conversation.handovers[control.version - 1 : control.version]
        if [row.mode for row in rows] != [control.mode]:
            yield Violation(
                "lost", conversation.name, f"control {control.version} ({control.mode}) is not stored"
            )


def _silence(conversation: Conversation) -> Iterator[Violation]:
    """While a person has the conversation the agent says nothing in public."""
    for row in _said_by_agent(conversation.rows):
        if conversation.mode_at(row.position) == "human":
            yield Violation(
                "after_takeover", conversation.name, f"the agent's row at {row.position} was committed"
            )


def _said_by_agent(rows: Sequence[StoredRow]) -> Iterator[StoredRow]:
    return (row for row in rows if row.visibility == "public" and (row.author == "agent" or is_outcome(row)))
