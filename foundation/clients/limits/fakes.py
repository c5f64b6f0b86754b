"""Rate limits in memory, for tests."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from foundation.clients.limits.port import WINDOW_S, Allowance, Verdict


@dataclass
class LocalLimits:
    """The same arithmetic as in Valkey, for one process."""

    now: Callable[[], float] = time.monotonic
    due: dict[tuple[str, str, str], float] = field(default_factory=dict)

    async def take(self, scope: str, allowances: Sequence[Allowance]) -> tuple[Verdict, ...]:
        now = self.now()
        keys = [(scope, one.name, one.who) for one in allowances]
        dues = [max(self.due.get(key, now), now) for key in keys]
        waits = [
            max(0.0, due + WINDOW_S / one.per_minute - WINDOW_S - now)
            for due, one in zip(dues, allowances, strict=True)
        ]
        if not any(waits):
            dues = [due + WINDOW_S / one.per_minute for due, one in zip(dues, allowances, strict=True)]
            self.due |= dict(zip(keys, dues, strict=True))
        return tuple(
            Verdict(
                one.name,
                one.per_minute,
                int((WINDOW_S - (due - now)) * one.per_minute / WINDOW_S),
                due - now,
                wait,
            )
            for one, due, wait in zip(allowances, dues, waits, strict=True)
        )
