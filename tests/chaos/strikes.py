"""What each kind of fault does at the moment when its turn is held."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.chaos.aim import Aim
from tests.chaos.database import Database
from tests.chaos.fleet import Fleet
from tests.chaos.load import Load
from tests.chaos.room import ControlRoom
from tests.chaos.schedule import Kind


@dataclass(frozen=True, slots=True)
class Struck:
    """What was done, and the turns that it hit beside the one that is held."""

    detail: str
    hit: frozenset[str] = frozenset()


class Strikes:
    """Does it. Where the process is gone already: `ProcessLookupError`, or psutil's `NoSuchProcess`."""

    def __init__(self, load: Load, room: ControlRoom, fleet: Fleet, database: Database) -> None:
        self._load = load
        self._room = room
        self._fleet = fleet
        self._database = database
        self._of: dict[Kind, Callable[[Aim], Awaitable[Struck]]] = {
            "kill_host": self._kill_host,
            "stop_host": self._stop_host,
            "scale": self._scale,
            "kill_gateway": self._kill_gateway,
            "drop_database": self._drop_database,
            "drop_valkey": self._drop_valkey,
            "restart_valkey": self._restart_valkey,
            "disconnect": self._disconnect,
            "duplicate_send": self._duplicate_send,
            "takeover": self._take_over,
        }

    async def strike(self, aim: Aim) -> Struck:
        """Inject the fault that is planned."""
        return await self._of[aim.planned.kind](aim)

    async def _kill_host(self, aim: Aim) -> Struck:
        hit = self._running_at(aim.pid)
        self._fleet.kill(aim.pid)
        return Struck(f"host {aim.pid}", hit)

    async def _stop_host(self, aim: Aim) -> Struck:
        hit = self._running_at(aim.pid)
        self._fleet.stop(aim.pid)
        return Struck(f"host {aim.pid}", hit)

    async def _scale(self, _aim: Aim) -> Struck:
        return Struck(await self._fleet.scale_hosts())

    async def _kill_gateway(self, aim: Aim) -> Struck:
        gateway = aim.random.choice(await self._fleet.gateways(grown=True))
        self._fleet.kill(gateway)
        return Struck(f"gateway {gateway}")

    async def _drop_database(self, aim: Aim) -> Struck:
        if aim.backend is not None:
            await self._database.terminate(aim.backend)
        host = aim.at.pid if aim.at is not None and aim.random.random() < 0.7 else None
        dropped = await self._database.drop(host)
        return Struck(f"{dropped} connections of {host or 'the gateways'}")

    async def _drop_valkey(self, aim: Aim) -> Struck:
        target = aim.random.choice([aim.pid, *await self._fleet.gateways(grown=True)])
        return Struck(await self._fleet.drop_valkey(target))

    async def _restart_valkey(self, aim: Aim) -> Struck:
        return Struck(await self._fleet.restart_valkey(aim.random))

    async def _disconnect(self, aim: Aim) -> Struck:
        windows = aim.random.choice([aim.customer.windows, aim.customer.windows[:1]])
        for window in windows:
            window.cut()
        requests = aim.customer.cut_requests() if aim.lock is not None else 0
        return Struck(f"{len(windows)} windows, {requests} requests")

    async def _duplicate_send(self, aim: Aim) -> Struck:
        """Send the same message again, several times at once."""
        times = aim.random.randint(2, 5)
        repeats = [asyncio.create_task(aim.customer.send(aim.text)) for _ in range(times)]
        aim.beside += repeats
        if aim.lock is None:  # else they wait for it, too
            await asyncio.gather(*repeats)
        return Struck(f"{times} times more")

    async def _take_over(self, aim: Aim) -> Struck:
        """Let a person take over, while the turn is held or while it goes on; at times its host is deaf."""
        if aim.taking is not None:
            aim.beside.append(aim.taking)
            return Struck("before the commit that waits behind it")
        how = "heard"
        if aim.at is not None and aim.lock is None and aim.random.random() < 0.6:
            await self._fleet.drop_valkey(aim.pid, listening_only=True)
            how = "unheard"
        taking = asyncio.create_task(aim.customer.control("human"))
        if aim.lock is not None or aim.random.random() < 0.3:
            aim.beside.append(taking)
            return Struck(f"while the turn goes on, {how}")
        await taking
        return Struck(f"before the turn goes on, {how}")

    def _running_at(self, pid: int) -> frozenset[str]:
        return frozenset(self._room.begun_at(pid) & self._load.unanswered())
