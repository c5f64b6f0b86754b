"""Holds a turn at its point, injects the fault, lets the turn go on, and waits until it has ended."""

import asyncio
from contextlib import AsyncExitStack
from itertools import count

import psutil

from tests.chaos.aim import Aim
from tests.chaos.database import Database, Lock
from tests.chaos.fleet import Fleet
from tests.chaos.history import Fault, Recorder
from tests.chaos.load import Load
from tests.chaos.points import Hold
from tests.chaos.room import ControlRoom
from tests.chaos.schedule import Planned
from tests.chaos.strikes import Strikes

_REACH_S = 20.0
_TRIES = 6
_STOPPED_S = (4.5, 6.5)
"""Longer than a lease."""


class NotReached(Exception):
    """The turn did not come to its point: another fault had hit it before, or a person had it."""


class Injector:
    """Carries out planned faults."""

    def __init__(
        self, load: Load, room: ControlRoom, fleet: Fleet, database: Database, recorder: Recorder
    ) -> None:
        self._load = load
        self._room = room
        self._fleet = fleet
        self._database = database
        self._recorder = recorder
        self._strikes = Strikes(load, room, fleet, database)
        self._holds = count(1)

    async def run(self, planned: Planned) -> None:
        """Carry out one fault, and record it.

        Raises:
            NotReached: several turns in a row did not come to the point.
        """
        for missed in range(1, _TRIES + 1):
            try:
                await self._once(planned)
            except NotReached:
                if missed == _TRIES:
                    raise
            else:
                return

    async def _once(self, planned: Planned) -> None:
        await (self._fleet.gateways_whole() if planned.kind == "kill_gateway" else self._fleet.able())
        async with self._load.borrowed() as customer, AsyncExitStack() as locks:
            aim = Aim(planned, customer, Hold(next(self._holds), planned.point, planned.delta))
            try:
                await self._hold(aim, locks)
                at = self._recorder.now()
                struck = await self._strikes.strike(aim)
            except (TimeoutError, ProcessLookupError, psutil.NoSuchProcess) as error:
                raise NotReached(f"{planned}: {error!r}") from error
            finally:
                await locks.aclose()
                self._room.go(aim.hold.fault)
                ack = await aim.sent
            await self._after(aim)
            await asyncio.gather(*aim.beside)
            turns = struck.hit | ({ack.turn_id} if ack.turn_id else set())
            self._recorder.write(
                Fault(
                    at, planned.number, planned.kind, planned.point, tuple(sorted(turns)), (), struck.detail
                )
            )
            await customer.until_ended(ack)
            if planned.kind == "takeover":
                await self._hand_back(aim)

    async def _hold(self, aim: Aim, locks: AsyncExitStack) -> None:
        """Send a message and hold its turn.

        Raises:
            TimeoutError: it does not come to its point.
        """
        point, conversation = aim.planned.point, aim.customer.conversation
        if point == "in_accept":
            aim.lock = await locks.enter_async_context(self._database.locked(conversation))
        aim.begin()
        if point != "in_accept":
            aim.at = await asyncio.wait_for(self._room.expect(aim.hold.fault), _REACH_S)
        if point == "in_commit":
            aim.lock = await locks.enter_async_context(self._database.locked(conversation))
            line = await self._overtake(aim, aim.lock)
            self._room.go(aim.hold.fault)
            aim.backend = await aim.lock.until_waited_for(5, by=line + 1)
        elif aim.lock is not None:
            aim.backend = await aim.lock.until_waited_for(5)

    async def _overtake(self, aim: Aim, lock: Lock) -> int:
        """Put a takeover into the line for the lock, before the commit; return how long the line is now."""
        if aim.planned.kind != "takeover" or aim.random.random() < 0.3:
            return 0
        aim.taking = asyncio.create_task(aim.customer.control("human"))
        await lock.until_waited_for(5)
        return 1

    async def _after(self, aim: Aim) -> None:
        """Do what belongs to the fault and comes after the turn was let go."""
        if aim.planned.kind == "kill_host":
            await self._room.until_gone(aim.pid, 30)
        elif aim.planned.kind == "stop_host":
            await asyncio.sleep(aim.random.uniform(*_STOPPED_S))
            self._fleet.let_go_on(aim.pid)

    async def _hand_back(self, aim: Aim) -> None:
        """Let the customer talk with the person for a moment; then the agent has the conversation again."""
        customer = aim.customer
        await customer.until(lambda: customer.mode == "human")
        for _ in range(aim.random.randint(0, 2)):
            await customer.send(customer.next_text())
        await customer.control("agent")
