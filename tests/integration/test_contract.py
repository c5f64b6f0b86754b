"""The whole API under generated requests, as each kind of caller: no server error, and nothing undescribed.

Schemathesis makes the requests from the API's description. Ids are mostly those of real things and bodies
partly the description's examples, or few requests would get past the first check.
"""

import asyncio
import itertools
import os
import random
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from foundation.database.roles import DatabaseUrls
from foundation.permissions import PERMISSIONS, ROLES
from foundation.tenancy import Tenancy
from serve.access import ROUTES
from serve.app import create_app
from serve.openapi import examples
from tests.isolation.cases import IN_BODY, MAKERS
from tests.isolation.world import Ids, Maker, World, maker_of, open_world, signed_in
from tests.support.gateway import front_door, settings_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1_800)]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
Operation = schemathesis.APIOperation[Any, Any, Any, Any]

LEAST = int(os.environ.get("CONTRACT_REQUESTS", "1000"))
"""Requests, of all callers to all operations together; before a release, 5,000."""


@dataclass
class Tally:
    """What came of the requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    succeeded: set[str] = field(default_factory=set)
    reached: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        return sum(n for status, n in self.statuses.items() if status < 300) / self.statuses.total()


@dataclass(frozen=True)
class Caller:
    """Somebody with a way in."""

    name: str
    headers: Callable[[str, Ids], Mapping[str, str]]
    """What they show at a route, given the ids in its path."""


_OWN_ROTATION = "POST /api/tenant/api-key"


@dataclass
class Sender:
    """Sends what was generated, as each caller in turn, and notes what comes back."""

    callers: list[Caller]
    url: str
    world: World
    ids_of: Callable[[str], Ids]
    """Makes real things of the world for a route."""
    tally: Tally = field(default_factory=Tally)
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def send(self, operation: Operation, mode: GenerationMode, number: int) -> None:
        """Send `number` generated requests to one operation."""
        route = f"{operation.method.upper()} {operation.path}"
        turns = itertools.cycle(self.callers)
        made: list[Ids] = []

        def once(case: schemathesis.Case[Any]) -> None:
            if not made or operation.method.upper() == "DELETE" or ROUTES[route] == "session":
                made[:] = [self.ids_of(route)]
            self._send(case, route, made[0], next(turns))

        generated = hypothesis.given(operation.as_strategy(generation_mode=mode))(once)
        # What takes no input has no wrong one.
        with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():
            hypothesis.seed(1)(hypothesis.settings(max_examples=number, **_QUIETLY)(generated))()

    def _send(self, case: schemathesis.Case[Any], route: str, ids: Ids, caller: Caller) -> None:
        if self.chance.random() < 0.8:
            case.path_parameters.update({name: ids[name] for name in case.path_parameters if name in ids})
        if (body := _body(self.world, route, ids)) is not None and self.chance.random() < 0.5:
            case.body, case.media_type = body, "application/json"
        # What was made up for the security schemes goes; the caller shows what they have.
        case.headers.pop("Authorization", None)
        case.cookies.clear()
        headers = dict(caller.headers(route, ids))
        streams = "text/event-stream" in str(case.operation.definition.raw["responses"])
        if streams and _is_open(case, self.url, headers, self.tally):
            self.tally.reached.add(route)
            return
        response = case.call(base_url=self.url, headers=headers, timeout=120)
        if response.content == b"Invalid HTTP request received.":
            return  # the server's own word on what is not HTTP: no route was reached
        self.tally.statuses[response.status_code] += 1
        self.tally.reached.add(route)
        if response.status_code < 300:
            self.tally.succeeded.add(route)
            if route == _OWN_ROTATION and not (isinstance(case.body, dict) and case.body.get("key_id")):
                self.world.server_key = response.json()["secret"]  # the one before may have ended
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as failures:
            for failure in failures.exceptions:
                self.tally.wrong.append(f"{caller.name}: {route}: {response.status_code} {failure}"[:600])


def _maker(route: str) -> Maker | None:
    if ROUTES[route] == "session":
        return partial(signed_in, role="viewer")
    in_body = IN_BODY.get(route)
    return MAKERS.get(route) or maker_of(route) or (in_body[0] if in_body else None)


def _body(world: World, route: str, ids: Ids) -> Any:
    if route in IN_BODY and ids:
        return IN_BODY[route][1](world, ids)["json"]
    return examples().get(route)


_QUIETLY: dict[str, Any] = {
    "phases": (Phase.generate,),
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}


def _is_open(case: schemathesis.Case[Any], url: str, headers: dict[str, str], tally: Tally) -> bool:
    """Open a stream and let go of it; tell whether it was one, and no refusal."""
    sent = case.as_transport_kwargs(base_url=url, headers=headers)
    with requests.request(**sent, stream=True, timeout=120) as response:
        if response.status_code != 200:
            return False
        assert response.headers["content-type"].startswith("text/event-stream")
        next(response.iter_content(1))
        tally.statuses[200] += 1
        tally.succeeded.add(f"{case.operation.method.upper()} {case.operation.path}")
        return True


def server(world: World) -> Caller:
    """Return a company's server, with the keys and tokens of its customers."""

    def headers(route: str, ids: Ids) -> Mapping[str, str]:
        match ROUTES[route]:
            case "publishable key":
                return world.headers(world.widget_key)
            case "visitor token":
                return world.headers(ids.get("visitor_token", ""))
            case "session":
                return ids
            case _:
                return world.headers()

    return Caller("server key", headers)


async def member(world: World, role: str) -> Caller:
    """Return somebody of the team, at their browser."""
    own = await signed_in(world, role)
    others = server(world).headers

    def headers(route: str, ids: Ids) -> Mapping[str, str]:
        return own if ROUTES[route] in PERMISSIONS else others(route, ids)

    return Caller(role, headers)


async def test_no_request_breaks_the_contract(
    database_urls: DatabaseUrls, redis_url: str, chroma_url: str, tmp_path: Path, tenancy: Tenancy
) -> None:
    schema = schemathesis.openapi.from_dict(create_app(None).openapi())  # type: ignore[arg-type] # never started
    operations: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
    settings = settings_for(database_urls, redis_url, tmp_path, chroma_url=chroma_url, rate_limits="off")
    loop = asyncio.get_running_loop()
    async with front_door(settings) as door:
        world = await open_world(door, tenancy, chroma_url, tmp_path, "ärlig", release=1)

        def ids_of(route: str) -> Ids:
            maker = _maker(route)
            return asyncio.run_coroutine_threadsafe(maker(world), loop).result(60) if maker else {}

        callers = [server(world), *[await member(world, role) for role in ROLES]]
        sender = Sender(callers, door.url, world, ids_of)
        # What takes no input has no wrong one, so that some operations get fewer.
        each = -(-LEAST * 11 // (10 * len(operations)))
        for operation in operations:
            await asyncio.to_thread(sender.send, operation, GenerationMode.POSITIVE, each - each // 5)
            await asyncio.to_thread(sender.send, operation, GenerationMode.NEGATIVE, each // 5)
    tally = sender.tally
    print(f"{tally.statuses.total()} requests, {tally.share:.0%} answered 2xx, {dict(tally.statuses)}")
    print("never 2xx:", sorted({f"{o.method.upper()} {o.path}" for o in operations} - tally.succeeded))
    assert "\n".join(sorted(set(tally.wrong))) == ""
    assert tally.reached == {f"{each.method.upper()} {each.path}" for each in operations}
    assert tally.statuses.total() >= LEAST
    assert tally.share >= 0.4
