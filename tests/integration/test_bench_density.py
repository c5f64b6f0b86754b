"""The benchmark of density, small: the host holds, lets go and takes back what it is asked to."""

from tests.bench.density import result, run
from tests.bench.density_host import Plan


async def test_density_is_measured_in_a_real_host() -> None:
    plan = Plan(idle=400, answered=60, warm_up=40)
    seen = await run(plan)
    # Ownership was compared with the database on the way; here is what came of it.
    assert seen.dropped >= 400 - 40
    assert seen.lease_kept
    assert 0 < seen.activation_p50_ms <= seen.activation_p99_ms
    line = result(plan, seen, actor_mb=80.0)
    assert line["idle_measured"] == 400
    assert line["baseline_100k_mb"] == 8_000_000
    assert 0 < line["ratio"] < 1
    assert line["idle_100k_mb"] >= line["empty_host_mb"]
