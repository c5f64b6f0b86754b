"""A shortest duration, so that what was found on the way cannot be read from the time it took."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

FLOOR_S = 0.4
"""More than either way takes on a machine that keeps up."""


@asynccontextmanager
async def at_least(seconds: float = FLOOR_S) -> AsyncIterator[None]:
    """Leave the block no earlier than so long after it was entered, also with an error."""
    begun = time.monotonic()
    try:
        yield
    finally:
        await asyncio.sleep(max(0.0, begun + seconds - time.monotonic()))
