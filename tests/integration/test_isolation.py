"""Every route with another tenant's ids: 404, and nothing changed; beside it the own call, which succeeds.

Once as the application is, and once with row-level security as the only defence: the application's own
filters are taken out of its statements on their way to the database.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from foundation.database.roles import DatabaseUrls
from foundation.settings import Settings
from foundation.tenancy import Tenancy
from serve.access import ROUTES
from tests.isolation.cases import OUTSIDE, Case, Request, cases
from tests.isolation.witness import Witness, without_filters
from tests.isolation.world import CANARY, Ids, World, open_world, policy
from tests.support.gateway import front_door, settings_for

pytestmark = pytest.mark.integration

SENT = frozenset({"mail_outbox"})
"""A mail that waits goes by itself once the mail server has it."""
TOUCHED = SENT | {"api_keys"}
"""A key notes when it was used, also for a call that is refused."""


@dataclass(frozen=True)
class Pair:
    """Two tenants behind one front door; `own` calls, `other` must not notice."""

    own: World
    other: World
    witness: Witness
    engine: AsyncEngine
    """The front door's."""


@pytest.fixture(scope="session")
def superuser_url(database_urls: DatabaseUrls) -> str:
    return database_urls.app.replace("replik_app@", "postgres@")


@pytest.fixture
def settings(database_urls: DatabaseUrls, redis_url: str, chroma_url: str, tmp_path: Path) -> Settings:
    return settings_for(database_urls, redis_url, tmp_path, chroma_url=chroma_url, rate_limits="off")


@asynccontextmanager
async def open_pair(settings: Settings, tenancy: Tenancy, superuser_url: str) -> AsyncIterator[Pair]:
    chroma_url, folder = settings.require("chroma_url"), settings.home
    async with front_door(settings) as door:
        own = await open_world(door, tenancy, chroma_url, folder, "ärlig", release=1)
        other = await open_world(door, tenancy, chroma_url, folder, CANARY, release=1_000)
        with closing(Witness(superuser_url)) as witness:
            yield Pair(own, other, witness, door.services.tenancy.engine)


async def call(world: World, case: Case, ids: Ids, request: Request) -> tuple[int, str]:
    """Return status and text; of an endless stream its beginning."""
    async with world.client.stream(
        case.method, case.path(ids), headers=case.headers(world, ids), **request
    ) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            async for line in answer.aiter_lines():
                return answer.status_code, line
        return answer.status_code, (await answer.aread()).decode(errors="replace")


async def test_the_matrix_sees_a_leak(
    settings: Settings, tenancy: Tenancy, superuser_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without filters and without row-level security (as superuser), another tenant's policy is there."""
    powerful = settings.evolve(database_url=SecretStr(superuser_url))
    async with open_pair(powerful, tenancy, superuser_url) as pair:
        await policy(pair.other)
        case = Case("GET /api/admin/policies", None, lambda _world, _ids: {})
        with without_filters(pair.engine, monkeypatch):
            assert CANARY in (await call(pair.own, case, {}, {}))[1]


async def test_no_route_lets_a_tenant_reach_another(
    settings: Settings, tenancy: Tenancy, superuser_url: str
) -> None:
    async with open_pair(settings, tenancy, superuser_url) as pair:
        await go_through_all(pair)


async def test_row_level_security_alone_keeps_tenants_apart(
    settings: Settings, tenancy: Tenancy, superuser_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_pair(settings, tenancy, superuser_url) as pair:
        with without_filters(pair.engine, monkeypatch) as robbed:
            await go_through_all(pair)
    assert robbed.filters > 100


async def go_through_all(pair: Pair) -> None:
    own, other, witness = pair.own, pair.other, pair.witness
    leaks: list[str] = []
    broken: list[str] = []
    foreign = 0
    for case in cases():
        mine = await case.maker(own) if case.maker else {}
        theirs = await case.maker(other) if case.maker and case.has_ids else {}
        before = (
            witness.rows(other.tenant_id, besides=SENT),
            witness.rows(own.tenant_id, besides=TOUCHED),
        )
        if case.has_ids:
            foreign += 1
            # Another tenant's ids, and what opens one's own: a visitor shows the token of their conversation.
            shown = mine if case.mixed else {**theirs, "visitor_token": mine.get("visitor_token", "")}
            status, text = await call(own, case, shown, case.build(own, theirs))
            if status != 404:
                leaks.append(f"{case}: {status} {text[:200]}")
            if witness.rows(own.tenant_id, besides=TOUCHED) != before[1]:
                leaks.append(f"{case}: something changed here")
        status, text = await call(own, case, mine, case.build(own, mine))
        if not 200 <= status < 300:
            broken.append(f"{case}: {status} {text[:200]}")
        if CANARY in text or str(other.tenant_id) in text or other.tenant_id.hex in text:
            leaks.append(f"{case}: {text[:200]}")
        if witness.rows(other.tenant_id, besides=SENT) != before[0]:
            leaks.append(f"{case}: something changed there")
    print(f"{len(cases())} calls of own, {foreign} of foreign ids, {len(leaks)} leaks")
    assert "\n".join(leaks + broken) == ""
    assert foreign > 30


def test_every_route_of_a_tenant_is_in_the_matrix() -> None:
    called = {case.route for case in cases()}
    assert {route for route, shown in ROUTES.items() if shown not in OUTSIDE} - called == set()
