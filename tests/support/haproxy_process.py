"""Ray Serve's own HAProxy before one server, without Ray: a process, because Ray reads its environment once.

Arguments: the port to listen on, and that of the server. Runs until its input ends.
"""

import asyncio
import sys

from ray.serve._private.haproxy import BackendConfig, HAProxyApi, HAProxyConfig, ServerConfig
from ray.serve.config import HTTPOptions


async def main(port: int, behind: int) -> None:
    """Write the configuration as Ray does, and run HAProxy with it."""
    config = HAProxyConfig(http_options=HTTPOptions(host="127.0.0.1", port=port), metrics_enabled=False)
    server = ServerConfig(name="gateway", host="127.0.0.1", port=behind)
    backend = BackendConfig(name="replik", path_prefix="/", app_name="replik", servers=[server])
    haproxy = HAProxyApi(config, {"replik": backend})
    await haproxy.start()
    print("started", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await haproxy.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
