"""Presence within one process, for tests."""

import time
from collections import defaultdict
from collections.abc import Callable

from foundation.clients.presence.port import LASTS_S, Present


class LocalPresence:
    """Behaves like `ValkeyPresence`, by the clock it is given."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._places: dict[str, dict[str, tuple[float, Present]]] = defaultdict(dict)

    async def put(self, place: str, present: Present) -> None:
        self._places[place][present.who] = (self._now() + LASTS_S, present)

    async def drop(self, place: str, who: str) -> None:
        self._places[place].pop(who, None)

    async def at(self, place: str) -> list[Present]:
        now = self._now()
        return [each for _, (until, each) in sorted(self._places[place].items()) if until > now]
