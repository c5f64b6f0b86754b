"""Live events for staff: nothing lost, nothing twice, whoever comes and goes and whatever is away."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from admin_api import events
from agents.inbox import hub as hubs
from agents.inbox.events import EventLog, Place
from agents.inbox.hub import Hub
from agents.staff_channel import bell
from foundation.clients.bus.fakes import LocalBus
from foundation.clients.bus.valkey import ValkeyBus
from foundation.database.roles import DatabaseUrls
from foundation.ids import show
from foundation.tenancy import Tenancy
from tests.support.events import Event, read_events
from tests.support.gateway import FrontDoor
from tests.support.office import INBOX, Office, make_office
from tests.support.people import town
from tests.support.scripted import Room, room
from tests.support.tenants import make_tenant

STREAM = "/api/admin/events"


async def listen(office: Office, last: str, times: int = 1, since: str | None = None) -> list[Event]:
    headers = office.server | ({"Last-Event-ID": since} if since else {})
    return await read_events(office.client, STREAM, last=last, times=times, headers=headers)


async def start(office: Office) -> str:
    """Return an event id of now."""
    [ready] = await listen(office, "ready")
    return ready.id


def told(events: list[Event]) -> list[tuple[str, str]]:
    return [
        (event.name, event.data["message"]["text"] if event.name == "message" else "")
        for event in events
        if event.name in ("message", "conversation")
    ]


async def test_staff_hear_messages_states_and_notes_as_they_happen(office: Office) -> None:
    chat = await office.chat()
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        since = await start(office)
        live = group.create_task(listen(office, "conversation", since=since))
        await chat.answered("Mitt nummer är 19121212-1212")
        path = f"{INBOX}/{chat.conversation_id}"
        await office.did("POST", f"{path}/notes", {"text": "Hm."})
        await office.did("PATCH", path, {"labels": ["vip"]})
    again = live.result()
    expected = [
        ("message", "Mitt nummer är [personnummer 1]"),
        ("message", "echo: Mitt nummer är [personnummer 1]. Klart."),
        ("message", "Hm."),
        ("conversation", ""),
    ]
    assert told(again) == expected
    assert told(await listen(office, "conversation", since=since)) == expected
    assert again[-1].data["conversation"]["labels"] == ["vip"]
    assert again[-2].data["message"]["visibility"] == "internal"
    assert "1212" not in str([event.data for event in again])


async def test_who_comes_back_gets_the_rest_and_nothing_twice(office: Office) -> None:
    since = await start(office)
    chat = await office.chat()
    for number in range(3):
        await chat.answered(f"Fråga {number}", times=number + 1)
    seen: list[Event] = []
    while len(seen) < 6:
        # One event at a time: the rest of what was sent is lost with the connection.
        events = await listen(office, "message", since=seen[-1].id if seen else since)
        seen.append(next(event for event in events if event.name == "message"))
    assert [text for _, text in told(seen)] == [
        said for number in range(3) for said in (f"Fråga {number}", f"echo: Fråga {number}. Klart.")
    ]
    assert len({event.id for event in seen}) == 6


async def test_who_was_away_too_long_is_told_to_load_everything(office: Office) -> None:
    since = Place.parse(await start(office))
    old = str(since._replace(at_ms=since.at_ms - 48 * 3_600_000))
    [event] = await listen(office, "reset", since=old)
    assert event.data == {}
    for bad in ("x", "1.2", "1.2.-3", "9" * 60):
        answer = await office.call("GET", STREAM, **{"Last-Event-ID": bad})
        assert answer.status_code == 422


async def test_another_tenant_hears_nothing(office: Office, door: FrontDoor, tenancy: Tenancy) -> None:
    other = await make_office(door, tenancy)
    since = await start(other)
    await office.chat("Hemligt")
    await other.chat("Eget")
    events = await listen(other, "message", times=2, since=since)
    assert [said for _, said in told(events)] == ["Eget", "echo: Eget. Klart."]


@pytest.mark.parametrize("ended_by", ["removal", "sign-out", "revocation"])
async def test_who_is_let_in_no_more_hears_no_more(
    database_urls: DatabaseUrls,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ended_by: str,
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(hubs, "_QUIET_S", 0.1)
    async with town(database_urls, redis_url, tmp_path) as place:
        owner = await place.owner()
        member = await place.member(owner, "agent")
        wanted = {"kind": "server", "name": "skärm", "scopes": ["conversation.read"]}
        key = await owner.browser.did("POST", "/api/admin/keys", wanted)
        client, headers, ending = {
            "removal": (
                member.browser,
                {},
                ("DELETE", f"/api/admin/team/{show('person', member.person_id)}"),
            ),
            "sign-out": (owner.browser, {}, ("POST", "/api/auth/sign-out")),
            "revocation": (
                place.browser(),
                {"Authorization": f"Bearer {key['secret']}"},
                ("DELETE", f"/api/admin/keys/{key['key']['key_id']}"),
            ),
        }[ended_by]
        async with asyncio.timeout(60), client.client.stream("GET", STREAM, headers=headers) as stream:
            lines = stream.aiter_lines()
            while await anext(lines) != ": hb":
                pass
            await owner.browser.did(*ending)
            assert [line async for line in lines if line not in ("", ": hb")] == []
        assert (await client.client.get(STREAM, headers=headers)).status_code in (401, 403)


@asynccontextmanager
async def following(hub: Hub, tenant: Any, since: Place | None) -> AsyncIterator[list[Any]]:
    """Collect what a listener hears."""
    seen: list[Any] = []

    async def collect() -> None:
        async with aclosing(hub.follow(tenant, since)) as batches:
            async for batch in batches:
                seen.extend(batch)

    task = asyncio.create_task(collect())
    try:
        yield seen
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(seen: list[Any], count: int) -> None:
    async with asyncio.timeout(30):
        while sum(event.name == "message" for event in seen) < count:
            await asyncio.sleep(0.01)


@pytest.fixture
async def behind(tenancy: Tenancy, redis_url: str) -> AsyncIterator[Room]:
    bus = ValkeyBus(redis_url)
    async with room(tenancy, bus) as opened:
        yield opened
    await bus.close()


async def test_an_older_transaction_is_waited_for_and_nothing_overtakes_it(
    behind: Room, tenancy: Tenancy
) -> None:
    tenant = await make_tenant(tenancy)
    slow, quick = await behind.open(tenant), await behind.open(tenant)
    log = EventLog(tenancy)
    place = await log.now(tenant)
    async with tenancy.session(tenant) as session:
        await session.execute(_EVENT, {"tenant": tenant, "conversation": slow.conversation_id})
        await behind.mailbox.accept(quick, said="Snabb", client_message_id="1", channel="widget")
        first = await log.after(tenant, place)
        assert (first.events, first.withheld) == ((), True)
    batch = await log.after(tenant, place)
    assert not batch.withheld
    assert [event.name for event in batch.events] == ["message"]
    assert (await log.after(tenant, batch.place)).events == ()
    numbers = await _stored(tenancy, tenant)
    assert numbers == sorted(numbers)
    assert len(numbers) == 2


async def test_events_come_while_the_bus_is_away(
    behind: Room, tenancy: Tenancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "POLL_S", 0.2)
    tenant = await make_tenant(tenancy)
    address = await behind.open(tenant)
    bus = LocalBus()
    bus.away = True
    hub = Hub(tenancy, bus)
    async with following(hub, tenant, await EventLog(tenancy).now(tenant)) as seen:
        await behind.mailbox.accept(address, said="Hej", client_message_id="1", channel="widget")
        await until(seen, 1)


async def test_a_slow_reader_loses_its_buffer_and_no_event(
    behind: Room, tenancy: Tenancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "_BUFFER", 3)
    tenant = await make_tenant(tenancy)
    address = await behind.open(tenant)
    await behind.mailbox.control(address, mode="human", said="", actor="test")
    bus = LocalBus()
    hub = Hub(tenancy, bus)
    since = await EventLog(tenancy).now(tenant)
    said = [f"m{number}" for number in range(20)]
    async with aclosing(hub.follow(tenant, since)) as slow, following(hub, tenant, since) as quick:
        await anext(slow)
        for one in said:
            await behind.mailbox.accept(address, said=one, client_message_id=one, channel="widget")
            await bus.post(bell(address))
            await until(quick, said.index(one) + 1)
        names: list[bytes] = []
        async with asyncio.timeout(30):
            async for batch in slow:
                names += [event.wire for event in batch if event.name == "message"]
                if len(names) >= len(said):
                    break
    heard = [json.loads(wire.partition(b"data: ")[2]) for wire in names]
    assert [data["message"]["text"] for data in heard] == said


async def test_a_tenants_events_are_read_once_for_all_who_listen(
    behind: Room, tenancy: Tenancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await make_tenant(tenancy)
    address = await behind.open(tenant)
    bus = LocalBus()
    hub = Hub(tenancy, bus)
    since = await EventLog(tenancy).now(tenant)
    async with following(hub, tenant, since) as first, following(hub, tenant, since) as second:
        async with asyncio.timeout(30):
            while not (first and second):
                await asyncio.sleep(0.01)
        reads = 0
        after = EventLog.after

        async def counted(log: EventLog, of: Any, place: Place) -> Any:
            nonlocal reads
            reads += 1
            return await after(log, of, place)

        monkeypatch.setattr(EventLog, "after", counted)
        await behind.mailbox.accept(address, said="Hej", client_message_id="1", channel="widget")
        await bus.post(bell(address))
        await until(first, 1)
        await until(second, 1)
    assert reads <= 3
    assert len(bus._channels) == 1


_EVENT = text(
    "insert into staff_events (tenant_id, conversation_id, position, kind)"
    " values (:tenant, :conversation, 1, 'message')"
)


async def _stored(tenancy: Tenancy, tenant: Any) -> list[tuple[int, int]]:
    async with tenancy.session(tenant) as session:
        found = await session.execute(text("select xid, number from staff_events order by number"))
        return [(row.xid, row.number) for row in found]
