"""The JSON Schema of graph configs: that it is the present one, and what an editor sees with it."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from pydantic import Field

from foundation.turns import Value
from graphs import registry
from graphs.config import DEFAULT_PATH, FOLDER
from graphs.registry import Registered
from graphs.schema import config_schema, schema_text
from graphs.state import TurnState

FILE = FOLDER / "schema.json"


def shipped() -> list[Registered]:
    """Return our nodes without those that other tests register."""
    return [node for node in registry.all_nodes() if node.step.__module__.startswith("graphs.nodes.")]


def faults(config: object, schema: object = None) -> list[str]:
    validator = jsonschema.Draft7Validator(schema or json.loads(FILE.read_text()))
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator.iter_errors(config)
    ]


def support() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(DEFAULT_PATH.read_text())
    return data


def test_the_file_is_what_the_code_says_now() -> None:
    assert FILE.read_text() == schema_text(shipped()), (
        "stale; write it again: .venv/bin/replik graph schema -o configs/graphs/schema.json, or make format"
    )


def test_it_is_a_schema_and_the_shipped_config_names_and_fits_it() -> None:
    jsonschema.Draft7Validator.check_schema(json.loads(FILE.read_text()))
    assert DEFAULT_PATH.read_text().startswith("# yaml-language-server: $schema=schema.json\n")
    assert faults(support()) == []


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("treshold",), 0.5, "'treshold' was unexpected"),
        (("threshold",), 7, "threshold: 7 is greater than the maximum"),
        (("double_texting",), "twice", "'twice' is not one of ['enqueue', 'merge'"),
        (("nodes", "retrieve", "use"), "retreive", "nodes.retrieve.use: 'retreive' is not one of"),
        (("nodes", "retrieve", "options"), {"limt": 8}, "nodes.retrieve.options: Additional properties"),
        (("nodes", "retrieve", "options"), {"limit": 0}, "nodes.retrieve.options.limit: 0 is less"),
        (("nodes", "unknown", "options"), {"limit": 8}, "nodes.unknown.options: Additional properties"),
        (("policies", 0, "kind"), "pi", "policies.0.kind: 'pi' is not one of"),
        (("policies", 0, "options"), {"kinds": 1}, "policies.0.options"),
        (("models", "answerer"), "poet", "'poet' is not one of ['default', 'extractive', 'model']"),
        (("edges", 0), {"from": "start"}, "edges.0: "),
        (("edges", 0), {"from": "start", "to": "policy", "when": {}}, "edges.0: "),
    ],
)
def test_mistakes_are_seen_where_they_are(path: tuple[str | int, ...], value: object, says: str) -> None:
    config: Any = support()
    place = config
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    assert says in "\n".join(faults(config))


def test_fields_are_described_by_their_docstrings() -> None:
    schema = config_schema(shipped())
    assert schema["properties"]["threshold"]["description"].startswith("The confidence below which")
    assert schema["$defs"]["EdgeConfig"]["properties"]["from"]["description"].startswith("A node of `nodes`")
    assert (
        "retrieve: Search the tenant's knowledge."
        in (schema["$defs"]["NodeConfig"]["properties"]["use"]["description"])
    )


class RetrieveOptions(Value):
    """Called like those of a node of ours."""

    shelf: str = Field(min_length=1)
    """Where to
    look.
    """
    threshold: float


async def _step(state: TurnState, *_: object) -> TurnState:
    return state


def test_nodes_of_ones_own_are_checked_beside_ours() -> None:
    mine = Registered("my-retrieve", _step, RetrieveOptions, ("next",))
    schema = config_schema([*shipped(), mine])
    config = support()
    config["nodes"]["retrieve"] = {"use": "retrieve", "options": {"limit": 3}}
    config["nodes"]["mine"] = {"use": "my-retrieve", "options": {"shelf": "top"}}
    assert faults(config, schema) == []
    del config["nodes"]["mine"]["options"]
    assert faults(config, schema) == ["nodes.mine: 'options' is a required property"]
    config["nodes"]["mine"]["options"] = {"limit": 3}
    assert "nodes.mine.options: 'shelf' is a required property" in faults(config, schema)
    assert "Where to look." in json.dumps(schema)
