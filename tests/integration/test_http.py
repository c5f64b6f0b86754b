"""The front door's promises to clients: answers, streams that resume, and 4xx for whatever is wrong."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from foundation.ids import TenantId, new_uuid
from foundation.tenancy import Tenancy
from tests.support.events import Event, read_events
from tests.support.gateway import FrontDoor, add_key
from tests.support.tenants import audit_actions, make_tenant


@dataclass(frozen=True)
class Shop:
    tenant_id: TenantId
    server: dict[str, str]
    publishable: dict[str, str]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
async def shop(tenancy: Tenancy) -> Shop:
    tenant_id = await make_tenant(tenancy)
    return Shop(
        tenant_id,
        bearer(await add_key(tenancy, tenant_id, "server")),
        bearer(await add_key(tenancy, tenant_id, "publishable")),
    )


async def start(door: FrontDoor, shop: Shop) -> tuple[str, dict[str, str]]:
    response = await door.client.post(
        "/api/chat/conversations", json={"language": "sv"}, headers=shop.publishable
    )
    assert response.status_code == 201
    body = response.json()
    return f"/api/chat/conversations/{body['conversation_id']}", bearer(body["visitor_token"])


async def send(door: FrontDoor, path: str, token: dict[str, str], said: str) -> httpx.Response:
    return await door.client.post(
        f"{path}/messages", json={"client_message_id": said, "text": said}, headers=token
    )


def code_of(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


async def test_a_server_asks_and_gets_an_answer(door: FrontDoor, shop: Shop) -> None:
    response = await door.client.post("/api/chat/message", json={"message": "hej"}, headers=shop.server)
    assert response.status_code == 200
    assert response.json()["message"]["text"] == "echo: hej. Klart."


@pytest.mark.parametrize("message_id", [{"client_message_id": "1"}, {}])
async def test_a_repeated_beginning_has_the_same_answer(
    door: FrontDoor, shop: Shop, message_id: dict[str, str]
) -> None:
    key = {"Idempotency-Key": str(new_uuid())}
    # The widget's keys come from anybody's browser: they must not lead to a server's conversation.
    taken = await door.client.post("/api/chat/conversations", json={}, headers=shop.publishable | key)
    assert taken.status_code == 201
    ask = {"message": "hej"} | message_id
    first, again = [
        (await door.client.post("/api/chat/message", json=ask, headers=shop.server | key)).json()
        for _ in range(2)
    ]
    assert again == first
    assert first["conversation_id"] != taken.json()["conversation_id"]
    await read_events(door.client, "/api/chat/stream", last="done", json=ask, headers=shop.server | key)
    assert len(door.room.agent.turns) == 1
    other = await door.client.post(
        "/api/chat/message", json=ask | {"message": "nej"}, headers=shop.server | key
    )
    assert code_of(other) == (409, "message_conflict")


async def test_customers_whose_messages_have_the_same_ids_do_not_meet(door: FrontDoor, shop: Shop) -> None:
    asked = {"message": "hej", "client_message_id": "1"}
    one, other = [
        (await door.client.post("/api/chat/message", json=asked, headers=shop.server)).json()
        for _ in range(2)
    ]
    assert one["conversation_id"] != other["conversation_id"]
    assert [turn.history for turn in door.room.agent.turns] == [(), ()]
    again = asked | {"conversation_id": one["conversation_id"]}
    assert (await door.client.post("/api/chat/message", json=again, headers=shop.server)).json() == one
    assert len(door.room.agent.turns) == 2


@pytest.mark.parametrize("path", ["/api/chat/message", "/api/chat/stream"])
@pytest.mark.parametrize("key", ["", "1", "a" * 15, "a" * 129])
async def test_a_key_that_others_may_choose_too_is_refused(
    door: FrontDoor, shop: Shop, path: str, key: str
) -> None:
    response = await door.client.post(
        path, json={"message": "hej"}, headers=shop.server | {"Idempotency-Key": key}
    )
    assert code_of(response) == (422, "invalid_input")
    assert response.json()["data"]["field"] == "Idempotency-Key"


async def test_a_conversation_goes_on(door: FrontDoor, shop: Shop) -> None:
    first = (await door.client.post("/api/chat/message", json={"message": "hej"}, headers=shop.server)).json()
    await door.client.post(
        "/api/chat/message",
        json={"message": "och sen?", "conversation_id": first["conversation_id"]},
        headers=shop.server,
    )
    assert [said.text for said in door.room.agent.turns[-1].history] == ["hej", "echo: hej. Klart."]


async def test_a_server_streams_an_answer(door: FrontDoor, shop: Shop) -> None:
    events = await read_events(
        door.client, "/api/chat/stream", last="done", json={"message": "hej"}, headers=shop.server
    )
    assert [event.name for event in events] == [
        "accepted",
        "status",
        "delta",
        "delta",
        "message",
        "done",
    ]
    assert len({event.id for event in events}) == len(events)


async def test_a_failed_model_is_a_502_that_says_so(door: FrontDoor, shop: Shop) -> None:
    response = await door.client.post("/api/chat/message", json={"message": "fail"}, headers=shop.server)
    assert code_of(response) == (502, "model_failed")
    assert response.json()["data"]["text"] == "Tyvärr."


async def test_the_widget_sends_and_follows(door: FrontDoor, shop: Shop) -> None:
    path, token = await start(door, shop)
    sent = await send(door, path, token, "hej")
    assert sent.status_code == 202
    events = await read_events(door.client, f"{path}/events", last="done", headers=token)
    assert [event.name for event in events][-2:] == ["message", "done"]
    assert events[0].data["client_message_id"] == "hej"


async def test_the_stream_resumes_after_each_of_its_ids(door: FrontDoor, shop: Shop) -> None:
    path, token = await start(door, shop)
    whole = asyncio.create_task(
        read_events(door.client, f"{path}/events", last="done", times=2, headers=token)
    )
    await send(door, path, token, "ett")
    await send(door, path, token, "två")
    events = await whole
    stored = [event.id for event in events if event.name in {"accepted", "message", "done"}]
    for seen in stored[:-1]:
        rest = await read_events(
            door.client,
            f"{path}/events",
            last="done",
            times=sum(event.name == "done" for event in events[events_after(events, seen) :]),
            headers=token | {"Last-Event-ID": seen},
        )
        expected = [event for event in events[events_after(events, seen) :] if event.id in stored]
        assert [event for event in rest if event.name in {"accepted", "message", "done"}] == [
            Event(given.id, event.name, event.data)
            for given, event in zip(rest_stored(rest), expected, strict=True)
        ]


def events_after(events: list[Event], seen: str) -> int:
    return next(index for index, event in enumerate(events) if event.id == seen) + 1


def rest_stored(events: list[Event]) -> list[Event]:
    return [event for event in events if event.name in {"accepted", "message", "done"}]


async def test_a_turn_survives_its_clients_disconnect(door: FrontDoor, shop: Shop) -> None:
    door.room.agent.gate.clear()
    path, token = await start(door, shop)
    await send(door, path, token, "hej")
    seen = await read_events(door.client, f"{path}/events", last="delta", headers=token)
    door.room.agent.gate.set()
    rest = await read_events(
        door.client, f"{path}/events", last="done", headers=token | {"Last-Event-ID": seen[-1].id}
    )
    assert [event.name for event in rest] in (["delta", "message", "done"], ["message", "done"])


async def test_a_visitor_asks_for_a_person(door: FrontDoor, shop: Shop, tenancy: Tenancy) -> None:
    path, token = await start(door, shop)
    assert (await door.client.post(f"{path}/handover", headers=token)).json() == {"mode": "human"}
    assert (await send(door, path, token, "hallå?")).json()["turn_id"] is None
    events = await read_events(door.client, f"{path}/events", last="accepted", headers=token)
    assert [event.name for event in events] == ["handover", "accepted"]
    assert events[0].data["text"]
    assert await audit_actions(tenancy, shop.tenant_id) == ["conversation.handover.human"]


async def test_a_server_hands_over_and_back(door: FrontDoor, shop: Shop) -> None:
    first = (await door.client.post("/api/chat/message", json={"message": "hej"}, headers=shop.server)).json()
    conversation = {"conversation_id": first["conversation_id"]}
    handed = await door.client.post("/api/conversations/handover", json=conversation, headers=shop.server)
    assert handed.json()["mode"] == "human"
    silent = await door.client.post(
        "/api/chat/message", json={"message": "hej?"} | conversation, headers=shop.server
    )
    assert silent.json()["message"] is None
    back = await door.client.post(
        "/api/conversations/handover", json={"mode": "agent"} | conversation, headers=shop.server
    )
    assert back.json()["control_version"] == handed.json()["control_version"] + 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"message": ""}', (422, "invalid_input")),
        (b'{"message": "   \\n "}', (422, "invalid_input")),
        (b'{"message": "\\u200b"}', (422, "invalid_input")),
        (b'{"message": "a\\u0000b"}', (422, "invalid_input")),
        (b'{"message": "\\ud800"}', (422, "invalid_input")),
        (b'{"message": 7}', (422, "invalid_input")),
        (b'{"message": ["hej"]}', (422, "invalid_input")),
        (b'{"message": "hej", "extra": 1}', (422, "invalid_input")),
        (b'{"message": "hej", "language": "tlh"}', (422, "invalid_input")),
        (b'{"message": "hej", "client_message_id": "a\\nb"}', (422, "invalid_input")),
        (b'{"message": "' + b"a" * 8_001 + b'"}', (422, "invalid_input")),
        (b'{"message": "' + b"a" * 1_000_000 + b'"}', (413, "body_too_large")),
        (b"{", (400, "malformed_body")),
        (b'{"message": "\xff\xfe"}', (400, "malformed_body")),
        (b"", (422, "invalid_input")),
        (b"[]", (422, "invalid_input")),
        (b'{"message": "hej", "conversation_id": "nej"}', (404, "conversation_not_found")),
        (b'{"message": "hej", "conversation_id": "conv_%032x"}' % 7, (404, "conversation_not_found")),
        (b'{"message": "hej", "conversation_id": "\\u0000"}', (404, "conversation_not_found")),
    ],
)
@pytest.mark.parametrize("path", ["/api/chat/message", "/api/chat/stream"])
async def test_bad_input_is_a_problem_with_a_stable_code(
    door: FrontDoor, shop: Shop, path: str, body: bytes, expected: tuple[int, str]
) -> None:
    headers = shop.server | {"Content-Type": "application/json"}
    assert code_of(await door.client.post(path, content=body, headers=headers)) == expected


async def test_a_large_body_is_refused_while_it_arrives(door: FrontDoor, shop: Shop) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"a" * 65_536

    headers = shop.server | {"Content-Type": "application/json"}
    response = await door.client.post("/api/chat/message", content=endless(), headers=headers)
    assert code_of(response) == (413, "body_too_large")


async def test_keys_open_only_their_own_doors(door: FrontDoor, shop: Shop) -> None:
    ask, begin = "/api/chat/message", "/api/chat/conversations"
    refused = [
        await door.client.post(ask, json={"message": "hej"}),
        await door.client.post(ask, json={"message": "hej"}, headers=bearer("sk_wrong")),
        await door.client.post(ask, json={"message": "hej"}, headers=shop.publishable),
        await door.client.post(ask, json={"message": "hej"}, headers={"Authorization": "Basic YTpi"}),
        await door.client.post(begin, json={}, headers=shop.server),
        await door.client.get(f"{begin}/conv_{7:032x}/events", headers=bearer("x" * 300)),
    ]
    assert {code_of(response) for response in refused} == {(401, "unauthorized")}


async def test_another_tenants_conversation_is_not_there(
    door: FrontDoor, shop: Shop, tenancy: Tenancy
) -> None:
    other = bearer(await add_key(tenancy, await make_tenant(tenancy), "server"))
    mine = (await door.client.post("/api/chat/message", json={"message": "hej"}, headers=shop.server)).json()
    conversation = {"conversation_id": mine["conversation_id"]}
    for path, body in (
        ("/api/chat/message", {"message": "hej"} | conversation),
        ("/api/chat/stream", {"message": "hej"} | conversation),
        ("/api/conversations/handover", conversation),
    ):
        assert code_of(await door.client.post(path, json=body, headers=other)) == (
            404,
            "conversation_not_found",
        )
    assert len(door.room.agent.turns) == 1


async def test_a_visitors_token_opens_one_conversation(door: FrontDoor, shop: Shop) -> None:
    path, token = await start(door, shop)
    elsewhere, _ = await start(door, shop)
    assert code_of(await send(door, elsewhere, token, "hej")) == (404, "conversation_not_found")
    assert code_of(await door.client.get(f"{elsewhere}/events", headers=token)) == (
        404,
        "conversation_not_found",
    )
    wrong = token | {"Last-Event-ID": "x"}
    assert code_of(await door.client.get(f"{path}/events", headers=wrong)) == (422, "invalid_input")


async def test_the_same_id_with_another_text_is_a_conflict(door: FrontDoor, shop: Shop) -> None:
    path, token = await start(door, shop)
    await send(door, path, token, "hej")
    body = {"client_message_id": "hej", "text": "något annat"}
    assert code_of(await door.client.post(f"{path}/messages", json=body, headers=token)) == (
        409,
        "message_conflict",
    )


async def test_a_conversation_starts_once_per_idempotency_key(door: FrontDoor, shop: Shop) -> None:
    headers = shop.publishable | {"Idempotency-Key": str(new_uuid())}
    starts = [await door.client.post("/api/chat/conversations", json={}, headers=headers) for _ in range(2)]
    assert len({response.json()["conversation_id"] for response in starts}) == 1


async def test_a_widget_key_holds_to_its_origins(door: FrontDoor, shop: Shop, tenancy: Tenancy) -> None:
    key = bearer(await add_key(tenancy, shop.tenant_id, "publishable", origins=("https://shop.example",)))
    path = "/api/chat/conversations"
    own = await door.client.post(path, json={}, headers=key | {"Origin": "https://shop.example"})
    assert own.status_code == 201
    assert own.headers["access-control-allow-origin"] == "*"
    strange = await door.client.post(path, json={}, headers=key | {"Origin": "https://evil.example"})
    assert code_of(strange) == (403, "forbidden")


async def test_only_the_widgets_routes_are_open_to_other_origins(door: FrontDoor) -> None:
    preflight = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    widget = await door.client.options("/api/chat/conversations", headers=preflight)
    assert widget.status_code == 200
    server = await door.client.options("/api/chat/message", headers=preflight)
    assert "access-control-allow-origin" not in server.headers


async def test_unknown_paths_and_methods_are_problems(door: FrontDoor) -> None:
    assert code_of(await door.client.get("/api/nothing")) == (404, "not_found")
    assert code_of(await door.client.get("/api/chat/message")) == (405, "http_405")


async def test_health_names_each_part(door: FrontDoor) -> None:
    assert (await door.client.get("/api/health/live")).json() == {"status": "ok"}
    health = (await door.client.get("/api/health")).json()
    assert set(health["parts"]) == {"postgresql", "valkey", "chroma", "hosts"}
    assert health["parts"]["postgresql"]["ok"] is True
    assert health["parts"]["hosts"]["ok"] is True
    assert health["status"] == "degraded"  # this test starts no Chroma
