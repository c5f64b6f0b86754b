"""One person's data: handed out, erased everywhere, and looked for again; everybody else's stays."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from agents.actions import ActionKey, Actions
from agents.leases import Fence
from agents.privacy.jobs import PrivacyWorker
from agents.privacy.subject import Subject, compiled
from agents.stream import Address
from foundation.crypto import Sealer
from foundation.database.roles import DatabaseUrls
from foundation.errors import DependencyUnavailable
from foundation.ids import ConversationId, HostId, new_uuid, parse
from foundation.tenancy import Tenancy
from serve.upkeep import privacy_worker
from tests.support.desk import Staff
from tests.support.gateway import FrontDoor, OpenShop, front_door, open_shop, settings_for

pytestmark = pytest.mark.integration

PRIVACY = "/api/admin/privacy"
EMAIL, PHONE, NAME, WORDS = "zixi.kanarin@kanarie.example", "+46701740605", "Zixi Kanarin", "zebrafinksburen"
SUBJECT = {"email": EMAIL, "phone": PHONE, "words": [NAME, WORDS]}
_PLANTED = (
    (
        "update conversations set metadata = jsonb_build_object('customer', 'K-4711-90')"
        " where tenant_id = :tenant and id = :conversation"
    ),
    (
        "insert into checkpoints (tenant_id, conversation_id, release, graph, payload)"
        " values (:tenant, :conversation, 1, 'support', :plain)"
    ),
    (
        "insert into actions (tenant_id, conversation_id, run_id, step, iteration, action, arguments)"
        " values (:tenant, :conversation, :run_id, :step, :iteration, 'order.find', :sealed)"
    ),
)
_COLUMNS = (
    "select c.relname, a.attname, format_type(a.atttypid, null) from pg_class c"
    " join pg_attribute a on a.attrelid = c.oid where c.relnamespace = 'public'::regnamespace"
    " and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped"
    " and has_table_privilege(c.oid, 'select')"
)
CANARIES = (EMAIL, "0701740605", "701740605", NAME, WORDS)
OTHER = "Joan Zixisson, joan@kanarie.example, 0701740606"


@pytest.fixture
async def shop(
    database_urls: DatabaseUrls, redis_url: str, chroma_url: str, tmp_path: Path
) -> AsyncIterator[OpenShop]:
    async with open_shop(settings_for(database_urls, redis_url, tmp_path, chroma_url=chroma_url)) as opened:
        yield opened


@pytest.fixture
async def door(
    database_urls: DatabaseUrls, redis_url: str, chroma_url: str, tmp_path: Path
) -> AsyncIterator[FrontDoor]:
    settings = settings_for(database_urls, redis_url, tmp_path, chroma_url=chroma_url)
    async with front_door(settings) as opened:
        yield opened


def conversation_of(asked: Any) -> UUID:
    return parse("conversation", asked["conversation_id"])


async def plant(staff: Staff) -> list[UUID]:
    """Put the person into every store there is; return their conversations."""
    first = await staff.ask(f"Hej, jag heter {NAME} och min {WORDS} kom inte.\nMejla {EMAIL}")
    second = await staff.ask("Ring mig på 070-174 06 05, tack")
    position = first["message"]["position"]
    path = f"/api/admin/conversations/{first['conversation_id']}/messages/{position}"
    await staff.did("PUT", f"{path}/rating", {"correct": False})
    await staff.did("POST", f"{path}/correction", {"answer": f"Vi ringer {NAME}.", "language": "sv"})
    conversations = [conversation_of(each) for each in (first, second)]
    sealer = Sealer.of(staff.shop.services.settings.require("encryption_key"))
    key, fence = ActionKey(new_uuid(), "order.find"), Fence(HostId(new_uuid()), 1, 1)
    address = Address(staff.tenant_id, ConversationId(conversations[0]))
    arguments = Actions(staff.tenancy, sealer, address, fence)._seal(key, "arguments", json.dumps([NAME]))
    known = address.keys() | key._asdict() | {"plain": f"i klartext: {EMAIL}".encode(), "sealed": arguments}
    async with staff.tenancy.session(staff.tenant_id) as session:
        for planted in _PLANTED:
            await session.execute(text(planted), known)
    await staff.shop.services.files.write(
        staff.tenant_id, f"attachments/{conversations[0].hex}/kvitto.txt", f"Till {NAME}".encode()
    )
    async with Redis.from_url(staff.shop.services.settings.require("redis_url")) as redis:
        await redis.hset(f"replik:cache:{{{staff.tenant_id}:1:sv}}:entries", "q", f"Svar till {NAME}")
        await redis.rpush(f"buffer:conversation:{staff.tenant_id.hex}:{conversations[1].hex}", WORDS)
        await redis.set(f"limit:{staff.tenant_id.hex}:{EMAIL}", 1)
    return conversations


async def told(staff: Staff, words: tuple[str, ...], folder: Path) -> list[str]:
    """Look by other means than the code's own: return every place that has one of these words."""
    found = []
    async with staff.tenancy.session(staff.tenant_id) as session:
        for table, column, kind in (await session.execute(text(_COLUMNS))).all():
            whole = f'"{column}"' if kind == "bytea" else f"convert_to(\"{column}\"::text, 'UTF8')"
            for word in words:
                there = f"position(convert_to(:word, 'UTF8') in {whole}) > 0"
                sql = f'select count(*) from "{table}" where {there}'
                if (await session.execute(text(sql), {"word": word})).scalar_one():
                    found.append(f"{table}.{column}")
    async with Redis.from_url(staff.shop.services.settings.require("redis_url")) as redis:
        for key in await redis.keys("*"):
            held = [str(key).encode(), await redis.dump(key) or b""]
            if staff.tenant_id.hex in str(key).replace("-", "") and _hold(held, words):
                found.append(str(key))
    return found + [each.name for each in files(folder / "files" / staff.tenant_id.hex, words)]


def files(folder: Path, words: tuple[str, ...]) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file() and _hold([each.read_bytes()], words)]


def _hold(held: list[bytes], words: tuple[str, ...]) -> bool:
    return any(word.encode() in each for word in words for each in held)


async def worked(staff: Staff, path: str, worker: PrivacyWorker | None = None) -> Any:
    """Have what waits worked off, without waiting for a clock, and return the job as people see it."""
    worker = worker or privacy_worker(staff.shop.services)
    job_id = parse("privacy", path.rpartition("/")[2])
    for _ in range(10):
        async with staff.tenancy.session(staff.tenant_id) as session:
            await session.execute(text("update privacy_jobs set claimed_until = null"))
        await worker.run(staff.tenant_id, job_id)
        state = await staff.did("GET", path)
        if state["state"] not in {"queued", "running"}:
            return state
    return await staff.did("GET", path)


async def test_a_person_is_handed_out_and_erased_everywhere_and_nobody_else(
    shop: OpenShop, tenancy: Tenancy, tmp_path: Path
) -> None:
    staff = await Staff.of_new_tenant(shop, tenancy)
    conversations = await plant(staff)
    other = await staff.ask(f"Hej, jag heter {OTHER}. Mitt paket?")
    stranger = await Staff.of_new_tenant(shop, tenancy)
    await stranger.ask(f"Jag är också {EMAIL}")
    before = set(await told(staff, CANARIES, tmp_path))
    planted = {
        "messages.parts",
        "approved_answers.question",
        "approved_answers.answer",
        "checkpoints.payload",
    }
    assert planted <= before
    assert {"kvitto.txt"} <= before
    assert len([place for place in before if place.startswith("b'")]) >= 3

    # Handed out: by what a customer wrote, and by the id of other systems.
    asked = await staff.did("POST", f"{PRIVACY}/exports", {"email": EMAIL, "external_id": "K-4711-90"})
    early = await staff.call("GET", f"{PRIVACY}/exports/{asked['job_id']}/file")
    assert (early.status_code, early.json()["data"]) == (409, {"state": "queued"})
    done = await worked(staff, f"{PRIVACY}/exports/{asked['job_id']}")
    assert (done["state"], done["report"]["exported"]["conversations"]) == ("done", 1)
    fetched = await staff.call("GET", f"{PRIVACY}/exports/{asked['job_id']}/file")
    assert fetched.headers["content-disposition"].startswith("attachment")
    with zipfile.ZipFile(io.BytesIO(fetched.content)) as archive:
        data = json.loads(archive.read("data.json"))
        assert f"files/attachments/{conversations[0].hex}/kvitto.txt" in archive.namelist()
    [handed] = data["conversations"]
    assert NAME in json.dumps(handed["messages"], ensure_ascii=False)
    assert handed["traces"]
    assert handed["unfinished_procedure"] is True
    assert [each["arguments"] for each in handed["actions"]] == [[NAME]]
    assert "Zixisson" not in json.dumps(data)

    # Erased.
    exported = asked
    asked = await staff.did("POST", f"{PRIVACY}/erasures", SUBJECT)
    done = await worked(staff, f"{PRIVACY}/erasures/{asked['job_id']}")
    assert done["state"] == "done", done
    assert done["report"]["proof"] == {"left": {}, "mentioned": {}, "audit": done["report"]["proof"]["audit"]}
    erased = done["report"]["erased"]
    assert erased["conversations"] == 2
    assert erased["messages"] >= 4
    assert (erased["approved_answers"], erased["checkpoints"], erased["ratings"]) == (1, 1, 1)
    assert erased["valkey"] >= 3
    assert erased["files"] == 2  # the attachment and the export
    assert erased["audit keys"] == 0
    left = await told(staff, CANARIES, tmp_path)
    assert left == []
    gone = await staff.call("GET", f"{PRIVACY}/exports/{exported['job_id']}/file")
    assert (gone.status_code, gone.json()["data"]) == (409, {"state": "gone"})

    # Everybody else's is as it was.
    [kept] = await staff.rows("select id from conversations")
    assert kept.id == conversation_of(other)
    assert OTHER in str(await staff.rows("select parts from messages where author = 'customer'"))
    assert EMAIL in str(await stranger.rows("select parts from messages where author = 'customer'"))
    actions = await staff.rows(
        "select action, after from audit where action like 'privacy.%' order by at, id"
    )
    assert [row.action for row in actions] == [
        "privacy.export.ask",
        "privacy.export.done",
        "privacy.export.fetch",
        "privacy.erase.ask",
        "privacy.erase.done",
    ]
    assert actions[-1].after["erased"] == erased
    [job] = await staff.rows("select subject from privacy_jobs where kind = 'erase'")
    assert job.subject is None


async def test_others_words_and_what_the_company_wrote_are_told_apart(
    door: FrontDoor, tenancy: Tenancy, tmp_path: Path
) -> None:
    staff = await Staff.of_new_tenant(door, tenancy)
    said = await staff.ask(f"Skicka den till min syster {EMAIL} i stället")
    await door.services.sources.add_text(staff.tenant_id, "test", "Kontakt", f"Fråga {EMAIL} om burar.")
    asked = await staff.did("POST", f"{PRIVACY}/erasures", {"email": EMAIL, "mentions": "words"})
    done = await worked(staff, f"{PRIVACY}/erasures/{asked['job_id']}")
    assert done["state"] == "done"
    assert done["report"]["proof"]["mentioned"] == {"source files": 1}
    assert done["report"]["erased"]["words in messages"] == 2  # the customer's, and the echo
    [row] = await staff.rows("select conversation_id, parts from messages where author = 'customer'")
    assert row.conversation_id == conversation_of(said)
    assert row.parts == [{"type": "text", "text": "Skicka den till min syster [raderat] i stället"}]
    assert await told(staff, (EMAIL,), tmp_path) == ["1"]  # the source's file


class Away:
    """Valkey, when it is away."""

    async def named(self, *_parts: str) -> list[bytes]:
        raise DependencyUnavailable(part="valkey")


async def test_an_erasure_that_is_killed_in_the_middle_goes_on(
    door: FrontDoor, tenancy: Tenancy, tmp_path: Path
) -> None:
    staff = await Staff.of_new_tenant(door, tenancy)
    await staff.ask(f"Jag är {EMAIL}")
    await staff.ask("Ingenting om mig")
    # The same visitor: only the first conversation leads there, and it goes first.
    async with tenancy.session(staff.tenant_id) as session:
        await session.execute(text("update conversations set visitor_id = :one"), {"one": new_uuid()})
        host = {"host": door.room.host.host_id}
        await session.execute(text("update activations set host_id = :host"), host)
    asked = await staff.did("POST", f"{PRIVACY}/erasures", {"email": EMAIL})
    path, job_id = f"{PRIVACY}/erasures/{asked['job_id']}", parse("privacy", asked["job_id"])
    worker = privacy_worker(door.services)
    cut = replace(worker, bus=_Dying(), lease_s=0.0)  # type: ignore[arg-type]
    with pytest.raises(asyncio.CancelledError):
        await cut.run(staff.tenant_id, job_id)
    assert len(await staff.rows("select 1 from conversations")) == 1
    state = await staff.did("GET", path)
    assert (state["state"], state["report"]["erased"]["conversations"]) == ("running", 1)
    away = replace(worker, stores=replace(worker.stores, keyspace=Away()), lease_s=0.0)  # type: ignore[arg-type]
    with pytest.raises(DependencyUnavailable):
        await away.run(staff.tenant_id, job_id)
    assert (await staff.did("GET", path))["state"] == "running"

    assert await worker.work() >= 1  # as the clock finds it
    done = await staff.did("GET", path)
    assert (done["state"], done["report"]["erased"]["conversations"]) == ("done", 2)
    assert await staff.rows("select 1 from conversations") == []
    assert len(await staff.audited("privacy.erase.done")) == 1


class _Dying:
    """A bus in whose call the process ends."""

    async def post(self, *_posts: object) -> list[int]:
        raise asyncio.CancelledError


async def test_a_turn_that_runs_meanwhile_writes_nothing_back(door: FrontDoor, tenancy: Tenancy) -> None:
    staff = await Staff.of_new_tenant(door, tenancy)
    door.room.agent.gate.clear()
    address = await door.room.open(staff.tenant_id)
    await door.room.say(address, f"Jag är {EMAIL}")
    await door.room.agent.first_said.wait()
    asked = await staff.did("POST", f"{PRIVACY}/erasures", {"email": EMAIL})
    done = worked(staff, f"{PRIVACY}/erasures/{asked['job_id']}")
    state = await done
    door.room.agent.gate.set()
    await door.room.host.idle()
    assert state["state"] == "done", state
    for table in ("conversations", "activations", "messages", "turns", "traces"):
        assert await staff.rows(f"select 1 from {table}") == [], table
    again = await staff.did("POST", f"{PRIVACY}/erasures", {"email": EMAIL})
    done_again = await worked(staff, f"{PRIVACY}/erasures/{again['job_id']}")
    assert done_again["report"]["proof"]["left"] == {}


async def test_bad_requests_name_the_remedy_and_nobody_reaches_anothers_job(
    door: FrontDoor, tenancy: Tenancy
) -> None:
    staff, other = [await Staff.of_new_tenant(door, tenancy) for _ in range(2)]
    for body, said in (
        ({}, "name the person"),
        ({"words": ["Anna"]}, "name the person"),
        ({"email": "anna"}, "write one like anna@example.com"),
        ({"phone": "12"}, "with its country code"),
        ({"email": EMAIL, "words": ["an"]}, "shorter ones stand everywhere"),
        ({"visitor_id": "conv_1"}, "copy it from a list"),
    ):
        answer = await staff.call("POST", f"{PRIVACY}/erasures", body)
        assert answer.status_code == 422
        assert said in answer.json()["data"]["detail"]
    asked = await staff.did("POST", f"{PRIVACY}/exports", {"email": EMAIL})
    for path in (f"exports/{asked['job_id']}", f"exports/{asked['job_id']}/file", "exports/prv_1"):
        assert (await other.call("GET", f"{PRIVACY}/{path}")).status_code == 404
    assert (await staff.call("GET", f"{PRIVACY}/erasures/{asked['job_id']}")).status_code == 404
    # Who it is about stands nowhere in plain.
    [row] = await staff.rows("select subject, report from privacy_jobs")
    assert EMAIL.encode() not in bytes(row.subject)
    assert await staff.audited("privacy.erase.ask") == []


async def test_a_tenant_is_deleted_by_who_repeats_its_name(door: FrontDoor, tenancy: Tenancy) -> None:
    staff, other = [await Staff.of_new_tenant(door, tenancy) for _ in range(2)]
    for each in (staff, other):
        await each.ask(f"Jag är {EMAIL}")
    refused = await staff.call("DELETE", "/api/tenant", {"slug": "another"})
    assert (refused.status_code, refused.json()["data"]["field"]) == (422, "slug")
    assert len(await staff.rows("select 1 from conversations")) == 1
    deleted = await staff.call("DELETE", "/api/tenant", {"slug": f"t-{staff.tenant_id.hex}"})
    assert deleted.status_code == 202
    assert (await staff.call("GET", "/api/tenant/settings")).status_code == 401
    assert await staff.rows("select 1 from conversations") == []
    [note] = await staff.rows("select kind, id from erasures")
    assert (note.kind, f"ers_{note.id.hex}") == ("tenant", deleted.json()["erasure_id"])
    keyspace = door.services.keyspace
    assert await keyspace.named(staff.tenant_id.hex, str(staff.tenant_id)) == []
    assert len(await other.rows("select 1 from conversations")) == 1


def test_a_person_is_recognised_however_it_is_written() -> None:
    pattern = Subject.model_validate(SUBJECT).pattern
    assert pattern is not None
    known = compiled(pattern)
    for said in (
        EMAIL.upper(),
        f'"\\n{EMAIL}."',
        "0701740605",
        "070-174 06 05",
        "+46 (0)70 174 06 05",
        "0046701740605",
        "zixi  KANARIN",
        "Zixi Kanarins paket",
    ):
        assert known.search(said), said
    for said in (f"joan.{EMAIL}", "10701740605", "07017406051", "Zixi Kanarinsson", "nyzebrafinksburen"):
        assert not known.search(said), said
