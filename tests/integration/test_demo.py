"""Demo mode's routes: for browsers on this machine only, and a desk that shows how reading goes."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from admin_api import sources
from foundation.database.roles import DatabaseUrls
from foundation.ids import SourceId, show
from foundation.tenancy import Tenancy
from serve.seed import seed
from tests.support.gateway import FrontDoor, front_door, settings_for

pytestmark = pytest.mark.integration


@pytest.fixture
async def door(database_urls: DatabaseUrls, redis_url: str, tmp_path: Path) -> AsyncIterator[FrontDoor]:
    async with front_door(settings_for(database_urls, redis_url, tmp_path, mode="demo")) as opened:
        yield opened


def answer_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_pages_of_this_machine_get_in(door: FrontDoor) -> None:
    for headers in (
        {},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://[::1]"},
        {"Host": "[::1]:80"},
    ):
        response = await door.client.get("/api/demo", headers=headers)
        assert response.status_code == 200, headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://["},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Host": "evil.example"},
        {"Host": "odd_name.example"},
        {"Host": "["},
    ],
)
async def test_pages_of_others_find_nothing(door: FrontDoor, headers: dict[str, str]) -> None:
    assert answer_of(await door.client.get("/api/demo", headers=headers)) == (404, "not_found")


async def test_outside_of_demo_mode_there_is_nothing_whatever_is_sent(
    database_urls: DatabaseUrls, redis_url: str, tmp_path: Path
) -> None:
    settings = settings_for(database_urls, redis_url, tmp_path)
    serious = settings.evolve(
        mode="production",
        encryption_key=SecretStr(secrets.token_hex(32)),
        public_url="https://replik.example",
    )
    async with front_door(serious) as door:
        for headers in ({}, {"Origin": "http://["}, {"Host": "["}):
            assert answer_of(await door.client.get("/api/demo", headers=headers)) == (404, "not_found")


async def test_a_broken_form_is_not_called_json(door: FrontDoor, tenancy: Tenancy) -> None:
    await seed(tenancy, door.services.settings)
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        response = await door.client.post(
            "/api/demo/sources", content=b"nonsense", headers={"Content-Type": kind}
        )
        assert answer_of(response) == (400, "malformed_body")
        assert "JSON" not in response.json()["title"]


async def a_source(door: FrontDoor, tenancy: Tenancy, state: str) -> str:
    """Add a source, put it into a state, and return the path of its events."""
    tenant_id = (await seed(tenancy, door.services.settings))["own"]
    source_id: SourceId = await door.services.sources.add_text(tenant_id, "test", "T", "Text.")
    async with tenancy.session(tenant_id) as session:
        await session.execute(
            text("update sources set state = :state where id = :id"), {"state": state, "id": source_id}
        )
    return f"/api/demo/sources/{show('source', source_id)}/events"


@pytest.mark.parametrize("state", ["ready", "failed", "stale"])
async def test_following_a_source_ends_when_nothing_more_happens_to_it(
    door: FrontDoor, tenancy: Tenancy, state: str
) -> None:
    path = await a_source(door, tenancy, state)
    async with asyncio.timeout(10):
        response = await door.client.get(path)
    assert response.text.count("event: progress") == 1
    assert f'"state":"{state}"' in response.text


async def test_a_quiet_stream_shows_that_it_lives(
    door: FrontDoor, tenancy: Tenancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_LOOK_S", 0.05)
    path = await a_source(door, tenancy, "queued")
    async with asyncio.timeout(10), door.client.stream("GET", path) as response:
        lines = response.aiter_lines()
        seen = [line async for line in _first(lines, 10) if line]
    assert seen[0] == "event: progress"
    assert seen[2:] == [": hb"] * len(seen[2:])
    assert len(seen) > 2


async def _first(lines: AsyncIterator[str], count: int) -> AsyncIterator[str]:
    for _ in range(count):
        yield await anext(lines)


async def test_a_reader_that_goes_ends_the_following_at_once() -> None:
    ended = False

    async def states() -> AsyncGenerator[sources.SourceState | None, None]:
        nonlocal ended
        try:
            while True:
                yield None
        finally:
            ended = True

    stream = sources._encoded(states())
    assert await anext(stream) == b": hb\n\n"
    await stream.aclose()
    assert ended
