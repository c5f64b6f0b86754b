"""The cache on Valkey (or Redis): a hash of entries and a string of index rows for each bucket."""

import time

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger()

_PATIENCE_S = 0.5
_AWAY_S = 1.0
_AWAY = (RedisError, OSError, TimeoutError)


class ValkeyCache:
    """A `Cache`. What it cannot reach in half a second it does without for a second."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(
            url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S
        )
        self._away_until = 0.0

    async def get(self, bucket: str, key: bytes) -> bytes | None:
        """Return an entry; None also when Valkey is away."""
        if self._is_away():
            return None
        try:
            found = await self._redis.hget(_entries(bucket), key)
        except _AWAY as error:
            self._give_up_for_now(error)
            return None
        return found if isinstance(found, bytes) else None

    async def index(self, bucket: str) -> bytes:
        """Return the bucket's rows; none when Valkey is away."""
        if self._is_away():
            return b""
        try:
            found = await self._redis.get(_rows(bucket))
        except _AWAY as error:
            self._give_up_for_now(error)
            return b""
        return found if isinstance(found, bytes) else b""

    async def put(
        self, bucket: str, key: bytes, entry: bytes, row: bytes, *, seconds: int, most: int
    ) -> None:
        """Keep an entry in one trip; see `Cache`."""
        if self._is_away():
            return
        try:
            await self._redis.eval(
                _PUT, 2, _entries(bucket), _rows(bucket), key, entry, row, str(seconds), str(most)
            )
        except _AWAY as error:
            self._give_up_for_now(error)

    async def drop(self, bucket: str, key: bytes) -> None:
        """Forget an entry; when Valkey is away it ends with its bucket's time."""
        if self._is_away():
            return
        try:
            await self._redis.hdel(_entries(bucket), key)
        except _AWAY as error:
            self._give_up_for_now(error)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose()

    def _is_away(self) -> bool:
        return time.monotonic() < self._away_until

    def _give_up_for_now(self, error: Exception) -> None:
        self._away_until = time.monotonic() + _AWAY_S
        log.warning("cache_away", error=type(error).__name__)


def _entries(bucket: str) -> str:
    return f"replik:cache:{{{bucket}}}:entries"


def _rows(bucket: str) -> str:
    return f"replik:cache:{{{bucket}}}:rows"


# A row without its entry is passed over, an entry without its row is found by its exact words.
_PUT = """
if redis.call('hexists', KEYS[1], ARGV[1]) == 0 and redis.call('hlen', KEYS[1]) >= tonumber(ARGV[5]) then
    redis.call('del', KEYS[1], KEYS[2])
end
if redis.call('hset', KEYS[1], ARGV[1], ARGV[2]) == 1 then redis.call('append', KEYS[2], ARGV[3]) end
redis.call('expire', KEYS[1], ARGV[4], 'NX')
redis.call('expire', KEYS[2], ARGV[4], 'NX')
return 1
"""
