"""Which addresses a tenant may make us call: those on the open internet, and none of our own network.

Whoever calls resolves the name once, judges every address, and connects to a judged one: a name that resolves
differently a moment later (DNS rebinding) gains nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[Address]]]
"""Returns the addresses of a host name; raises OSError when there are none."""

_REFUSED: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "64:ff9b::/96",  # NAT64 carries an IPv4 address inside,
        "64:ff9b:1::/48",
        "2002::/16",  # as does 6to4
        "168.63.129.16/32",  # Azure's host services, on a public address
    )
)


async def resolve(host: str, port: int) -> list[Address]:
    """Return a host's addresses as the system resolves it; a literal address is its own."""
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        pass
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def is_public(address: Address) -> bool:
    """Return whether an address lies on the open internet."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if mapped is not None:
        return is_public(mapped)
    refused = any(address in network for network in _REFUSED if network.version == address.version)
    return address.is_global and not address.is_multicast and not address.is_reserved and not refused
