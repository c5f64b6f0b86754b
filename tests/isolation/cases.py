"""What is sent to each route, so that a tenant's own call succeeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundation.ids import new_uuid
from serve.access import ROUTES
from serve.openapi import examples
from tests.isolation import world as make
from tests.isolation.world import Ids, Maker, World, maker_of

OUTSIDE = frozenset({"nothing", "this machine", "metrics token", "session", "mailed token"})
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


def _provider(_world: World, _ids: Ids) -> Request:
    return {"json": make.PROVIDER}


def _invited(_world: World, _ids: Ids) -> Request:
    return {"json": {"email": f"{new_uuid().hex}@example.com", "role": "viewer"}}


def _role(_world: World, _ids: Ids) -> Request:
    return {"json": {"name": new_uuid().hex, "permissions": ["knowledge.read"]}}


def _canned(_world: World, _ids: Ids) -> Request:
    return {"json": {"shortcut": new_uuid().hex, "text_sv": "Hej!"}}


def _inbox(_world: World, _ids: Ids) -> Request:
    return {"json": {"name": new_uuid().hex}}


def _merge(_world: World, ids: Ids) -> Request:
    return {"json": {"into": ids["into"]}}


def _own_key(_world: World, _ids: Ids) -> Request:
    return {"json": {"overlap_hours": 24}}


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
    f"PUT {_ADMIN}/oidc": _provider,
    f"POST {_ADMIN}/invitations": _invited,
    f"POST {_ADMIN}/roles": _role,
    f"POST {_ADMIN}/canned-replies": _canned,
    f"PUT {_ADMIN}/canned-replies/{{canned_id}}": _canned,
    f"POST {_ADMIN}/inboxes": _inbox,
    f"PUT {_ADMIN}/inboxes/{{inbox_id}}": _inbox,
    f"PUT {_ADMIN}/roles/{{role_id}}": _role,
    f"POST {_ADMIN}/conversations/{{conversation_id}}/merge": _merge,
    "POST /api/tenant/api-key": _own_key,
    "DELETE /api/tenant": lambda world, _ids: {"json": {"slug": f"t-{world.tenant_id.hex}"}},
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
    f"POST {_CHAT}/{{conversation_id}}/token": make.visited,
    f"GET {_ADMIN}/oidc": make.oidc,
    f"DELETE {_ADMIN}/oidc": make.oidc,
    f"POST {_ADMIN}/conversations/{{conversation_id}}/merge": make.two_of_a_customer,
    f"GET {_ADMIN}/privacy/erasures/{{job_id}}": make.person_erasure,
}
"""Where the route needs more than what its first placeholder stands for."""

# A list's cursor is a place in an order: it names nothing, and shows nothing but one's own.
_CONVERSATION = f"{_ADMIN}/conversations/{{conversation_id}}"
MIXED: Sequence[tuple[str, Maker, Build]] = (
    (f"PATCH {_CONVERSATION}", make.with_inbox, lambda _w, ids: {"json": {"inbox_id": ids["inbox_id"]}}),
    (f"PATCH {_CONVERSATION}", make.customer, lambda _w, ids: {"json": {"customer_id": ids["customer_id"]}}),
    (f"PATCH {_CONVERSATION}", make.with_member, lambda _w, ids: {"json": {"assignee_id": ids["person_id"]}}),
    (f"POST {_CONVERSATION}/merge", make.two_of_a_customer, _merge),
)
"""Another tenant's ids in the body of a call to something of one's own."""

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
    "POST /api/tenant/api-key": (make.server_key, lambda _w, ids: {"json": {"key_id": ids["key_id"]}}),
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
    mixed: bool = False
    """Whether the path is one's own, and only the body another tenant's."""

    def __str__(self) -> str:
        return f"{self.route} (body)" if self.in_body or self.mixed else self.route

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
    plain.sort(key=lambda case: case.route == "DELETE /api/tenant")  # nothing comes after it
    in_body = [Case(route, *more, in_body=True) for route, more in IN_BODY.items()]
    return [*in_body, *(Case(*more, mixed=True) for more in MIXED), *plain]
