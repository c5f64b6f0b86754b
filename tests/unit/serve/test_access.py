"""Every route says in one place who may call it, and nobody gets past that."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from foundation.errors import Forbidden
from foundation.permissions import PERMISSIONS, ROLES
from serve.access import ROUTES, SHOWN, needed
from serve.app import create_app


def operations(app: FastAPI) -> Iterator[str]:
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            yield f"{method.upper()} {path}"


def test_every_route_declares_who_may_call_it_and_no_line_is_left_over() -> None:
    routes = set(operations(create_app(None)))  # type: ignore[arg-type] # never started
    assert {"unlisted": routes - ROUTES.keys(), "gone": ROUTES.keys() - routes} == {
        "unlisted": set(),
        "gone": set(),
    }


def test_every_answer_is_a_permission_or_something_shown() -> None:
    assert set(ROUTES.values()) - PERMISSIONS - SHOWN == set()


@pytest.mark.parametrize("route", ROUTES)
def test_a_request_finds_the_line_of_its_own_route(route: str) -> None:
    method, _, path = route.partition(" ")
    filled = "/".join("x9" if part.startswith("{") else part for part in path.split("/"))
    if ROUTES[route] in PERMISSIONS:
        assert needed(method, filled) == ROUTES[route]
    else:
        with pytest.raises(Forbidden):
            needed(method, filled)


@pytest.mark.parametrize("path", ["/api/admin/policies/", "/api/admin/nothing", "/api/admin/policies/a/b"])
def test_an_unlisted_path_answers_nobody(path: str) -> None:
    with pytest.raises(Forbidden):
        needed("GET", path)


def test_roles_hold_what_the_lower_ones_hold() -> None:
    assert ROLES["viewer"] < ROLES["agent"] < ROLES["admin"] < ROLES["owner"]
    assert ROLES["viewer"] < ROLES["editor"] < ROLES["admin"]
    assert all(permission.endswith(".read") for permission in ROLES["viewer"])
