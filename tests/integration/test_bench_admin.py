"""The benchmark of the inbox, small: both stores answer every list and search, and all listeners hear."""

from tests.bench.admin import Plan, run


async def test_the_inbox_is_measured_on_both_stores_and_over_http() -> None:
    line = await run(Plan(small=5_100, large=6_000, pages=26, searches=8, listeners=5, messages=2))
    assert line["conversations"] == 6_000
    assert line["ratio"] > 0
    assert 0 < line["p50_small_ms"] <= line["p95_small_ms"]
    assert line["search_p95_large_ms"] > 0
    assert 0 < line["fanout_p50_ms"] <= line["fanout_p95_ms"]
