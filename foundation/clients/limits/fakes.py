"""Rate limits in memory, for tests."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from foundation.clients.limits.port import Allowance, Verdict


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
            max(0.0, due + one.window_s / one.most - one.window_s - now)
            for due, one in zip(dues, allowances, strict=True)
        ]
        if not any(waits):
            dues = [due + one.window_s / one.most for due, one in zip(dues, allowances, strict=True)]
            self.due |= dict(zip(keys, dues, strict=True))
        return tuple(
            Verdict(
                one,
                int((one.window_s - (due - now)) * one.most / one.window_s),
                due - now,
                wait,
            )
            for one, due, wait in zip(allowances, dues, waits, strict=True)
        )
