"""A Ray cluster of several nodes on this machine with Replik on it, as `tests.support.cluster` starts it.

`python -m tests.support.cluster_process HOME CONFIG`, where CONFIG is a Serve config. Embedded PostgreSQL and
Valkey are the services outside; the settings are in the environment of every node, as `serve.cluster` wants
them. One JSON line when it serves: `url`, `settings`. Orders are JSON lines, each answered by one:

- `{"do": "kill_node", "resource": "back"}`: kill every process of one node that has this resource, at once
- `{"do": "add_node", "resource": "back"}`: one more node with this resource
"""

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml

from foundation.database.migrate import migrate
from foundation.database.roles import ensure_database
from foundation.settings import Settings, env_name
from foundation.stack.environment import child_environment, quiet_environment
from foundation.stack.home import locked, make_home
from foundation.stack.ports import free_ports
from foundation.stack.postgres import embedded_postgres
from foundation.stack.valkey import embedded_valkey
from tests.support.gateway import settings_for

_LOOPBACK = "127.0.0.1"


async def main(home: Path, config: dict[str, Any]) -> None:
    """Serve until standard input closes."""
    async with _services(home) as settings:
        given = _environment(settings)
        os.environ.update(quiet_environment() | given)
        config["http_options"] = {"host": _LOOPBACK, "port": settings.port}
        # On the main thread, as Ray wants; the loop has nothing else to do meanwhile.
        _serve(config, home, {"url": f"http://{_LOOPBACK}:{settings.port}", "settings": given})


@asynccontextmanager
async def _services(home: Path) -> AsyncIterator[Settings]:
    make_home(home)
    environ = child_environment(os.environ)
    port, valkey_port = free_ports(2)
    with locked(home):
        async with (
            embedded_postgres(home, environ) as postgres,
            embedded_valkey(home, valkey_port, environ) as valkey,
        ):
            urls = await ensure_database(postgres.superuser_url)
            await asyncio.to_thread(migrate, urls.migrator)
            yield settings_for(
                urls,
                valkey.url,
                home,
                port=port,
                log_level="WARNING",
                files_url=str(home / "files"),
                chroma_url=f"http://{_LOOPBACK}:9",  # nobody listens there, and nobody asks
                host_replicas=2,
                rate_limits="off",  # one address plays all customers
            )


def _environment(settings: Settings) -> dict[str, str]:
    """Return the settings as a node of a cluster has them; secrets included, this is a test's database."""
    changed = {name for name, value in settings if value != Settings.model_fields[name].default}
    return {env_name(name): settings.require(name) for name in changed}


def _serve(config: dict[str, Any], home: Path, ready: dict[str, Any]) -> None:
    """Start the nodes, deploy the config, and obey."""
    # As in serve/cli.py: by this name Ray stays on the loopback address. It reads this when it is imported.
    os.environ |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_TMPDIR": str(home.parent)}
    import ray
    from ray import serve as ray_serve
    from ray.cluster_utils import Cluster
    from ray.serve.context import _get_global_client
    from ray.serve.schema import ServeDeploySchema

    cluster = Cluster()

    def add(resource: str) -> None:
        cluster.add_node(
            num_cpus=4, resources={resource: 1}, node_ip_address=_LOOPBACK, include_dashboard=False
        )

    try:
        for resource in ("front", "back", "back"):
            add(resource)
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        schema = ServeDeploySchema.model_validate(config)
        ray_serve.start(
            proxy_location=schema.proxy_location,
            http_options=schema.http_options.model_dump(),
            logging_config=schema.logging_config,
            controller_options=schema.controller_options,
        )
        client: Any = _get_global_client()
        client.deploy_apps(schema)
        _until_running(ray_serve.status)
        _say(ready)
        for line in sys.stdin:
            order = json.loads(line)
            if order["do"] == "add_node":
                add(order["resource"])
                _say({"done": len(cluster.worker_nodes)})
            else:
                _say({"done": _kill(cluster, order["resource"])})
        ray_serve.shutdown()  # type: ignore[no-untyped-call]
    finally:
        ray.shutdown()
        cluster.shutdown()  # type: ignore[no-untyped-call]


def _until_running(status: Callable[[], Any], seconds: float = 150) -> None:
    """Wait for all applications.

    Raises:
        RuntimeError: one failed, or does not run in time; with what Serve says about it.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = status().applications
        states = {application.status for application in found.values()}
        if states == {"RUNNING"}:
            return
        if "DEPLOY_FAILED" in states or time.monotonic() > deadline:
            raise RuntimeError({name: (each.status, each.message) for name, each in found.items()})
        time.sleep(0.2)


def _kill(cluster: Any, resource: str) -> list[int]:
    """Kill a node as a failing machine does, all of it at once; return the ids of its processes."""
    node = next(node for node in cluster.worker_nodes if resource in node._ray_params.resources)
    [raylet] = node.all_processes["raylet"]
    processes = [psutil.Process(raylet.process.pid)]
    processes += processes[0].children(recursive=True)
    for process in processes:
        process.kill()
    cluster.remove_node(node, allow_graceful=False)
    return [process.pid for process in processes]


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), yaml.safe_load(Path(sys.argv[2]).read_text())))
