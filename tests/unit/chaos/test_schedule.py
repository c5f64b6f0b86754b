"""What is decided before a run: which faults, where, and how a message says so."""

from collections import Counter
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.points import Hold, Point
from tests.chaos.schedule import LANES, POINTS, Kind, schedule


def test_the_seed_decides_everything() -> None:
    assert schedule(7, 50) == schedule(7, 50)
    assert schedule(7, 50) != schedule(8, 50)


@given(st.integers(0, 1_000), st.integers(1, 300))
def test_each_kind_comes_at_least_a_tenth_of_the_time(seed: int, count: int) -> None:
    faults = schedule(seed, count)
    assert len(faults) >= count
    times = Counter(fault.kind for fault in faults)
    assert all(times[kind] * 10 >= count for kind in get_args(Kind))
    assert [fault.number for fault in faults] == list(range(len(faults)))


def test_a_long_run_hits_every_point_with_every_kind_that_can() -> None:
    hit = {(fault.kind, fault.point) for fault in schedule(1, 100)}
    assert hit == {(kind, point) for kind, points in POINTS.items() for point in points}


def test_every_kind_has_a_lane() -> None:
    assert sorted(kind for lane in LANES for kind in lane) == sorted(get_args(Kind)) == sorted(POINTS)


@pytest.mark.parametrize("point", get_args(Point))
def test_a_hold_is_read_from_the_text_that_carries_it(point: Point) -> None:
    hold = Hold(17, point, 3)
    assert Hold.within(f"Where is my order? {hold}") == hold


def test_a_text_without_a_hold_holds_nothing() -> None:
    assert Hold.within("Where is my order? [fault]") is None
