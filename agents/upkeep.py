"""The gateways' slow clock: people's data asked for, and what is too old. Rows decide who works on what."""

import asyncio
import time
from typing import Final

import structlog

from agents.privacy.jobs import PrivacyWorker
from agents.retention import RetentionWorker

log = structlog.get_logger()

LOOK_S: Final = 2.0
_RETENTION_S: Final = 60.0


async def keep_up_for_ever(privacy: PrivacyWorker, retention: RetentionWorker) -> None:
    """Look every `LOOK_S` seconds for exports and erasures, and every minute for what is too old."""
    cleared = -_RETENTION_S
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            await privacy.work()
            if time.monotonic() - cleared >= _RETENTION_S:
                await retention.work()
                await retention.forget_access()
                cleared = time.monotonic()
        except Exception as error:
            log.warning("upkeep_failed", error=type(error).__name__, exc_info=True)
