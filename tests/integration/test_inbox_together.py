"""Staff who work together: merged conversations, and who is where."""

import pytest

from agents.inbox.events import StaffEvent
from agents.inbox.hub import Hub
from foundation.clients.presence.fakes import LocalPresence
from foundation.clients.presence.port import LASTS_S, Presence, Present
from foundation.clients.presence.valkey import ValkeyPresence
from foundation.ids import new_uuid
from tests.support.gateway import FrontDoor
from tests.support.office import INBOX, Office, code_of


async def test_a_merged_conversation_is_read_from_the_other_and_may_go_on(office: Office) -> None:
    old, new = await office.chat("Var är min jacka?"), await office.chat("Hallå, jackan?")
    path, target = (f"{INBOX}/{chat.conversation_id}" for chat in (old, new))
    stranger = await office.call("POST", f"{path}/merge", {"into": new.conversation_id})
    assert code_of(stranger) == (409, "conflict")
    assert stranger.json()["data"] == {"state": "other_customer"}
    customer = (await office.did("GET", target))["customer"]["customer_id"]
    await office.did("PATCH", path, {"customer_id": customer})
    itself = await office.call("POST", f"{path}/merge", {"into": old.conversation_id})
    assert code_of(itself) == (409, "conflict")
    nobody = await office.call("POST", f"{path}/merge", {"into": "conv_" + "0" * 32})
    assert code_of(nobody) == (404, "conversation_not_found")
    stale = await office.call("POST", f"{path}/merge", {"into": new.conversation_id}, **{"If-Match": '"1"'})
    assert code_of(stale) == (412, "precondition_failed")
    merged = await office.did("POST", f"{path}/merge", {"into": new.conversation_id})
    assert (merged["status"], merged["merged_into"]) == ("resolved", new.conversation_id)
    told = (await old.events("message", times=2))[-1].data
    assert (told["author"], told["text"][:15]) == ("system", "Det här ärendet")
    await old.answered("En sak till", times=2)
    assert (await office.did("GET", path))["status"] == "active"
    said = (await office.did("GET", f"{target}/messages"))["messages"]
    of_old = [one["text"] for one in said if one["conversation_id"] == old.conversation_id]
    assert of_old[0] == "Var är min jacka?"
    assert "echo: En sak till. Klart." in of_old
    assert said == sorted(said, key=lambda one: one["at"])
    again = await office.call("POST", f"{path}/merge", {"into": new.conversation_id})
    assert again.json()["data"] == {"state": "merged"}
    [row] = await office.rows("select before, after from audit where action = 'conversation.merge'")
    assert row.after == {"status": "resolved", "into": new.conversation_id}


async def test_messages_are_paged_over_merged_conversations(office: Office) -> None:
    old, new = await office.chat("Ett"), await office.chat("Två")
    target = f"{INBOX}/{new.conversation_id}"
    customer = (await office.did("GET", target))["customer"]["customer_id"]
    await office.did("PATCH", f"{INBOX}/{old.conversation_id}", {"customer_id": customer})
    await office.did("POST", f"{INBOX}/{old.conversation_id}/merge", {"into": new.conversation_id})
    whole = (await office.did("GET", f"{target}/messages"))["messages"]
    for order, expected in (("oldest", whole), ("newest", whole[::-1])):
        seen, cursor = list[object](), ""
        for _ in range((len(whole) + 1) // 2):
            page = await office.did("GET", f"{target}/messages?limit=2&order={order}{cursor}")
            seen += page["messages"]
            cursor = f"&cursor={page['next']}"
        assert seen == expected
        assert cursor == "&cursor=None"
    assert (await office.call("GET", f"{target}/messages?cursor=x")).status_code == 422


async def test_two_of_staff_see_each_other(office: Office, door: FrontDoor) -> None:
    chat = await office.chat()
    path = f"{INBOX}/{chat.conversation_id}/presence"
    assert (await office.did("GET", path))["present"] == []
    hub: Hub = door.services.hub
    following = hub.follow(office.tenant_id, None)
    await anext(following)
    typing = await office.did("PUT", path, {"doing": "typing", "name": "Anna"})
    assert [(one["name"], one["doing"]) for one in typing["present"]] == [("Anna", "typing")]
    assert (await office.did("GET", path)) == typing
    heard: list[StaffEvent] = []
    while not heard:
        heard = await anext(following)
    await following.aclose()
    assert [event.place for event in heard] == [None]
    assert b'"doing":"typing"' in heard[0].wire
    assert (await office.did("PUT", path, {"doing": "gone"}))["present"] == []
    assert (await office.call("PUT", path, {"doing": "sleeping"})).status_code == 422
    nowhere = f"{INBOX}/conv_{'0' * 32}/presence"
    assert (await office.call("PUT", nowhere, {})).status_code == 404


async def test_the_agent_suggests_a_reply_that_nobody_else_sees(office: Office) -> None:
    chat = await office.chat("Hej")
    path = f"{INBOX}/{chat.conversation_id}"
    await office.did("POST", f"{path}/take-over")
    for said in ("Var är min jacka?", "Den är röd."):
        await chat.say(said)
    before = await office.did("GET", f"{path}/messages")
    suggestion = await office.did("POST", f"{path}/suggestion")
    assert suggestion["text"] == "echo: Var är min jacka?\nDen är röd.. Klart."
    assert (suggestion["outcome"], suggestion["confidence"]) == ("answered", 0.9)
    assert await office.did("GET", f"{path}/messages") == before
    assert (await office.did("GET", path))["mode"] == "human"
    for said in ("fail", "crash"):
        await office.did("POST", f"{path}/reply", {"text": "Ett ögonblick."})
        await chat.say(said)
        assert code_of(await office.call("POST", f"{path}/suggestion")) == (502, "model_failed")
    silent = await office.chat()
    nothing = await office.call("POST", f"{INBOX}/{silent.conversation_id}/suggestion")
    assert code_of(nothing) == (409, "conflict")


@pytest.mark.parametrize("kind", ["valkey", "local"])
async def test_who_says_nothing_is_gone(kind: str, redis_url: str) -> None:
    now = 1_000.0
    presence: Presence
    presence = ValkeyPresence(redis_url, lambda: now) if kind == "valkey" else LocalPresence(lambda: now)
    place = new_uuid().hex
    anna, bo = Present("person:1", "Anna", "viewing"), Present("person:2", "Bo", "typing")
    await presence.put(place, anna)
    now += LASTS_S / 2
    await presence.put(place, bo)
    assert list(await presence.at(place)) == [anna, bo]
    now += LASTS_S / 2
    assert list(await presence.at(place)) == [bo]
    await presence.drop(place, bo.who)
    assert list(await presence.at(place)) == []
    if isinstance(presence, ValkeyPresence):
        await presence.close()


async def test_without_valkey_nobody_is_seen_and_nothing_fails() -> None:
    presence = ValkeyPresence("redis://127.0.0.1:9/0")
    await presence.put("x", Present("person:1", "Anna", "viewing"))
    await presence.drop("x", "person:1")
    assert await presence.at("x") == []
    await presence.close()
