"""What a drawing of a graph shows, before anything has a place."""

from dataclasses import dataclass
from typing import Final

from graphs.config import END, START, GraphConfig
from graphs.overview import ways_of

ENDS: Final = (START, END)


@dataclass(frozen=True, slots=True)
class Box:
    """A node by its name; `note` tells which registered node it uses, where that is called otherwise."""

    name: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """From a box to a box; the label names the routes that go this way."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Sketch:
    """Boxes in the order of the config between `start` and `end`, and one arrow from box to box at most."""

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def sketch_of(config: GraphConfig) -> Sketch:
    """Return what to draw of a valid config."""
    nodes = (Box(name, "" if node.use == name else node.use) for name, node in config.nodes.items())
    labels: dict[tuple[str, str], list[str]] = {}
    for way in ways_of(config):
        labels.setdefault((way.source, way.target), []).append(way.route)
    arrows = (Arrow(source, target, ", ".join(routes)) for (source, target), routes in labels.items())
    return Sketch(f"{config.name}@{config.version}", (Box(START), *nodes, Box(END)), tuple(arrows))
