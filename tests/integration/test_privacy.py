"""One person's data: handed out, erased everywhere, and looked for again; everybody else's stays."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from agents.privacy.subject import Subject, compiled
from foundation.database.roles import DatabaseUrls
from foundation.errors import DependencyUnavailable
from foundation.ids import new_uuid, parse
from foundation.tenancy import Tenancy
from serve.upkeep import privacy_worker
from tests.support.canary import (
    CANARIES,
    EMAIL,
    INBOX,
    NAME,
    OTHER,
    PRIVACY,
    PROFILE,
    SUBJECT,
    WORDS,
    conversation_of,
    plant,
    told,
    worked,
)
from tests.support.desk import Staff
from tests.support.gateway import FrontDoor, OpenShop, front_door, open_shop, settings_for

pytestmark = pytest.mark.integration


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


async def test_a_person_is_handed_out_and_erased_everywhere_and_nobody_else(
    shop: OpenShop, tenancy: Tenancy, tmp_path: Path
) -> None:
    staff = await Staff.of_new_tenant(shop, tenancy)
    conversations = await plant(staff)
    other = await staff.ask(f"Hej, jag heter {OTHER}. Mitt paket?")
    others = f"{INBOX}/{other['conversation_id']}"
    # What staff write in another's conversation makes it nobody else's, and neither does an empty field.
    await staff.did("PATCH", others, {"metadata": {"order": None}, "labels": ["brådskar", f"se {NAME}"]})
    await staff.did("POST", f"{others}/reply", {"text": f"Vi blandade ihop dig med {NAME}!"})
    await staff.did("POST", "/api/admin/canned-replies", {"shortcut": "bur", "text_sv": f"Till {NAME}"})
    stranger = await Staff.of_new_tenant(shop, tenancy)
    await stranger.ask(f"Jag är också {EMAIL}")
    before = set(await told(staff, CANARIES, tmp_path))
    planted = {
        "messages.parts",
        "approved_answers.question",
        "approved_answers.answer",
        "checkpoints.payload",
        "conversations.subject",
        "conversations.preview",
        "conversations.labels",
        "conversation_labels.label",
        "customers.email",
        "customers.phone",
        "customers.metadata",
        "customers.words",
        "message_words.words",
    }
    assert planted <= before
    assert {"kvitto.txt"} <= before
    assert len([place for place in before if place.startswith("b'")]) >= 3

    # One is found by its words, and all of this customer's by their metadata.
    assert len(await seen(staff, f"?q={WORDS}")) == 2
    [change, *_] = await logged(staff, "customer.change")
    assert (change["before"]["phone"], change["after"]["phone"]) == (PROFILE["phone"], "0701740605")

    # Handed out: by what a customer wrote, and by the id of other systems.
    asked = await staff.did("POST", f"{PRIVACY}/exports", {"email": EMAIL, "external_id": "K-4711-90"})
    early = await staff.call("GET", f"{PRIVACY}/exports/{asked['job_id']}/file")
    assert (early.status_code, early.json()["data"]) == (409, {"state": "queued"})
    done = await worked(staff, f"{PRIVACY}/exports/{asked['job_id']}")
    exported = done["report"]["exported"]
    assert (done["state"], exported["conversations"], exported["customers"]) == ("done", 2, 2)
    fetched = await staff.call("GET", f"{PRIVACY}/exports/{asked['job_id']}/file")
    assert fetched.headers["content-disposition"].startswith("attachment")
    with zipfile.ZipFile(io.BytesIO(fetched.content)) as archive:
        data = json.loads(archive.read("data.json"))
        assert f"files/attachments/{conversations[0].hex}/kvitto.txt" in archive.namelist()
    # The other one is the visitor's of whom only staff know who it is.
    [profile] = [each for each in data["customers"] if each["email"]]
    assert {name: profile[name] for name in PROFILE} == PROFILE | {"phone": "0701740605"}
    handed, _by_staff_only = data["conversations"]
    assert NAME in json.dumps(handed["messages"], ensure_ascii=False)
    assert handed["traces"]
    assert handed["unfinished_procedure"] is True
    assert [each["arguments"] for each in handed["actions"]] == [[NAME]]
    assert "Zixisson" not in json.dumps(data)

    # Erased.
    export = asked
    asked = await staff.did("POST", f"{PRIVACY}/erasures", SUBJECT)
    done = await worked(staff, f"{PRIVACY}/erasures/{asked['job_id']}")
    assert done["state"] == "done", done
    # The label and the canned reply are staff's own words: they stand in the log in plain, and are told.
    assert done["report"]["proof"] == {"left": {}, "mentioned": {"canned_replies": 1}, "audit": 2}
    erased = done["report"]["erased"]
    assert (erased["conversations"], erased["customers"], erased["labels"]) == (3, 3, 1)
    assert erased["messages"] >= 6
    assert (erased["approved_answers"], erased["checkpoints"], erased["ratings"]) == (1, 1, 1)
    assert erased["valkey"] >= 3
    assert erased["files"] == 2  # the attachment and the export
    assert erased["audit keys"] == 1
    left = await told(staff, CANARIES, tmp_path)
    assert set(left) == {"canned_replies.text_sv", "audit.after"}
    gone = await staff.call("GET", f"{PRIVACY}/exports/{export['job_id']}/file")
    assert (gone.status_code, gone.json()["data"]) == (409, {"state": "gone"})

    # Nobody finds them in the inbox, nor reads in the log what was known of them; the log holds.
    for q in (WORDS, NAME, EMAIL, "0701740605"):
        assert await seen(staff, f"?q={q}") == [], q
        assert (await staff.did("GET", f"/api/admin/customers?q={q}"))["customers"] == [], q
    for entry in await logged(staff, "customer.change"):
        assert all(value in (None, {"erased": True}) for value in (entry["before"] | entry["after"]).values())
    [revealed] = await logged(staff, "message.reveal")
    assert revealed["after"] == {"reason": {"erased": True}}
    assert (await staff.did("POST", "/api/admin/audit/verify"))["ok"] is True

    # Everybody else's is as it was.
    shown = await staff.did("GET", others)
    assert (shown["preview"], shown["labels"]) == ("Vi blandade ihop dig med [raderat]!", ["brådskar"])
    assert shown["subject"].startswith(f"Hej, jag heter {OTHER}")
    assert [one["conversation_id"] for one in await seen(staff, "?q=blandade")] == [other["conversation_id"]]
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


async def seen(staff: Staff, query: str) -> list[Any]:
    found: list[Any] = (await staff.did("GET", f"{INBOX}{query}"))["conversations"]
    return found


async def logged(staff: Staff, action: str) -> list[Any]:
    found: list[Any] = (await staff.did("GET", f"/api/admin/audit?action={action}"))["entries"]
    return found


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


async def test_a_customer_has_conversations_by_profile_and_by_external_id(
    door: FrontDoor, tenancy: Tenancy
) -> None:
    staff = await Staff.of_new_tenant(door, tenancy)
    first, second, vouched, other = [await staff.ask(f"Fråga {n}") for n in range(4)]
    customer_id = (await staff.did("GET", f"{INBOX}/{first['conversation_id']}"))["customer"]["customer_id"]
    await staff.did("PATCH", f"/api/admin/customers/{customer_id}", {"external_id": "K-1"})
    await staff.did("PATCH", f"{INBOX}/{second['conversation_id']}", {"customer_id": customer_id})
    async with tenancy.session(staff.tenant_id) as session:
        vouch = text("update conversations set external_id = 'K-1', verified = true where id = :id")
        await session.execute(vouch, {"id": conversation_of(vouched)})
    for subject in ({"customer_id": customer_id}, {"external_id": "K-1"}):
        asked = await staff.did("POST", f"{PRIVACY}/exports", subject)
        told_of = (await worked(staff, f"{PRIVACY}/exports/{asked['job_id']}"))["report"]["exported"]
        assert (told_of["conversations"], told_of["customers"]) == (3, 3), subject
    asked = await staff.did("POST", f"{PRIVACY}/erasures", {"customer_id": customer_id})
    done = await worked(staff, f"{PRIVACY}/erasures/{asked['job_id']}")
    assert (done["state"], done["report"]["erased"]["customers"]) == ("done", 3)
    left = await staff.rows("select c.id from conversations c join customers k on k.id = c.customer_id")
    assert [row.id for row in left] == [conversation_of(other)]
    assert (
        await staff.call("PATCH", f"/api/admin/customers/{customer_id}", {"name": "A"})
    ).status_code == 404


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
