"""A tenant's settings: read, changed by one after the other, remembered, and refused with a remedy."""

import asyncio
from typing import Any

import pytest

from foundation.ids import show
from foundation.tenancy import Tenancy
from tests.support.desk import Staff
from tests.support.gateway import FrontDoor, add_key

pytestmark = pytest.mark.integration

SETTINGS = "/api/tenant/settings"
WEEK = {"monday": [{"opens": "09:00", "closes": "12:00"}, {"opens": "13:00", "closes": "17:00"}]}


@pytest.fixture
async def staff(door: FrontDoor, tenancy: Tenancy) -> Staff:
    return await Staff.of_new_tenant(door, tenancy)


async def test_settings_are_changed_one_after_the_other_and_remembered(staff: Staff) -> None:
    first = await staff.call("GET", SETTINGS)
    assert (first.headers["etag"], first.json()["plan"]) == ('"0"', "business")
    assert first.json()["settings"]["company_name"] == "Testbolaget"

    body = {**first.json()["settings"], "zone": "Europe/Oslo", "hours": {"week": WEEK}}
    put = await staff.call("PUT", SETTINGS, body, If_Match='"0"')
    assert (put.status_code, put.headers["etag"]) == (200, '"1"')
    patched = await staff.call("PATCH", SETTINGS, {"retention": {"traces": 30}}, If_Match='"1"')
    assert patched.json()["settings"]["retention"] == {"conversations": None, "resolved": None, "traces": 30}
    assert patched.json()["settings"]["hours"]["week"] == WEEK

    late = await staff.call("PATCH", SETTINGS, {"company_name": "Annat"}, If_Match='"1"')
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    again = await staff.call("PATCH", SETTINGS, {"retention": {"traces": 30}})
    assert again.headers["etag"] == '"2"'  # nothing changed, so there is no new version

    [stored] = await staff.rows("select name, zone from tenants where id = :id", id=staff.tenant_id)
    assert tuple(stored) == ("Testbolaget", "Europe/Oslo")
    changes = (await staff.did("GET", f"{SETTINGS}/history"))["changes"]
    assert [each["version"] for each in changes] == [2, 1]
    assert changes[1]["before"]["zone"] == "Europe/Stockholm"
    assert changes[1]["after"]["zone"] == "Europe/Oslo"
    assert set(changes[0]["after"]) == {"retention"}
    older = (await staff.did("GET", f"{SETTINGS}/history?before=2&limit=1"))["changes"]
    assert [each["version"] for each in older] == [1]
    audited = await staff.audited("settings.change")
    assert [row.after for row in audited] == [each["after"] for each in reversed(changes)]
    assert audited[0].actor.startswith("key:")
    assert audited[0].subject == show("tenant", staff.tenant_id)


async def test_of_two_who_change_at_once_one_is_told(staff: Staff) -> None:
    answers = await asyncio.gather(
        *(staff.call("PATCH", SETTINGS, {"company_name": name}, If_Match='"0"') for name in ("Ett", "Två"))
    )
    assert sorted(each.status_code for each in answers) == [200, 412]
    assert len(await staff.audited("settings.change")) == 1


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"zone": "Mars/Olympus"}, "zone", "write one like Europe/Stockholm"),
    ({"language": "fi", "languages": ["sv"]}, "", "add it there or choose another"),
    ({"languages": ["sv", "de"]}, "languages.1", "input should be 'sv', 'en'"),
    ({"company_name": "  "}, "company_name", "write the company's name"),
    ({"retention": {"traces": 0}}, "retention.traces", "greater than or equal to 1"),
    ({"retention": {"audit": 5}}, "retention.audit", "not permitted"),
    ({"hours": {"week": {"monday": [{"opens": "9:00", "closes": "17:00"}]}}}, "opens", "two digits"),
    (
        {"hours": {"week": {"monday": [{"opens": "17:00", "closes": "09:00"}]}}},
        "hours.week.monday.0",
        "write 24:00 for midnight",
    ),
    ({"channels": {"fax": True}}, "channels.fax", "input should be 'widget'"),
    ({"limits": {"messages_per_minute": 61}}, "limits.messages_per_minute", "the plan allows 1 to 60"),
    ({"plan": "business"}, "plan", "not permitted"),
]


async def test_what_cannot_be_is_refused_with_field_and_remedy(staff: Staff) -> None:
    for change, field, said in REFUSED:
        answer = await staff.call("PATCH", SETTINGS, change)
        data = answer.json()["data"]
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input"), change
        assert field in data["field"]
        assert said in data["detail"]
    assert await staff.audited("settings.change") == []
    assert (await staff.did("GET", SETTINGS))["version"] == 0


async def test_a_channel_that_is_off_starts_no_conversation(staff: Staff) -> None:
    await staff.did("PATCH", SETTINGS, {"channels": {"api": False}})
    refused = await staff.call("POST", "/api/chat/message", {"message": "Hej"})
    assert (refused.status_code, refused.json()["code"]) == (403, "channel_off")
    assert await staff.rows("select 1 from conversations") == []
    widget = {"Authorization": f"Bearer {await add_key(staff.tenancy, staff.tenant_id, 'publishable')}"}
    started = await staff.shop.client.post("/api/chat/conversations", json={}, headers=widget)
    assert started.status_code == 201, started.text
    await staff.did("PATCH", SETTINGS, {"channels": {"api": None}})
    await staff.ask("Hej")


async def test_nobody_sees_or_changes_another_tenants(
    staff: Staff, door: FrontDoor, tenancy: Tenancy
) -> None:
    await staff.did("PATCH", SETTINGS, {"company_name": "Hemligt AB"})
    other = await Staff.of_new_tenant(door, tenancy)
    assert "Hemligt" not in (await other.call("GET", SETTINGS)).text
    assert (await other.did("GET", f"{SETTINGS}/history"))["changes"] == []
    assert (await door.client.get(SETTINGS)).status_code == 401
