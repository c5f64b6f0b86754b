"""The API's description says what clients must know."""

import pytest

from foundation.permissions import PERMISSIONS
from serve.access import ROUTES
from serve.app import create_app
from serve.openapi import examples

SCHEMA = create_app(None).openapi()  # type: ignore[arg-type] # never started
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in SCHEMA["paths"].items()
    for method, operation in operations.items()
}


def test_it_is_openapi_3_1() -> None:
    assert SCHEMA["openapi"].startswith("3.1")


@pytest.mark.parametrize("route", OPERATIONS)
def test_a_route_says_what_it_does_who_may_call_it_and_how_it_refuses(route: str) -> None:
    operation = OPERATIONS[route]
    assert operation["description"]
    assert set(operation["responses"]) >= {"4XX", "5XX"}
    assert ("security" in operation) == (
        ROUTES[route] not in {"nothing", "this machine", "signed link", "mailed token"}
    )
    assert operation.get("x-permission") == (ROUTES[route] if ROUTES[route] in PERMISSIONS else None)


def test_every_json_body_has_an_example() -> None:
    bodies = {
        route
        for route, operation in OPERATIONS.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    assert bodies ^ examples().keys() == set()
