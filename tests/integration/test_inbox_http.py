"""The inbox over HTTP: lists, states, replies, notes and takeovers, and what customers see of them."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from agents.inbox.changing import Changes
from agents.inbox.clock import forget_old_events, wake_due
from foundation.database.roles import DatabaseUrls
from foundation.ids import new_uuid, show
from tests.support.gateway import FrontDoor, add_key
from tests.support.office import INBOX, Office, code_of
from tests.support.people import town
from tests.support.tenants import add_person, make_tenant


async def test_cases_are_numbered_and_listed_by_their_last_message(office: Office) -> None:
    first, second = [await office.chat(said) for said in ("Hej, var är min jacka?", "Hur byter jag?")]
    await first.answered("Hallå?", times=2)
    page = await office.did("GET", INBOX)
    shown = [
        (one["conversation_id"], one["case_number"], one["status"], one["mode"])
        for one in page["conversations"]
    ]
    assert shown == [
        (first.conversation_id, 1, "active", "agent"),
        (second.conversation_id, 2, "active", "agent"),
    ]
    one = page["conversations"][0]
    assert one["subject"] == "Hej, var är min jacka?"
    assert (one["preview"], one["preview_author"]) == ("echo: Hallå?. Klart.", "agent")
    assert one["customer"]["verified"] is False
    assert await office.ids("sort=oldest") == [second.conversation_id, first.conversation_id]
    assert await office.ids("sort=case") == [second.conversation_id, first.conversation_id]


async def test_a_start_that_is_repeated_takes_no_second_number(office: Office) -> None:
    key = {"Idempotency-Key": str(new_uuid())}
    for _ in range(3):
        answer = await office.client.post(
            "/api/chat/conversations", json={}, headers=office.publishable | key
        )
        assert answer.status_code == 201
    await asyncio.gather(*(office.chat() for _ in range(12)))
    found = await office.rows("select case_number from conversations order by 1")
    assert [row.case_number for row in found] == list(range(1, 14))


async def test_pages_follow_each_other_without_gap_or_repeat(office: Office) -> None:
    chats = [await office.chat() for _ in range(7)]
    for sort in ("newest", "oldest", "case"):
        seen, cursor = list[str](), ""
        for _ in range(3):
            page = await office.did("GET", f"{INBOX}?limit=3&sort={sort}{cursor}")
            seen += [one["conversation_id"] for one in page["conversations"]]
            cursor = f"&cursor={page['next']}"
        ids = [chat.conversation_id for chat in chats]
        assert seen == (ids if sort == "oldest" else ids[::-1])
        assert cursor == "&cursor=None"
    for bad in ("x", "W10", chats[0].conversation_id, "%00"):
        assert code_of(await office.call("GET", f"{INBOX}?cursor={bad}")) == (422, "invalid_input")


async def test_lists_are_filtered(office: Office) -> None:
    mine, other = await office.chat("Ett"), await office.chat("Två")
    person = show("person", await add_person(office.tenancy, office.tenant_id))
    path = f"{INBOX}/{mine.conversation_id}"
    inbox = (await office.did("GET", path))["inbox_id"]
    await office.did("PATCH", path, {"assignee_id": person, "labels": ["retur", "vip"], "status": "pending"})
    both = [other.conversation_id, mine.conversation_id]
    for query, expected in (
        (f"assignee={person}", both[1:]),
        ("assignee=none", both[:1]),
        ("label=retur", both[1:]),
        ("label=ret", []),
        ("status=pending", both[1:]),
        ("status=active", both[:1]),
        ("channel=widget", both),
        ("channel=email", []),
        (f"inbox={inbox}", both),
        ("language=sv", both),
        ("language=en", []),
        ("from=2020-01-01T00:00:00Z", both),
        ("to=2020-01-01T00:00:00Z", []),
        (f"status=pending&label=vip&assignee={person}&channel=widget", both[1:]),
    ):
        assert await office.ids(query) == expected, query
    await office.did("PATCH", path, {"labels": ["vip"]})
    assert await office.ids("label=retur") == []
    counts = {one["status"]: one["count"] for one in (await office.did("GET", f"{INBOX}/counts"))["counts"]}
    assert counts == {"active": 1, "pending": 1, "escalated": 0, "resolved": 0, "snoozed": 0}
    for bad in ("assignee=me", "assignee=x", "status=gone", "from=yesterday", "limit=0", "label=%00"):
        assert (await office.call("GET", f"{INBOX}?{bad}")).status_code in (404, 422), bad


async def test_a_state_is_changed_once_by_who_has_read_it(office: Office) -> None:
    chat = await office.chat("Hej")
    path = f"{INBOX}/{chat.conversation_id}"
    read = await office.call("GET", path)
    tag = read.headers["etag"]
    assert tag == f'"{read.json()["version"]}"'
    person = show("person", await add_person(office.tenancy, office.tenant_id))
    patch = {"assignee_id": person, "labels": ["vip", "vip"], "metadata": {"order": "A-1"}}
    changed = await office.call("PATCH", path, patch, **{"If-Match": tag})
    assert changed.status_code == 200
    after = changed.json()
    assert (after["assignee_id"], after["labels"], after["metadata"]) == (person, ["vip"], {"order": "A-1"})
    assert after["assignee_name"] == "Åsa Lind"
    assert changed.headers["etag"] == f'"{after["version"]}"' != tag
    late = await office.call("PATCH", path, {"labels": []}, **{"If-Match": tag})
    assert code_of(late) == (412, "precondition_failed")
    same = await office.did("PATCH", path, patch)
    assert same == (await office.did("GET", path))
    assert same["version"] == after["version"]
    assert (await office.audited()) == ["member.add", "conversation.change"]
    [audited] = await office.rows("select before, after from audit where action = 'conversation.change'")
    assert audited.before["labels"] == []
    assert audited.after == {"assignee_id": person, "labels": ["vip"], "metadata": ["order"]}
    said = (await office.did("GET", f"{path}/messages"))["messages"]
    assert said[-1]["visibility"] == "internal"
    assert said[-1]["parts"][0]["name"] == "changed"


@pytest.mark.parametrize(
    "patch",
    [
        {"status": "gone"},
        {"status": None},
        {"status": "snoozed"},
        {"snoozed_until": "2020-01-01T00:00:00Z"},
        {"snoozed_until": "2020-01-01T00:00:00"},
        {"assignee_id": "me"},
        {"labels": [""]},
        {"labels": ["a\x00"]},
        {"metadata": {"a": "x" * 9_000}},
        {"metadata": {"a": "\x00"}},
        {"unknown": 1},
        {"inbox_id": "box_" + "0" * 32},
        {"customer_id": "cus_" + "0" * 32},
        {"assignee_id": "nobody"},
        {"assignee_id": "per_" + "0" * 32},
    ],
)
async def test_what_makes_no_sense_changes_nothing(office: Office, patch: dict[str, Any]) -> None:
    chat = await office.chat()
    path = f"{INBOX}/{chat.conversation_id}"
    before = await office.did("GET", path)
    assert (await office.call("PATCH", path, patch)).status_code in (404, 422)
    assert await office.did("GET", path) == before
    assert await office.audited() == []


async def test_only_members_of_the_team_are_given_conversations(office: Office) -> None:
    chat = await office.chat()
    path = f"{INBOX}/{chat.conversation_id}"
    elsewhere = await make_tenant(office.tenancy)
    stranger = {"assignee_id": show("person", await add_person(office.tenancy, elsewhere))}
    refused = await office.call("PATCH", path, stranger)
    assert (code_of(refused), refused.json()["data"]) == ((404, "not_found"), {"kind": "person"})
    assert (await office.did("GET", path))["assignee_id"] is None
    assert await office.audited() == []
    colleague = await add_person(office.tenancy, office.tenant_id, "Bo Ek")
    await office.did("PATCH", path, {"assignee_id": show("person", colleague)})
    [listed] = (await office.did("GET", INBOX))["conversations"]
    assert (listed["assignee_id"], listed["assignee_name"]) == (show("person", colleague), "Bo Ek")
    async with office.tenancy.session(office.tenant_id) as session:
        await session.execute(text("delete from memberships"))
    [listed] = (await office.did("GET", INBOX))["conversations"]
    assert (listed["assignee_id"], listed["assignee_name"]) == (show("person", colleague), None)


async def test_customers_read_the_name_of_whoever_answers_them(
    database_urls: DatabaseUrls, redis_url: str, tmp_path: Path
) -> None:
    async with town(database_urls, redis_url, tmp_path) as place:
        owner = await place.owner()
        key = await add_key(place.tenancy, owner.tenant_id, "publishable")
        bearer = {"Authorization": f"Bearer {key}"}
        office = Office(place.door.client, place.tenancy, owner.tenant_id, {}, bearer)
        chat = await office.chat()
        path = f"{INBOX}/{chat.conversation_id}"
        await owner.browser.did("POST", f"{path}/reply", {"text": "Hej, det är jag."})
        await owner.browser.did("PATCH", path, {"assignee_id": "me"})
        assert (await owner.browser.did("GET", path))["assignee_name"] == "Åsa Lind"
        said = (await owner.browser.did("GET", f"{path}/messages"))["messages"]
        [reply] = [one for one in said if one["author"] == "staff"]
        assert "Åsa Lind" in str(reply)
        assert "Norrsken" not in str(reply)


async def test_a_customers_message_wakes_what_was_put_aside(office: Office) -> None:
    chat = await office.chat("Hej")
    path = f"{INBOX}/{chat.conversation_id}"
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    for times, patch in enumerate(
        ({"snoozed_until": until}, {"status": "resolved"}, {"status": "pending"}), start=2
    ):
        put = await office.did("PATCH", path, patch)
        assert put["status"] == patch.get("status", "snoozed")
        assert (put["resolved_at"] is None) == (put["status"] != "resolved")
        await chat.answered("Är ni där?", times=times)
        woken = await office.did("GET", path)
        assert (woken["status"], woken["snoozed_until"], woken["resolved_at"]) == ("active", None, None)
        assert woken["version"] > put["version"]
    assert (await office.audited()).count("conversation.reopen") == 3


async def test_a_snoozed_conversation_wakes_when_its_time_has_come(office: Office, door: FrontDoor) -> None:
    due, later = await office.chat(), await office.chat()
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    for chat, until in ((due, soon), (later, tomorrow)):
        await office.did("PATCH", f"{INBOX}/{chat.conversation_id}", {"snoozed_until": until})
    changes = Changes(office.tenancy, door.services.bus)
    async with asyncio.timeout(30):
        while await office.ids("status=active") != [due.conversation_id]:
            await wake_due(door.services.system, changes)
    assert await office.ids("status=snoozed") == [later.conversation_id]
    assert await wake_due(door.services.system, changes) == 0
    [row] = await office.rows("select before, after from audit where actor = 'system:clock'")
    assert (row.before["status"], row.after["status"]) == ("snoozed", "active")


async def test_old_events_are_forgotten(office: Office, door: FrontDoor) -> None:
    await office.chat("Hej")
    async with office.tenancy.session(office.tenant_id) as session:
        await session.execute(text("update staff_events set at = at - interval '2 days' where position = 1"))
    assert await forget_old_events(door.services.system) >= 1
    assert [row.position for row in await office.rows("select position from staff_events")] == [2]


async def test_a_persons_reply_takes_over_and_resolving_gives_back(office: Office) -> None:
    chat = await office.chat("Hej")
    path = f"{INBOX}/{chat.conversation_id}"
    reply = {"text": "Jag tittar på det.", "client_message_id": "r1", "name": "Anna"}
    first = await office.did("POST", f"{path}/reply", reply)
    again = await office.did("POST", f"{path}/reply", reply)
    assert again == first
    other = await office.call("POST", f"{path}/reply", reply | {"text": "Nej."})
    assert code_of(other) == (409, "message_conflict")
    events = await chat.events("message", times=2)
    assert [event.name for event in events][-2:] == ["handover", "message"]
    said = events[-1].data
    assert (said["author"], said["author_name"], said["text"]) == ("staff", "Anna", "Jag tittar på det.")
    now = await office.did("GET", path)
    assert (now["mode"], now["status"], now["preview_author"]) == ("human", "active", "staff")
    await chat.say("Tack!")
    assert await office.rows("select 1 from turns where state in ('queued', 'running')") == []
    done = await office.did("PATCH", path, {"status": "resolved"})
    assert (done["mode"], done["status"]) == ("agent", "resolved")
    await chat.answered("En sak till", times=2)
    assert await office.audited() == [
        "conversation.handover.human",
        "conversation.reply",
        "conversation.handover.agent",
        "conversation.change",
        "conversation.reopen",
    ]


async def test_a_note_never_reaches_the_customer(office: Office) -> None:
    chat = await office.chat("Hej")
    path = f"{INBOX}/{chat.conversation_id}"
    before = await office.did("GET", path)
    async with asyncio.TaskGroup() as group:
        live = group.create_task(chat.events("done", times=2))
        note = await office.did("POST", f"{path}/notes", {"text": "Kanske bedrägeri?"})
        await chat.say("Hallå")
    assert note["visibility"] == "internal"
    for events in (live.result(), await chat.events("done", times=2)):
        assert not any("bedrägeri" in str(event.data) for event in events)
    said = (await office.did("GET", f"{path}/messages"))["messages"]
    assert "Kanske bedrägeri?" in [one["text"] for one in said]
    assert (await office.did("GET", path))["preview"] != "Kanske bedrägeri?"
    assert (await office.did("GET", path))["mode"] == before["mode"] == "agent"
    assert await office.audited() == ["conversation.note"]


async def test_a_person_takes_over_and_hands_back(office: Office) -> None:
    chat = await office.chat("Hej")
    path = f"{INBOX}/{chat.conversation_id}"
    stale = (await office.call("GET", path)).headers["etag"]
    taken = await office.did("POST", f"{path}/take-over")
    assert (taken["mode"], taken["status"]) == ("human", "active")
    refused = await office.call("POST", f"{path}/hand-back", **{"If-Match": stale})
    assert code_of(refused) == (412, "precondition_failed")
    back = await office.did("POST", f"{path}/hand-back")
    assert (back["mode"], back["status"], back["assignee_id"]) == ("agent", "active", None)
    events = await chat.events("handover", times=2)
    assert [event.data["mode"] for event in events if event.name == "handover"] == ["human", "agent"]
    assert await office.audited() == ["conversation.handover.human", "conversation.handover.agent"]
