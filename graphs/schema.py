"""A JSON Schema of graph configs, with which editors complete and check them while they are written.

It sees what one place of a file tells: spelling, values, each node's options. That edges lead somewhere is
for `load_config` to check.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from graphs.config import SHARED, EdgeConfig, GraphConfig, NodeConfig
from graphs.field_docs import field_docs
from graphs.policies.rules import KINDS, Rule
from graphs.registry import Registered

Json = dict[str, Any]

_DRAFT: Final = "http://json-schema.org/draft-07/schema#"
"""What the language servers of editors understand best; nothing here needs a later one."""


def schema_text(nodes: Sequence[Registered]) -> str:
    """Return the schema of configs that use these nodes, as it stands in a file."""
    return json.dumps(config_schema(nodes), indent=2, ensure_ascii=False) + "\n"


def config_schema(nodes: Sequence[Registered]) -> Json:
    """Return the schema of configs that use these nodes."""
    kinds: dict[str, type[BaseModel]] = {name: kind.options for name, kind in KINDS.items()}
    uses: dict[str, type[BaseModel]] = {node.name: node.options for node in nodes}
    # Together, so that two options of the same name get names of their own.
    ours: list[type[BaseModel]] = [GraphConfig, NodeConfig, EdgeConfig, Rule]
    values = dict.fromkeys([*ours, *uses.values(), *kinds.values()])
    refs, whole = models_json_schema(
        [(value, "validation") for value in values],
        ref_template="#/$defs/{model}",
        schema_generator=_Documented,
    )
    definitions: dict[str, Json] = whole["$defs"]
    places: dict[type[BaseModel], str] = {value: refs[value, "validation"]["$ref"] for value in values}

    def defined(value: type[BaseModel]) -> Json:
        return definitions[places[value].removeprefix("#/$defs/")]

    for options in uses.values():
        _leave_to_the_top_level(defined(options))
    known = "\n".join(f"{node.name}: {node.summary}" for node in nodes)
    defined(NodeConfig)["properties"]["use"] |= {
        "enum": list(uses),
        "description": f"The registered node.\n{known}",
    }
    for value, field, choices in ((NodeConfig, "use", uses), (Rule, "kind", kinds)):
        defined(value)["allOf"] = [
            _if_then(field, choice, places[options], needed=bool(defined(options).get("required")))
            for choice, options in choices.items()
        ]
    defined(EdgeConfig)["oneOf"] = [{"required": ["to"]}, {"required": ["when"]}]
    top = definitions.pop(places[GraphConfig].removeprefix("#/$defs/"))
    return {"$schema": _DRAFT, **top, "$defs": definitions}


def _leave_to_the_top_level(options: Json) -> None:
    """A node need not set what it takes over."""
    required = [field for field in options.pop("required", []) if field not in SHARED]
    if required:
        options["required"] = required


def _if_then(field: str, choice: str, options: str, *, needed: bool) -> Json:
    then: Json = {"properties": {"options": {"$ref": options}}}
    if needed:
        then["required"] = ["options"]
    return {"if": {"properties": {field: {"const": choice}}, "required": [field]}, "then": then}


class _Documented(GenerateJsonSchema):
    """Describes fields by the docstrings below them; titles would only repeat the names."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 # the base class names it
        """Never."""
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> Json:
        found = super().model_schema(schema)
        fields: Mapping[str, Any] = schema["cls"].model_fields
        for name, text in field_docs(schema["cls"]).items():
            key = (fields[name].alias or name) if name in fields else name
            if key in found.get("properties", {}):
                found["properties"][key].setdefault("description", text)
        return found
