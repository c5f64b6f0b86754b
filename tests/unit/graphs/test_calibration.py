"""A tenant's ratings bend the confidence: little when they are few, to the truth when they are many."""

import random

import pytest

from graphs.confidence.calibration import LEAST, Calibration, fit


def rated(number: int, right_at: float, raw: float = 0.9) -> list[tuple[float, bool]]:
    """Return ratings of answers at one raw confidence, of which so many are right."""
    return [(raw, at < right_at * number) for at in range(number)]


def test_few_ratings_bend_nothing() -> None:
    calibration = fit(rated(LEAST - 1, 0.1))
    assert calibration.of(0.9) == 0.9
    assert calibration.ratings == LEAST - 1


def test_ratings_that_agree_change_little() -> None:
    assert fit(rated(200, 0.9)).of(0.9) == pytest.approx(0.9, abs=0.01)


def test_many_ratings_lead_to_the_share_of_right_answers() -> None:
    few, many = fit(rated(20, 0.5)).of(0.9), fit(rated(2_000, 0.5)).of(0.9)
    assert 0.5 < many < few < 0.9
    assert many == pytest.approx(0.5, abs=0.03)


def test_a_curve_that_was_too_sure_everywhere_is_found_again() -> None:
    pick = random.Random(4)
    truth = Calibration(slope=0.5, shift=-0.4)
    raws = [pick.uniform(0.05, 0.99) for _ in range(3_000)]
    found = fit([(raw, pick.random() < truth.of(raw)) for raw in raws])
    for raw in (0.2, 0.5, 0.8, 0.95):
        assert found.of(raw) == pytest.approx(truth.of(raw), abs=0.04)


def test_the_curve_never_falls() -> None:
    turned = [(0.95, False)] * 300 + [(0.05, True)] * 300
    calibration = fit(turned)
    assert calibration.of(0.95) > calibration.of(0.05)


def test_the_ends_stay_within_one() -> None:
    calibration = fit(rated(500, 0.2))
    assert 0 <= calibration.of(0.0) <= calibration.of(1.0) <= 1
