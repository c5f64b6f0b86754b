"""`make chaos N=1000 SEED=1`: break a loaded Replik so often; the last line is JSON, exit code 1 if it broke.

The history stays in `HISTORY`, by default a file in the temporary folder; see `tests.chaos.checker`.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.run import Options, run


def main() -> int:
    """Parse the command line, run, print each violation, and the figures as the last line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--seed", type=int, default=None, help="of the schedule; by default the clock's")
    parser.add_argument("--history", type=Path, default=None)
    parsed = parser.parse_args()
    seed = time.time_ns() % 1_000_000 if parsed.seed is None else parsed.seed
    history = parsed.history or Path(tempfile.gettempdir()) / f"replik-chaos-{seed}.jsonl"
    print(f"SEED={seed}; the history goes to {history}", file=sys.stderr)
    verdict = asyncio.run(run(Options(parsed.faults, seed, history)))
    for violation in verdict.violations:
        print(violation, file=sys.stderr)
    print(json.dumps({"seed": seed, **verdict.summary()}))
    return 0 if verdict.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
