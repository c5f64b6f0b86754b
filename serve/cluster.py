"""What `serve deploy` and KubeRay import on a cluster: an entry point, as the command line is one.

The configs in `configs/serve/` name `serve.cluster:app` (gateways and hosts) and
`serve.cluster:ingestion` (one process that reads what was added to the knowledge). The settings are the
environment of the cluster's nodes, since no `replik run` stands behind them: every service has an address
there, and the key is given.
"""

import asyncio
import importlib
import os
from contextlib import AsyncExitStack
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict
from ray import serve as ray_serve

from agents.deployment import Assemble, keep_to_own_address
from foundation.database.migrate import migrate
from foundation.database.roles import refuse_powerful_app
from foundation.errors import StartError
from foundation.settings import Settings, env_name
from foundation.shared_log import log_to_foreground
from ingest.jobs import IngestWorker
from serve.gateway import front_door
from serve.run import open_ingestion

log = structlog.get_logger()


class Arguments(BaseModel):
    """The `args` of the application in a Serve config."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hosts: str = "agents.assembly:assemble"
    """What builds a host in each of its processes, `module:function`."""


def app(arguments: Arguments) -> ray_serve.Application:
    """Bring the database up to date, then return gateways and hosts; the application must be named `replik`.

    Raises:
        StartError: a setting is missing or wrong, or the application's role could do too much.
    """
    settings = cluster_settings()
    asyncio.run(refuse_powerful_app(settings.require("database_url")))
    migrate(settings.require("database_migrator_url"))
    module, _, name = arguments.hosts.partition(":")
    hosts: Assemble = getattr(importlib.import_module(module), name)
    return front_door(settings, hosts)


def ingestion(_arguments: dict[str, str]) -> ray_serve.Application:
    """Return the application of one process that runs ingestion jobs; it takes no requests.

    Raises:
        StartError: a setting is missing or wrong.
    """
    return Ingestion.bind(cluster_settings())  # type: ignore[attr-defined, no-any-return]


def cluster_settings() -> Settings:
    """Return the settings of this node's environment, complete without anything that `replik run` adds.

    Raises:
        StartError: a setting is missing or wrong; the sentence names it.
    """
    # Also says to every process that it shares no folder with the others (see foundation/shared_log.py).
    settings = Settings.load({**os.environ, "RAY_ADDRESS": "auto"})
    for field in ("encryption_key", "files_url"):
        if getattr(settings, field) is None:
            raise StartError(f"{env_name(field)} is not set: all nodes of a cluster need the same one.")
    return settings.evolve(database_direct_url=settings.database_direct_url or settings.database_worker_url)


@ray_serve.deployment(
    name="Ingestion", num_replicas=1, graceful_shutdown_timeout_s=30, ray_actor_options={"num_cpus": 0}
)
class Ingestion:
    """Runs ingestion jobs while it lives; the heavy steps are Ray tasks, anywhere on the cluster."""

    def __init__(self, settings: Settings) -> None:
        keep_to_own_address()
        log_to_foreground(settings)
        self._settings = settings
        self._exits: AsyncExitStack | None = None
        self._starting = asyncio.Lock()

    async def check_health(self) -> None:
        """Start on the first check, so that a replica is only ready when it works."""
        async with self._starting:
            if self._exits is None:
                self._exits = await _working(self._settings)

    async def __del__(self) -> None:
        if self._exits is not None:
            await self._exits.aclose()


async def _working(settings: Settings) -> AsyncExitStack:
    """Return what to close when ingestion shall stop."""
    exits = AsyncExitStack()
    try:
        opened: Any = await exits.enter_async_context(open_ingestion(settings))
        await exits.enter_async_context(IngestWorker(settings.require("database_direct_url"), opened))
    except BaseException:
        await exits.aclose()
        log.exception("ingestion_does_not_start")
        raise
    return exits
