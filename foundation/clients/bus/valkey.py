"""The bus on Valkey (or Redis): publish/subscribe for fan-out, a capped list per channel as replay buffer."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline, PubSub
from redis.exceptions import RedisError

from foundation.clients.bus.channel import Channel
from foundation.clients.bus.port import GAP, Post
from foundation.errors import DependencyUnavailable
from foundation.finish import Finishing

log = structlog.get_logger()

_BUFFER_LENGTH = 200
_BUFFER_SECONDS = 300
_PATIENCE_S = 0.5
_AWAY_S = 1.0
_LINGER_S = 15.0
"""A channel nobody reads is kept this long: whoever asks again in a conversation need not subscribe again."""
_AWAY = (RedisError, OSError, asyncio.TimeoutError)


class _Heard:
    """A channel this process is subscribed to, or is about to be."""

    def __init__(self) -> None:
        self.subscribers: set[Channel] = set()
        self.confirmed = asyncio.Event()
        self.unread_since = time.monotonic()

    def offer(self, payload: bytes) -> None:
        for subscriber in self.subscribers:
            subscriber.offer(payload)


class ValkeyBus:
    """One connection pool for publishing and one connection for all subscriptions of this process."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
        self._listening: Redis = Redis.from_url(url, socket_connect_timeout=2, health_check_interval=5)
        self._channels: dict[str, _Heard] = {}
        self._pubsub: PubSub | None = None
        self._lost = False
        """Whether the last attempt to listen failed: then nobody waits to be subscribed."""
        self._away_until = 0.0
        self._new: list[str] = []
        """Channels to be subscribed to, by a task of the bus's own: readers may go at any moment."""
        self._news = asyncio.Event()
        self._finishing = Finishing()
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def post(self, *posts: Post) -> list[int]:
        if not posts or time.monotonic() < self._away_until:
            return [0] * len(posts)
        pipeline = self._redis.pipeline(transaction=False)
        answers = [_add(pipeline, post) for post in posts]
        try:
            async with asyncio.timeout(_PATIENCE_S):
                results = await self._finishing.to_end(pipeline.execute())
        except _AWAY as error:
            self._give_up_for_now(error)
            return [0] * len(posts)
        return [int(results[answer]) for answer in answers]

    async def buffered(self, channel: str) -> list[bytes]:
        if time.monotonic() < self._away_until:
            return []
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._finishing.to_end(self._lines(channel))
        except _AWAY as error:
            self._give_up_for_now(error)
            return []

    @property
    def connected(self) -> bool:
        return self._pubsub is not None

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[Channel]:
        self._start()
        subscriber = Channel()
        heard = self._channels.get(channel)
        if heard is None:
            heard = self._channels[channel] = _Heard()
            self._new.append(channel)
            self._news.set()
        # If it times out, the confirmation comes as a GAP. What is heard meanwhile is older than this.
        if not self._lost:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await heard.confirmed.wait()
        heard.subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            heard.subscribers.discard(subscriber)
            heard.unread_since = time.monotonic()

    async def ping(self) -> float:
        begun = time.perf_counter()
        try:
            await self._redis.ping()
        except _AWAY as error:
            raise DependencyUnavailable(part="valkey") from error
        return (time.perf_counter() - begun) * 1000

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._finishing.all_ended()
        await self._listening.aclose()
        await self._redis.aclose()

    def _start(self) -> None:
        if not self._tasks:
            work = (self._listen(), self._subscribe_new(), self._forget_unread())
            self._tasks = tuple(map(asyncio.create_task, work))

    async def _listen(self) -> None:
        delay = 0.1
        while True:
            try:
                async with self._listening.pubsub(ignore_subscribe_messages=False) as pubsub:
                    await pubsub.subscribe("replik:listening")
                    # From here on new subscribers send for themselves; those of before are sent for now.
                    self._pubsub, self._lost, delay = pubsub, False, 0.1
                    if self._channels:
                        await pubsub.subscribe(*self._channels)
                    async for message in pubsub.listen():
                        self._deliver(message)
            except Exception as error:  # noqa: BLE001 - without this task nobody hears anything any more
                log.warning("bus_away", error=type(error).__name__, retry_s=delay)
            finally:
                self._pubsub, self._lost = None, True
            for heard in self._channels.values():
                heard.confirmed.clear()
                heard.offer(GAP)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)

    def _deliver(self, message: dict[str, object]) -> None:
        heard = self._channels.get(bytes(message["channel"]).decode())  # type: ignore[call-overload]
        if heard is None:
            return
        if message["type"] == "message":
            heard.offer(bytes(message["data"]))  # type: ignore[call-overload]
        elif message["type"] == "subscribe" and not heard.confirmed.is_set():
            # What was published before this moment is in the database or the buffer: let readers look there.
            heard.confirmed.set()
            heard.offer(GAP)

    async def _subscribe_new(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            new, self._new = [each for each in self._new if each in self._channels], []
            if new and self._pubsub is not None:
                with suppress(*_AWAY):  # the listener subscribes to all channels when it reconnects
                    await self._pubsub.subscribe(*new)

    async def _lines(self, channel: str) -> list[bytes]:
        found = await self._redis.lrange(_buffer(channel), 0, -1)
        return [bytes(line) for line in found]  # type: ignore[arg-type]

    async def _forget_unread(self) -> None:
        while True:
            await asyncio.sleep(_LINGER_S / 3)
            before = time.monotonic() - _LINGER_S
            unread = [
                channel
                for channel, heard in self._channels.items()
                if not heard.subscribers and heard.unread_since < before
            ]
            for channel in unread:
                del self._channels[channel]
            if unread and self._pubsub is not None:
                with suppress(*_AWAY):
                    await self._pubsub.unsubscribe(*unread)

    def _give_up_for_now(self, error: BaseException) -> None:
        """Spare the next callers the wait: nothing on the bus is worth holding up a message."""
        self._away_until = time.monotonic() + _AWAY_S
        log.warning("bus_away", error=type(error).__name__)


def _buffer(channel: str) -> str:
    return f"buffer:{channel}"


def _add(pipeline: Pipeline, post: Post) -> int:
    """Add a post's commands; return which of all results says how many heard it."""
    key = _buffer(post.channel)
    if post.buffer == "append":
        pipeline.rpush(key, post.payload)
        pipeline.ltrim(key, -_BUFFER_LENGTH, -1)
        pipeline.expire(key, _BUFFER_SECONDS)
    elif post.buffer == "clear":
        pipeline.delete(key)
    pipeline.publish(post.channel, post.payload)
    return len(pipeline) - 1
