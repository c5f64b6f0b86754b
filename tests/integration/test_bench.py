"""The benchmarks' harness works: a few turns through all of it. Times are not judged here."""

from tests.bench import turns
from tests.bench.load.compare import Plan
from tests.light.stack import light_stack

SENTENCES = 3
PLAN = Plan(clients=(1, 4), rounds=1, seconds=1.0, ramp_s=0.2, warm_up_s=0.2)


def test_our_turns_are_measured_and_judged_beside_bare() -> None:
    with light_stack(sentences=SENTENCES, throughput=True) as stack:
        result = turns.run(stack, PLAN, ["bare"], SENTENCES)
    assert result["ratio_bare"] > 0
    assert result["added_p50_ms"] + result["graph_ms"] > 0
    assert result["turns_checked"] > 0
    for system in ("replik", "bare"):
        for figures in result["raw"][system].values():
            assert figures["turns"] > 0
            assert 0 < figures["first_event_p50_ms"] <= figures["latency_p50_ms"] <= figures["latency_p99_ms"]
            assert figures["cpu_ms_per_turn"]["client"] > 0
