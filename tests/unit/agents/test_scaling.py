"""How many replicas are wanted, and that Ray Serve takes the decision as it is meant."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.serve._private.autoscaling_state import _resolve_policy_callable
from ray.serve._private.common import DeploymentID, ReplicaID
from ray.serve.autoscaling_policy import _apply_autoscaling_config
from ray.serve.config import AutoscalingConfig, AutoscalingContext

from agents.scaling import BUSY, TURNS, ByLoad, CpuShare, gateway_scaling, host_scaling, wanted
from foundation.settings import Settings


def settings(**changes: str) -> Settings:
    return Settings.load(changes)


@dataclass(frozen=True)
class Reports:
    """What a policy is told."""

    aggregated_metrics: dict[str, dict[str, float]] | None
    running_replicas: list[str] = field(default_factory=lambda: ["a", "b"])
    target_num_replicas: int = 2


@pytest.mark.parametrize(
    ("loads", "replicas", "expected"),
    [
        ([16.0, 16.0], 2, 2),
        ([16.0, 17.0], 2, 3),
        ([0.0, 5.0], 2, 1),
        ([0.0, 0.0], 2, 0),
        ([40.0], 3, 3),
        ([64.0], 3, 4),
    ],
)
def test_load_is_shared_and_a_silent_replica_is_not_taken_for_an_idle_one(
    loads: list[float], replicas: int, expected: int
) -> None:
    assert wanted(loads, replicas, 16.0) == expected


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=20), st.floats(0.1, 100))
def test_enough_and_not_one_too_many(loads: list[float], target: float) -> None:
    number = wanted(loads, len(loads), target)
    assert number * target >= sum(loads) - 1e-3 * target
    assert (number - 1) * target < sum(loads) or number == 0


def test_only_the_own_figure_of_running_replicas_counts() -> None:
    reports = Reports({TURNS: {"a": 20.0, "b": 20.0, "gone": 500.0}, "running_requests": {"a": 900.0}})
    assert ByLoad(TURNS, 16.0)(reports) == (3, {})


@pytest.mark.parametrize("metrics", [None, {}, {TURNS: {}}, {TURNS: {"gone": 9.0}}])
def test_without_any_report_nothing_changes(metrics: dict[str, dict[str, float]] | None) -> None:
    assert ByLoad(TURNS, 16.0)(Reports(metrics, target_num_replicas=7)) == (7, {})


def test_a_fixed_number_is_the_default() -> None:
    assert host_scaling(settings(HOST_REPLICAS="2")) == {"num_replicas": 2}
    assert gateway_scaling(settings(GATEWAY_REPLICAS="3", GATEWAY_REPLICAS_MAX="3")) == {"num_replicas": 3}


def test_ray_serve_scales_hosts_on_turns_and_not_on_requests() -> None:
    """Through Serve's own code: the policy is pickled by value, made in the controller, and bounded."""
    options = host_scaling(settings(HOST_REPLICAS="1", HOST_REPLICAS_MAX="4", HOST_TURNS="10"))
    assert _decision(options, {TURNS: 25.0}, requests=10_000.0) == 3
    assert _decision(options, {TURNS: 990.0}, requests=0.0) == 99  # Serve applies the bounds afterwards
    assert _decision(options, {TURNS: 10.0}, requests=10_000.0) == 1


def test_ray_serve_does_not_scale_gateways_for_idle_streams() -> None:
    options = gateway_scaling(settings(GATEWAY_REPLICAS_MAX="8"))
    assert _decision(options, {BUSY: 0.02}, requests=5_000.0) == 1
    assert _decision(options, {BUSY: 0.9}, requests=5_000.0) == 2


def _decision(options: dict[str, dict[str, object]], figures: dict[str, float], requests: float) -> int:
    """Return what Serve's wrapped policy says about one replica with these figures, without delays."""
    config = AutoscalingConfig.model_validate(
        options["autoscaling_config"] | {"upscale_delay_s": 0, "downscale_delay_s": 0}
    )
    replica = ReplicaID("one", DeploymentID("ConversationHost", "replik"))
    policy = _apply_autoscaling_config(_resolve_policy_callable(config.policy))
    number, _ = policy(
        AutoscalingContext(
            deployment_id=replica.deployment_id,
            deployment_name="ConversationHost",
            app_name="replik",
            current_num_replicas=1,
            target_num_replicas=1,
            running_replicas=[replica],
            total_num_requests=requests,
            total_queued_requests=0.0,
            aggregated_metrics={name: {replica: value} for name, value in figures.items()},
            raw_metrics=None,
            capacity_adjusted_min_replicas=config.min_replicas,
            capacity_adjusted_max_replicas=config.max_replicas,
            policy_state={},
            last_scale_up_time=None,
            last_scale_down_time=None,
            current_time=None,
            config=config,
        )
    )
    return int(number)


def test_a_share_of_a_core_is_measured_between_readings() -> None:
    now, used = iter([0.0, 10.0, 20.0, 20.0]), iter([1.0, 6.0, 6.0, 6.0])
    share = CpuShare(lambda: next(now), lambda: next(used))
    assert [share.read(), share.read(), share.read()] == [0.5, 0.0, 0.0]
