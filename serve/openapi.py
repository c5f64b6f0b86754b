"""The API's description: FastAPI's own, with who may call each route, how errors look, and examples."""

from functools import cache
from typing import Any

import yaml
from fastapi import FastAPI

from foundation.permissions import PERMISSIONS
from foundation.settings import ROOT
from serve.access import ROUTES
from serve.problems import MEDIA_TYPE

EXAMPLES = ROOT / "configs" / "api" / "examples.yaml"
"""A request's body by route."""

Json = dict[str, Any]

_BEARER = {"type": "http", "scheme": "bearer"}
_SCHEMES: dict[str, Json] = {
    "server key": _BEARER | {"description": "A company's own servers: `sk_…`, with its scopes."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "replik_session",
        "description": "A person who signed in; what changes something needs `X-CSRF-Token`, too.",
    },
    "publishable key": _BEARER | {"description": "In the page's source: `pk_…`, starts conversations only."},
    "visitor token": _BEARER | {"description": "One visitor, one conversation."},
    "metrics token": _BEARER | {"description": "The operator's METRICS_TOKEN."},
}

_PROBLEM: Json = {
    "title": "Problem",
    "description": "What went wrong, as problem details (RFC 9457) with a stable `code`.",
    "type": "object",
    "required": ["type", "title", "status", "code", "data"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "The error in one line, safe to show."},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "What programs decide by."},
        "data": {"type": "object", "description": "What belongs to it, such as `field` or `retry_after_s`."},
        "detail": {"type": "string", "description": "A sentence for the person who met it."},
    },
    "examples": [
        {
            "type": "urn:replik:problem:not_found",
            "title": "There is no such thing here.",
            "status": 404,
            "code": "not_found",
            "data": {"kind": "policy"},
        }
    ],
}
_REFUSED: Json = {
    "description": "It was refused, or failed.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class Described(FastAPI):
    """An app whose description says all that a client must know."""

    def openapi(self) -> Json:
        """Return the description; made once."""
        if self.openapi_schema is None:
            self.openapi_schema = _completed(super().openapi())
        return self.openapi_schema


@cache
def examples() -> dict[str, Any]:
    """Return the body that serves as an example, by `METHOD /path`."""
    found: dict[str, Any] = yaml.safe_load(EXAMPLES.read_text(encoding="utf-8"))
    return found


def _completed(schema: Json) -> Json:
    parts = schema["components"]
    for unused in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(unused, None)
    parts["schemas"]["Problem"] = _PROBLEM
    parts["securitySchemes"] = {_name(scheme): known for scheme, known in _SCHEMES.items()}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            _complete(operation, f"{method.upper()} {path}")
    return schema


def _complete(operation: Json, route: str) -> None:
    operation["responses"].pop("422", None)
    operation["responses"] |= {"4XX": _REFUSED, "5XX": _REFUSED}
    shown = ROUTES.get(route, "nothing")
    if shown in PERMISSIONS:
        operation["x-permission"] = shown
        operation["security"] = [{_name(scheme): []} for scheme in STAFF]
    elif shown in _SCHEMES:
        operation["security"] = [{_name(shown): []}]
    if route in examples():
        body = operation["requestBody"]["content"]["application/json"]
        body["example"] = examples()[route]


STAFF = ("session", "server key")
"""The schemes by which those come who have permissions."""


def _name(scheme: str) -> str:
    first, *rest = scheme.split()
    return first + "".join(word.capitalize() for word in rest)
