"""A process in the foreground hears that it is to stop, once."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from serve.signals import listen_for_stop


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Put back what pytest had."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_first_signal_stops_and_the_second_would_end_the_process(number: signal.Signals) -> None:
    stop = asyncio.Event()
    listen_for_stop(stop)
    os.kill(os.getpid(), number)
    async with asyncio.timeout(5):
        await stop.wait()
    listen_for_stop(stop)  # as a start does that was told to stop in the middle
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_handlers_that_were_put_over_ours_are_replaced_again() -> None:
    stop = asyncio.Event()
    listen_for_stop(stop)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    listen_for_stop(stop)
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(5):
        await stop.wait()
