"""The fuller a tenant's queue was a moment ago, the longer its next message waits."""

import asyncio
from uuid import UUID

import pytest

from agents.back_pressure import REMEMBERED_S, SLOWS_FROM, WAITING_AT_MOST, BackPressure
from foundation.errors import QueueFull
from foundation.ids import TenantId

FLOOD, QUIET = TenantId(UUID(int=1)), TenantId(UUID(int=2))


@pytest.mark.parametrize(
    ("filled", "share"), [(0.0, 0.0), (SLOWS_FROM, 0.0), (0.75, 0.5), (0.9, 0.8), (1.0, 1.0)]
)
def test_a_fuller_queue_means_a_longer_wait(filled: float, share: float) -> None:
    pressure = BackPressure()
    pressure.note(FLOOD, filled)
    assert pressure.share(FLOOD) == pytest.approx(share)
    assert pressure.share(QUIET) == 0


def test_a_queue_that_has_emptied_or_was_full_long_ago_is_forgotten() -> None:
    now = [100.0]
    pressure = BackPressure(clock=lambda: now[0])
    pressure.note(FLOOD, 1.0)
    pressure.note(FLOOD, 0.2)
    assert pressure.share(FLOOD) == 0
    pressure.note(FLOOD, 1.0)
    now[0] += REMEMBERED_S + 0.1
    assert pressure.share(FLOOD) == 0
    assert not pressure._filled


async def test_messages_of_a_full_queue_wait_and_beyond_a_number_are_refused() -> None:
    pressure = BackPressure(wait_s=3600)
    pressure.note(FLOOD, 1.0)
    waiting = [asyncio.create_task(pressure.wait(FLOOD)) for _ in range(WAITING_AT_MOST)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFull):
        await pressure.wait(FLOOD)
    await pressure.wait(QUIET)
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert not pressure._waiting
