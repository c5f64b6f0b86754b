"""How many replicas to run: hosts by the turns they have, gateways by their share of a core.

Ray Serve's own measure, ongoing requests, says nothing here: the call that wakes a conversation returns at
once, and an idle event stream is an ongoing request that costs next to nothing. So replicas report a figure
of their own (`record_autoscaling_stats`), and `ByLoad` decides in Serve's controller. Nothing here needs Ray.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from foundation.settings import Settings

TURNS = "turns"
"""A host's figure: turns that run and wakes that wait."""
BUSY = "busy"
"""A gateway's figure: the share of one core that its process used since the last report."""

_GATEWAY_BUSY = 0.6
_LOOK_BACK_S = 15.0
_UP_AFTER_S = 5.0
_DOWN_AFTER_S = 120.0


def wanted(loads: Sequence[float], replicas: int, target: float) -> int:
    """Return how many replicas share the load at `target` each.

    `loads` are the figures of the replicas that report. While one of the `replicas` is silent (it starts, or
    it hangs) its share is not known, so there are never fewer wanted than there are.
    """
    needed = math.ceil(round(sum(loads) / target, 6))
    return max(needed, replicas) if len(loads) < replicas else needed


class Seen(Protocol):
    """What Serve's controller tells a policy, as far as it matters here."""

    @property
    def running_replicas(self) -> Sequence[Any]: ...

    @property
    def target_num_replicas(self) -> int: ...

    @property
    def aggregated_metrics(self) -> Mapping[str, Mapping[Any, float]] | None:
        """Figure -> replica -> its mean over the look-back period."""


class ByLoad:
    """An autoscaling policy of Ray Serve; the bounds and delays around its answer are Serve's."""

    def __init__(self, figure: str, target: float) -> None:
        self._figure = figure
        self._target = target

    def __call__(self, seen: Seen) -> tuple[int, dict[str, Any]]:
        """Return the number of replicas wanted, and no state."""
        running = set(seen.running_replicas)
        reported = (seen.aggregated_metrics or {}).get(self._figure, {})
        loads = [load for replica, load in reported.items() if replica in running]
        if not loads:
            return seen.target_num_replicas, {}
        return wanted(loads, len(running), self._target), {}


class CpuShare:
    """The share of one core that this process has used since the last reading."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.process_time,
    ) -> None:
        """Both in seconds."""
        self._clock, self._used = clock, used
        self._at, self._before = clock(), used()

    def read(self) -> float:
        """Return it: 0.0 idle, 1.0 one core busy throughout; more when threads share the work."""
        at, used = self._clock(), self._used()
        passed, spent = at - self._at, used - self._before
        self._at, self._before = at, used
        return spent / passed if passed > 0 else 0.0


def host_scaling(settings: Settings) -> dict[str, Any]:
    """Return the deployment options that say how many hosts run; their replicas report `TURNS`."""
    return _options(settings.host_replicas, settings.host_replicas_max, TURNS, float(settings.host_turns))


def gateway_scaling(settings: Settings) -> dict[str, Any]:
    """Return the deployment options that say how many gateways run; their replicas report `BUSY`."""
    return _options(settings.gateway_replicas, settings.gateway_replicas_max, BUSY, _GATEWAY_BUSY)


def _options(least: int, most: int | None, figure: str, target: float) -> dict[str, Any]:
    if most is None or most == least:
        return {"num_replicas": least}
    return {
        "autoscaling_config": {
            "min_replicas": least,
            "max_replicas": most,
            "look_back_period_s": _LOOK_BACK_S,
            "upscale_delay_s": _UP_AFTER_S,
            "downscale_delay_s": _DOWN_AFTER_S,
            "policy": {
                "policy_function": f"{ByLoad.__module__}:{ByLoad.__name__}",
                "policy_kwargs": {"figure": figure, "target": target},
            },
        }
    }
