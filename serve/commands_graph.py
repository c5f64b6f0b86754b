"""What `replik graph …` does. Only `graphs` is imported: no service is needed, and none waited for."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.table import Table
from rich.text import Text

from graphs import registry
from graphs.config import ConfigInvalid, GraphConfig, load_config, path_of
from graphs.drawing.mermaid import mermaid
from graphs.drawing.sketch import sketch_of
from graphs.drawing.svg import svg
from graphs.imports import import_fault
from graphs.overview import Setting, nodes_of, settings_of, ways_of
from graphs.places import Problem, place, read_yaml
from graphs.reach import unreachable
from graphs.schema import schema_text

_FORMATS = {"svg": svg, "mermaid": mermaid}
_WRITTEN = {"node": "", "graph": "from the top level", "default": "default"}


def checked(graph: str) -> tuple[GraphConfig | None, list[str]]:
    """Return a graph config and a line that it is well; or none, and a line for each problem.

    What is well and surely not meant, such as a node that no turn comes to, is a line too.
    """
    path = _from_here(path_of(graph))
    try:
        config = load_config(path)
    except ConfigInvalid as error:
        # With the way to the file, on which terminals and editors jump to the line.
        return None, [str(replace(problem, file=str(path))) for problem in error.problems]
    size = f"{len(config.nodes)} nodes, {len(ways_of(config))} ways"
    return config, [*_warnings(path, config), f"{path}: ok ({config.name}@{config.version}, {size})"]


def _warnings(path: Path, config: GraphConfig) -> list[str]:
    _, root = read_yaml(path.read_text(encoding="utf-8"), path.name, error=ConfigInvalid)
    what, remedy = "warning: no way leads to this node", "lead an edge to it, or remove it with its own edge"
    return [
        str(Problem(str(path), *place(root, ("nodes", name)), what, remedy)) for name in unreachable(config)
    ]


def shown(config: GraphConfig) -> list[Table]:
    """Return a table of the graph's own settings, of its nodes, and of where they lead."""
    top = _table(f"{config.name}@{config.version}", "setting", "value", "")
    for setting in settings_of(config):
        _row(top, setting.field, setting.value, "default" if setting.origin == "default" else "")
    nodes = _table("Nodes", "node", "uses", "does", "option", "value", "")
    for node in nodes_of(config):
        does = f"{node.summary} May pause." if node.pauses else node.summary
        first, *others = node.settings or (Setting("", "", "node"),)
        _row(nodes, node.name, node.use, does, first.field, first.value, _WRITTEN[first.origin])
        for other in others:
            _row(nodes, "", "", "", other.field, other.value, _WRITTEN[other.origin])
    ways = _table("Ways", "from", "route", "to")
    before = ""
    for way in ways_of(config):
        _row(ways, "" if way.source == before else way.source, way.route, way.target)
        before = way.source
    return [top, nodes, ways]


def drawn(config: GraphConfig, form: str) -> str:
    """Return a drawing as text: `svg` or `mermaid`."""
    return _FORMATS[form](sketch_of(config))


def schema(modules: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the JSON Schema of configs that import these modules; or none, and what is wrong with them."""
    faults = [(module, fault) for module in modules if (fault := import_fault(module)) is not None]
    if faults:
        return None, [str(Problem("--import", 1, module, *fault)) for module, fault in faults]
    return schema_text(registry.all_nodes()), []


def _from_here(path: Path) -> Path:
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _row(table: Table, *cells: str) -> None:
    # As texts: in a string Rich would take what stands in brackets for its own.
    table.add_row(*map(Text, cells))
