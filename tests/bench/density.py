"""How much memory idle conversations take in a host, and how fast one that was let go comes back.

A real host in a fresh process, on embedded PostgreSQL and Valkey; its conversations have histories
(`tests.bench.filled`). One after the other:

1. Some conversations answer a real turn; the others are woken with nothing to answer, which activates them
   all the same: owned in the database, idle in the host. At 100,000 of them the process is measured.
2. A tenth more are woken: the host is at its cap, so as many that were idle longest are let go.
3. Some of those are sent a message and woken, one at a time: `activation_p50_ms` and `activation_p99_ms` are
   from the wake to the agent's first step, with the history read and the attempt on record.
4. The cap falls to a tenth, and everything above it is let go at once.

After each step the database says the same about ownership as the host. `idle_100k_mb` is the resident memory
of the whole process (aim: under 1,000), scaled to 100,000 when fewer are measured; `bytes_per_idle` is what
one idle activation added to it, `bytes_per_answered` what one added that had answered a turn, with what
turns left in the heap. `ratio` is `idle_100k_mb` over the memory of the usual way, one plain Ray actor per
conversation: `baseline_100k_mb`, a few of them measured (proportional set size) and multiplied.
`at_cap_lag_ms` and `dropped_lag_ms` are how late the host's event loop was at worst in steps 2 and 4.
`CONVERSATIONS` and `ANSWERED` change the size.
"""

import asyncio
import logging
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from statistics import mean
from typing import Any

import psutil

from foundation.database.engine import connect
from foundation.ids import TenantId
from foundation.log import configure_logging
from foundation.stack.environment import quiet_environment
from foundation.tenancy import Tenancy
from tests.bench.density_host import Plan, Seen, live
from tests.bench.embedded import embedded
from tests.bench.filled import fill
from tests.support.tenants import make_tenant

TENANTS = 10
SENTENCES = 5
_ACTORS = 4
_FULL = 100_000


def measure() -> list[dict[str, Any]]:
    """Return one result, sized by the environment."""
    configure_logging("WARNING")
    plan = Plan(
        idle=int(os.environ.get("CONVERSATIONS", str(_FULL))),
        answered=int(os.environ.get("ANSWERED", "3000")),
    )
    with _fresh_process() as process:
        actor_mb = process.submit(actor_memory_mb, _ACTORS).result()
    return [result(plan, asyncio.run(run(plan)), actor_mb)]


async def run(plan: Plan) -> Seen:
    """Fill a database, run the host on it in a fresh process, and return what was seen."""
    async with embedded() as services:
        tenancy = Tenancy(connect(services.settings.require("database_url")))
        behaviour: dict[str, object] = {"graph": "light", "sentences": SENTENCES}
        tenants = [await make_tenant(tenancy, behaviour=behaviour) for _ in range(TENANTS)]
        await tenancy.close()
        await asyncio.to_thread(
            fill, services.superuser_url, tenants, plan.conversations, waiting=plan.warm_up + plan.answered
        )
        with _fresh_process() as process:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(process, _live, services, tenants, plan)


def result(plan: Plan, seen: Seen, actor_mb: float) -> dict[str, Any]:
    """Return the line of figures."""
    at_100k_mb = seen.full_mb + seen.bytes_per_idle * (_FULL - plan.idle) / 1e6
    return {
        "name": "density",
        "baseline": "one plain Ray actor per conversation, measured and multiplied",
        "ratio": float(f"{at_100k_mb / (actor_mb * _FULL):.3g}"),
        "baseline_100k_mb": round(actor_mb * _FULL),
        "idle_100k_mb": round(at_100k_mb, 1),
        "bytes_per_idle": round(seen.bytes_per_idle),
        "bytes_per_answered": round(seen.bytes_per_answered),
        "empty_host_mb": round(seen.empty_mb, 1),
        "idle_measured": plan.idle,
        "activation_p50_ms": round(seen.activation_p50_ms, 2),
        "activation_p99_ms": round(seen.activation_p99_ms, 2),
        "activated_per_s": round(seen.activated_per_s),
        "at_cap_lag_ms": seen.at_cap_lag_ms,
        "dropped_at_once": seen.dropped,
        "dropped_s": round(seen.dropped_s, 2),
        "dropped_lag_ms": seen.dropped_lag_ms,
        "lease_kept": seen.lease_kept,
    }


def actor_memory_mb(actors: int) -> float:
    """Return the memory of a plain Ray actor that keeps one conversation's history."""
    os.environ.update(quiet_environment())
    import ray

    class Kept:
        def __init__(self) -> None:
            self.history = [f"message {n} of this conversation" for n in range(5)]

        def pid(self) -> int:
            return os.getpid()

    ray.init(
        num_cpus=1,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=100_000_000,
        _node_ip_address="127.0.0.1",
    )
    try:
        conversation: Any = ray.remote(num_cpus=0)(Kept)
        kept = [conversation.remote() for _ in range(actors)]
        pids = ray.get([one.pid.remote() for one in kept])
        return mean(psutil.Process(pid).memory_full_info().pss for pid in pids) / 1e6
    finally:
        ray.shutdown()


def _live(services: Any, tenants: list[TenantId], plan: Plan) -> Seen:
    configure_logging("WARNING")
    return asyncio.run(live(services, tenants, plan))


def _fresh_process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
