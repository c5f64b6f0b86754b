"""The graph's own run time: called directly in a process that does nothing else.

    python -m tests.bench.load.graph_alone SENTENCES RUNS

Prints the median in milliseconds. No checkpointer, no server; the sentences are read as they come.
"""

import statistics
import subprocess
import sys
import time

from tests.light.graph import LightState, builder
from tests.support.running import ROOT


async def _run(sentences: int, runs: int) -> float:
    graph = builder().compile()
    state: LightState = {"text": "question 1 of client 0", "sentences": sentences}
    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        said = [item async for item in graph.astream(state, stream_mode="custom")]
        seconds.append(time.perf_counter() - begun)
        assert len(said) == sentences
    return statistics.median(seconds[runs // 10 :]) * 1000


def graph_alone_ms(sentences: int, runs: int = 300) -> float:
    """Return the median run time in milliseconds, measured in a fresh process."""
    command = [sys.executable, "-m", "tests.bench.load.graph_alone", str(sentences), str(runs)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    import uvloop

    print(uvloop.run(_run(int(sys.argv[1]), int(sys.argv[2]))))
