"""What staff may read: masked words, nothing of other tenants, and what a search finds."""

from uuid import UUID

import pytest

from foundation.tenancy import Tenancy
from tests.support.gateway import FrontDoor
from tests.support.office import INBOX, Office, make_office


async def test_identity_numbers_are_masked_until_somebody_says_why(office: Office) -> None:
    secret = "Mitt nummer är 19121212-1212, mejla a@example.com"
    chat = await office.chat()
    await chat.answered(secret)
    path = f"{INBOX}/{chat.conversation_id}"
    one = await office.did("GET", path)
    [message, *_] = (await office.did("GET", f"{path}/messages"))["messages"]
    assert message["masked"] is True
    for shown in (one["subject"], one["preview"], message["text"], str(await office.did("GET", INBOX))):
        assert "1212" not in shown
        assert "a@example.com" in shown
    reveal = f"{path}/messages/{message['position']}/reveal"
    for body in ({}, {"reason": " "}):
        assert (await office.call("POST", reveal, body)).status_code == 422
    told = await office.did("POST", reveal, {"reason": "Kontroll mot ordern"})
    assert told == {"text": secret}
    [row] = await office.rows("select action, subject, after from audit")
    customer = one["customer"]["customer_id"].removeprefix("cus_")
    assert (row.action, UUID(row.after["reason"]["of"]).hex) == ("message.reveal", customer)
    [entry] = (await office.did("GET", "/api/admin/audit?action=message.reveal"))["entries"]
    assert entry["after"] == {"reason": "Kontroll mot ordern"}
    assert row.subject == f"{chat.conversation_id}/{message['position']}"
    nowhere = f"{path}/messages/999/reveal"
    assert (await office.call("POST", nowhere, {"reason": "x"})).status_code == 404


async def test_another_tenants_conversations_do_not_exist(
    office: Office, door: FrontDoor, tenancy: Tenancy
) -> None:
    chat = await office.chat("Hej, hemlig jacka")
    other = await make_office(door, tenancy)
    assert await other.ids() == []
    assert await other.ids("q=jacka") == []
    path = f"{INBOX}/{chat.conversation_id}"
    for method, end, body in (
        ("GET", "", None),
        ("PATCH", "", {"labels": ["x"]}),
        ("GET", "/messages", None),
        ("POST", "/reply", {"text": "x"}),
        ("POST", "/notes", {"text": "x"}),
        ("POST", "/take-over", None),
        ("POST", "/hand-back", None),
        ("POST", "/messages/1/reveal", {"reason": "x"}),
    ):
        assert (await other.call(method, path + end, body)).status_code == 404, end
    assert await office.audited() == await other.audited() == []


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("jackor", True),  # Swedish, another form
        ("jackets", True),  # English, another form
        ("order A-20391", True),
        ("#1", True),
        ("1", True),
        ("skor", False),
        ("och", False),
        ("' | & ! <-> \\ :*", False),
        ("%", False),
    ],
)
async def test_search_finds_words_in_both_languages_and_case_numbers(
    office: Office, q: str, found: bool
) -> None:
    chat = await office.chat("Hej, jag väntar på jackorna i order A-20391. Is the jacket lost?")
    page = (await office.client.get(INBOX, params={"q": q}, headers=office.server)).json()
    ids = [one["conversation_id"] for one in page["conversations"]]
    assert ids == ([chat.conversation_id] if found else [])


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("WEB-88 1234", False),  # it is written in one
        ("web-881234", True),
        ("881234", True),
        ("8812", True),  # how it begins
        ("vinter kampanj", True),  # two values
        ("4711", True),  # a number, inside another value
        ("order_number", False),  # a name, not a value
        ("81234", False),
        ("' | & ! <-> \\ :*", False),
    ],
)
async def test_search_finds_what_the_companys_systems_noted(office: Office, q: str, found: bool) -> None:
    chat, other = await office.chat(), await office.chat("Hej")
    noted = {"order_number": "WEB-881234", "source": "Kampanj vinter", "cart": {"items": [4711]}}
    await office.did("PATCH", f"{INBOX}/{chat.conversation_id}", {"metadata": noted})
    await office.did("PATCH", f"{INBOX}/{other.conversation_id}", {"metadata": {"order_number": "WEB-99"}})
    page = (await office.client.get(INBOX, params={"q": q}, headers=office.server)).json()
    ids = [one["conversation_id"] for one in page["conversations"]]
    assert ids == ([chat.conversation_id] if found else [])


async def test_search_finds_whom_the_companys_systems_noted(office: Office) -> None:
    chat = await office.chat()
    one = await office.did("GET", f"{INBOX}/{chat.conversation_id}")
    path = f"/api/admin/customers/{one['customer']['customer_id']}"
    await office.did("PATCH", path, {"metadata": {"crm": "K-55021"}})
    assert await office.ids("q=K-55021") == [chat.conversation_id]
    assert await office.ids("q=K-55022") == []
    for q, found in (("K-55021", [one["customer"]["customer_id"]]), ("K-55022", [])):
        page = await office.did("GET", f"/api/admin/customers?q={q}")
        assert [each["customer_id"] for each in page["customers"]] == found


async def test_search_finds_nothing_that_another_companys_systems_noted(
    office: Office, door: FrontDoor, tenancy: Tenancy
) -> None:
    chat = await office.chat()
    path = f"{INBOX}/{chat.conversation_id}"
    await office.did("PATCH", path, {"metadata": {"order": "WEB-881234"}})
    customer = (await office.did("GET", path))["customer"]["customer_id"]
    await office.did("PATCH", f"/api/admin/customers/{customer}", {"metadata": {"crm": "K-55021"}})
    other = await make_office(door, tenancy)
    for q in ("WEB-881234", "K-55021"):
        assert await office.ids(f"q={q}") == [chat.conversation_id]
        assert await other.ids(f"q={q}") == []
        assert (await other.did("GET", f"/api/admin/customers?q={q}"))["customers"] == []
