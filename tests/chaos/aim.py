"""A turn that a fault is aimed at."""

import asyncio
from dataclasses import dataclass, field
from random import Random

from tests.chaos.action import ACTS
from tests.chaos.customer import Customer
from tests.chaos.database import Lock
from tests.chaos.history import Acked
from tests.chaos.points import Hold
from tests.chaos.room import Held
from tests.chaos.schedule import Planned


@dataclass
class Aim:
    """The turn of one message, which is to be held, and what is known of it."""

    planned: Planned
    customer: Customer
    hold: Hold
    at: Held | None = None
    """None at the gateway: nobody knows the turn yet."""
    lock: Lock | None = None
    backend: int | None = None
    """The connection that waits inside its transaction."""
    taking: "asyncio.Task[None] | None" = None
    """A takeover that stands in line before the turn's commit."""
    beside: list["asyncio.Task[object]"] = field(default_factory=list)
    """What the fault began and did not wait for."""
    text: str = field(init=False)
    random: Random = field(init=False)
    _sending: "asyncio.Task[Acked] | None" = None

    def __post_init__(self) -> None:
        self.text = self.customer.next_text(f"{ACTS} {self.hold}")
        self.random = Random(self.planned.seed)

    def begin(self) -> None:
        """Send the message whose turn is to be held."""
        self._sending = asyncio.create_task(self.customer.send(self.text))

    @property
    def sent(self) -> "asyncio.Task[Acked]":
        assert self._sending is not None
        return self._sending

    @property
    def pid(self) -> int:
        """The process that holds the turn."""
        assert self.at is not None
        return self.at.pid
