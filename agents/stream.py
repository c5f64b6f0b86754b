"""A conversation's one ordered stream, as clients see it: rows become events, events carry resumable ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from foundation.errors import InvalidInput
from foundation.ids import ConversationId, TenantId, show

Json = dict[str, Any]

_ALL = 9
"""More events than any row is shown as."""


class Cursor(NamedTuple):
    """How far a client has read. As text it is the event id, which clients treat as opaque.

    All rows before `position` were sent, and the first `step` events of row `position`; of the events that
    are not stored, all up to the `n`-th of ownership `epoch`.
    """

    position: int = 0
    step: int = 0
    epoch: int = 0
    n: int = 0

    @classmethod
    def just_before(cls, position: int) -> "Cursor":
        """Return the cursor of a client that has seen everything before the row at `position`."""
        return cls(position - 1, step=_ALL)

    def __str__(self) -> str:
        return f"{self.position}.{self.step}.{self.epoch}.{self.n}"

    @classmethod
    def parse(cls, text: str | None) -> "Cursor":
        """Return the cursor behind an event id; the stream's beginning for None or an empty text.

        Raises:
            InvalidInput: this is not an event id of ours.
        """
        if not text:
            return cls()
        numbers = text.split(".")
        if len(numbers) != 4 or not all(
            part.isascii() and part.isdigit() and len(part) < 19 for part in numbers
        ):
            raise InvalidInput(field="Last-Event-ID")
        return cls(*map(int, numbers))


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event on its way to a client."""

    id: str
    name: str
    data: Json


@dataclass(frozen=True, slots=True)
class Row:
    """A durable row of the stream."""

    position: int
    message_id: UUID
    turn_id: UUID | None
    author: str
    kind: str
    language: str | None
    parts: tuple[Json, ...]
    client_message_id: str | None
    at: str

    @classmethod
    def of(cls, row: Any) -> "Row":
        """Return the value of a `messages` row."""
        at: datetime = row.created_at
        return cls(
            row.position,
            row.id,
            row.turn_id,
            row.author,
            row.kind,
            row.language,
            tuple(row.parts),
            row.client_message_id,
            at.isoformat(timespec="milliseconds"),
        )

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> "Row":
        """Return the row that a frame carries."""
        return cls(
            **{
                **value,
                "message_id": UUID(value["message_id"]),
                "turn_id": UUID(value["turn_id"]) if value["turn_id"] else None,
                "parts": tuple(value["parts"]),
            }
        )

    @property
    def text(self) -> str:
        """The row's text parts, joined."""
        return "\n".join(part["text"] for part in self.parts if part["type"] == "text")

    def events(self) -> list[tuple[str, Json]]:
        """Return the events this row is shown as, always the same ones: name and data."""
        turn = {"turn_id": show("turn", self.turn_id) if self.turn_id else None}
        if self.author == "customer":
            return [("accepted", turn | self._heading() | {"client_message_id": self.client_message_id})]
        if self.kind == "event":
            return self._control_events(turn)
        extra = next((part for part in self.parts if part["type"] == "text"), {})
        shown = {name: extra.get(name) for name in ("outcome", "confidence", "citations", "offer_person")}
        if self.author == "staff":
            shown["author_name"] = extra.get("name")
        message = ("message", turn | self._heading() | {"kind": self.kind} | shown)
        finished = self.kind == "text" and self.turn_id is not None
        return [message, ("done", turn)] if finished else [message]

    def _control_events(self, turn: Json) -> list[tuple[str, Json]]:
        part = self.parts[0]
        data = {name: value for name, value in part.items() if name not in {"type", "name"}}
        if part["name"] == "error":
            return [("error", turn | data), ("done", turn)]
        if part["name"] == "interrupted":
            return [("done", turn | {"interrupted": True})]
        return [(part["name"], turn | data | {"position": self.position, "at": self.at})]

    def _heading(self) -> Json:
        return {
            "message_id": show("message", self.message_id),
            "position": self.position,
            "author": self.author,
            "text": self.text,
            "language": self.language,
            "at": self.at,
        }


@dataclass(frozen=True, slots=True)
class Address:
    """Which conversation."""

    tenant_id: TenantId
    conversation_id: ConversationId

    def keys(self) -> dict[str, Any]:
        """Return the parameters that every statement on a conversation has."""
        return {"tenant": self.tenant_id, "conversation": self.conversation_id}

    @property
    def channel(self) -> str:
        """The name of its channel on the bus."""
        return f"conversation:{self.tenant_id.hex}:{self.conversation_id.hex}"
