"""Waking a conversation's host: a short call that may get lost, and the sweeper that makes up for it."""

import asyncio
from datetime import timedelta
from typing import Protocol

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.host import Host
from agents.stream import Address
from foundation.ids import ConversationId, TenantId

log = structlog.get_logger()

SWEEP_S = 1.0
OVERDUE = timedelta(seconds=3)
_GRACE_S = 10.0
_AT_MOST = 500


class Waker(Protocol):
    async def wake(self, address: Address) -> None:
        """Ask a host to answer the conversation's waiting turns. Never raises: a lost wake costs seconds."""
        ...


class LocalWaker:
    """Wakes a host in this process, for tests."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def wake(self, address: Address) -> None:
        self._host.wake(address)


async def sweep(system: AsyncEngine, waker: Waker, *, turn_deadline_s: float) -> int:
    """Wake the conversations of all tenants whose turns are overdue; return how many there were.

    A turn that runs longer than its deadline has been dropped, even if its owner lives.
    """
    async with system.connect() as connection:
        found = await connection.execute(
            text("select tenant_id, conversation_id from overdue_turns(:older_than, :longest_run, :at_most)"),
            {
                "older_than": OVERDUE,
                "longest_run": timedelta(seconds=turn_deadline_s + _GRACE_S),
                "at_most": _AT_MOST,
            },
        )
        overdue = [Address(TenantId(row.tenant_id), ConversationId(row.conversation_id)) for row in found]
    await asyncio.gather(*(waker.wake(address) for address in overdue))
    return len(overdue)


async def sweep_for_ever(system: AsyncEngine, waker: Waker, *, turn_deadline_s: float) -> None:
    """Sweep every `SWEEP_S` seconds."""
    while True:
        await asyncio.sleep(SWEEP_S)
        try:
            swept = await sweep(system, waker, turn_deadline_s=turn_deadline_s)
        except Exception as error:  # noqa: BLE001 - the sweeper must outlive any fault of the database
            log.warning("sweep_failed", error=type(error).__name__)
        else:
            if swept:
                log.info("swept", conversations=swept)
