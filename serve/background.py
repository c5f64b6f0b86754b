"""Tasks and blocking contexts beside a block."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, TypeVar

import structlog

log = structlog.get_logger()
T = TypeVar("T")


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run `work` as a task until the block ends."""
    task = asyncio.create_task(work)
    task.add_done_callback(_say_if_failed)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def entered(context: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enter and leave a blocking context in a thread, so that the loop goes on meanwhile."""
    value = await asyncio.to_thread(context.__enter__)
    try:
        yield value
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


def _say_if_failed(task: asyncio.Task[None]) -> None:
    """Log the failure when it happens, not when somebody looks."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("background_task_failed", exc_info=error)
