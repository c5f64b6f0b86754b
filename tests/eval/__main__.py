"""`make eval NAME=x`: measure how good answers are, or all of it; the last lines are JSON, one a result.

`DATA=folder` points at another folder laid out like ../shared/data. Nothing is fitted here.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.eval import (
    answerability,
    cache,
    demo,
    extraction,
    fit_confidence,
    grounding,
    policy,
    pools,
    quotes,
    retrieval,
)

Result = dict[str, Any]


def _demo() -> list[Result]:
    right = asyncio.run(demo.run(show=False))
    return [
        {"eval": "demo", "what": what, "right": sum(each), "of": len(each)} for what, each in right.items()
    ]


def _confidence() -> list[Result]:
    own = {"eval": "confidence", "set": "own pools", "part": "held out"}
    return [*answerability.measure(), {**own, **asyncio.run(fit_confidence.held_out_figures())}]


def _quotes() -> list[Result]:
    return [{"eval": "quotes", "part": part, **each} for part, each in asyncio.run(quotes.measure()).items()]


EVALS: dict[str, Callable[[], list[Result]]] = {
    "demo": _demo,
    "confidence": _confidence,
    "quotes": _quotes,
    "extraction": extraction.measure,
    "retrieval": retrieval.main,
    "policy": policy.measure,
    "grounding": grounding.measure,
    "cache": cache.measure,
}


def main(names: list[str]) -> int:
    """Run the named evaluations and print their results."""
    unknown = [name for name in names if name not in EVALS]
    if unknown:
        print(f"no evaluation {unknown[0]!r}; there are: {', '.join(EVALS)}", file=sys.stderr)
        return 2
    if os.environ.get("DATA"):
        pools.read_from(Path(os.environ["DATA"]).resolve())
    for result in [result for name in names or EVALS for result in EVALS[name]()]:
        print(json.dumps(result, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
