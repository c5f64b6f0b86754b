"""Streams of 50 sentences at 100 clients, beside bare: how fast sentences arrive, and how soon the first.

As `tests.bench.turns`, with longer answers. `events_per_s` counts sentences that reached clients in whole
answers, however they were packed: a system may put sentences that are ready together into one event.
`first_event_p50_ms` is from the request's first byte to the first sentence.
"""

import os
from typing import Any

from tests.bench.load.compare import Plan
from tests.bench.turns import run
from tests.light.stack import light_stack

SENTENCES = 50
CLIENTS = 100


def measure() -> list[dict[str, Any]]:
    """Return one result, sized by the environment as in `tests.bench.turns`."""
    plan = Plan((CLIENTS,), int(os.environ.get("ROUNDS", "5")), float(os.environ.get("SECONDS", "4")))
    with light_stack(
        hosts=int(os.environ.get("HOSTS", "1")),
        gateways=int(os.environ.get("GATEWAYS", "1")),
        haproxy=os.environ.get("INGRESS", "haproxy") == "haproxy",
        throughput=True,
        sentences=SENTENCES,
    ) as stack:
        result = run(stack, plan, ["bare"], SENTENCES)
    raw = {name: figures[str(CLIENTS)] for name, figures in result.pop("raw").items()}
    events = {name: round(figures["turns_per_s"] * SENTENCES, 1) for name, figures in raw.items()}
    return [
        {
            "name": "stream",
            "baseline": "bare, with the same graph in the same run",
            "events_per_s": events["replik"],
            "first_event_p50_ms": raw["replik"]["first_event_p50_ms"],
            "bare_events_per_s": events["bare"],
            "bare_first_event_p50_ms": raw["bare"]["first_event_p50_ms"],
            "ratio_bare": result["ratio_bare"],
            "turns_checked": result["turns_checked"],
            "raw": raw,
        }
    ]
