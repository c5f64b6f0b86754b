"""The keyspace of Valkey (or Redis)."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from foundation.errors import DependencyUnavailable

_PAGE = 1_000
_AWAY = (RedisError, OSError, TimeoutError)


class ValkeyKeyspace:
    """Walks with SCAN, so that nobody else waits."""

    def __init__(self, url: str) -> None:
        self._redis: Any = Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)

    async def named(self, *parts: str) -> list[bytes]:
        """Return the keys in whose name one of these stands."""
        async with _there():
            found = {
                bytes(key)
                for part in parts
                async for key in self._redis.scan_iter(match=f"*{part}*", count=_PAGE)
            }
        return sorted(found)

    async def values(self, key: bytes) -> list[bytes]:
        """Return all that is kept under a key, whatever its type; nothing if it is gone."""
        async with _there():
            match bytes(await self._redis.type(key)):
                case b"string":
                    found = [await self._redis.get(key) or b""]
                case b"list":
                    found = await self._redis.lrange(key, 0, -1)
                case b"set":
                    found = await self._redis.smembers(key)
                case b"zset":
                    found = await self._redis.zrange(key, 0, -1)
                case b"hash":
                    held = await self._redis.hgetall(key)
                    found = [*held.keys(), *held.values()]
                case b"stream":
                    entries = await self._redis.xrange(key)
                    found = [each for _, fields in entries for pair in fields.items() for each in pair]
                case _:
                    found = []
        return [bytes(each) for each in found]

    async def forget(self, keys: Collection[bytes]) -> None:
        """Drop these keys; those that are gone are no error."""
        if keys:
            async with _there():
                await self._redis.unlink(*keys)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose()


@asynccontextmanager
async def _there() -> AsyncIterator[None]:
    try:
        yield
    except _AWAY as error:
        raise DependencyUnavailable(part="valkey") from error
