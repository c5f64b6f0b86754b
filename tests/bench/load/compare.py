"""Our system and the ones beside it, loaded in turns: A B C, A B C, so that noise hits all alike."""

import gc
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from foundation.settings import Settings
from tests.bench.load.clients import Asked, Clients, Round
from tests.bench.load.judge import history_at_fault, read_answers
from tests.bench.load.systems import System


@dataclass(frozen=True, slots=True)
class Plan:
    """How long it takes."""

    clients: tuple[int, ...]
    rounds: int
    seconds: float
    ramp_s: float = 0.5
    warm_up_s: float = 2.0


@dataclass(slots=True)
class Comparison:
    """What was measured, by system and number of clients."""

    rounds: dict[tuple[str, int], list[Round]] = field(default_factory=lambda: defaultdict(list))
    asked: dict[str, list[Asked]] = field(default_factory=lambda: defaultdict(list))
    """Every turn, also of the warm-up."""
    unstreamed: dict[str, int] = field(default_factory=dict)
    """How many of them came whole, since they were ready before their reader was."""

    def turns_per_s(self, system: str, clients: int) -> float:
        """Return the median of the rounds."""
        return statistics.median(one.turns_per_s for one in self.rounds[system, clients])

    def figures(self, system: str, clients: int, graph_ms: float) -> dict[str, Any]:
        """Return the raw figures; `graph_ms` is the graph's own run time."""
        rounds = self.rounds[system, clients]
        latencies = sorted(seconds * 1000 for one in rounds for seconds in one.latencies)
        firsts = sorted(seconds * 1000 for one in rounds for seconds in one.firsts)
        return {
            "turns_per_s": round(self.turns_per_s(system, clients), 2),
            "turns_per_s_rounds": [round(one.turns_per_s, 1) for one in rounds],
            "turns": len(latencies),
            "latency_p50_ms": percentile(latencies, 50),
            "latency_p99_ms": percentile(latencies, 99),
            "added_p50_ms": round(percentile(latencies, 50) - graph_ms, 2),
            "added_p99_ms": round(percentile(latencies, 99) - graph_ms, 2),
            "first_event_p50_ms": percentile(firsts, 50),
            "first_event_p99_ms": percentile(firsts, 99),
            "cpu_ms_per_turn": _cpu_ms(rounds),
        }


def _cpu_ms(rounds: Sequence[Round]) -> dict[str, float]:
    turns = sum(one.asked for one in rounds)
    return {part: round(sum(one.cpu_s[part] for one in rounds) * 1000 / turns, 2) for part in rounds[0].cpu_s}


async def compare(systems: Sequence[System], plan: Plan) -> Comparison:
    """Load the systems one after the other, round by round, for each number of clients.

    Raises:
        AssertionError: an answer is not what the graph says; nothing of such a run counts.
    """
    loads = [Clients(system) for system in systems]
    comparison = Comparison()
    try:
        for clients in plan.clients:
            for number in range(-1, plan.rounds):
                for load in loads:
                    seconds = plan.warm_up_s if number < 0 else plan.seconds
                    gc.collect()
                    log(f"{load.system.name}: {clients} clients, round {number + 1} of {plan.rounds}")
                    measured, asked = await load.round(clients, seconds, plan.ramp_s)
                    if number >= 0:
                        comparison.rounds[load.system.name, clients].append(measured)
                    comparison.asked[load.system.name] += asked
    finally:
        for load in loads:
            load.close()
    for system in systems:
        faults, comparison.unstreamed[system.name] = read_answers(system, comparison.asked[system.name])
        refuse(faults)
    return comparison


async def judged(comparison: Comparison, settings: Settings, tenant_id: str, name: str) -> int:
    """Check our system's whole run against the database; return how many turns were checked.

    Raises:
        AssertionError: the history checker finds fault with it.
    """
    refuse(await history_at_fault(settings, tenant_id, comparison.asked[name]))
    return len(comparison.asked[name])


def log(line: str) -> None:
    """Say on standard error how far the run is."""
    print(line, file=sys.stderr, flush=True)


def refuse(faults: Sequence[str]) -> None:
    """Raises: AssertionError with the first faults, if there are any."""
    assert not faults, f"{len(faults)} faults, the first: " + "\n".join(faults[:5])


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return a percentile of sorted figures (nearest rank); 0 without figures."""
    if not ordered:
        return 0.0
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))], 2)
