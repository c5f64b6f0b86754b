"""Judges a history. Pure: records in, violations and recovery times out; it knows nothing of how they came.

.venv/bin/python -m tests.chaos.checker history.jsonl
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.history import Effect, Record, read
from tests.chaos.recovery import percentile, recovery
from tests.chaos.rules_rows import judge_rows
from tests.chaos.rules_streams import judge_stream
from tests.chaos.sorted import Sorted, sort
from tests.chaos.violation import KINDS, Violation


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, and how long things took to come right."""

    violations: tuple[Violation, ...]
    acked: int
    faults: dict[str, int]
    """By kind."""
    recovery_s: dict[str, tuple[float, ...]]
    """By kind of fault, for those that hit a turn."""

    @property
    def is_clean(self) -> bool:
        return not self.violations

    def summary(self) -> dict[str, object]:
        """Return the figures, under the names that the JSON line has."""
        found = Counter(violation.kind for violation in self.violations)
        everything = [seconds for kind in self.recovery_s.values() for seconds in kind]
        return {
            "faults": sum(self.faults.values()),
            "by_kind": dict(sorted(self.faults.items())),
            "acked": self.acked,
            **{kind: found[kind] for kind in KINDS},
            "recovery_p50_s": percentile(everything, 50),
            "recovery_p99_s": percentile(everything, 99),
            "recovery_by_kind_s": {
                kind: {"p50": percentile(times, 50), "p99": percentile(times, 99), "n": len(times)}
                for kind, times in sorted(self.recovery_s.items())
            },
        }


def check(records: Iterable[Record]) -> Verdict:
    """Judge a whole history."""
    history = sort(records)
    return Verdict(
        violations=tuple(_violations(history)),
        acked=sum(len(conversation.acked) for conversation in history.conversations.values()),
        faults=dict(Counter(fault.kind for fault in history.faults)),
        recovery_s=recovery(history),
    )


def _violations(history: Sorted) -> Iterator[Violation]:
    for conversation in history.conversations.values():
        yield from judge_rows(conversation)
        for stream in conversation.streams.values():
            yield from judge_stream(conversation, stream)
    yield from _effects(history.effects)


def _effects(effects: Iterable[Effect]) -> Iterator[Violation]:
    for key, times in Counter(effect.key for effect in effects).items():
        if times > 1:
            yield Violation("double_effects", key, f"executed {times} times")


def main(arguments: list[str]) -> int:
    """Judge the history in a file; print each violation, and the figures as the last line."""
    verdict = check(read(Path(arguments[0])))
    for violation in verdict.violations:
        print(violation)
    print(json.dumps(verdict.summary()))
    return 0 if verdict.is_clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
