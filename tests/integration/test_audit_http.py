"""The audit log over HTTP and by command, as its owner and as an operator use it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr

from foundation import audit, personal
from foundation.audit_chain import check_lines
from foundation.database.roles import DatabaseUrls
from foundation.ids import TenantId, new_uuid
from foundation.personal import Personal
from foundation.settings import Settings, env_name
from foundation.stack.home import locked
from foundation.stack.runfile import RunFile
from serve.cli import main
from tests.support.gateway import FrontDoor, add_key, front_door, settings_for
from tests.support.tenants import make_tenant

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Owner:
    door: FrontDoor
    tenant_id: TenantId
    headers: dict[str, str]

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        answer = await self.door.client.request(
            method, f"/api/admin/audit{path}", json=body, headers=self.headers
        )
        return answer.status_code, answer.json()

    async def did(self, method: str, path: str, body: object = None) -> Any:
        status, answer = await self.call(method, path, body)
        assert status == 200, answer
        return answer

    async def note(self, action: str, **after: object) -> None:
        async with self.door.services.tenancy.session(self.tenant_id) as session:
            await audit.record(
                session, self.tenant_id, actor="test", action=action, subject="thing", after=after
            )


@pytest.fixture
def settings(database_urls: DatabaseUrls, redis_url: str, tmp_path: Path) -> Settings:
    return settings_for(database_urls, redis_url, tmp_path)


@pytest.fixture
async def owner(settings: Settings) -> AsyncIterator[Owner]:
    async with front_door(settings) as door:
        tenant_id = await make_tenant(door.services.tenancy)
        key = await add_key(door.services.tenancy, tenant_id, "server")
        yield Owner(door, tenant_id, {"Authorization": f"Bearer {key}"})


async def test_pages_go_on_by_cursor_while_rows_are_added(owner: Owner) -> None:
    for number in range(5):
        await owner.note(f"a.{number}")
    first = await owner.did("GET", "?limit=2&action=a.")
    await owner.note("a.new")
    second = await owner.did("GET", f"?limit=2&action=a.&cursor={first['next']}")
    third = await owner.did("GET", f"?limit=2&action=a.&cursor={second['next']}")
    pages = (first, second, third)
    assert [[each["number"] for each in page["entries"]] for page in pages] == [[5, 4], [3, 2], [1]]
    assert third["next"] is None
    newest = first["entries"][0]
    assert (newest["actor"], newest["action"], newest["subject"], newest["after"]) == (
        "test",
        "a.4",
        "thing",
        {},
    )
    since = (await owner.did("GET", "?limit=1"))["entries"][0]["at"].replace("+", "%2B")
    assert [each["action"] for each in (await owner.did("GET", f"?from={since}"))["entries"]] == ["a.new"]
    assert len((await owner.did("GET", f"?to={since}"))["entries"]) == 5


@pytest.mark.parametrize(
    "query",
    [
        "limit=101", "limit=0", "cursor=!", "cursor=abc", "cursor=__________8", "cursor=" + "a" * 65,
        "from=yesterday", "from=2026-01-01T00:00:00", "actor=%00", "nonsense=1",
    ],
)  # fmt: skip
async def test_a_bad_question_is_refused(owner: Owner, query: str) -> None:
    status, answer = await owner.call("GET", f"?{query}")
    assert (status, answer["code"]) == (422, "invalid_input")


async def test_an_export_is_whole_and_verification_says_so(owner: Owner, database_urls: DatabaseUrls) -> None:
    for number in range(1203):  # more than two batches
        await owner.note("a.b", number=number)
    got = await owner.door.client.get("/api/admin/audit/export", headers=owner.headers)
    assert got.headers["content-type"].startswith("application/x-ndjson")
    lines = got.text.splitlines(keepends=True)
    verdict = check_lines(lines)
    assert (verdict.ok, verdict.rows, len(lines)) == (True, 1203, 1204)
    head = str(verdict.head)
    assert await owner.did("POST", "/verify") == {"ok": True, "rows": 1203, "head": head, "bad": None}
    assert (await owner.did("POST", "/verify", {"against": head}))["ok"]
    assert (await owner.call("POST", "/verify", {"against": "x"}))[0] == 422
    tamper(
        database_urls, "update audit set action = 'x' where tenant_id = %s and number = 601", owner.tenant_id
    )
    found = await owner.did("POST", "/verify")
    assert (found["ok"], found["rows"], found["bad"]) == (False, 600, {"number": 601, "reason": "altered"})


async def test_another_tenant_sees_nothing_of_it_and_a_widget_key_opens_nothing(owner: Owner) -> None:
    await owner.note("a.b")
    tenancy = owner.door.services.tenancy
    other = await make_tenant(tenancy)
    for kind, status in (("server", 200), ("publishable", 401)):
        key = await add_key(tenancy, other, kind)
        for path in ("", "/export"):
            got = await owner.door.client.get(
                f"/api/admin/audit{path}", headers={"Authorization": f"Bearer {key}"}
            )
            assert got.status_code == status
            assert "a.b" not in got.text


async def test_what_is_personal_is_shown_until_its_key_is_erased(owner: Owner) -> None:
    anna = new_uuid()
    await owner.note("person.add", email=Personal(anna, "anna@example.com"))
    assert (await owner.did("GET", ""))["entries"][0]["after"] == {"email": "anna@example.com"}
    async with owner.door.services.tenancy.session(owner.tenant_id) as session:
        await personal.erase_key(session, owner.tenant_id, anna)
    assert (await owner.did("GET", ""))["entries"][0]["after"] == {"email": {"erased": True}}
    assert (await owner.did("POST", "/verify"))["ok"]


# Commands


async def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    """Run a command as beside a running Replik."""
    RunFile.of(settings).write(settings.home)
    for field in Settings.model_fields:
        monkeypatch.delenv(env_name(field), raising=False)
    monkeypatch.setenv("REPLIK_HOME", str(settings.home))
    monkeypatch.setenv("ENCRYPTION_KEY", settings.require("encryption_key"))
    old = ",".join(key.get_secret_value() for key in settings.encryption_keys_old)
    monkeypatch.setenv("ENCRYPTION_KEYS_OLD", old)
    before = dict(os.environ)
    try:
        with locked(settings.home):
            return await asyncio.to_thread(CliRunner().invoke, main, list(words))
    finally:
        for name in os.environ.keys() - before.keys():
            monkeypatch.delenv(name)


def tamper(urls: DatabaseUrls, statement: str, tenant_id: TenantId) -> None:
    with psycopg.connect(urls.migrator.replace("replik_migrator@", "postgres@")) as connection:
        assert connection.execute(statement.encode(), [tenant_id]).rowcount == 1


async def test_operators_verify_and_export_by_command(
    owner: Owner,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    database_urls: DatabaseUrls,
    tmp_path: Path,
) -> None:
    slug, file = f"t-{owner.tenant_id.hex}", str(tmp_path / "audit.jsonl")
    await owner.note("a.one")
    await owner.note("a.two")
    done = await run(settings, monkeypatch, "audit", "export", "--tenant", slug, "-o", file)
    assert done.exit_code == 0, done.output
    head = json.loads(done.stdout)["head"]
    for words in (
        (file,),
        (file, "--against", head),
        ("--tenant", slug),
        ("--tenant", slug, "--against", head),
    ):
        done = await run(settings, monkeypatch, "audit", "verify", *words)
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["head"] == head

    tamper(database_urls, "delete from audit where tenant_id = %s and number = 1", owner.tenant_id)
    done = await run(settings, monkeypatch, "audit", "verify", "--tenant", slug)
    assert done.exit_code == 1
    assert f"The audit log of {slug} is not whole: row 1 is missing." in done.stderr
    done = await run(settings, monkeypatch, "audit", "verify")
    assert done.exit_code == 1
    assert slug in [json.loads(line)["tenant"] for line in done.stdout.splitlines()]
    for words in (("--against", head), ("--tenant", "nobody-here"), ("--tenant", slug, "--against", "7")):
        done = await run(settings, monkeypatch, "audit", "verify", *words)
        assert done.exit_code in {1, 2}
        assert "Traceback" not in done.output


async def test_secrets_are_rotated_by_command_and_the_old_key_can_go(
    owner: Owner, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = new_uuid()
    await owner.note("person.add", email=Personal(anna, "anna@example.com"))
    renewed = settings.evolve(
        encryption_key=SecretStr("7b" * 32), encryption_keys_old=(SecretStr("5e" * 32),)
    )
    done = await run(renewed, monkeypatch, "secrets", "rotate")
    counts = json.loads(done.stdout.splitlines()[0])
    assert counts["person_keys.wrapped_key"]["resealed"] >= 1
    done = await run(renewed, monkeypatch, "secrets", "rotate")
    assert json.loads(done.stdout.splitlines()[0])["person_keys.wrapped_key"]["resealed"] == 0
    async with front_door(renewed.evolve(encryption_keys_old=())) as door:
        got = await door.client.get("/api/admin/audit?action=person.", headers=owner.headers)
    assert got.json()["entries"][0]["after"] == {"email": "anna@example.com"}
