"""What becomes due by itself: snoozed conversations wake, and old events are forgotten.

It runs in the gateways, beside the sweeper: only they have the system's role, which sees what is due for all
tenants and nothing else of theirs. Several at once do no harm: the row decides, under its lock.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.inbox.changing import Changes, Staff
from agents.inbox.events import KEPT_S
from agents.inbox.states import Wanted, apply
from agents.stream import Address
from foundation.errors import ConversationNotFound
from foundation.ids import ConversationId, TenantId

log = structlog.get_logger()

TICK_S: Final = 5.0
_AT_ONCE: Final = 200
_FORGET_AT_ONCE: Final = 10_000
CLOCK: Final = Staff("system:clock", "")


async def wake_due(system: AsyncEngine, changes: Changes) -> int:
    """Wake the snoozed conversations of all tenants whose time has come; return how many there were."""
    async with system.connect() as connection:
        found = await connection.execute(text("select * from due_snoozes(:n)"), {"n": _AT_ONCE})
        due = [Address(TenantId(row.tenant_id), ConversationId(row.conversation_id)) for row in found]
    return sum([await _wake(changes, address) for address in due])


async def forget_old_events(system: AsyncEngine) -> int:
    """Delete events that are older than `KEPT_S`, some at a time; return how many."""
    async with system.begin() as connection:
        values = {"older": timedelta(seconds=KEPT_S), "n": _FORGET_AT_ONCE}
        gone = await connection.scalar(text("select forget_staff_events(:older, :n)"), values)
    return int(gone or 0)


async def tick_for_ever(system: AsyncEngine, changes: Changes) -> None:
    """Do both every `TICK_S` seconds."""
    while True:
        await asyncio.sleep(TICK_S)
        try:
            await wake_due(system, changes)
            await forget_old_events(system)
        except Exception as error:  # noqa: BLE001 - the clock must outlive any fault of the database
            log.warning("inbox_clock_failed", error=type(error).__name__)


async def _wake(changes: Changes, address: Address) -> bool:
    try:
        async with changes.open(address, CLOCK, None) as change:
            until = change.before.snoozed_until
            if until is None or until > datetime.now(UTC):
                return False  # woken or snoozed again meanwhile
            await apply(change, Wanted({"status": "active"}))
    except ConversationNotFound:
        return False  # deleted meanwhile
    return True
