"""One conversation with its clients: somebody who sends, and one or two windows that follow."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random

from tests.chaos.history import (
    Acked,
    Connected,
    Controlled,
    Disconnected,
    Mode,
    Recorder,
    Seen,
    Sent,
)
from tests.chaos.wire import GONE, Answer, Connection, Event, connected

PATIENCE_S = 90.0
"""Nothing that is asked for may take longer than this, whatever breaks."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where the front door is, and what opens it."""

    host: str
    port: int
    server_key: str
    widget_key: str


class Refused(AssertionError):
    """The front door said no to something that is allowed."""


class Window:
    """One client that follows the conversation, and comes back with the last id after every fault."""

    def __init__(self, customer: "Customer", name: str) -> None:
        self.name = name
        self.ended: set[str] = set()
        self.taken_over_at = 0
        """The position of the last takeover that was seen."""
        self._customer = customer
        self._connection: Connection | None = None
        self._last_id: str | None = None

    def cut(self) -> None:
        """Lose the connection."""
        if self._connection is not None:
            self._connection.cut()

    def has_seen_the_end_of(self, turn_id: str, position: int) -> bool:
        return turn_id in self.ended or position < self.taken_over_at

    async def follow(self) -> None:
        """Follow for ever."""
        customer = self._customer
        while True:
            why = "the stream ended"
            try:
                async with connected(customer.door.host, customer.door.port) as self._connection:
                    await self._read(self._connection)
            except GONE as error:
                why = type(error).__name__
            customer.recorder.write(Disconnected(customer.recorder.now(), self.name, why))
            await asyncio.sleep(customer.random.uniform(0.02, 0.4))

    async def _read(self, connection: Connection) -> None:
        customer, now = self._customer, self._customer.recorder.now
        customer.recorder.write(Connected(now(), self.name, customer.conversation, self._last_id))
        headers = {"Authorization": f"Bearer {customer.token}"}
        if self._last_id is not None:
            headers["Last-Event-ID"] = self._last_id
        async for event in connection.events(f"{customer.path}/events", headers):
            customer.recorder.write(Seen(now(), self.name, event.id, event.name, event.data))
            self._last_id = event.id
            await self._notice(event)

    async def _notice(self, event: Event) -> None:
        turn_id = event.data.get("turn_id")
        if event.name == "handover":
            self._customer.mode = event.data["mode"]
            if event.data["mode"] == "human":
                self.taken_over_at = event.data["position"]
        elif turn_id is not None and (event.name == "error" or event.data.get("kind") == "text"):
            self.ended.add(turn_id)
        else:
            return
        await self._customer.tell()


@dataclass
class Customer:
    """Somebody with a conversation."""

    name: str
    door: Door
    recorder: Recorder
    random: Random
    conversation: str = ""
    token: str = ""
    mode: Mode = "agent"
    borrowed: bool = False
    """A fault uses it: it stays, and is not handed back by itself."""
    windows: list[Window] = field(default_factory=list)
    turns: dict[str, int] = field(default_factory=dict)
    """Acknowledged turns and the position of their message."""
    _said: int = 0
    _asking: set[Connection] = field(default_factory=set)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def path(self) -> str:
        return f"/api/chat/conversations/{self.conversation}"

    @property
    def waiting(self) -> list[str]:
        """Acknowledged turns whose end not every window has seen."""
        return [
            turn_id
            for turn_id, position in self.turns.items()
            if not all(window.has_seen_the_end_of(turn_id, position) for window in self.windows)
        ]

    def has_ended(self, turn_id: str) -> bool:
        """Tell whether a window has seen the turn's end."""
        position = self.turns.get(turn_id)
        return any(
            turn_id in window.ended or (position is not None and position < window.taken_over_at)
            for window in self.windows
        )

    @asynccontextmanager
    async def present(self, windows: int) -> AsyncIterator[None]:
        """Start the conversation and follow it in so many windows until the block ends."""
        answer = await self._insist(
            lambda: self._post(
                "/api/chat/conversations", self.door.widget_key, {"language": "en"},
                **{"Idempotency-Key": f"chaos-conversation-{self.name}"},
            )
        )  # fmt: skip
        self.conversation = answer.body["conversation_id"]
        self.token = answer.body["visitor_token"]
        self.windows = [Window(self, f"{self.conversation}/{number}") for number in range(windows)]
        async with asyncio.TaskGroup() as group:
            following = [group.create_task(window.follow()) for window in self.windows]
            try:
                yield
            finally:
                for task in following:
                    task.cancel()

    def cut_requests(self) -> int:
        """Lose the connections on which something is being sent; return how many."""
        for connection in self._asking:
            connection.cut()
        return len(self._asking)

    def next_text(self, more: str = "") -> str:
        """Return something to say that nobody says elsewhere."""
        self._said += 1
        return f"{self.name}, question {self._said}: where is my order? {more}".strip()

    async def send(self, text: str) -> Acked:
        """Send a message until it is acknowledged; return the acknowledgement. The text names the message."""
        name = text.split(":", maxsplit=1)[0]

        async def once() -> Answer:
            self.recorder.write(Sent(self.recorder.now(), self.conversation, name, text))
            body = {"client_message_id": name, "text": text}
            return await self._post(f"{self.path}/messages", self.token, body)

        body = (await self._insist(once)).body
        ack = Acked(
            self.recorder.now(), self.conversation, name, body["message_id"], body["turn_id"],
            body["position"], body["duplicate"],
        )  # fmt: skip
        self.recorder.write(ack)
        if ack.turn_id is not None:
            self.turns[ack.turn_id] = ack.position
        return ack

    async def control(self, mode: Mode) -> None:
        """Give the conversation to a person, or back, until that is acknowledged."""
        asked_at = self.recorder.now()
        body = {"conversation_id": self.conversation, "mode": mode}
        answer = await self._insist(
            lambda: self._post("/api/conversations/handover", self.door.server_key, body)
        )
        version = answer.body["control_version"]
        self.recorder.write(Controlled(self.recorder.now(), asked_at, self.conversation, mode, version))

    async def tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, happened: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
        """Wait for something that the windows' events bring about.

        Raises:
            TimeoutError: it did not happen.
        """
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(happened)

    async def settled(self, waiting: int = 0) -> None:
        """Wait until at most so many turns are unanswered. One that never ends is the checker's to report."""
        with suppress(TimeoutError):
            await self.until(lambda: len(self.waiting) <= waiting)

    async def until_ended(self, ack: Acked) -> None:
        """Wait until a window has seen the end of an acknowledged message's turn; as patient as `settled`."""
        if ack.turn_id is not None:
            with suppress(TimeoutError):
                await self.until(lambda: self.has_ended(ack.turn_id or ""))

    async def _post(self, path: str, key: str, body: object, **headers: str) -> Answer:
        """Send one request on a connection of its own.

        Raises:
            one of `GONE`.
        """
        async with connected(self.door.host, self.door.port) as connection:
            self._asking.add(connection)
            try:
                return await connection.request(
                    "POST", path, {"Authorization": f"Bearer {key}", **headers}, body
                )
            finally:
                self._asking.discard(connection)

    async def _insist(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask again until there is an answer.

        Raises:
            Refused: the answer is no.
            TimeoutError: there is none for too long.
        """
        async with asyncio.timeout(PATIENCE_S):
            while True:
                pause = self.random.uniform(0.02, 0.4)
                try:
                    answer = await ask()
                except GONE:
                    pass
                else:
                    if answer.status < 300:
                        return answer
                    if answer.status not in {408, 429} and answer.status < 500:
                        raise Refused(f"{answer.status} {answer.body}")
                    pause = answer.retry_after_s or pause
                await asyncio.sleep(pause)
