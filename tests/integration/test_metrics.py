"""What Prometheus reads: who may, that every gateway says the same of hosts, and that counters count."""

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from foundation.database.engine import connect
from foundation.database.roles import DatabaseUrls
from foundation.errors import ReplikError
from foundation.ids import TenantId, new_uuid
from foundation.settings import Settings
from foundation.telemetry import process_name
from foundation.tenancy import Tenancy
from serve.counters import Counters
from serve.measured import Measured
from serve.problems import add_problem_handlers
from tests.integration.test_http import Shop, bearer, send, start
from tests.support.events import read_events
from tests.support.gateway import FrontDoor, add_key, front_door, settings_for
from tests.support.hosts import add_host
from tests.support.tenants import make_tenant
from tests.unit.test_docs import table

TOKEN = "a-token-that-is-long-enough"


@pytest.fixture
def settings(database_urls: DatabaseUrls, redis_url: str, tmp_path: Path) -> Settings:
    return settings_for(database_urls, redis_url, tmp_path)


@pytest.fixture
async def door(settings: Settings) -> AsyncIterator[FrontDoor]:
    async with front_door(settings) as opened:
        yield opened


@pytest.fixture
async def shop(tenancy: Tenancy) -> Shop:
    tenant_id = await make_tenant(tenancy)
    return Shop(
        tenant_id,
        bearer(await add_key(tenancy, tenant_id, "server")),
        bearer(await add_key(tenancy, tenant_id, "publishable")),
    )


class Scrape:
    """The figures of one answer."""

    def __init__(self, said: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(said)}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    def figure(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with these labels; 0 when there is none."""
        return math.fsum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def names(self) -> set[str]:
        return {
            name + ("_total" if family.type == "counter" else "") for name, family in self.families.items()
        }


async def scrape(client: httpx.AsyncClient, **headers: str) -> Scrape:
    response = await client.get("/api/metrics", headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Scrape(response.text)


# Who may read them


async def test_without_a_token_the_demo_is_open(door: FrontDoor) -> None:
    assert (await scrape(door.client)).figure("replik_database_up") == 1


@pytest.mark.parametrize("mode", ["demo", "production"])
async def test_with_a_token_it_is_required(settings: Settings, mode: str) -> None:
    changed = settings.evolve(
        mode=mode,
        metrics_token=SecretStr(TOKEN),
        public_url="https://help.example.com",
        encryption_key=SecretStr("0123456789abcdef" * 4),
    )
    async with front_door(changed) as door:
        for wrong in ({}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": f"Basic {TOKEN}"}):
            refused = await door.client.get("/api/metrics", headers=wrong)
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        assert (await scrape(door.client, **bearer(TOKEN))).figure("replik_database_up") == 1


async def test_production_without_a_token_has_no_such_route(settings: Settings) -> None:
    changed = settings.evolve(
        mode="production",
        public_url="https://help.example.com",
        encryption_key=SecretStr("0123456789abcdef" * 4),
    )
    async with front_door(changed) as door:
        for headers in ({}, bearer("anything")):
            answer = await door.client.get("/api/metrics", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# Hosts and queue


async def test_every_gateway_says_the_same_of_the_hosts(settings: Settings, tenancy: Tenancy) -> None:
    async with front_door(settings) as one, front_door(settings) as other:
        stats = {"name": "node-a:17", "active": 30, "running": 4, "waiting": 2, "turns": 99, "failed": 3}
        await add_host(tenancy, stats=stats | {"limit": 64, "loop_lag_ms": 12.5})
        for door in (one, other):
            seen = await scrape(door.client)
            assert {
                name: seen.figure(name, host="node-a:17")
                for name in sorted(seen.names())
                if name.startswith("replik_host_") and "seconds" not in name
            } == {
                "replik_host_activations": 30,
                "replik_host_failed_turns_total": 3,
                "replik_host_running_turns": 4,
                "replik_host_turn_limit": 64,
                "replik_host_turns_total": 99,
                "replik_host_waiting_wakes": 2,
            }
            assert seen.figure("replik_host_loop_lag_seconds", host="node-a:17") == 0.0125
            assert 0 < seen.figure("replik_host_lease_left_seconds", host="node-a:17") <= 60
            assert seen.families["replik_host_turns"].type == "counter"


async def test_a_host_that_says_nothing_yet_counts_as_idle(door: FrontDoor, tenancy: Tenancy) -> None:
    host_id = await add_host(tenancy, stats={})
    seen = await scrape(door.client)
    assert seen.figure("replik_host_activations", host=host_id.hex[-8:]) == 0
    assert seen.figure("replik_hosts") >= 1


async def test_a_host_without_a_lease_is_gone_and_a_name_stands_once(
    door: FrontDoor, tenancy: Tenancy
) -> None:
    await add_host(tenancy, stats={"name": "without-lease:1", "turns": 7}, lease_s=-1)
    await add_host(tenancy, stats={"name": "again:1", "turns": 7})
    await add_host(tenancy, stats={"name": "again:1", "turns": 2})
    seen = await scrape(door.client)
    turns = [sample for sample in seen.samples if sample.name == "replik_host_turns_total"]
    named = [(sample.labels["host"], sample.value) for sample in turns]
    assert ("again:1", 2.0) in named
    assert len({host for host, _ in named}) == len(named)
    assert "without-lease:1" not in {host for host, _ in named}


async def test_the_queue_counts_all_tenants_turns(
    door: FrontDoor, tenancy: Tenancy, system: AsyncEngine
) -> None:
    before = await scrape(door.client)
    for state, age_s in (("queued", 90), ("queued", 5), ("running", 9e4), ("done", 9e4), ("failed", 9e4)):
        await add_turn(tenancy, await make_tenant(tenancy), state, age_s)
    after = await scrape(door.client)
    risen = {
        name: after.figure(name) - before.figure(name)
        for name in ("replik_turns_queued", "replik_turns_running")
    }
    assert risen == {"replik_turns_queued": 2, "replik_turns_running": 1}
    assert 90 <= after.figure("replik_turns_oldest_waiting_seconds") < 9e4


# A person has the conversation, so that no sweeper wakes it.
_ADD_TURNS = (
    "insert into conversations (tenant_id, id, channel) values (:tenant, :conversation, 'api')",
    "insert into activations (tenant_id, conversation_id, mode) values (:tenant, :conversation, 'human')",
    """insert into turns (tenant_id, conversation_id, id, positions, state, created_at)
        select :tenant, :conversation, gen_random_uuid(), array[n], :state,
            clock_timestamp() - make_interval(secs => :age) from generate_series(1, :times) n""",
)


async def add_turn(
    tenancy: Tenancy, tenant_id: TenantId, state: str, age_s: float, *, times: int = 1
) -> None:
    keys = {"tenant": tenant_id, "conversation": new_uuid(), "state": state, "age": age_s, "times": times}
    async with tenancy.session(tenant_id) as session:
        for statement in _ADD_TURNS:
            await session.execute(text(statement), keys)


async def test_the_queue_is_read_by_its_index_however_much_is_stored(
    tenancy: Tenancy, system: AsyncEngine, database_urls: DatabaseUrls
) -> None:
    await add_turn(tenancy, await make_tenant(tenancy), "done", 1_000, times=20_000)
    owner = connect(database_urls.migrator)
    async with owner.begin() as connection:
        await connection.execute(text("analyze turns"))
    await owner.dispose()
    async with system.begin() as connection:
        await connection.execute(text("select * from queue_depths()"))
        scanned = await connection.execute(
            text("select seq_scan, idx_scan from pg_stat_xact_user_tables where relname = 'turns'")
        )
        assert scanned.one() == (0, 1)


@pytest.mark.parametrize("asked", ["live_hosts()", "queue_depths()"])
async def test_only_the_system_role_sees_all_tenants_numbers(
    tenancy: Tenancy, system: AsyncEngine, database_urls: DatabaseUrls, asked: str
) -> None:
    worker = connect(database_urls.worker)
    for engine in (tenancy.engine, worker):
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with engine.connect() as connection:
                await connection.execute(text(f"select * from {asked}"))
    await worker.dispose()
    async with system.connect() as connection:
        await connection.execute(text(f"select * from {asked}"))


async def test_without_its_database_a_gateway_tells_its_own_figures(settings: Settings) -> None:
    away = settings.evolve(database_system_url=SecretStr("postgresql://replik_system@127.0.0.1:9/replik"))
    async with front_door(away) as door:
        await door.client.get("/api/health/live")
        seen = await scrape(door.client)
        assert seen.figure("replik_database_up") == 0
        assert seen.figure("replik_http_requests_total", route="/api/health/live") == 1
        assert "replik_hosts" not in seen.names()


# This gateway's own


async def test_requests_are_counted_by_the_routes_template(door: FrontDoor, shop: Shop) -> None:
    path, token = await start(door, shop)
    await send(door, path, token, "hej")
    await door.client.get("/api/nowhere/secret-of-somebody")
    await door.client.get(f"{path}/messages")
    await door.client.post("/api/chat/message", json={"message": "hej"})
    await door.client.request("PROPFIND", "/api/health/live")
    seen = await scrape(door.client)
    counted = {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for sample in seen.samples
        if sample.name == "replik_http_requests_total"
    }
    said = "/api/chat/conversations/{conversation_id}/messages"
    assert counted == {
        ("POST", "/api/chat/conversations", "201"): 1,
        ("POST", said, "202"): 1,
        ("GET", said, "405"): 1,
        ("GET", "none", "404"): 1,
        ("POST", "/api/chat/message", "401"): 1,
        ("other", "/api/health/live", "405"): 1,
    }
    assert seen.figure("replik_http_request_seconds_count", route=said) == 2
    gateways = {sample.labels["gateway"] for sample in seen.samples if "gateway" in sample.labels}
    assert gateways == {process_name()}


async def test_a_stream_is_open_until_its_client_leaves(door: FrontDoor, shop: Shop) -> None:
    path, token = await start(door, shop)
    await send(door, path, token, "hej")
    async with door.client.stream("GET", f"{path}/events", headers=token) as response:
        lines = response.aiter_lines()
        while not (await anext(lines)).startswith("event: done"):
            pass
        assert (await scrape(door.client)).figure("replik_open_streams") == 1
    async with asyncio.timeout(20):
        while (await scrape(door.client)).figure("replik_open_streams"):
            await asyncio.sleep(0.02)
    # What streamed and ended by itself is closed too.
    await read_events(
        door.client, "/api/chat/stream", last="done", json={"message": "hej"}, headers=shop.server
    )
    seen = await scrape(door.client)
    assert seen.figure("replik_http_requests_total", route="/api/chat/stream", status="200") == 1


async def test_no_figure_names_a_tenant_a_customer_or_what_was_said(door: FrontDoor, shop: Shop) -> None:
    path, token = await start(door, shop)
    await send(door, path, token, "xylofon")
    answer = (await door.client.get("/api/metrics")).text
    for secret in (path.rpartition("/")[2], shop.tenant_id.hex, str(shop.tenant_id), "xylofon"):
        assert secret not in answer


class TooMany(ReplikError):
    """Not now."""

    code = "too_many"
    status = 429


@pytest.fixture
async def busy() -> AsyncIterator[tuple[httpx.AsyncClient, Counters]]:
    """An app that refuses and breaks, with the counting around it."""
    app, counters = FastAPI(), Counters()

    class Behind:
        def __init__(self) -> None:
            self.counters = counters

    app.state.services = Behind()
    add_problem_handlers(app)

    @app.get("/refuse/{reason}")
    async def refuse(reason: str) -> None:
        raise TooMany(reason=reason) if reason != "none" else TooMany()

    @app.get("/break")
    async def break_() -> None:
        raise RuntimeError("planned")

    app.add_middleware(Measured)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client, counters


async def test_refusals_are_counted_by_their_reason(busy: tuple[httpx.AsyncClient, Counters]) -> None:
    client, counters = busy
    for reason in ("tenant_queue", "tenant_queue", "none", "Whatever a caller wrote 17"):
        assert (await client.get(f"/refuse/{reason}")).status_code == 429
    seen = figures(counters)
    assert {key: seen.figure("replik_refused_total", reason=key) for key in ("tenant_queue", "too_many")} == {
        "tenant_queue": 2,
        "too_many": 1,
    }
    assert seen.figure("replik_refused_total", reason="unknown") == 1


async def test_a_crash_is_counted_as_the_500_that_it_becomes(
    busy: tuple[httpx.AsyncClient, Counters],
) -> None:
    client, counters = busy
    assert (await client.get("/break")).status_code == 500
    assert figures(counters).figure("replik_http_requests_total", route="/break", status="500") == 1


async def test_a_client_that_leaves_before_the_answer_is_counted_as_gone() -> None:
    counters = Counters()
    reached = asyncio.Event()

    class State:
        services = type("Behind", (), {"counters": counters})

    async def never(scope: object, receive: object, send: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    scope = {"type": "http", "method": "GET", "app": type("App", (), {"state": State})}
    request = asyncio.create_task(Measured(never)(scope, None, None))  # type: ignore[arg-type]
    await reached.wait()
    request.cancel()
    await asyncio.wait({request})
    assert figures(counters).figure("replik_http_requests_total", status="499") == 1


def figures(counters: Counters) -> Scrape:
    return Scrape(generate_latest(counters.registry).decode())


async def test_messages_are_counted_by_channel() -> None:
    counters = Counters()
    counters.accepted("widget")
    counters.accepted("widget")
    counters.accepted("api")
    seen = figures(counters)
    assert seen.figure("replik_messages_accepted_total", channel="widget") == 2
    assert seen.figure("replik_messages_accepted_total") == 3


# The page about them


async def test_the_documented_names_are_those_of_the_route(door: FrontDoor, tenancy: Tenancy) -> None:
    await add_host(tenancy, stats={})
    documented = {cells[0].strip("`") for cells in table("docs/monitoring.md", "Metrics")}
    assert documented == (await scrape(door.client)).names()
