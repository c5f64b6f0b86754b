"""The benchmark of a flood, small: one tenant fills its queue and is refused, the other one is answered."""

from tests.bench.flood import Plan, result, run
from tests.light.stack import light_stack


async def test_a_flood_is_refused_and_the_other_tenant_is_answered() -> None:
    # A short queue: on a quick machine a long one is answered as fast as it fills.
    with light_stack(queue=50) as stack:
        line = result(await run(stack, Plan(rounds=1, seconds=2.0, flood_sentences=200, queue=50)))
    assert line["refused"] > 0
    assert set(line["refused_by"]) <= {"conversation_queue", "tenant_queue", "host_queue"}
    assert line["accepted"] > line["flood_turns_per_s"] > 0
    assert line["turns_quiet"] > 0
    assert line["turns_flood"] > 0
    assert line["p95_quiet_ms"] > 0
    assert len(line["ratios"]) == 1
