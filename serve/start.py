"""`replik run`: everything on one machine, in the foreground, until Ctrl-C.

This module loads little: services and Ray start while the rest is being loaded, which takes as long.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager

import structlog

from foundation.clients.embedding.choice import embedding_dimensions
from foundation.database.roles import ensure_database
from foundation.errors import StartError
from foundation.log import configure_logging
from foundation.settings import Settings
from foundation.stack.embedded import Stack, open_stack
from foundation.stack.ports import require_free
from serve.background import entered
from serve.signals import listen_for_stop

log = structlog.get_logger()


async def run(settings: Settings, environ: Mapping[str, str]) -> None:
    """Start everything, say where it is, and stay until SIGINT or SIGTERM, or until a part ends.

    Raises:
        StartError: something does not start; the sentence names the setting and the remedy.
    """
    begun = time.monotonic()
    configure_logging(settings.log_level, settings.log_format)
    require_free(settings.host, settings.port)
    embedding_dimensions(settings)  # or the hosts would only find out, and not say it to whoever starts them
    stop = asyncio.Event()
    listen_for_stop(stop)
    loading_ray = asyncio.create_task(asyncio.to_thread(_load_ray))
    async with open_stack(settings, environ, ensure_database) as stack:
        log.info("services_started", seconds=round(time.monotonic() - begun, 1))
        connected_ray = await loading_ray
        loading_rest = asyncio.create_task(asyncio.to_thread(_load_rest))
        async with entered(connected_ray(stack.settings)):
            listen_for_stop(stop)  # again: Ray has put its own handler of SIGTERM, which aborts, over ours
            serve_until = await loading_rest
            failed = await serve_until(stop, stack, begun)
    log.info("stopped")
    if failed is not None:
        raise StartError(failed)


def _load_ray() -> Callable[[Settings], AbstractContextManager[None]]:
    from serve.local_ray import connected_ray  # noqa: PLC0415 - two seconds

    return connected_ray


def _load_rest() -> Callable[[asyncio.Event, Stack, float], Awaitable[str | None]]:
    from serve.run import serve_until  # noqa: PLC0415 - four seconds

    return serve_until
