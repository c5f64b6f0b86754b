"""Where CPU time goes, by part: unlike turns a second, it hardly depends on what else the machine does."""

import os
from collections.abc import Callable, Mapping, Sequence

import psutil

Parts = Callable[[], Mapping[str, Sequence[int]]]
"""The process ids of each part of a system, as they are now; a part's children count with it."""


def nothing() -> Mapping[str, Sequence[int]]:
    return {}


class CpuClock:
    """Counts the CPU seconds of each part, and of the client, from its making on."""

    def __init__(self, parts: Parts) -> None:
        self._pids = {"client": [os.getpid()], **parts()}
        self._begun = {name: _seconds(pids) for name, pids in self._pids.items()}

    def seconds(self) -> dict[str, float]:
        return {name: _seconds(pids) - self._begun[name] for name, pids in self._pids.items()}


def _seconds(pids: Sequence[int]) -> float:
    total = 0.0
    for pid in pids:
        if pid == os.getpid():
            times = os.times()
            total += times.user + times.system
            continue
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            try:
                spent = one.cpu_times()
            except psutil.NoSuchProcess:
                continue
            # Those of ended children stand in their parent's, so that a backend that goes is not forgotten.
            total += spent.user + spent.system + spent.children_user + spent.children_system
    return total
