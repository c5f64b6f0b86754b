"""Which nodes of a graph no turn ever comes to."""

from graphs.config import START, GraphConfig
from graphs.overview import ways_of


def unreachable(config: GraphConfig) -> list[str]:
    """Return the nodes to which no way leads from `start`, in the order of the config."""
    ways = ways_of(config)
    reached, waiting = {START}, [START]
    while waiting:
        here = waiting.pop()
        for target in {way.target for way in ways if way.source == here} - reached:
            reached.add(target)
            waiting.append(target)
    return [name for name in config.nodes if name not in reached]
