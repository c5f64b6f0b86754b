"""Presence on Valkey (or Redis): a hash for each place, whose fields say until when they hold."""

import time
from collections.abc import Callable

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from foundation.clients.presence.port import LASTS_S, Present

log = structlog.get_logger()

_PATIENCE_S = 0.5
_AWAY = (RedisError, OSError, TimeoutError)


class ValkeyPresence:
    """A `Presence`."""

    def __init__(self, url: str, now: Callable[[], float] = time.time) -> None:
        self._redis: Redis = Redis.from_url(
            url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S
        )
        self._now = now

    async def put(self, place: str, present: Present) -> None:
        value = orjson.dumps([self._now() + LASTS_S, present.name, present.doing])
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hset(_key(place), present.who, value)
        pipeline.expire(_key(place), int(LASTS_S) + 1)
        try:
            await pipeline.execute()
        except _AWAY as error:
            log.warning("presence_away", error=type(error).__name__)

    async def drop(self, place: str, who: str) -> None:
        try:
            await self._redis.hdel(_key(place), who)
        except _AWAY as error:
            log.warning("presence_away", error=type(error).__name__)

    async def at(self, place: str) -> list[Present]:
        try:
            found = await self._redis.hgetall(_key(place))
        except _AWAY as error:
            log.warning("presence_away", error=type(error).__name__)
            return []
        now = self._now()
        present = []
        for who, value in sorted(found.items()):
            until, name, doing = orjson.loads(value)
            if until > now:
                present.append(Present(who.decode() if isinstance(who, bytes) else who, name, doing))
        return present

    async def close(self) -> None:
        await self._redis.aclose()


def _key(place: str) -> str:
    return f"presence:{place}"
