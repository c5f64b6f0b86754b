"""What Ray must find in the environment before it is imported. No Ray here, for the same reason."""

import hashlib
import tempfile
from pathlib import Path
from typing import Final

from foundation.settings import Settings
from foundation.stack.ports import free_ports

_DEFAULTS: Final = ("option forwardfor", "timeout http-request 10s")
"""What HAProxy must do besides: say who calls, and wait for no slow headers."""


def ray_environment(settings: Settings) -> dict[str, str]:
    """Return the variables of a local Ray that the settings ask for; a cluster's nodes have their own."""
    if settings.ray_address is not None:
        return {}
    # By this name Ray keeps a local Ray on the loopback address. Otherwise it listens on all interfaces, and
    # whoever reaches it may run code.
    loopback = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    # By default its server believes X-Forwarded-For of everybody on this machine: TRUSTED_PROXIES says whom.
    unbelieving = {"FORWARDED_ALLOW_IPS": ""}
    return loopback | unbelieving | (_haproxy(settings) if has_own_proxy(settings) else {})


def has_own_proxy(settings: Settings) -> bool:
    """Return whether an HAProxy that `ray_environment` has set up stands before the gateways."""
    return settings.ingress == "haproxy" and settings.ray_address is None


def _haproxy(settings: Settings) -> dict[str, str]:
    """Return what puts HAProxy in the place of Serve's proxy, with files and ports of this home's own."""
    # A short path, because a socket lies in it; private, because whoever opens that socket rules HAProxy.
    folder = Path(tempfile.gettempdir()) / f"rh-{hashlib.sha256(str(settings.home).encode()).hexdigest()[:8]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    metrics, stats, fallback = free_ports(3)
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        # Clients resume their streams elsewhere; by default a stop waits half a minute for them.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
        # Ray has no settings for those lines, but writes this one into HAProxy's `defaults` as it stands.
        "RAY_SERVE_HAPROXY_RETRY_ON": "\n    ".join(("conn-failure", *_DEFAULTS)),
        "RAY_SERVE_HAPROXY_INGRESS_RETRY_ON": "conn-failure",
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(stats),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(fallback),
    }
