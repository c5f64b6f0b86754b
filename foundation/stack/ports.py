"""Free and taken TCP ports."""

import errno
import os
import socket
from contextlib import ExitStack

from foundation.errors import StartError


def free_ports(count: int) -> list[int]:
    """Return ports on the loopback address that nobody listens on, all different."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def answers(port: int) -> bool:
    """Tell whether something accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def require_free(host: str, port: int) -> None:
    """Check that the front door can listen at `host` and `port`.

    Raises:
        StartError: the port is taken or not allowed, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As servers do: a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartError(_sentence(host, port, error)) from None


def _sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"REPLIK_PORT {port} is taken: stop the program that uses it, or set REPLIK_PORT to a free port."
        )
    if error.errno == errno.EACCES:
        return f"REPLIK_PORT {port} is not allowed for this user: set REPLIK_PORT to a port from 1024 up."
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return (
        f"REPLIK_HOST {host} cannot be listened on ({reason}): set REPLIK_HOST to an address of this machine."
    )
