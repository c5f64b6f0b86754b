"""At most so many calls a minute, evenly."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class Pace:
    """Lets calls pass one after another, each at least a minute's share after the one before."""

    def __init__(
        self,
        per_minute: int | None,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """None: no limit. `now` and `sleep` are in seconds."""
        self._share = 60 / per_minute if per_minute else 0.0
        self._now = now
        self._sleep = sleep
        self._next = 0.0

    async def wait(self) -> None:
        """Return when it is this call's turn."""
        now = self._now()
        mine = max(self._next, now)
        self._next = mine + self._share
        if mine > now:
            await self._sleep(mine - now)
