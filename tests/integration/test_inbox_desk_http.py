"""Customers, inboxes and canned replies over HTTP: the answer, what is stored, and the audit row."""

from typing import Any

import pytest

from foundation.ids import parse
from tests.support.office import INBOX, Office, code_of

CUSTOMERS, INBOXES, CANNED = (f"/api/admin/{room}" for room in ("customers", "inboxes", "canned-replies"))


async def customer_of(office: Office, conversation_id: str) -> str:
    customer: str = (await office.did("GET", f"{INBOX}/{conversation_id}"))["customer"]["customer_id"]
    return customer


async def test_a_customer_is_named_found_and_has_a_history(office: Office) -> None:
    first, second, other = [await office.chat() for _ in range(3)]
    customer = await customer_of(office, first.conversation_id)
    read = await office.call("GET", f"{CUSTOMERS}/{customer}")
    patch = {
        "name": "Anna Ek",
        "email": "anna.ek@example.com",
        "phone": "070-123 45 67",
        "external_id": "C-17",
    }
    tag = {"If-Match": read.headers["etag"]}
    known = await office.did("PATCH", f"{CUSTOMERS}/{customer}", patch, **tag)
    assert {name: known[name] for name in patch} == patch
    assert known["verified"] is False
    late = await office.call("PATCH", f"{CUSTOMERS}/{customer}", {"name": "B"}, **tag)
    assert code_of(late) == (412, "precondition_failed")
    assert await office.did("GET", f"{CUSTOMERS}/{customer}") == known
    await office.did("PATCH", f"{INBOX}/{second.conversation_id}", {"customer_id": customer})
    assert set(await office.ids(f"customer={customer}")) == {first.conversation_id, second.conversation_id}
    for q in ("anna", "Ek", "anna.ek@example.com", "C-17", "0701234567", "070-123 45 67"):
        params = {"q": q}
        found = (await office.client.get(CUSTOMERS, params=params, headers=office.server)).json()
        assert [one["customer_id"] for one in found["customers"]] == [customer], q
        listed = (await office.client.get(INBOX, params=params, headers=office.server)).json()
        ids = {one["conversation_id"] for one in listed["conversations"]}
        assert ids == {first.conversation_id, second.conversation_id}, q
    taken = await customer_of(office, other.conversation_id)
    again = await office.call("PATCH", f"{CUSTOMERS}/{taken}", {"external_id": "C-17"})
    assert code_of(again) == (409, "conflict")
    # What was known of them is sealed in the log, and opened for who may read it.
    [row] = await office.rows("select before, after from audit where action = 'customer.change'")
    assert row.before == dict.fromkeys(patch)
    assert {(name, value["of"]) for name, value in row.after.items()} == {
        (name, str(parse("customer", customer))) for name in patch
    }
    [entry] = (await office.did("GET", "/api/admin/audit?action=customer.change"))["entries"]
    assert (entry["before"], entry["after"]) == (dict.fromkeys(patch), patch)


async def test_customers_are_paged(office: Office) -> None:
    for _ in range(5):
        await office.chat()
    first = await office.did("GET", f"{CUSTOMERS}?limit=3")
    second = await office.did("GET", f"{CUSTOMERS}?limit=3&cursor={first['next']}")
    ids = [one["customer_id"] for page in (first, second) for one in page["customers"]]
    assert len(ids) == len(set(ids)) == 5
    assert second["next"] is None


@pytest.mark.parametrize(
    "patch",
    [{"email": "nobody"}, {"phone": "x"}, {"name": ""}, {"verified": True}, {"metadata": {"a": "x" * 9_000}}],
)
async def test_what_is_no_customer_is_refused(office: Office, patch: dict[str, Any]) -> None:
    customer = await customer_of(office, (await office.chat()).conversation_id)
    assert (await office.call("PATCH", f"{CUSTOMERS}/{customer}", patch)).status_code == 422
    assert await office.audited() == []


async def test_conversations_begin_in_the_inbox_of_their_channel(office: Office) -> None:
    [default] = (await office.did("GET", INBOXES))["inboxes"]
    assert default["is_default"] is True
    brand = await office.did("POST", INBOXES, {"name": "Fjäll & Vandra", "channels": ["widget"]})
    chat = await office.chat()
    assert (await office.did("GET", f"{INBOX}/{chat.conversation_id}"))["inbox_id"] == brand["inbox_id"]
    path = f"{INBOXES}/{brand['inbox_id']}"
    assert code_of(await office.call("DELETE", path)) == (409, "conflict")
    await office.did("PATCH", f"{INBOX}/{chat.conversation_id}", {"inbox_id": default["inbox_id"]})
    twice = await office.call("POST", INBOXES, {"name": "Fjäll & Vandra"})
    assert code_of(twice) == (409, "conflict")
    first = await office.did("PUT", path, {"name": "Fjäll", "language": "sv", "is_default": True})
    assert (first["name"], first["is_default"], first["channels"]) == ("Fjäll", True, [])
    none = await office.call("PUT", path, {"name": "Fjäll"})
    assert code_of(none) == (409, "conflict")
    other = await office.chat()
    assert (await office.did("GET", f"{INBOX}/{other.conversation_id}"))["inbox_id"] == brand["inbox_id"]
    empty = await office.did("POST", INBOXES, {"name": "Tom"})
    taken = await office.call("PUT", f"{INBOXES}/{empty['inbox_id']}", {"name": "Fjäll"})
    assert (code_of(taken), taken.json()["data"]["state"]) == ((409, "conflict"), "name_taken")
    assert (await office.call("DELETE", f"{INBOXES}/{empty['inbox_id']}")).status_code == 204
    assert [one["name"] for one in (await office.did("GET", INBOXES))["inboxes"]] == ["Fjäll", "Testbolaget"]
    assert [done for done in await office.audited() if done.startswith("inbox.")] == [
        "inbox.create",
        "inbox.change",
        "inbox.create",
        "inbox.delete",
    ]


async def test_canned_replies_are_kept_in_both_languages(office: Office) -> None:
    wanted = {"shortcut": "retur", "text_sv": "Så här gör du.", "text_en": "This is how."}
    added = await office.did("POST", CANNED, wanted)
    path = f"{CANNED}/{added['canned_id']}"
    assert code_of(await office.call("POST", CANNED, wanted)) == (409, "conflict")
    other = await office.did("POST", CANNED, wanted | {"shortcut": "byte"})
    taken = await office.call("PUT", f"{CANNED}/{other['canned_id']}", wanted)
    assert code_of(taken) == (409, "conflict")
    assert (await office.call("DELETE", f"{CANNED}/{other['canned_id']}")).status_code == 204
    changed = await office.did("PUT", path, wanted | {"text_en": "Like this."})
    assert changed["text_en"] == "Like this."
    for bad in ({"shortcut": "a b", "text_sv": "x"}, {"shortcut": "tom"}, {"text_sv": "x"}):
        assert (await office.call("POST", CANNED, bad)).status_code == 422
    assert (await office.did("GET", CANNED))["canned_replies"] == [changed]
    assert (await office.call("DELETE", path)).status_code == 204
    assert (await office.call("DELETE", path)).status_code == 404
    assert (await office.did("GET", CANNED))["canned_replies"] == []
    assert await office.audited() == [
        "canned.create",
        "canned.create",
        "canned.delete",
        "canned.change",
        "canned.delete",
    ]
