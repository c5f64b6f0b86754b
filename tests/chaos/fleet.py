"""The processes and services that faults hit, and how many of them there should be."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from random import Random

import psutil
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tests.chaos.room import ControlRoom
from tests.light.stack import LightStack

_START_S = 120.0
_ENOUGH = 2
_GROWN_S = 4.0
"""A gateway process this old serves."""


class Fleet:
    def __init__(self, stack: LightStack, room: ControlRoom, *, hosts: int, gateways: int) -> None:
        self._stack = stack
        self._room = room
        self._base = self._hosts = hosts
        self._gateways = gateways
        self._ordering = asyncio.Lock()
        self._valkey_url = stack.settings.require("redis_url")

    async def whole(self) -> None:
        """Wait until as many hosts as there should be are connected.

        Raises:
            TimeoutError: Serve does not bring them back.
        """
        await self._room.until_hosts(self._hosts, _START_S)

    async def able(self) -> None:
        """Wait until there are hosts enough to lose one, while Serve still starts others.

        Raises:
            TimeoutError: Serve does not bring them back.
        """
        await self._room.until_hosts(min(_ENOUGH, self._hosts), _START_S)

    async def gateways_whole(self) -> None:
        """Wait until as many gateways as there should be have had the time to start.

        Raises:
            TimeoutError: Serve does not bring them back.
        """
        async with asyncio.timeout(_START_S):
            while len(await self.gateways(grown=True)) < self._gateways:
                await asyncio.sleep(0.5)

    async def gateways(self, *, grown: bool = False) -> list[int]:
        """Return the process ids of the gateways, or of those that are old enough to serve."""
        found = await asyncio.to_thread(self._stack.gateways)
        return [pid for pid in found if not grown or _age_s(pid) > _GROWN_S]

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def stop(self, pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)

    def let_go_on(self, pid: int) -> None:
        with suppress(ProcessLookupError):  # Serve may have killed it meanwhile
            os.kill(pid, signal.SIGCONT)

    async def scale_hosts(self) -> str:
        """Add a host, or take the added one away again; return which."""
        self._hosts = self._base + (self._hosts == self._base)
        async with self._ordering:
            await asyncio.to_thread(self._stack.scale, "ConversationHost", self._hosts)
        return "up" if self._hosts > self._base else "down"

    async def restart_valkey(self, random: Random) -> str:
        down_s = round(random.choice([0.0, random.uniform(0, 2)]), 2)
        async with self._ordering:
            await asyncio.to_thread(self._stack.restart_valkey, down_s)
        return f"away for {down_s} s"

    async def drop_valkey(self, pid: int, *, listening_only: bool = False) -> str:
        """End a process's connections to Valkey: all, or the one on which it is told things."""
        port = int(self._valkey_url.rsplit(":", 1)[1].split("/")[0])
        dropped = 0
        # Not while it is being restarted.
        async with self._ordering, Redis.from_url(self._valkey_url) as valkey:
            connections = await asyncio.to_thread(psutil.Process(pid).net_connections, "tcp")
            mine = [one.laddr for one in connections if getattr(one.raddr, "port", None) == port]
            if listening_only:
                listening = {client["addr"] for client in await valkey.client_list("pubsub")}
                mine = [address for address in mine if f"{address[0]}:{address[1]}" in listening]
            for ip, own_port in mine:
                with suppress(ResponseError):  # gone by itself
                    await valkey.client_kill(f"{ip}:{own_port}")
                    dropped += 1
        return f"{dropped} connections of {pid}"


def _age_s(pid: int) -> float:
    try:
        return time.time() - psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0
