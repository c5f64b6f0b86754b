"""Nothing of a Replik on one machine can be reached from another one."""

import ipaddress

import psutil

from tests.support.running import Running


def test_every_port_is_on_the_loopback_address(replik: Running) -> None:
    listening = {
        (process.name(), connection.laddr.ip, connection.laddr.port)
        for process in replik.processes()
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert len(listening) > 3
    assert {one for one in listening if not is_loopback(one[1])} == set()


def is_loopback(ip: str) -> bool:
    """Return whether an address is this machine's only; gRPC writes 127.0.0.1 as IPv6."""
    return ipaddress.ip_address(ip.removeprefix("::ffff:")).is_loopback
