"""Fair turns for tenants, and a limit that follows the event loop."""

import asyncio
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.pace import LEAST, LEAST_ALONE, Lag, Limit, Line, Seen, Sharing
from foundation.ids import TenantId

FLOOD, QUIET = TenantId(UUID(int=1)), TenantId(UUID(int=2))


def test_a_tenant_without_a_running_turn_always_gets_one() -> None:
    line: Line[str] = Line()
    for number in range(10):
        line.add(FLOOD, f"flood {number}")
    assert len(list(line.take(4))) == 4
    line.add(QUIET, "quiet")
    assert list(line.take(4)) == ["quiet"]
    assert line.running == 5


def test_tenants_take_turns() -> None:
    line: Line[str] = Line()
    for number in range(3):
        line.add(FLOOD, f"flood {number}")
    for number in range(2):
        line.add(QUIET, f"quiet {number}")
    assert list(line.take(10)) == ["flood 0", "quiet 0", "flood 1", "quiet 1", "flood 2"]


@given(st.lists(st.tuples(st.sampled_from(["add", "take", "done"]), st.integers(1, 3)), max_size=80))
def test_nobody_is_lost_or_taken_twice(steps: list[tuple[str, int]]) -> None:
    line: Line[int] = Line()
    added: list[int] = []
    taken: list[tuple[TenantId, int]] = []
    owners: dict[int, TenantId] = {}
    running: list[TenantId] = []
    for step, tenant in steps:
        tenant_id = TenantId(UUID(int=tenant))
        if step == "add":
            owners[len(added)] = tenant_id
            line.add(tenant_id, len(added))
            added.append(len(added))
        elif step == "take":
            new = list(line.take(4))
            taken += [(owners[one], one) for one in new]
            running += [owners[one] for one in new]
        elif tenant_id in running:
            running.remove(tenant_id)
            line.done(tenant_id)
        assert line.running == len(running)
        assert len(line) == len(added) - len(taken)
    for tenant_id in set(owners.values()):
        own = [one for owner, one in taken if owner == tenant_id]
        assert own == sorted(own)
        assert len(own) == len(set(own))


IDLE, CALM, BUSY = Seen(0.0, 0.0, 0.0), Seen(0.2, 0.2, 0.0), Seen(0.99, 0.99, 0.0)


def test_the_limit_shrinks_while_the_loop_is_busy_and_grows_where_it_is_reached() -> None:
    limit = Limit(256)
    for _ in range(40):
        limit.look(CALM, running=int(limit.now), shared=True)
    assert limit.now == 256
    for _ in range(40):
        limit.look(BUSY, running=int(limit.now), shared=True)
    assert limit.now == LEAST
    limit.look(CALM, running=LEAST, shared=True)
    assert limit.now > LEAST


@pytest.mark.parametrize("seen", [BUSY, Seen(0.6, 0.9, 0.0), Seen(0.4, 0.4, late_s=0.3)])
def test_a_loop_that_lacks_time_runs_fewer_turns(seen: Seen) -> None:
    limit = Limit(256)
    before = limit.now
    limit.look(seen, running=int(limit.now), shared=True)
    assert limit.now < before


def test_turns_that_only_wait_are_not_fewer_because_others_keep_the_cores_busy() -> None:
    limit = Limit(256)
    before = limit.now
    limit.look(Seen(0.1, 0.1, late_s=0.3), running=int(limit.now), shared=True)
    assert limit.now > before


def test_a_loop_that_hardly_gets_a_core_runs_no_more_turns() -> None:
    limit = Limit(256)
    before = limit.now
    limit.look(Seen(0.1, 1.0, 0.0), running=int(limit.now), shared=True)
    assert limit.now == before


def test_an_idle_loop_does_not_raise_the_limit() -> None:
    limit = Limit(256)
    before = limit.now
    for _ in range(40):
        limit.look(IDLE, running=0, shared=False)
    assert limit.now == before


def test_a_host_for_one_turn_at_a_time_stays_one() -> None:
    limit = Limit(1)
    for seen in (CALM, BUSY, CALM):
        limit.look(seen, running=1, shared=True)
        assert limit.now == 1


def test_a_tenant_that_is_alone_runs_more_than_tenants_that_share() -> None:
    limit = Limit(256)
    for _ in range(40):
        limit.look(BUSY, running=int(limit.now), shared=False)
    assert limit.now == LEAST_ALONE
    for _ in range(40):
        limit.look(Seen(0.5, 0.7, 0.0), running=int(limit.now), shared=True)
    assert limit.now == LEAST


@pytest.mark.parametrize(("last", "crowded"), [(BUSY, True), (CALM, False)])
def test_a_loop_is_crowded_while_one_turn_a_tenant_is_too_much(last: Seen, crowded: bool) -> None:
    limit = Limit(256)
    for _ in range(40):
        limit.look(BUSY, running=1, shared=True)
    limit.look(last, running=1, shared=True)
    assert limit.crowded is crowded


def test_who_shares_is_known_by_who_came_lately() -> None:
    sharing = Sharing()
    for now in (0.0, 1.0, 2.0):
        sharing.came(FLOOD, now)
        assert not sharing.is_now(now)
    sharing.came(QUIET, 3.0)
    assert sharing.is_now(3.5)
    sharing.came(FLOOD, 4.0)
    assert sharing.is_now(5.5)
    sharing.came(FLOOD, 6.0)
    assert not sharing.is_now(6.5)


def test_a_tenant_that_rests_starts_nothing_and_others_do() -> None:
    line: Line[str] = Line()
    for number in range(3):
        line.add(FLOOD, f"flood {number}")
    assert list(line.take(1, now=1.0)) == ["flood 0"]
    line.done(FLOOD, rests_until=2.0)
    assert list(line.take(5, now=1.5)) == []
    line.add(QUIET, "quiet")
    assert list(line.take(5, now=1.5)) == ["quiet"]
    assert line.waits(FLOOD)
    assert not line.waits(QUIET)
    assert list(line.take(2, now=2.0)) == ["flood 1"]


async def test_a_thread_that_computes_uses_its_core() -> None:
    class Looking(Limit):
        def look(self, seen: Seen, running: int, *, shared: bool) -> None:
            assert not shared
            looked.append((seen, running))

    looked: list[tuple[Seen, int]] = []
    watching = asyncio.create_task(Lag().watch(Looking(256), lambda: 7, Sharing()))
    async with asyncio.timeout(20):
        while not looked or looked[-1][0].used < 0.05:
            sum(range(20_000))
            await asyncio.sleep(0)
    watching.cancel()
    seen, running = looked[-1]
    assert seen.wanted >= seen.used
    assert running == 7
