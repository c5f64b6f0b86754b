"""The gateways' slow clock: people's data asked for, and what is too old. Rows decide who works on what."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from agents.privacy.jobs import PrivacyWorker
from agents.retention import RetentionWorker

log = structlog.get_logger()

LOOK_S: Final = 2.0
_RETENTION_S: Final = 60.0


async def keep_up_for_ever(privacy: PrivacyWorker, retention: RetentionWorker) -> None:
    """Look every `LOOK_S` seconds for exports and erasures, and every minute for what is too old.

    Neither waits for the other: an erasure that cannot end must not keep old conversations for ever.
    """
    async with asyncio.TaskGroup() as both:
        both.create_task(_again_and_again(LOOK_S, privacy.work))
        both.create_task(_again_and_again(_RETENTION_S, retention.work, retention.forget_access))


async def _again_and_again(every_s: float, *work: Callable[[], Awaitable[int]]) -> None:
    while True:
        await asyncio.sleep(every_s)
        for each in work:
            try:
                await each()
            except Exception as error:
                log.warning("upkeep_failed", error=type(error).__name__, exc_info=True)
