"""Makes legal histories: a small model of the protocol, with faults that it is allowed to show."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

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

SENTENCES = 4


@dataclass
class Client:
    """One stream: it may be away, and then it misses what is not stored."""

    stream: str
    is_here: bool = True
    lost_deltas: bool = False
    next_row: int = 0


@dataclass
class Story:
    """One conversation as it happens."""

    name: str
    random: Random
    records: list[Record] = field(default_factory=list)
    rows: list[StoredRow] = field(default_factory=list)
    turns: list[StoredTurn] = field(default_factory=list)
    waiting: list[StoredTurn] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    said: dict[int, str] = field(default_factory=dict)
    mode: Mode = "agent"
    version: int = 0
    n: int = 0
    now: float = 0.0

    def tick(self) -> float:
        self.now += 0.01
        return self.now

    def join(self) -> None:
        client = Client(f"{self.name}/{len(self.clients)}", lost_deltas=True)
        self.clients.append(client)
        self.records.append(Connected(self.tick(), client.stream, self.name, None))
        self.show_rows(client)

    def leave_or_return(self, client: Client) -> None:
        client.is_here = not client.is_here
        client.lost_deltas = True
        if client.is_here:
            self.records.append(Connected(self.tick(), client.stream, self.name, "last"))
            self.show_rows(client)
        else:
            self.records.append(Disconnected(self.tick(), client.stream, "left"))

    def show_rows(self, client: Client) -> None:
        """Send what is stored and this client has not seen."""
        for index, row in enumerate(self.rows[client.next_row :], client.next_row):
            for step, (name, data) in enumerate(events_of(row), 1):
                identity = f"{row.position}.{step}.0.{self.n}"
                self.records.append(Seen(self.tick(), client.stream, identity, name, data))
            client.next_row = index + 1

    def store(self, **values: Any) -> StoredRow:
        row = StoredRow(
            **{
                "conversation": self.name, "position": len(self.rows) + 1, "turn_id": None, "author": "agent",
                "message_id": f"{self.name}-m{len(self.rows)}", "kind": "text", "visibility": "public",
                "client_message_id": None, "text": "", **values,
            }
        )  # fmt: skip
        self.rows.append(row)
        for client in self.clients:
            if client.is_here and row.visibility == "public":
                self.show_rows(client)
        return row

    def passing(self, turn: StoredTurn, name: str, **data: Any) -> None:
        self.n += 1
        for client in self.clients:
            if not client.is_here:
                continue
            if client.lost_deltas and name == "delta":
                continue
            if name in {"reset", "status"}:
                client.lost_deltas = False
            identity = f"{len(self.rows)}.9.0.{self.n}"
            event = Seen(self.tick(), client.stream, identity, name, {"turn_id": turn.turn_id, **data})
            self.records.append(event)

    def say(self) -> None:
        """Send a message: at times more than once, at times several at once."""
        count = self.random.choice([1, 1, 1, 2])
        names = [f"{self.name}-c{len(self.said) + index}" for index in range(count)]
        for name in names:
            self.records.append(Sent(self.tick(), self.name, name, f"«question {name}»"))
        for name in names:
            turn_id = f"{self.name}-t{name}" if self.mode == "agent" else None
            text = f"«question {name}»"
            row = self.store(author="customer", turn_id=turn_id, client_message_id=name, text=text)
            self.said[row.position] = text
            if turn_id is not None:
                turn = StoredTurn(self.name, turn_id, (row.position,), "queued", 0)
                self.waiting.append(turn)
            for again in range(self.random.choice([1, 1, 3])):
                if again:
                    self.records.append(Sent(self.tick(), self.name, name, text))
                ack = Acked(self.tick(), self.name, name, row.message_id, turn_id, row.position, bool(again))
                self.records.append(ack)

    def run(self) -> None:
        """Run the oldest turn, perhaps twice; its end may be an answer, an error, or a takeover."""
        if not self.waiting:
            return
        turn = self.waiting.pop(0)
        answer = [f"Sentence {i} of {self.said[turn.positions[0]]}. " for i in range(SENTENCES)]
        for attempt in range(self.random.choice([1, 1, 2])):
            if attempt:
                fault = Fault(self.tick(), len(self.records), "kill", "between", (turn.turn_id,))
                self.records.append(fault)
                self.passing(turn, "reset")
            self.passing(turn, "status", stage="writing")
            for sentence in answer[: SENTENCES if not attempt else self.random.randrange(SENTENCES + 1)]:
                self.passing(turn, "delta", text=sentence)
                if self.random.random() < 0.1:
                    self.leave_or_return(self.random.choice(self.clients))
        self.records.append(Effect(self.tick(), turn.turn_id))
        end = self.random.choice(["answer", "answer", "answer", "error", "takeover"])
        if end == "takeover":
            self.waiting.insert(0, turn)
            self.control("human")
            self.store(kind="partial", visibility="internal", turn_id=turn.turn_id, text=answer[0])
        elif end == "error":
            self.store(kind="partial", turn_id=turn.turn_id, text=answer[0])
            self.store(author="system", kind="event", event="error", turn_id=turn.turn_id)
            self.turns.append(StoredTurn(self.name, turn.turn_id, turn.positions, "failed", 1))
        else:
            self.store(turn_id=turn.turn_id, text="".join(answer).rstrip())
            self.turns.append(StoredTurn(self.name, turn.turn_id, turn.positions, "done", 1))

    def control(self, mode: Mode) -> None:
        asked = self.tick()
        self.mode, self.version = mode, self.version + 1
        self.store(author="system", kind="event", event="handover", mode=mode)
        if mode == "human":
            for turn in self.waiting:
                self.turns.append(StoredTurn(self.name, turn.turn_id, turn.positions, "handed_over", 1))
            self.waiting.clear()
        self.records.append(Controlled(self.tick(), asked, self.name, mode, self.version))


def events_of(row: StoredRow) -> list[tuple[str, dict[str, Any]]]:
    """Return the events that a row is shown as."""
    if row.visibility != "public":
        return []
    turn = {"turn_id": row.turn_id}
    heading = {"position": row.position, "text": row.text, "author": row.author}
    if row.author == "customer":
        return [("accepted", turn | heading | {"client_message_id": row.client_message_id})]
    if row.event == "handover":
        return [("handover", turn | {"mode": row.mode, "position": row.position, "text": ""})]
    if row.event == "error":
        return [("error", turn | {"code": "agent_failed"}), ("done", turn)]
    message = ("message", turn | heading | {"kind": row.kind})
    return [message, ("done", turn)] if row.kind == "text" else [message]


def legal_history(random: Random) -> list[Record]:
    """Return a history in which every promise is kept, with one to three conversations."""
    records: list[Record] = []
    for number in range(random.randint(1, 3)):
        story = Story(f"k{number}", random)
        story.join()
        for _ in range(random.randint(4, 14)):
            doing = random.choice(["say", "say", "say", "run", "run", "run", "control", "move", "join"])
            if doing == "say":
                story.say()
            elif doing == "run":
                story.run()
            elif doing == "control":
                story.control("human" if story.mode == "agent" else "agent")
            elif doing == "join":
                story.join()
            else:
                story.leave_or_return(random.choice(story.clients))
        while story.waiting:
            story.run()
        for client in story.clients:
            if not client.is_here:
                story.leave_or_return(client)
        records += [*story.records, *story.rows, *story.turns]
    return records
