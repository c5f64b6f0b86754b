"""What the rest of Replik needs of rate limits: take one from each of several allowances, or from none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MINUTE_S = 60
HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many requests in a time for somebody; they may also come at once."""

    name: str
    """What is counted, as clients see it: `visitor`, `key`, …"""
    who: str
    """Whose it is."""
    most: int
    window_s: int = MINUTE_S


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is left of an allowance."""

    allowance: Allowance
    remaining: int
    full_in_s: float
    """Until all of it is there again."""
    retry_after_s: float
    """0 when it had one left."""


class Limits(Protocol):
    """Counts for all gateways together."""

    async def take(self, scope: str, allowances: Sequence[Allowance]) -> tuple[Verdict, ...]:
        """Take one of each allowance, or none if one of them is used up; answers in the order given.

        Those of a call lie together under `scope`, for example a tenant.

        Raises:
            DependencyUnavailable: nobody counts now.
        """
        ...
