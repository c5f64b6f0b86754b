"""Builds a LangGraph graph from a config, and compiles it once per config."""

import functools
import time
from typing import Any, cast

from langgraph.errors import GraphBubbleUp
from langgraph.graph import END as GRAPH_END
from langgraph.graph import START as GRAPH_START
from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from foundation.telemetry import span
from graphs import notes, registry
from graphs.config import END, START, ConfigInvalid, EdgeConfig, GraphConfig, faults, options_of
from graphs.pauses import Saver
from graphs.places import Problem
from graphs.ports import Ports
from graphs.state import TurnState

Graph = CompiledStateGraph[TurnState, Ports, TurnState, TurnState]


def compiled(config: GraphConfig) -> Graph:
    """Return the runnable graph of a config; equal configs share one.

    Raises:
        ConfigInvalid: the config names what there is not.
    """
    return _compile(config.model_dump_json(by_alias=True))


def can_pause(config: GraphConfig) -> bool:
    """Return whether a node of the graph may stop to ask the customer."""
    known = (registry.registered(chosen.use) for chosen in config.nodes.values())
    return any(found is not None and found.pauses for found in known)


def with_saver(graph: Graph, saver: Saver) -> Graph:
    """Return the graph as one run uses it; a shallow copy, made in 20 us."""
    return graph.copy({"checkpointer": saver})


@functools.lru_cache(maxsize=256)
def _compile(config_json: str) -> Graph:
    config = GraphConfig.model_validate_json(config_json)
    problems = tuple(
        Problem(config.name, 1, ".".join(map(str, where)), what, remedy)
        for where, what, remedy in faults(config)
    )
    if problems:
        raise ConfigInvalid(problems)
    graph = StateGraph(TurnState, context_schema=Ports)
    for name in config.nodes:
        graph.add_node(name, cast("Any", _timed(config, name)))
    for edge in config.edges:
        _connect(graph, edge)
    return graph.compile(name=f"{config.name}@{config.version}")


def _timed(config: GraphConfig, name: str) -> object:
    """Return a node as LangGraph calls it: with its options bound, its time taken and traced."""
    known = registry.registered(config.nodes[name].use)
    assert known is not None  # noqa: S101 # faults() has seen to it
    options = options_of(config, name)
    facts = {"replik.graph": f"{config.name}@{config.version}", "replik.node": name}

    async def run(state: TurnState, runtime: Runtime[Ports]) -> TurnState:
        began = time.perf_counter()
        try:
            with span(f"node {name}", facts, expected=(GraphBubbleUp,)) as current:
                update = await known.step(state, runtime, options)
                current.set_attribute("replik.route", update.get("route", registry.NEXT))
        except GraphBubbleUp:
            raise
        except BaseException:
            cut = notes.current()
            cut.ended_in = name
            cut.left["timings"] = {name: _ms_since(began)}
            raise
        update["timings"] = {name: _ms_since(began)}
        return update

    return run


def _ms_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)


def _connect(graph: StateGraph[TurnState, Ports, TurnState, TurnState], edge: EdgeConfig) -> None:
    ends = {START: GRAPH_START, END: GRAPH_END}
    source = ends.get(edge.source, edge.source)
    if edge.to is not None:
        graph.add_edge(source, ends.get(edge.to, edge.to))
        return
    targets = {route: ends.get(target, target) for route, target in edge.when.items()}
    graph.add_conditional_edges(source, _route, cast("Any", targets))


def _route(state: TurnState) -> str:
    return state["route"]
