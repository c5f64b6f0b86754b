"""Turns a second, and what Replik adds to the graph's own time, beside two others, in one run.

The same graph everywhere (`tests.light.graph`: five nodes, 20 streamed sentences, no model, no retrieval),
the same client code, the same PostgreSQL (ours and bare), the systems loaded in turns. Clients form a closed
loop: each keeps a conversation for ten turns and then starts another.

- *replik*: `POST /api/chat/stream` with a server key, through the ingress, a gateway and a host; every turn
  is accepted durably, run under a fence and committed.
- *bare*: uvicorn, FastAPI, the graph and LangGraph's `AsyncPostgresSaver` in one process; see
  `tests.bench.bare.app`.
- *langgraph_dev*: `langgraph dev` as it comes, which keeps everything in memory. `DEV_JOBS=n` lets it run n
  turns at once: as many as there are clients made it slower (21 turns a second instead of 36).

`ratio_bare` and `ratio_langgraph_dev` are our turns a second over theirs at 32 clients, medians over the
rounds. Latency is from the request's first byte to the answer's last. Added latency is latency minus the
graph's own run time (`graph_ms`), the median of the graph called directly in a process that does nothing
else; `added_p50_ms` is that of ours at one client, and each system's stands in `raw`. The run counts only if
every answer is whole and the history checker finds nothing in ours; `unstreamed` are answers that came whole
instead of sentence by sentence. Ray's own idle work goes on while the others are measured. `cpu_ms_per_turn`
says how much each part works for a turn, hardly touched by what else the machine does.

`INGRESS=proxy` measures on Serve's own proxy instead of HAProxy; `HOSTS`, `GATEWAYS`, `CLIENTS`
(comma-separated), `ROUNDS`, `SECONDS`, `SYSTEMS` (`bare,langgraph_dev`) change the size.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import uvloop

from tests.bench.load.compare import Comparison, Plan, compare, judged
from tests.bench.load.graph_alone import graph_alone_ms
from tests.bench.load.servers import bare_server, langgraph_dev_server
from tests.bench.load.systems import Bare, LangGraphDev, Replik, System
from tests.light.graph import SENTENCES
from tests.light.stack import LightStack, light_stack

BESIDE = ("bare", "langgraph_dev")
COMPARED_AT = 32


def measure() -> list[dict[str, Any]]:
    """Return one result, sized by the environment."""
    clients = tuple(int(one) for one in os.environ.get("CLIENTS", "1,32,128").split(","))
    plan = Plan(clients, int(os.environ.get("ROUNDS", "5")), float(os.environ.get("SECONDS", "4")))
    beside = [name for name in os.environ.get("SYSTEMS", ",".join(BESIDE)).split(",") if name]
    with light_stack(
        hosts=int(os.environ.get("HOSTS", "1")),
        gateways=int(os.environ.get("GATEWAYS", "1")),
        haproxy=os.environ.get("INGRESS", "haproxy") == "haproxy",
        throughput=True,
    ) as stack:
        return [run(stack, plan, beside)]


def run(stack: LightStack, plan: Plan, beside: Sequence[str], sentences: int = SENTENCES) -> dict[str, Any]:
    """Compare a running stack with the others named; return the result."""
    graph_ms = graph_alone_ms(sentences)
    with ExitStack() as servers:
        port = int(stack.url.rpartition(":")[2])
        ours = Replik(port, stack.keys.server_key, sentences, lambda: _parts(stack))
        systems: list[System] = [ours]
        if "bare" in beside:
            port, bare = servers.enter_context(bare_server(stack.superuser_url))
            systems.append(Bare(port, sentences, lambda: {"server": [bare], "postgres": [stack.postgres()]}))
        if "langgraph_dev" in beside:
            port, dev = servers.enter_context(langgraph_dev_server(_dev_jobs()))
            systems.append(LangGraphDev(port, sentences, lambda: {"server": [dev]}))
        comparison = uvloop.run(compare(systems, plan))
    checked = asyncio.run(judged(comparison, stack.settings, stack.keys.tenant_id, ours.name))
    at = COMPARED_AT if COMPARED_AT in plan.clients else plan.clients[-1]
    return {
        "name": "turns",
        "baseline": "bare, and the LangGraph development server, with the same graph in the same run",
        **{f"ratio_{name}": _ratio(comparison, at, name) for name in beside},
        "added_p50_ms": comparison.figures(ours.name, plan.clients[0], graph_ms)["added_p50_ms"],
        "graph_ms": round(graph_ms, 2),
        "compared_at_clients": at,
        "turns_checked": checked,
        "unstreamed": comparison.unstreamed,
        "hosts": len(stack.hosts()),
        "gateways": len(stack.gateways()),
        "raw": {
            system.name: {
                str(clients): comparison.figures(system.name, clients, graph_ms) for clients in plan.clients
            }
            for system in systems
        },
    }


def _dev_jobs() -> int | None:
    jobs = os.environ.get("DEV_JOBS")
    return int(jobs) if jobs else None


def _parts(stack: LightStack) -> dict[str, list[int]]:
    return {
        "proxy": stack.proxies(),
        "gateway": stack.gateways(),
        "host": stack.hosts(),
        "postgres": [stack.postgres()],
        "valkey": [stack.valkey()],
        "serve_controller": [stack.controller()],
    }


def _ratio(comparison: Comparison, clients: int, name: str) -> float:
    return round(comparison.turns_per_s("replik", clients) / comparison.turns_per_s(name, clients), 3)
