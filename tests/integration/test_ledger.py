"""What procedures do in other systems happens once, or a person hears of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from pydantic import JsonValue
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from agents.actions import ActionConflict, ActionFailed, ActionKey, ActionUnknown
from agents.leases import Fence
from agents.ledger import NoEffect
from agents.stream import Address
from foundation.database.engine import connect
from foundation.database.roles import DatabaseUrls
from foundation.errors import ConversationNotFound, OwnershipLost
from foundation.ids import new_uuid
from foundation.stack.ports import free_ports
from foundation.tenancy import Tenancy
from graphs.handover import NeedsPerson
from tests.servers.order_server import OrderServer, order_server
from tests.support.line import tcp_line
from tests.support.pausing import add_conversation
from tests.support.performer import ORDER, Performer, killable, own, performer
from tests.support.tenants import make_tenant


@dataclass
class Shop:
    """A conversation, who owns it, and the system that its procedure orders from."""

    tenancy: Tenancy
    address: Address
    fence: Fence
    orders: OrderServer
    key: ActionKey = field(default_factory=lambda: ActionKey(new_uuid(), "exchange"))

    def performer(self, **changes: Any) -> Performer:
        """Return what a host has that knows nothing but the database."""
        return performer(self.tenancy, self.address, self.fence, self.orders.url, **changes)

    async def rows(self) -> list[tuple[str, int, str | None]]:
        async with self.tenancy.session(self.address.tenant_id) as session:
            found = await session.execute(
                text("select state, attempt, reason from actions order by step, iteration")
            )
            return [(row.state, row.attempt, row.reason) for row in found]

    async def take_over(self) -> None:
        async with self.tenancy.session(self.address.tenant_id) as session:
            await session.execute(
                text("update activations set mode = 'human', host_id = null, epoch = epoch + 1")
            )


@pytest.fixture
async def shop(tenancy: Tenancy) -> AsyncIterator[Shop]:
    address = await add_conversation(tenancy, await make_tenant(tenancy))
    async with order_server() as orders:
        yield Shop(tenancy, address, await own(tenancy, address), orders)


# Once


async def test_an_action_happens_once_and_a_rerun_gets_its_result(shop: Shop) -> None:
    first = await shop.performer().order(shop.key)
    assert first == {"order": 1, "of": ORDER}
    shop.fence = await own(shop.tenancy, shop.address)
    assert await shop.performer().order(shop.key) == first
    assert shop.orders.effects == [ORDER]
    assert len(shop.orders.requests) == 1
    assert await shop.rows() == [("done", 1, None)]


async def test_each_step_and_iteration_is_an_action_of_its_own(shop: Shop) -> None:
    keys = [
        shop.key,
        shop.key._replace(iteration=1),
        shop.key._replace(step="refund"),
        shop.key._replace(run_id=new_uuid()),
    ]
    host = shop.performer()
    results = [await host.order(key) for key in keys]
    assert [result["order"] for result in results if isinstance(result, dict)] == [1, 2, 3, 4]
    assert len(set(shop.orders.requests)) == 4


async def test_performers_of_the_same_key_share_one_effect(shop: Shop) -> None:
    host = shop.performer()
    results = await asyncio.gather(*(host.order(shop.key) for _ in range(20)))
    assert results == [{"order": 1, "of": ORDER}] * 20
    assert results[0] is not results[1]
    assert len(shop.orders.requests) == 1


async def test_two_that_do_not_know_of_each_other_have_one_effect(shop: Shop) -> None:
    shop.orders.answers.clear()
    first = asyncio.create_task(shop.performer().order(shop.key))
    await shop.orders.effect()
    with pytest.raises(ActionUnknown):
        await shop.performer().order(shop.key)
    assert await shop.rows() == [("unknown", 1, "no result")]
    shop.orders.answers.set()
    await first
    # The late result is the truth, and whoever looks into it finds it.
    assert await shop.rows() == [("done", 1, None)]
    assert len(shop.orders.requests) == 1


@pytest.mark.parametrize("change", ["arguments", "kind", "action"])
async def test_the_arguments_are_frozen_at_the_first_attempt(shop: Shop, change: str) -> None:
    host = shop.performer()
    await host.order(shop.key, {"n": 1})

    async def never(_arguments: JsonValue, _idempotency_key: str) -> JsonValue:
        raise AssertionError("called")

    again = {
        "arguments": shop.performer().order(shop.key, {"n": 2}),
        "kind": shop.performer().order(shop.key, {"n": True}),
        "action": host.ledger.perform(shop.key, "refund", {"n": 1}, never),
    }
    with pytest.raises(ActionConflict):
        await again.pop(change)
    for unused in again.values():
        unused.close()
    assert shop.orders.effects == [{"n": 1}]
    assert await host.order(shop.key, {"n": 1}) == {"order": 1, "of": {"n": 1}}


async def test_other_arguments_are_refused_while_the_call_is_on_its_way(shop: Shop) -> None:
    host = shop.performer()
    shop.orders.answers.clear()
    running = asyncio.create_task(host.order(shop.key))
    await shop.orders.effect()
    with pytest.raises(ActionConflict):
        await host.order(shop.key, {"sku": "another"})
    shop.orders.answers.set()
    assert await running == {"order": 1, "of": ORDER}


# Between the call and its result


async def test_a_host_that_is_killed_leaves_an_unknown_for_a_person(shop: Shop) -> None:
    shop.orders.answers.clear()
    async with killable(shop.tenancy, shop.address, shop.fence, shop.orders.url, shop.key) as process:
        await shop.orders.effect()
        assert await shop.rows() == [("started", 1, None)]
        process.kill()
        await process.wait()
    shop.orders.answers.set()
    shop.fence = await own(shop.tenancy, shop.address)
    for _ in range(2):
        with pytest.raises(ActionUnknown) as raised:
            await shop.performer().order(shop.key)
        assert isinstance(raised.value, NeedsPerson)
        assert await shop.rows() == [("unknown", 1, "no result")]
    assert shop.orders.effects == [ORDER]
    assert len(shop.orders.requests) == 1


async def test_a_cancelled_turn_does_not_lose_its_call(shop: Shop) -> None:
    host = shop.performer()
    shop.orders.answers.clear()
    turn = asyncio.create_task(host.order(shop.key))
    await shop.orders.effect()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    again = asyncio.create_task(host.order(shop.key))
    shop.orders.answers.set()
    assert await again == {"order": 1, "of": ORDER}
    assert len(shop.orders.requests) == 1


async def test_closing_waits_for_what_is_on_its_way(shop: Shop) -> None:
    host = shop.performer()
    shop.orders.answers.clear()
    turn = asyncio.create_task(host.order(shop.key))
    await shop.orders.effect()
    turn.cancel()
    closing = asyncio.create_task(host.ledger.close())
    await asyncio.sleep(0)
    assert not closing.done()
    shop.orders.answers.set()
    await closing
    assert await shop.rows() == [("done", 1, None)]


async def test_a_result_is_recorded_though_the_conversation_was_lost_meanwhile(shop: Shop) -> None:
    shop.orders.answers.clear()
    turn = asyncio.create_task(shop.performer().order(shop.key))
    await shop.orders.effect()
    await shop.take_over()
    shop.orders.answers.set()
    await turn
    assert await shop.rows() == [("done", 1, None)]


async def test_an_answer_that_does_not_come_in_time_is_unknown(shop: Shop) -> None:
    shop.orders.answers.clear()
    with pytest.raises(ActionUnknown):
        await shop.performer(deadline_s=0.2).order(shop.key)
    assert await shop.rows() == [("unknown", 1, "TimeoutError")]


async def test_an_error_that_says_nothing_of_the_effect_is_unknown(shop: Shop) -> None:
    shop.orders.status = 500
    with pytest.raises(ActionUnknown):
        await shop.performer().order(shop.key)
    assert await shop.rows() == [("unknown", 1, "HTTPStatusError")]
    shop.orders.status = 200
    with pytest.raises(ActionUnknown):
        await shop.performer().order(shop.key)
    assert len(shop.orders.requests) == 1


async def test_a_result_that_cannot_be_recorded_is_unknown(shop: Shop, database_urls: DatabaseUrls) -> None:
    async with tcp_line(database_urls.app) as line:
        engine = connect(line.url)
        host = performer(Tenancy(engine), shop.address, shop.fence, shop.orders.url)
        shop.orders.answers.clear()
        turn = asyncio.create_task(host.order(shop.key))
        await shop.orders.effect()
        line.cut()
        shop.orders.answers.set()
        with pytest.raises(ActionUnknown):
            await turn
        await engine.dispose()
    assert await shop.rows() == [("started", 1, None)]
    with pytest.raises(ActionUnknown):
        await shop.performer().order(shop.key)
    assert len(shop.orders.requests) == 1


async def test_a_result_that_is_not_json_is_unknown(shop: Shop) -> None:
    async def odd(_arguments: JsonValue, _idempotency_key: str) -> Any:
        return {1: new_uuid()}

    with pytest.raises(ActionUnknown):
        await shop.performer().ledger.perform(shop.key, "order", ORDER, odd)
    assert await shop.rows() == [("unknown", 1, "TypeError")]


# Without effect


async def test_a_refused_connection_is_a_failure_that_may_be_tried_again(shop: Shop) -> None:
    [nobody] = free_ports(1)
    host = performer(shop.tenancy, shop.address, shop.fence, f"http://127.0.0.1:{nobody}/orders")
    for attempt in (1, 2):
        with pytest.raises(ActionFailed) as raised:
            await host.order(shop.key)
        assert not isinstance(raised.value, NeedsPerson)
        assert await shop.rows() == [("failed", attempt, "ConnectError")]
    assert await shop.performer().order(shop.key) == {"order": 1, "of": ORDER}
    assert await shop.rows() == [("done", 3, None)]


async def test_a_call_may_know_that_it_had_no_effect(shop: Shop) -> None:
    async def refused(_arguments: JsonValue, _idempotency_key: str) -> JsonValue:
        raise NoEffect("out of stock, says Åsa")

    with pytest.raises(ActionFailed):
        await shop.performer().ledger.perform(shop.key, "order", ORDER, refused)
    assert await shop.rows() == [("failed", 1, "NoEffect")]


async def test_the_retry_has_the_same_idempotency_key(shop: Shop) -> None:
    keys = []

    async def lost(_arguments: JsonValue, idempotency_key: str) -> JsonValue:
        keys.append(idempotency_key)
        raise httpx.ConnectTimeout("planned")

    for _ in range(2):
        with pytest.raises(ActionFailed):
            await shop.performer().ledger.perform(shop.key, "order", ORDER, lost)
    await shop.performer().order(shop.key)
    assert len(keys) == 2
    assert {*keys, *shop.orders.requests} == {keys[0]}


# Who may


@pytest.mark.parametrize("loss", ["another host", "a person", "the lease"])
async def test_who_has_lost_the_conversation_makes_no_call(shop: Shop, loss: str) -> None:
    host = shop.performer(held=loss != "the lease")
    if loss == "another host":
        await own(shop.tenancy, shop.address)
    elif loss == "a person":
        await shop.take_over()
    with pytest.raises(OwnershipLost):
        await host.order(shop.key)
    assert shop.orders.requests == []
    assert await shop.rows() == []


async def test_a_lease_that_ends_during_the_intent_makes_no_call(shop: Shop) -> None:
    host = shop.performer()
    answers = iter([True, False])
    host.ledger._held = lambda: next(answers)
    with pytest.raises(OwnershipLost):
        await host.order(shop.key)
    assert shop.orders.requests == []
    assert await shop.rows() == [("failed", 1, "lease")]


async def test_an_intent_behind_a_takeover_is_refused(shop: Shop) -> None:
    async with shop.tenancy.session(shop.address.tenant_id) as session:
        await session.execute(text("update activations set mode = 'human', epoch = epoch + 1"))
        racing = asyncio.create_task(shop.performer().order(shop.key))
        async with asyncio.timeout(20):
            waiting = 0
            while not waiting:
                found = await session.execute(text("select count(*) from pg_locks where not granted"))
                waiting = found.scalar_one()
    with pytest.raises(OwnershipLost):
        await racing
    assert shop.orders.requests == []
    assert await shop.rows() == []


# What is stored


async def test_arguments_and_results_are_sealed_and_bound_to_their_cell(shop: Shop) -> None:
    host = shop.performer()
    other = shop.key._replace(iteration=1)
    for key in (shop.key, other):
        await host.order(key)
    async with shop.tenancy.session(shop.address.tenant_id) as session:
        found = (await session.execute(text("select arguments, result from actions"))).all()
        assert not any(b"Lund" in bytes(cell) for row in found for cell in row)
        await session.execute(
            text(
                "update actions a set arguments = b.arguments from actions b"
                " where a.iteration = 0 and b.iteration = 1"
            )
        )
        await session.execute(text("update actions set result = arguments where iteration = 1"))
    for key in (shop.key, other):
        with pytest.raises(ActionUnknown):
            await shop.performer().order(key)
    assert len(shop.orders.requests) == 2


async def test_arguments_that_are_not_json_are_refused_before_anything_is_written(shop: Shop) -> None:
    with pytest.raises(TypeError, match="what 'order' is given is not made of JSON values only"):
        await shop.performer().order(shop.key, {"to": (1, 2)})  # type: ignore[dict-item]
    assert await shop.rows() == []


async def test_the_application_cannot_delete_what_was_done_but_erasing_the_conversation_does(
    shop: Shop,
) -> None:
    await shop.performer().order(shop.key)
    with pytest.raises(ProgrammingError, match="permission denied"):
        async with shop.tenancy.session(shop.address.tenant_id) as session:
            await session.execute(text("delete from actions"))
    async with shop.tenancy.session(shop.address.tenant_id) as session:
        await session.execute(text("delete from conversations"))
    assert await shop.rows() == []


async def test_a_conversation_erased_during_the_call_is_gone(shop: Shop) -> None:
    shop.orders.answers.clear()
    turn = asyncio.create_task(shop.performer().order(shop.key))
    await shop.orders.effect()
    async with shop.tenancy.session(shop.address.tenant_id) as session:
        await session.execute(text("delete from conversations"))
    shop.orders.answers.set()
    with pytest.raises(ConversationNotFound):
        await turn
