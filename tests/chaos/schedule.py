"""Which faults, at which points, in which order: decided by the seed alone."""

from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from typing import Literal

from tests.chaos.host import SENTENCES
from tests.chaos.points import Point

Kind = Literal[
    "kill_host", "stop_host", "scale",
    "kill_gateway",
    "drop_database", "drop_valkey", "restart_valkey",
    "disconnect", "duplicate_send", "takeover",
]  # fmt: skip

POINTS: dict[Kind, tuple[Point, ...]] = {
    "kill_host": (
        "begin", "between", "before_effect", "in_effect", "before_commit", "in_commit", "after_commit",
    ),
    "stop_host": (
        "begin", "between", "before_effect", "in_effect", "before_commit", "in_commit", "after_commit",
    ),
    "scale": ("begin", "between", "before_commit", "after_commit"),
    "kill_gateway": ("between", "in_accept", "after_commit", "begin"),
    "drop_database": (
        "between", "before_effect", "in_effect", "before_commit", "in_commit", "in_accept", "after_commit",
    ),
    "drop_valkey": ("begin", "between", "before_commit", "after_commit"),
    "restart_valkey": ("begin", "between", "before_commit", "after_commit"),
    "disconnect": ("begin", "between", "before_commit", "after_commit", "in_accept"),
    "duplicate_send": ("begin", "between", "before_commit", "after_commit", "in_accept"),
    "takeover": (
        "begin", "between", "before_effect", "in_effect", "before_commit", "in_commit", "after_commit",
    ),
}  # fmt: skip
"""Every kind of fault, and where it hits."""

LANES: tuple[tuple[Kind, ...], ...] = (
    ("kill_host", "stop_host", "scale"),
    ("kill_gateway",),
    ("drop_database", "drop_valkey", "restart_valkey"),
    ("disconnect", "duplicate_send", "takeover"),
)
"""Faults of one lane follow one another; the lanes run side by side."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault to come."""

    number: int
    kind: Kind
    point: Point
    delta: int
    """For `between`: after how many deltas."""
    seed: int
    """For what else the fault chooses."""


def schedule(seed: int, count: int) -> tuple[Planned, ...]:
    """Return at least `count` faults, each kind equally often, each kind's points in turn, all shuffled."""
    random = Random(seed)
    each = -(-count // len(POINTS))
    faults: list[tuple[Kind, Point]] = []
    for kind, points in POINTS.items():
        first = random.randrange(len(points))
        faults += ((kind, point) for point in islice(cycle(points), first, first + each))
    random.shuffle(faults)
    return tuple(
        Planned(number, kind, point, random.randint(1, SENTENCES - 1), random.randrange(2**32))
        for number, (kind, point) in enumerate(faults)
    )
