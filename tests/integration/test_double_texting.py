"""What happens to a message that comes while the agent still answers: the four policies."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from agents.stream import Address
from foundation.clients.bus.valkey import ValkeyBus
from foundation.errors import TurnInProgress
from foundation.ids import TenantId
from foundation.tenancy import Tenancy
from tests.support.scripted import Room, names, room, until
from tests.support.tenants import make_tenant


@pytest.fixture
async def here(tenancy: Tenancy, redis_url: str) -> AsyncIterator[Room]:
    bus = ValkeyBus(redis_url)
    async with room(tenancy, bus) as opened:
        yield opened
    await bus.close()


async def tenant_with(tenancy: Tenancy, policy: str) -> TenantId:
    return await make_tenant(tenancy, behaviour={"graph": "support", "double_texting": policy})


async def turns(tenancy: Tenancy, address: Address) -> list[tuple[str, list[int]]]:
    async with tenancy.session(address.tenant_id) as session:
        found = await session.execute(
            text("select state, positions from turns where conversation_id = :id order by created_at, id"),
            {"id": address.conversation_id},
        )
        return [(row.state, list(row.positions)) for row in found]


async def held_open(here: Room, tenant_id: TenantId) -> Address:
    """Return a conversation whose first turn has said one sentence and waits."""
    address = await here.open(tenant_id)
    here.agent.gate.clear()
    await here.say(address, "ett")
    await here.agent.first_said.wait()
    return address


async def test_enqueued_messages_are_answered_one_by_one(here: Room, tenancy: Tenancy) -> None:
    address = await held_open(here, await tenant_with(tenancy, "enqueue"))
    await here.say(address, "två")
    await here.say(address, "tre")
    here.agent.gate.set()
    await until(here.reader, address, "done", times=3)
    assert [turn.text for turn in here.agent.turns] == ["ett", "två", "tre"]
    assert await turns(tenancy, address) == [("done", [1]), ("done", [2]), ("done", [3])]


async def test_merged_messages_become_one_turn(here: Room, tenancy: Tenancy) -> None:
    address = await held_open(here, await tenant_with(tenancy, "merge"))
    accepted = [
        await here.mailbox.accept(address, said=said, client_message_id=said, channel="widget")
        for said in ("två", "tre")
    ]
    assert accepted[0].turn_id == accepted[1].turn_id
    here.agent.gate.set()
    await until(here.reader, address, "done", times=2)
    assert [turn.text for turn in here.agent.turns] == ["ett", "två\ntre"]
    assert await turns(tenancy, address) == [("done", [1]), ("done", [2, 3])]


async def test_an_interrupting_message_is_answered_with_the_one_it_interrupts(
    here: Room, tenancy: Tenancy
) -> None:
    address = await held_open(here, await tenant_with(tenancy, "interrupt"))
    await here.say(address, "två")
    interrupted = await until(here.reader, address, "done")
    here.agent.gate.set()
    events = await until(here.reader, address, "done", times=2)

    assert [turn.text for turn in here.agent.turns] == ["ett", "ett\ntvå"]
    assert await turns(tenancy, address) == [("interrupted", [1]), ("done", [1, 2])]
    assert interrupted[-1].data["interrupted"] is True
    said = [(event.data["kind"], event.data["text"]) for event in events if event.name == "message"]
    assert said == [("partial", "echo: ett. "), ("text", "echo: ett\ntvå. Klart.")]


async def test_a_late_request_to_interrupt_does_not_end_the_turn_it_asked_for(
    here: Room, tenancy: Tenancy
) -> None:
    address = await held_open(here, await tenant_with(tenancy, "interrupt"))
    # What the bus delivers after the turn of the newer message has begun names that turn's own message.
    here.host._active[address].conversation.stop("interrupt", position=1)
    here.agent.gate.set()
    await until(here.reader, address, "done")
    assert await turns(tenancy, address) == [("done", [1])]


async def test_a_rejected_message_leaves_nothing_behind(here: Room, tenancy: Tenancy) -> None:
    address = await held_open(here, await tenant_with(tenancy, "reject"))
    with pytest.raises(TurnInProgress):
        await here.say(address, "två")
    here.agent.gate.set()
    await until(here.reader, address, "done")
    await here.say(address, "två")
    events = await until(here.reader, address, "done", times=2)
    assert names(events).count("accepted") == 2
    assert [turn.text for turn in here.agent.turns] == ["ett", "två"]


async def test_what_a_person_reads_is_never_rejected_or_merged(here: Room, tenancy: Tenancy) -> None:
    address = await held_open(here, await tenant_with(tenancy, "reject"))
    await here.mailbox.control(address, mode="human", said="", actor="test")
    await here.say(address, "två")
    await here.say(address, "tre")
    here.agent.gate.set()
    await here.host.idle()
    assert await turns(tenancy, address) == [("handed_over", [1])]
