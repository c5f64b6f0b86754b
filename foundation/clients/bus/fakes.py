"""An in-process bus for tests of one process."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from foundation.clients.bus.channel import Channel
from foundation.clients.bus.port import Post


class LocalBus:
    """Behaves like `ValkeyBus`; `away` makes it lose everything, as a stopped Valkey does."""

    def __init__(self) -> None:
        self.away = False
        self._buffers: dict[str, list[bytes]] = defaultdict(list)
        self._channels: dict[str, set[Channel]] = defaultdict(set)

    @property
    def connected(self) -> bool:
        return not self.away

    async def post(self, *posts: Post) -> list[int]:
        return [0 if self.away else self._post(post) for post in posts]

    async def buffered(self, channel: str) -> list[bytes]:
        return [] if self.away else list(self._buffers[channel])

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[Channel]:
        subscriber = Channel()
        self._channels[channel].add(subscriber)
        try:
            yield subscriber
        finally:
            self._channels[channel].discard(subscriber)

    async def ping(self) -> float:
        return 0.0

    def _post(self, post: Post) -> int:
        if post.buffer == "append":
            self._buffers[post.channel].append(post.payload)
        elif post.buffer == "clear":
            self._buffers[post.channel].clear()
        for subscriber in self._channels[post.channel]:
            subscriber.offer(post.payload)
        return int(bool(self._channels[post.channel]))
