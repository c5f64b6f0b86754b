"""`python -m tests.light.serve`: the front door over the light graph, in this process and its children.

Embedded PostgreSQL and Valkey, a local Ray, Ray Serve; no Chroma, no model. Prints one JSON line when it
serves (see `tests.light.process`), obeys JSON lines on standard input, and stops when that closes or at
SIGTERM, leaving nothing behind. `tests.light.stack` starts it and speaks to it.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from foundation.stack.environment import quiet_environment


def main() -> int:
    """Parse the command line, set what Ray reads when it is imported, and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True, help="a folder with a short path")
    parser.add_argument("--hosts", type=int, default=1)
    parser.add_argument("--gateways", type=int, default=1)
    parser.add_argument("--sentences", type=int, default=20, help="of the first tenant's answers")
    parser.add_argument("--queue", type=int, default=500, help="turns of a tenant that may wait")
    parser.add_argument("--haproxy", action="store_true", help="HAProxy instead of Serve's own proxy")
    parser.add_argument(
        "--throughput", action="store_true", help="Serve's throughput flags, and with them gRPC"
    )
    parser.add_argument("--build", default="tests.light.host:build", help="module:function that makes a host")
    options = parser.parse_args()
    os.environ.update(quiet_environment() | _ray_environment(options))
    # Ray reads the environment when it is imported.
    from tests.light.process import Options, serve

    return asyncio.run(
        serve(
            Options(
                options.home,
                options.hosts,
                options.gateways,
                options.sentences,
                options.build,
                options.queue,
            )
        )
    )


def _ray_environment(options: argparse.Namespace) -> dict[str, str]:
    # As in serve/cli.py: by this name Ray keeps a local Ray on the loopback address.
    environ = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    if options.throughput:
        environ |= {"RAY_SERVE_THROUGHPUT_OPTIMIZED": "1", "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1"}
        if not options.haproxy:
            environ["RAY_SERVE_ENABLE_DIRECT_INGRESS"] = "0"  # there would be no proxy at all
    if options.haproxy:
        folder = options.home / "haproxy"
        environ |= {
            "RAY_SERVE_ENABLE_HA_PROXY": "1",
            # Its own places, so that two of them can run on one machine.
            "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
            "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
            "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
            "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
            "RAY_SERVE_HAPROXY_METRICS_PORT": str(_free_port()),
            "RAY_SERVE_HAPROXY_STATS_PORT": str(_free_port()),
            "RAY_SERVE_HAPROXY_NBTHREAD": "1",
            # Nobody needs the 30 seconds that a replica waits for HAProxy to forget it.
            "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
        }
    return environ


def _free_port() -> int:
    from foundation.stack.ports import free_ports

    return free_ports(1)[0]


if __name__ == "__main__":
    sys.exit(main())
