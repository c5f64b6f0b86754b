"""A circuit breaker: who fails again and again is not asked for a while, so that nobody waits in vain."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

Clock = Callable[[], float]
"""Monotonic seconds."""
Pass = Literal["call", "probe"]

_SHARE: Final = 0.5
"""Of the calls in the window: a busy model's rare failures must not open it."""


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """When to open, and for how long."""

    failures: int = 5
    window_s: float = 30.0
    """In which so many failures open it."""
    pause_s: float = 20.0
    """After which one call may try whether the model is back."""


class Breaker:
    """One model's: closed, open, or open with a probe under way.

    Who calls takes a pass with `enter`, and gives it back with `succeeded`, `failed` or `gave_up`.
    """

    def __init__(self, limits: BreakerLimits, now: Clock = time.monotonic) -> None:
        self._limits = limits
        self._now = now
        self._calls: deque[tuple[float, bool]] = deque()
        """When calls ended within the window, and whether well."""
        self._opened_at: float | None = None
        self._probing = False

    def enter(self) -> Pass | None:
        """Return a pass, or None while the model is not to be asked."""
        if self._opened_at is None:
            return "call"
        if self._probing or self._now() - self._opened_at < self._limits.pause_s:
            return None
        self._probing = True
        return "probe"

    def succeeded(self, entered: Pass) -> None:
        """Take note that the model answers; a probe's success closes the breaker."""
        if entered == "probe":
            self._opened_at, self._probing = None, False
            self._calls.clear()
        elif self._opened_at is None:
            self._ended(well=True)

    def failed(self, entered: Pass) -> None:
        """Take note of a failure; a probe's starts the pause anew."""
        if entered == "probe":
            self._opened_at, self._probing = self._now(), False
        elif self._opened_at is None:
            self._ended(well=False)
            failures = sum(not well for _, well in self._calls)
            if failures >= self._limits.failures and failures >= _SHARE * len(self._calls):
                self._opened_at = self._now()

    def gave_up(self, entered: Pass) -> None:
        """Take back a pass of which nothing was learnt: whoever asked went away."""
        if entered == "probe":
            self._probing = False

    def _ended(self, *, well: bool) -> None:
        now = self._now()
        self._calls.append((now, well))
        while self._calls[0][0] <= now - self._limits.window_s:
            self._calls.popleft()
