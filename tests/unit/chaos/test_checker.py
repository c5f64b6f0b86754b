"""The checker: it accepts what is allowed, and finds whatever is planted."""

from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from tests.chaos.checker import check, main
from tests.chaos.history import Acked, Fault, Recorder, StoredTurn, read
from tests.unit.chaos.legal import legal_history
from tests.unit.chaos.plants import PLANTS, NoPlace, Plant

EVERY_PLANT = [
    pytest.param(kind, plant, id=f"{kind}-{plant.__name__}") for kind, of in PLANTS.items() for plant in of
]
_GENEROUS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large],
)
SEEDS = st.integers(0, 10_000_000)


@settings(_GENEROUS, max_examples=300)
@given(SEEDS)
def test_a_history_that_keeps_every_promise_is_clean(seed: int) -> None:
    assert check(legal_history(Random(seed))).violations == ()


@pytest.mark.parametrize(("kind", "plant"), EVERY_PLANT)
@_GENEROUS
@given(seed=SEEDS)
def test_a_planted_fault_is_found(kind: str, plant: Plant, seed: int) -> None:
    random = Random(seed)
    try:
        spoilt = plant(legal_history(random), random)
    except NoPlace:
        reject()
    assert kind in {violation.kind for violation in check(spoilt).violations}


@pytest.mark.parametrize(("kind", "plant"), EVERY_PLANT)
def test_every_plant_has_histories_to_grow_in(kind: str, plant: Plant) -> None:
    grown = 0
    for seed in range(100):
        with suppress(NoPlace):
            plant(legal_history(Random(seed)), Random(seed))
            grown += 1
    assert grown >= 20


def test_legal_histories_have_everything_in_them() -> None:
    """Otherwise the first test would prove little."""
    records = [record for seed in range(100) for record in legal_history(Random(seed))]
    states = {record.state for record in records if isinstance(record, StoredTurn)}
    assert states == {"done", "failed", "handed_over"}
    assert any(isinstance(record, Acked) and record.duplicate for record in records)
    assert any(isinstance(record, Acked) and record.turn_id is None for record in records)
    assert any(isinstance(record, Fault) for record in records)


def test_recovery_is_the_time_until_the_hit_turns_have_ended() -> None:
    for seed in range(100):
        records = legal_history(Random(seed))
        faults = [record for record in records if isinstance(record, Fault)]
        if not faults:
            continue
        verdict = check(records)
        assert verdict.faults == {"kill": len(faults)}
        assert len(verdict.recovery_s["kill"]) == len(faults)
        assert all(seconds > 0 for seconds in verdict.recovery_s["kill"])


def test_the_figures_have_the_names_that_are_promised() -> None:
    summary = check(legal_history(Random(1))).summary()
    assert {
        "faults", "by_kind", "acked", "lost", "duplicated", "reordered", "double_effects", "after_takeover",
        "recovery_p50_s", "recovery_p99_s",
    } <= summary.keys()  # fmt: skip


def test_a_history_survives_being_written_down(tmp_path: Path) -> None:
    records = legal_history(Random(3))
    path = tmp_path / "history.jsonl"
    with path.open("wb") as file:
        Recorder(file, lambda: 0.0).write_all(records)
    assert list(read(path)) == records


@pytest.mark.parametrize("spoil", [False, True])
def test_the_command_fails_when_a_promise_is_broken(
    spoil: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = legal_history(Random(5))
    if spoil:
        records = [record for record in records if not isinstance(record, StoredTurn)]
    path = tmp_path / "history.jsonl"
    with path.open("wb") as file:
        Recorder(file, lambda: 0.0).write_all(records)
    assert main([str(path)]) == int(spoil)
    assert ("lost: k0" in capsys.readouterr().out) == spoil
