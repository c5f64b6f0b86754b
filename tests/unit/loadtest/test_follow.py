"""The load test notices what it is there to notice, and counts right."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import StartError
from tests.loadtest.follow import Broken, Event, Following, parse
from tests.loadtest.result import percentile, summary
from tests.loadtest.target import find

TEXT = (
    b": hello\n\n"
    b'id: 1\nevent: accepted\ndata: {"turn_id": "t", "text": "caf\xc3\xa9"}\n\n'
    b": hb\n\n"
    b'id: 1.1.1\nevent: delta\ndata: {"turn_id": "t", "text": "a: b"}\n\n'
    b'id: 2\nevent: message\ndata: {"turn_id": "t", "text": "a: b"}\n\n'
    b'id: 2-d\nevent: done\ndata: {"turn_id": "t"}\n\n'
)


@given(st.lists(st.integers(0, len(TEXT)), max_size=12))
def test_events_are_read_however_the_bytes_arrive(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(TEXT)]
    events = list(parse(TEXT[a:b] for a, b in pairwise(edges)))
    assert [event.name for event in events] == ["accepted", "delta", "message", "done"]
    assert events[0].data["text"] == "café"
    assert events[1] == Event("1.1.1", "delta", {"turn_id": "t", "text": "a: b"})


def following() -> Following:
    begun = Following()
    for event in parse([TEXT]):
        begun.take(event)
    return begun


def test_a_good_stream_is_good() -> None:
    assert following().finished == {"t"}
    assert following().last_id == "2-d"


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (Event("1.1.1", "delta", {"turn_id": "t", "text": "a"}), "came twice"),
        (Event("9", "delta", {"turn_id": "t", "text": "a"}), "delta after the turn's answer"),
        (Event("9", "message", {"turn_id": "t", "text": "a"}), "message after the turn's answer"),
        (Event("9", "done", {"turn_id": "u"}), "without an answer"),
        (Event("9", "error", {"turn_id": "u", "code": "agent_failed"}), "agent_failed"),
    ],
)
def test_a_broken_promise_is_noticed(event: Event, says: str) -> None:
    begun = following()
    with pytest.raises(Broken, match=says):
        begun.take(event)


def entry(method: str, name: str, times: dict[str, int], failures: int = 0) -> dict[str, object]:
    return {
        "method": method,
        "name": name,
        "num_requests": sum(times.values()),
        "num_failures": failures,
        "response_times": times,
        "start_time": 100.0,
        "last_request_timestamp": 110.0,
    }


def test_the_result_counts_requests_turns_and_failures() -> None:
    entries = [
        entry("POST", "/message", {"8": 50}),
        entry("GET", "/events", {"9": 50}, failures=1),
        entry("TURN", "widget", {"100": 18, "20": 1, "900": 1}, failures=2),
        entry("REFUSED", "api", {"0": 7}),
    ]
    assert summary(entries, 5) == {
        "users": 5,
        "seconds": 10.0,
        "requests_per_s": 10.0,
        "turns_per_s": 2.0,
        "failures": 3,
        "refused": 7,
        "scenarios": {"widget": {"turns": 20, "failures": 2, "p50_ms": 100, "p95_ms": 100}},
    }


def test_percentiles_are_those_of_the_counted_times() -> None:
    assert [percentile({"1": 1, "10": 1, "5": 2}, share) for share in (0.25, 0.5, 0.75, 0.76, 1)] == [
        1,
        5,
        5,
        10,
        10,
    ]
    assert percentile({}, 0.5) == 0


def test_nobody_to_ask_is_said_in_a_sentence(tmp_path: object) -> None:
    with pytest.raises(StartError, match="HOST must begin with http"):
        find({"KEY": "sk_1", "HOST": "my-machine"})
    with pytest.raises(StartError, match="No demo runs here"):
        find({"REPLIK_HOME": str(tmp_path)})
    found = find({"HOST": "https://help.example.com/", "KEY": "sk_1,sk_2", "WIDGET_KEY": "pk_1"})
    assert (found.host, found.keys) == ("https://help.example.com", ("sk_1", "sk_2"))
    assert found.scenarios() == ("WidgetChat", "ReconnectStorm", "ApiChat", "MixedTenants")
    assert find({"HOST": "http://x", "KEY": "sk_1"}).scenarios() == ("ApiChat",)
