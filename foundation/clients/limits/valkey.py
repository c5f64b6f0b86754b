"""Rate limits on Valkey (or Redis): one number for each allowance, read and set by one script in one trip.

The generic cell rate algorithm: an allowance's number is the moment at which all of it will be there again.
Valkey's own clock counts, so that gateways need not agree on the time.
"""

import time
from collections.abc import Sequence
from hashlib import sha256

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from foundation.clients.limits.port import WINDOW_S, Allowance, Verdict
from foundation.errors import DependencyUnavailable
from foundation.finish import Finishing

log = structlog.get_logger()

_PATIENCE_S = 0.5
_AWAY_S = 1.0
_AWAY = (RedisError, OSError, TimeoutError)
_MICRO = 1_000_000


class ValkeyLimits:
    """`Limits` for all gateways. After a failure it says for a second that nobody counts, without asking."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(
            url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S
        )
        self._script = self._redis.register_script(_TAKE)
        self._finishing = Finishing()
        self._away_until = 0.0

    async def take(self, scope: str, allowances: Sequence[Allowance]) -> tuple[Verdict, ...]:
        if time.monotonic() < self._away_until:
            raise DependencyUnavailable(part="valkey")
        keys = [_key(scope, one) for one in allowances]
        rates = [one.per_minute for one in allowances]
        try:
            answers = await self._finishing.to_end(self._script(keys, [WINDOW_S * _MICRO, *rates]))
        except _AWAY as error:
            self._away_until = time.monotonic() + _AWAY_S
            log.warning("limits_away", error=type(error).__name__)
            raise DependencyUnavailable(part="valkey") from error
        return tuple(
            Verdict(one.name, one.per_minute, int(left), int(full) / _MICRO, int(wait) / _MICRO)
            for one, (left, full, wait) in zip(allowances, answers, strict=True)
        )

    async def close(self) -> None:
        """Let go of the connections, after what is on its way."""
        await self._finishing.all_ended()
        await self._redis.aclose()


def _key(scope: str, one: Allowance) -> str:
    # Hashed, because somebody may be an address on the internet. The braces keep a call's keys on one server.
    who = sha256(f"{one.name}:{one.who}".encode()).hexdigest()[:32]
    return f"replik:limit:{{{scope}}}:{who}"


# Microseconds, so that the numbers are whole; they stay far below 2^53.
_TAKE = """
local clock = redis.call('time')
local now = clock[1] * 1000000 + clock[2]
local window = tonumber(ARGV[1])
local dues, waits, refused = {}, {}, false
for i, key in ipairs(KEYS) do
    dues[i] = math.max(tonumber(redis.call('get', key) or now), now)
    waits[i] = math.max(0, dues[i] + math.floor(window / ARGV[i + 1]) - window - now)
    refused = refused or waits[i] > 0
end
local answers = {}
for i, key in ipairs(KEYS) do
    local each = math.floor(window / ARGV[i + 1])
    if not refused then
        dues[i] = dues[i] + each
        redis.call('set', key, string.format('%.0f', dues[i]), 'px', math.ceil((dues[i] - now) / 1000) + 1)
    end
    local left = math.floor((window - (dues[i] - now)) / each)
    answers[i] = {left, math.ceil(dues[i] - now), math.ceil(waits[i])}
end
return answers
"""
