"""Rate limits on Valkey (or Redis): one number for each allowance, read and set by one script.

The generic cell rate algorithm: an allowance's number is the moment at which all of it will be there again.
Valkey's own clock counts, so that gateways need not agree on the time.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from foundation.clients.limits.port import Allowance, Verdict
from foundation.errors import DependencyUnavailable

log = structlog.get_logger()

_PATIENCE_S = 0.5
_AWAY_S = 1.0
_AWAY = (RedisError, OSError, TimeoutError)
_MICRO = 1_000_000
_BATCH = 500


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call that waits for its answer."""

    keys: list[str]
    rates: list[int]
    """For each key its window in microseconds and how many it holds, one after the other."""
    answer: asyncio.Future[list[list[int]]]


class ValkeyLimits:
    """`Limits` for all gateways, over one connection: what is asked meanwhile goes together in the next trip.

    After a failure it says for a second that nobody counts, without asking.
    """

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(
            url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S
        )
        self._away_until = 0.0
        self._waiting: list[_Asked] = []
        self._sending: asyncio.Task[None] | None = None
        self._script = ""

    async def take(self, scope: str, allowances: Sequence[Allowance]) -> tuple[Verdict, ...]:
        if time.monotonic() < self._away_until:
            raise DependencyUnavailable(part="valkey")
        asked = _Asked(
            [_key(scope, one) for one in allowances],
            [number for one in allowances for number in (one.window_s * _MICRO, one.most)],
            asyncio.get_running_loop().create_future(),
        )
        self._waiting.append(asked)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        return tuple(
            Verdict(one, left, full / _MICRO, wait / _MICRO)
            for one, (left, full, wait) in zip(allowances, await asked.answer, strict=True)
        )

    async def close(self) -> None:
        """Let go of the connection, after what is on its way."""
        if self._sending is not None:
            await self._sending
        await self._redis.aclose()

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            try:
                answers = await self._trip(batch)
            except _AWAY as error:
                self._away_until = time.monotonic() + _AWAY_S
                log.warning("limits_away", error=type(error).__name__)
                answers = [error] * len(batch)
            for asked, answer in zip(batch, answers, strict=True):
                if asked.answer.done():
                    continue  # whoever asked has gone
                if isinstance(answer, Exception):
                    asked.answer.set_exception(DependencyUnavailable(part="valkey"))
                else:
                    asked.answer.set_result(answer)

    async def _trip(self, batch: Sequence[_Asked]) -> list[Any]:
        """Return an answer or an error for each."""
        if not self._script:
            self._script = await self._redis.script_load(_TAKE)
        pipeline = self._redis.pipeline(transaction=False)
        for asked in batch:
            arguments = [str(number) for number in asked.rates]
            pipeline.evalsha(self._script, len(asked.keys), *asked.keys, *arguments)
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
        lost = [number for number, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if lost:  # Valkey has started anew
            self._script = ""
            again = await self._trip([batch[number] for number in lost])
            for number, answer in zip(lost, again, strict=True):
                answers[number] = answer
        return answers


def _key(scope: str, one: Allowance) -> str:
    # Hashed, because somebody may be an address on the internet. The braces keep a call's keys on one server.
    who = sha256(f"{one.name}:{one.who}".encode()).hexdigest()[:32]
    return f"replik:limit:{{{scope}}}:{who}"


# Microseconds, so that the numbers are whole; they stay far below 2^53.
_TAKE = """
local clock = redis.call('time')
local now = clock[1] * 1000000 + clock[2]
local windows, dues, waits, refused = {}, {}, {}, false
local function each(i) return math.floor(windows[i] / ARGV[2 * i]) end
for i, key in ipairs(KEYS) do
    windows[i] = tonumber(ARGV[2 * i - 1])
    dues[i] = math.max(tonumber(redis.call('get', key) or now), now)
    waits[i] = math.max(0, dues[i] + each(i) - windows[i] - now)
    refused = refused or waits[i] > 0
end
local answers = {}
for i, key in ipairs(KEYS) do
    if not refused then
        dues[i] = dues[i] + each(i)
        redis.call('set', key, string.format('%.0f', dues[i]), 'px', math.ceil((dues[i] - now) / 1000) + 1)
    end
    local left = math.floor((windows[i] - (dues[i] - now)) / each(i))
    answers[i] = {left, math.ceil(dues[i] - now), math.ceil(waits[i])}
end
return answers
"""
