"""Watch the network connections of a process and all that it starts."""

import ipaddress
import threading
import time
from dataclasses import dataclass, field

import psutil

_PAUSE_S = 0.1


@dataclass
class Watcher:
    """Looks ten times a second, in a thread of its own, until it is stopped."""

    pid: int
    outside: set[str] = field(default_factory=set)
    """Connections to another machine, or by way of an outside address: `name -> address`."""
    exposed: set[str] = field(default_factory=set)
    """Names of processes that listen where other machines reach them."""
    looks: int = 0
    connections: int = 0
    """The most connections seen at once: proof that the watcher sees."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> "Watcher":
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def after(self, looks: int, seconds: float = 30) -> "Watcher":
        """Wait until it has looked that many times more."""
        deadline, wanted = time.monotonic() + seconds, self.looks + looks
        while self.looks < wanted:
            assert self._thread is not None
            assert self._thread.is_alive()
            assert time.monotonic() < deadline
            self._stop.wait(_PAUSE_S / 2)
        return self

    def _watch(self) -> None:
        while not self._stop.wait(_PAUSE_S):
            self._look()
            self.looks += 1

    def _look(self) -> None:
        try:
            me = psutil.Process(self.pid)
            names = {one.pid: one for one in (me, *me.children(recursive=True))}
        except psutil.NoSuchProcess:
            return
        seen = [(names[one.pid], one) for one in psutil.net_connections("inet") if one.pid in names]
        self.connections = max(self.connections, len(seen))
        for process, one in seen:
            if one.raddr and not _is_here(one.raddr.ip):
                self.outside.add(f"{_name(process)} -> {one.raddr.ip}:{one.raddr.port}")
            if one.laddr and not one.raddr and not _is_here(one.laddr.ip):
                self.exposed.add(_name(process))


def _is_here(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _name(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()).strip()[:80]
    except psutil.Error:
        return process.name()
