"""What a graph config comes to: every option with its value in effect and where that was written."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from graphs import registry
from graphs.config import SHARED, GraphConfig, options_of

Origin = Literal["node", "graph", "default"]
"""In the node's own options, at the top level of the config, or nowhere."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A field that is no further divided, its value as JSON, and who says so."""

    field: str
    value: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node of a graph as it will run."""

    name: str
    use: str
    summary: str
    pauses: bool
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """Where a turn goes after `source`; without `route` always."""

    source: str
    route: str
    target: str


def settings_of(config: GraphConfig) -> list[Setting]:
    """Return the top level's settings: all that is neither node nor edge."""
    left_out = ("nodes", "edges")
    return [
        Setting(".".join(path), value, "graph" if is_set else "default")
        for path, value, is_set in _leaves(config)
        if path[0] not in left_out
    ]


def nodes_of(config: GraphConfig) -> list[NodeView]:
    """Return the nodes in the order of the config, which must be valid."""
    return [_node(config, name) for name in config.nodes]


def ways_of(config: GraphConfig) -> list[Way]:
    """Return every edge, one for each route, in the order of the config."""
    return [
        Way(edge.source, route, target)
        for edge in config.edges
        for route, target in ([("", edge.to)] if edge.to is not None else edge.when.items())
    ]


def _node(config: GraphConfig, name: str) -> NodeView:
    chosen = config.nodes[name]
    known = registry.registered(chosen.use)
    if known is None:
        raise KeyError(chosen.use)
    settings = tuple(
        Setting(".".join(path), value, _origin(path[0], chosen.options, is_set=is_set))
        for path, value, is_set in _leaves(options_of(config, name))
    )
    return NodeView(name, chosen.use, known.summary, known.pauses, settings)


def _origin(field: str, chosen: Mapping[str, object], *, is_set: bool) -> Origin:
    if not is_set:
        return "default"
    return "graph" if field in SHARED and field not in chosen else "node"


def _leaves(value: BaseModel, *, is_set: bool = True) -> Iterator[tuple[tuple[str, ...], str, bool]]:
    """Yield path, JSON and whether it was written down; a list of values has one leaf for each item."""
    for field in type(value).model_fields:
        inner, written = getattr(value, field), is_set and field in value.model_fields_set
        if isinstance(inner, BaseModel):
            for path, leaf, leaf_set in _leaves(inner, is_set=written):
                yield (field, *path), leaf, leaf_set
        elif isinstance(inner, tuple | list) and inner and all(isinstance(each, BaseModel) for each in inner):
            for at, each in enumerate(inner):
                yield (field, str(at)), _json(each.model_dump(mode="json", exclude_defaults=True)), written
        else:
            dumped = value.model_dump(mode="json", include={field})
            yield (field,), _json(dumped[field]), written


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
