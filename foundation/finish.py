"""Short work that is carried out although whoever waits for it may be cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Finishing:
    """Runs short work to its end.

    Clients of databases and buses share connections. Cancelled in the middle of an exchange they break them,
    for everybody, or report another error and so swallow the cancellation (psycopg, redis: both seen).
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def to_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for the work; if the waiting is cancelled it goes on."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def all_ended(self) -> None:
        """Wait until nothing is on its way."""
        await asyncio.gather(*self._running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody else need hear of it
