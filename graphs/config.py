"""A graph config: which nodes a turn passes, with which options, in which order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ConfigDict, Field, JsonValue, ValidationError

import graphs.nodes  # noqa: F401 # registers the nodes that configs name
from foundation.errors import InvalidInput
from foundation.turns import Language, Value
from graphs import registry
from graphs.answerers.prompts import PromptUnusable, find_prompt
from graphs.imports import import_fault
from graphs.places import Problem, place, read_yaml
from graphs.policies.rules import Rule

START: Final = "start"
END: Final = "end"
SHARED: Final = ("threshold",)
"""Top-level fields that a node's options take over unless the node sets its own."""
FOLDER: Final = Path(__file__).resolve().parents[1] / "configs" / "graphs"
DEFAULT_PATH: Final = FOLDER / "support.yaml"

Fault = tuple[tuple[str | int, ...], str, str]
"""Where, what is wrong, and the remedy."""


class ConfigInvalid(InvalidInput):
    """The graph config is not valid."""

    code = "graph_config_invalid"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems="\n".join(map(str, problems)))
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class NodeConfig(Value):
    """A node of the graph: a registered one (`use`), with its options."""

    use: str
    """The registered node."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    """What the registered node lets one choose."""


class EdgeConfig(Value):
    """Where to go after a node: always `to`, or by its route (`when`). `start` and `end` are reserved."""

    model_config = ConfigDict(populate_by_name=True)

    source: str = Field(alias="from")
    """A node of `nodes`, or `start`."""
    to: str | None = None
    """A node of `nodes`, or `end`."""
    when: dict[str, str] = Field(default_factory=dict)
    """For each route of the node where it leads: a node of `nodes`, or `end`."""


class Models(Value):
    """What the answerer is made with; the room that makes it reads this."""

    answerer: Literal["default", "extractive", "model"] = "default"
    """`default`: a model writes, or else sources are quoted; `extractive` always quotes, `model` never."""
    max_tokens: int = Field(default=700, gt=0)
    """How long an answer of a language model may become."""
    prompt: str = "answer"
    """A prompt in `configs/prompts/`, optionally of one version: `answer@1`."""


class GraphConfig(Value):
    """One version of a graph."""

    name: str = Field(min_length=1)
    """Stands in every trace."""
    version: int = Field(ge=1)
    """Stands in every trace; a procedure that waits for a customer goes on in its own version only."""
    language: Language = "sv"
    """What to answer in while neither the text nor the conversation tells."""
    threshold: float = Field(default=0.7, ge=0, le=1)
    """The confidence below which the agent says that it does not know."""
    double_texting: Literal["enqueue", "merge", "interrupt", "reject"] = "enqueue"
    """What a message does that comes while another one is being answered."""
    policies: tuple[Rule, ...] = (Rule(kind="pii", stage="before"), Rule(kind="injection"))
    """The rules of all who use this graph; a tenant's own come beside them, ordered by `priority`."""
    models: Models = Models()
    imports: tuple[str, ...] = ()
    """Python modules with nodes of one's own, which are registered before `nodes` is read."""
    nodes: dict[str, NodeConfig] = Field(min_length=1)
    """The steps of a turn, by the names that `edges` call them."""
    edges: tuple[EdgeConfig, ...] = Field(min_length=1)
    """Exactly one from `start` and one from each node."""


def path_of(graph: str) -> Path:
    """Return where a graph config is: what has no suffix is a name in `configs/graphs/`."""
    return Path(graph) if Path(graph).suffix else FOLDER / f"{graph}.yaml"


def load_config(path: Path = DEFAULT_PATH) -> GraphConfig:
    """Read a graph config, and import the modules that it names.

    Raises:
        ConfigInvalid: with file, line, field and remedy of each problem.
    """
    data, root = read_yaml(_text(path), path.name, error=ConfigInvalid)
    try:
        config = GraphConfig.model_validate(data)
    except ValidationError as error:
        found = list(_from_pydantic(error))
    else:
        found = list(faults(config))
        if not found:
            return config
    raise ConfigInvalid(
        tuple(Problem(path.name, *place(root, where), what, remedy) for where, what, remedy in found)
    )


def options_of(config: GraphConfig, name: str) -> Value:
    """Return a node's validated options, with the top level's `threshold` where it takes one.

    Raises:
        ValidationError: they are not valid.
        KeyError: the node is not registered.
    """
    chosen = config.nodes[name]
    known = registry.registered(chosen.use)
    if known is None:
        raise KeyError(chosen.use)
    shared = {field: getattr(config, field) for field in SHARED if field in known.options.model_fields}
    return known.options.model_validate({**shared, **chosen.options})


def faults(config: GraphConfig) -> Iterator[Fault]:
    """Yield what a well-formed config still has wrong: unknown nodes and options, edges that lead nowhere.

    Of a config whose own nodes cannot be imported nothing else can be said.
    """
    imports = list(_import_faults(config))
    if imports:
        yield from imports
        return
    try:
        find_prompt(config.models.prompt)
    except PromptUnusable as error:
        yield ("models", "prompt"), error.what, error.remedy
    for name, chosen in config.nodes.items():
        if registry.registered(chosen.use) is None:
            remedy = f"use one of {', '.join(registry.names())}"
            yield ("nodes", name, "use"), f"there is no node {chosen.use!r}", remedy
            continue
        try:
            options_of(config, name)
        except ValidationError as error:
            yield from _from_pydantic(error, ("nodes", name, "options"))
    yield from _edge_faults(config)


def _import_faults(config: GraphConfig) -> Iterator[Fault]:
    for at, module in enumerate(config.imports):
        fault = import_fault(module)
        if fault is not None:
            yield ("imports", at), *fault


def _edge_faults(config: GraphConfig) -> Iterator[Fault]:
    sources = [edge.source for edge in config.edges]
    for name in (START, *config.nodes):
        if sources.count(name) != 1:
            what = f"{name!r} has {sources.count(name)} edges"
            yield ("edges",), what, f"write exactly one edge `from: {name}`"
    for at, edge in enumerate(config.edges):
        if edge.source not in (START, *config.nodes):
            yield (
                ("edges", at, "from"),
                f"there is no node {edge.source!r}",
                "name a node of `nodes`, or start",
            )
            continue
        if (edge.to is None) == (not edge.when):
            yield ("edges", at), "an edge has either `to` or `when`", "keep one of the two"
            continue
        for key, target in [("to", edge.to)] if edge.to is not None else edge.when.items():
            if target not in (END, *config.nodes):
                where = ("edges", at, "to") if edge.to is not None else ("edges", at, "when", key)
                yield where, f"there is no node {target!r}", "name a node of `nodes`, or end"
        yield from _route_faults(config, at, edge)


def _route_faults(config: GraphConfig, at: int, edge: EdgeConfig) -> Iterator[Fault]:
    chosen = config.nodes.get(edge.source)
    known = registry.registered(chosen.use) if chosen else None
    if not edge.when or (chosen and known is None):
        return
    routes = known.routes if known else ()
    for route in edge.when:
        if route not in routes:
            what = f"{edge.source!r} never takes the route {route!r}"
            yield ("edges", at, "when", route), what, f"its routes are {', '.join(routes) or 'none'}"
    for route in routes:
        if route not in edge.when:
            what = f"the route {route!r} of {edge.source!r} leads nowhere"
            yield ("edges", at, "when"), what, f"add `{route}: <node>`"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        known = ", ".join(sorted(each.stem for each in FOLDER.glob("*.yaml")))
        what, remedy = "there is no such file", f"write it, or use one of {known}"
    except (OSError, UnicodeDecodeError) as error:
        what, remedy = f"it cannot be read ({type(error).__name__})", "name a graph config in UTF-8"
    raise ConfigInvalid((Problem(path.name, 1, "", what, remedy),))


def _from_pydantic(error: ValidationError, prefix: tuple[str | int, ...] = ()) -> Iterator[Fault]:
    for detail in error.errors(include_url=False, include_input=False):
        yield (*prefix, *detail["loc"]), detail["msg"], _remedy(detail["type"], detail.get("ctx", {}))


def _remedy(kind: str, context: dict[str, Any]) -> str:
    match kind:
        case "missing":
            return "add it"
        case "extra_forbidden":
            return "remove it, or correct its spelling"
        case "literal_error":
            return f"write {context.get('expected', 'an allowed value')}"
        case _:
            return "correct the value"
