"""What `tests.light.serve` runs: the services, a tenant, Ray, Serve, and the orders on standard input.

One JSON line when it serves: `url`, `settings` (the environment that reaches the same services),
`superuser_url` (of the same PostgreSQL), `tenant`. Orders are JSON lines; each is answered by one line,
`{"done": ...}` or `{"failed": sentence}`:

- `{"do": "scale", "deployment": "ConversationHost" | "Gateway", "replicas": 3}`
- `{"do": "restart_valkey", "down_s": 0.5}`: stop it, wait, start it on the same port with the same password
- `{"do": "tenant", "sentences": 50}`: one more tenant; answered with its ids and keys
"""

import asyncio
import importlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ray import serve as ray_serve
from ray.serve._private.common import DeploymentID
from ray.serve.context import _get_global_client

from agents.deployment import Assemble
from foundation.database.engine import connect
from foundation.database.migrate import migrate
from foundation.database.roles import ensure_database
from foundation.settings import Settings
from foundation.stack.child import Command, running, until_ready
from foundation.stack.environment import child_environment
from foundation.stack.home import locked, make_home
from foundation.stack.ports import answers, free_ports
from foundation.stack.postgres import embedded_postgres
from foundation.stack.valkey import embedded_valkey
from foundation.tenancy import Tenancy
from serve.gateway import APP, front_door
from serve.local_ray import connected_ray
from tests.support.gateway import add_key, settings_for
from tests.support.tenants import make_tenant


@dataclass(frozen=True, slots=True)
class Options:
    """How large, and with which hosts."""

    home: Path
    hosts: int
    gateways: int
    sentences: int
    build: str
    queue: int
    """Turns of a tenant that may wait."""
    """`module:function`, an `agents.deployment.Assemble`."""


@dataclass(slots=True)
class Valkey:
    """A Valkey that can be stopped and started again under the same address."""

    url: str
    port: int
    command: Command
    _exits: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> None:
        child = await self._exits.enter_async_context(running(self.command))
        await until_ready(child, lambda: answers(self.port), lambda: "Valkey does not come back", wait_s=20)

    async def stop(self) -> None:
        await self._exits.aclose()

    async def restart(self, down_s: float) -> None:
        await self.stop()
        await asyncio.sleep(down_s)
        await self.start()


async def serve(options: Options) -> int:
    """Serve until standard input closes or a signal comes; return the exit code."""
    stop = asyncio.Event()
    async with _services(options) as (settings, superuser_url, valkey):
        first = await add_tenant(settings, options.sentences)
        with connected_ray(settings, "light"):
            _run_serve(settings, _assemble(options.build))
            for number in (signal.SIGINT, signal.SIGTERM):  # after Ray, which sets its own
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            try:
                _say(
                    {
                        "url": f"http://127.0.0.1:{settings.port}",
                        "settings": _shown(settings),
                        "superuser_url": superuser_url,
                        "tenant": first,
                    }
                )
                await _obey(settings, valkey, stop)
            finally:
                ray_serve.shutdown()  # type: ignore[no-untyped-call]
    return 0


@asynccontextmanager
async def _services(options: Options) -> AsyncIterator[tuple[Settings, str, Valkey]]:
    environ = child_environment(os.environ)
    make_home(options.home)
    port, valkey_port = free_ports(2)
    with locked(options.home):
        async with embedded_postgres(options.home, environ) as postgres:
            urls = await ensure_database(postgres.superuser_url)
            await asyncio.to_thread(migrate, urls.migrator)
            valkey = await _valkey(options.home, valkey_port)
            settings = settings_for(
                urls,
                valkey.url,
                options.home,
                port=port,
                log_level="WARNING",
                host_replicas=options.hosts,
                gateway_replicas=options.gateways,
                queue_per_tenant=options.queue,
                rate_limits="off",  # one address plays everybody
                chroma_url="http://127.0.0.1:9",  # nobody listens there, and nobody asks
            )
            await valkey.start()
            try:
                yield settings, postgres.superuser_url, valkey
            finally:
                await valkey.stop()


async def _valkey(home: Path, port: int) -> Valkey:
    """Return a stopped Valkey. It was started once, so its configuration is the product's own."""
    async with embedded_valkey(home, port, child_environment(os.environ)) as server:
        return Valkey(server.url, port, server.child.command)


def _run_serve(settings: Settings, build: Assemble) -> None:
    ray_serve.start(
        http_options={"host": settings.host, "port": settings.port, "access_log": False},
        logging_config={"log_level": "WARNING", "enable_access_log": False},
    )
    # The external scaler is how a test changes the number of replicas without a new deployment of them all.
    ray_serve.run(front_door(settings, hosts=build), name=APP, route_prefix="/", external_scaler_enabled=True)


def _assemble(path: str) -> Assemble:
    module, _, name = path.partition(":")
    build: Assemble = getattr(importlib.import_module(module), name)
    return build


async def add_tenant(settings: Settings, sentences: int) -> dict[str, str]:
    """Make a tenant whose answers have so many sentences; return `tenant_id`, `server_key`, `widget_key`."""
    engine = connect(settings.require("database_url"), pool_size=1)
    try:
        tenancy = Tenancy(engine)
        tenant_id = await make_tenant(tenancy, behaviour={"graph": "light", "sentences": sentences})
        return {
            "tenant_id": str(tenant_id),
            "server_key": await add_key(tenancy, tenant_id, "server"),
            "widget_key": await add_key(tenancy, tenant_id, "publishable"),
        }
    finally:
        await engine.dispose()


async def _obey(settings: Settings, valkey: Valkey, stop: asyncio.Event) -> None:
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    stopped = asyncio.ensure_future(stop.wait())
    while True:
        line = asyncio.ensure_future(orders.readline())
        await asyncio.wait({stopped, line}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set() or not line.result():
            line.cancel()
            stopped.cancel()
            return
        order = json.loads(line.result())
        try:
            _say({"done": await _carry_out(order, settings, valkey)})
        except Exception as error:  # noqa: BLE001 - the one who ordered it hears of it
            _say({"failed": f"{type(error).__name__}: {error}"})


async def _carry_out(order: dict[str, Any], settings: Settings, valkey: Valkey) -> object:
    match order["do"]:
        case "scale":
            controller = _get_global_client()._controller  # type: ignore[union-attr]
            where = DeploymentID(name=order["deployment"], app_name=APP)
            await controller.update_deployment_replicas.remote(where, order["replicas"])
            return order["replicas"]
        case "restart_valkey":
            await valkey.restart(order["down_s"])
            return valkey.port
        case "tenant":
            return await add_tenant(settings, order["sentences"])
    raise ValueError(f"no order {order['do']!r}")


def _shown(settings: Settings) -> dict[str, str]:
    """Return the settings as an environment, secrets included: this is a test's database."""
    names = (
        "database_url",
        "database_migrator_url",
        "database_worker_url",
        "database_system_url",
        "redis_url",
    )
    return {name.upper(): settings.require(name) for name in (*names, "encryption_key")} | {
        "REPLIK_HOME": str(settings.home),
        "REPLIK_PORT": str(settings.port),
        "CHROMA_URL": settings.require("chroma_url"),
    }


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)
