"""Who really calls, behind proxies: X-Forwarded-For is believed only as far as known proxies wrote it."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies before the front door: how many, or in which networks."""

    count: int = 0
    networks: tuple[Network, ...] = ()
    own: bool = False
    """Whether one of ours stands behind all of them, on this machine."""

    @classmethod
    def of(cls, text: str | None, *, own: bool = False) -> "Proxies":
        """Read `2`, or `10.0.0.0/8, 127.0.0.1`; None means that there are none, other than our `own`.

        Raises:
            ValueError: it is neither.
        """
        if not text:
            return cls(own=own)
        if text.strip().isdigit():
            return cls(count=int(text), own=own)
        return cls(networks=tuple(ip_network(one.strip()) for one in text.split(",")), own=own)

    def client(self, peer: str, forwarded: Sequence[str]) -> str:
        """Return the caller's address: the peer's, or the last that a known proxy has written down.

        `forwarded` are the values of X-Forwarded-For in their order. Whatever stands before that may be
        invented by the caller.
        """
        behind = [name for value in forwarded for name in value.split(",")]
        known, hops = peer, -1 if self.own and _is_here(peer) else 0
        while behind and self._knows(known, hops):
            before = _address(behind.pop())
            if before is None:
                break
            known, hops = str(before), hops + 1
        return known

    def _knows(self, name: str, hops: int) -> bool:
        if hops < 0:
            return True
        if self.count:
            return hops < self.count
        address = _address(name)
        return address is not None and any(address in network for network in self.networks)


def neighbourhood(name: str) -> str:
    """Return what limits count as one caller: an IPv4 address, or the /64 that one IPv6 customer has."""
    address = _address(name)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return name if address is None else str(address)


def _is_here(name: str) -> bool:
    address = _address(name)
    return address is not None and address.is_loopback


def _address(text: str) -> Address | None:
    """Read an address as proxies write it, some with a port."""
    name = text.strip()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    try:
        address = ip_address(name)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
