"""What the rest of Replik needs of rate limits: take one from each of several allowances, or from none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

WINDOW_S = 60
"""Allowances are of so many a minute, which may also come at once."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many requests a minute for somebody."""

    name: str
    """What is counted, as clients see it: `visitor`, `key`, …"""
    who: str
    """Whose it is."""
    per_minute: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is left of an allowance."""

    name: str
    per_minute: int
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
