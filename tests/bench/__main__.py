"""`make bench NAME=x`: run one benchmark, or all; the last lines are JSON, one a result.

`DATA=folder` points at another folder laid out like ../shared/data.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import (
    admin,
    busy,
    density,
    first_answer,
    flood,
    gate,
    growth,
    ingest,
    search,
    stopped,
    stream,
    turns,
)

ROOT = Path(__file__).resolve().parents[2]

BENCHMARKS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    "first_answer": lambda _data: first_answer.measure(),
    "ingest": lambda data: ingest.measure(data) + busy.measure(data),
    "search": search.measure,
    "turns": lambda _data: turns.measure(),
    "stream": lambda _data: stream.measure(),
    "gate": lambda _data: gate.measure(),
    "admin": lambda _data: admin.measure(),
    "growth": lambda _data: growth.measure(),
    "density": lambda _data: density.measure(),
    "flood": lambda _data: flood.measure(),
    "stopped": lambda _data: stopped.measure(),
}


def main(names: list[str]) -> int:
    """Run the named benchmarks and print their results."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    data = Path(os.environ.get("DATA") or ROOT.parent / "shared" / "data").resolve()
    results = [result for name in names or BENCHMARKS for result in BENCHMARKS[name](data)]
    for result in results:
        print(json.dumps(result, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
