"""What is sent to each route, so that a tenant's own call succeeds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve.access import ROUTES
from serve.openapi import examples
from tests.isolation import world as make
from tests.isolation.world import Ids, Maker, World, maker_of

OUTSIDE = frozenset({"nothing", "this machine", "metrics token", "session"})
"""Shown by those who call no tenant's routes."""

_ADMIN = "/api/admin"
_SOURCES = f"{_ADMIN}/knowledge/sources"
_CHAT = "/api/chat/conversations"

Request = dict[str, Any]
Build = Callable[[World, Ids], Request]


def _example(body: object) -> Build:
    return lambda _world, _ids: {"json": body}


def _wording(world: World, _ids: Ids) -> Request:
    return {"json": make.wording(world)}


def _topic(world: World, _ids: Ids) -> Request:
    return {"json": {"kind": "topic", "name": world.word, "options": {"deny_words": [world.word]}}}


def _file(world: World, _ids: Ids) -> Request:
    return {"files": {"file": ("returer.md", world.text().encode())}}


REQUESTS: Mapping[str, Build] = {
    **{route: _example(body) for route, body in examples().items()},
    f"POST {_ADMIN}/policies": _topic,
    f"PUT {_ADMIN}/policies/{{policy_id}}": _topic,
    f"POST {_ADMIN}/approved": _wording,
    f"PUT {_ADMIN}/approved/{{approved_id}}": _wording,
    f"POST {_SOURCES}": _file,
    f"PUT {_SOURCES}/{{source_id}}/content": _file,
    f"GET {_SOURCES}/{{source_id}}/versions/{{number}}/diff": lambda _w, _i: {"params": {"to": 2}},
    "POST /api/knowledge/import": lambda _world, ids: {"files": {"file": Path(ids["archive"]).read_bytes()}},
}
"""Bodies and parameters: the examples of the API's description, or what says the tenant's word."""

MAKERS: Mapping[str, Maker] = {
    f"POST {_CHAT}/{{conversation_id}}/messages": make.visited,
    f"GET {_CHAT}/{{conversation_id}}/events": make.visited,
    f"POST {_CHAT}/{{conversation_id}}/handover": make.visited,
    f"POST {_SOURCES}/{{source_id}}/cancel": make.queued_source,
    f"PUT {_SOURCES}/{{source_id}}/content": make.source_with_two_versions,
    f"GET {_SOURCES}/{{source_id}}/versions/{{number}}/diff": make.source_with_two_versions,
    f"POST {_SOURCES}/{{source_id}}/versions/{{number}}/restore": make.source_with_two_versions,
    f"POST {_ADMIN}/knowledge/crawls/{{crawl_id}}/resync": make.rested_crawl,
    "POST /api/knowledge/import": make.archive,
}
"""Where the route needs more than what its first placeholder stands for."""

# The ids in `after` of a list are places in an order: they name nothing, and show nothing but one's own.
_ONLY_IN_BODY = {"POST /api/conversations/handover"}
IN_BODY: Mapping[str, tuple[Maker, Build]] = {
    "POST /api/chat/message": (
        make.answered,
        lambda _w, ids: {"json": {"message": "Hej", "conversation_id": ids["conversation_id"]}},
    ),
    "POST /api/chat/stream": (
        make.answered,
        lambda _w, ids: {"json": {"message": "Hej", "conversation_id": ids["conversation_id"]}},
    ),
    "POST /api/conversations/handover": (
        make.answered,
        lambda _w, ids: {"json": {"conversation_id": ids["conversation_id"]}},
    ),
    f"PUT {_ADMIN}/policies/order": (
        make.policy,
        lambda _w, ids: {"json": {"policy_ids": [ids["policy_id"]]}},
    ),
}
"""Ids in the body."""


@dataclass(frozen=True)
class Case:
    """A route, called once with one's own ids and once with another tenant's."""

    route: str
    maker: Maker | None
    build: Build
    in_body: bool = False

    def __str__(self) -> str:
        return f"{self.route} (body)" if self.in_body else self.route

    @property
    def has_ids(self) -> bool:
        return self.in_body or "{" in self.route

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0]

    def path(self, ids: Ids) -> str:
        return self.route.partition(" ")[2].format_map(ids)

    def headers(self, caller: World, ids: Ids) -> dict[str, str]:
        """Return what `caller` shows at this route."""
        match ROUTES[self.route]:
            case "publishable key":
                return caller.headers(caller.widget_key)
            case "visitor token":
                return caller.headers(ids["visitor_token"])
            case _:
                return caller.headers()


def _nothing(_world: World, _ids: Ids) -> Request:
    return {}


def cases() -> list[Case]:
    """Return a case for every route of a tenant, and one more for each that takes ids in its body."""
    routes = [route for route, shown in ROUTES.items() if shown not in OUTSIDE]
    plain = [
        Case(route, MAKERS.get(route) or maker_of(route), REQUESTS.get(route, _nothing))
        for route in routes
        if route not in _ONLY_IN_BODY
    ]
    return plain + [Case(route, *more, in_body=True) for route, more in IN_BODY.items()]
