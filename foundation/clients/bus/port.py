"""What the rest of Replik needs of a message bus: fan-out and short replay buffers, nothing durable."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

Buffer = Literal["leave", "append", "clear"]


GAP = b""
"""Stands in a subscription for payloads that may have been lost: look in the database and the buffer."""


@dataclass(frozen=True, slots=True)
class Post:
    """Something to publish; `append` also keeps it in the channel's buffer, `clear` empties that."""

    channel: str
    payload: bytes
    buffer: Buffer = "leave"


class Subscription(Protocol):
    """What has been published on a channel since the subscription began."""

    async def take(self, timeout: float) -> Sequence[bytes]:
        """Return all payloads that wait, or else the next one; nothing after `timeout` seconds.

        `GAP` stands where some may have been lost.
        """
        ...


class Bus(Protocol):
    @property
    def connected(self) -> bool:
        """Whether subscriptions are being fed now."""
        ...

    async def post(self, *posts: Post) -> Sequence[int]:
        """Publish in order and in one trip; return for each how many processes heard it.

        Never raises when the bus is away (then nobody did): what must not be lost is in the database, and
        subscribers look there when nothing comes.
        """
        ...

    async def buffered(self, channel: str) -> list[bytes]:
        """Return the channel's replay buffer, oldest first; empty when the bus is away."""
        ...

    def subscribe(self, channel: str) -> AbstractAsyncContextManager[Subscription]:
        """Return a context; once entered, what is published is heard (or, when the bus is away, a `GAP`)."""
        ...

    async def ping(self) -> float:
        """Return the round trip in milliseconds.

        Raises:
            DependencyUnavailable: no answer.
        """
        ...
