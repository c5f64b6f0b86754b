"""How long clients waited after a fault: until each turn that it hit had ended at its client."""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence

from tests.chaos.history import Fault
from tests.chaos.sorted import Conversation, Sorted


def recovery(history: Sorted) -> dict[str, tuple[float, ...]]:
    """Return the seconds by kind of fault; faults that hit nothing, or whose turns never ended, give none."""
    ends = {name: _ends(conversation) for name, conversation in history.conversations.items()}
    by_turn = {turn: at for of_one in ends.values() for turn, at in of_one.items()}
    times = {name: sorted(of_one.values()) for name, of_one in ends.items()}
    found: dict[str, list[float]] = defaultdict(list)
    for fault in history.faults:
        last = _overcome(fault, by_turn, times)
        if last is not None:
            found[fault.kind].append(max(0.0, last - fault.at))
    return {kind: tuple(seconds) for kind, seconds in found.items()}


def _overcome(fault: Fault, by_turn: dict[str, float], times: dict[str, list[float]]) -> float | None:
    if fault.turns:
        ends = [by_turn.get(turn) for turn in fault.turns]
    else:
        ends = [_next(times.get(name, []), fault.at) for name in fault.conversations]
    known = [at for at in ends if at is not None]
    return max(known) if known and len(known) == len(ends) else None


def _next(times: Sequence[float], after: float) -> float | None:
    index = bisect_right(times, after)
    return times[index] if index < len(times) else None


def _ends(conversation: Conversation) -> dict[str, float]:
    """Return when each turn first ended at a client: by its answer, its error, or a takeover."""
    ends: dict[str, float] = {}
    takeovers: list[tuple[int, float]] = []
    for stream in conversation.streams.values():
        for event in stream.events:
            turn_id = event.data.get("turn_id")
            if event.name == "handover" and event.data["mode"] == "human":
                takeovers.append((event.data["position"], event.at))
            elif turn_id is not None and (
                event.name == "error" or (event.name == "message" and event.data.get("kind") == "text")
            ):
                ends[turn_id] = min(event.at, ends.get(turn_id, math.inf))
    for turn in conversation.turns.values():
        if turn.state == "handed_over":
            after = [at for position, at in takeovers if position > max(turn.positions)]
            if after:
                ends[turn.turn_id] = min(after)
    return ends


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the nearest-rank percentile, rounded to milliseconds; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)], 3)
