"""The gateways' slow clock: people's data asked for, what is too old, mail. Rows decide who works on what."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from agents.privacy.jobs import PrivacyWorker
from agents.retention import RetentionWorker

log = structlog.get_logger()

LOOK_S: Final = 2.0
_RETENTION_S: Final = 60.0


async def keep_up_for_ever(
    privacy: PrivacyWorker, retention: RetentionWorker, *mail: Callable[[], Awaitable[int]]
) -> None:
    """Look for exports, erasures and `mail` every `LOOK_S` seconds; clear what is old every minute.

    None waits for another: an erasure that cannot end must not keep old conversations for ever.
    """
    async with asyncio.TaskGroup() as all_:
        all_.create_task(_again_and_again(LOOK_S, privacy.work))
        all_.create_task(_again_and_again(_RETENTION_S, retention.work, retention.forget_access))
        for each in mail:
            all_.create_task(_again_and_again(LOOK_S, each))


async def _again_and_again(every_s: float, *work: Callable[[], Awaitable[int]]) -> None:
    while True:
        await asyncio.sleep(every_s)
        for each in work:
            try:
                await each()
            except Exception as error:
                log.warning("upkeep_failed", error=type(error).__name__, exc_info=True)
