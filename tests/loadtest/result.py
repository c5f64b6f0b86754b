"""The load test's JSON line, from what Locust counted."""

from collections.abc import Mapping, Sequence
from typing import Any

Entry = Mapping[str, Any]
"""One line of Locust's statistics: a kind of request and a name."""


def summary(entries: Sequence[Entry], users: int) -> dict[str, Any]:
    """Return users, requests per second, failures, and per scenario the turns and their times in ms."""
    http = [entry for entry in entries if entry["method"] in {"GET", "POST"}]
    turns = {entry["name"]: entry for entry in entries if entry["method"] == "TURN"}
    seconds = _seconds(entries)
    return {
        "users": users,
        "seconds": round(seconds, 1),
        "requests_per_s": _rate(http, seconds),
        "turns_per_s": _rate(turns.values(), seconds),
        "failures": sum(entry["num_failures"] for entry in entries),
        "refused": sum(entry["num_requests"] for entry in entries if entry["method"] == "REFUSED"),
        "scenarios": {
            name: {
                "turns": entry["num_requests"],
                "failures": entry["num_failures"],
                "p50_ms": percentile(entry["response_times"], 0.5),
                "p95_ms": percentile(entry["response_times"], 0.95),
            }
            for name, entry in sorted(turns.items())
        },
    }


def percentile(times: Mapping[str | int, int], share: float) -> int:
    """Return the time in ms that this share of the requests did not exceed; `times` counts them by time."""
    left = share * sum(times.values())
    for time, count in sorted((int(time), count) for time, count in times.items()):
        left -= count
        if left <= 0:
            return time
    return 0


def _seconds(entries: Sequence[Entry]) -> float:
    ends = [entry["last_request_timestamp"] for entry in entries if entry["last_request_timestamp"]]
    return max(ends) - min(entry["start_time"] for entry in entries) if ends else 0.0


def _rate(entries: Any, seconds: float) -> float:
    return round(sum(entry["num_requests"] for entry in entries) / seconds, 1) if seconds else 0.0
