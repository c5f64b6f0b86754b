"""One run of chaos: start a light Replik, load it, break it by a schedule, and judge the history."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from uuid import UUID

from tests.chaos.checker import Verdict, check
from tests.chaos.customer import Door
from tests.chaos.database import Database
from tests.chaos.faults import Injector
from tests.chaos.fleet import Fleet
from tests.chaos.history import Recorder, read
from tests.chaos.host import OUTSIDE, SOCKET
from tests.chaos.load import Load
from tests.chaos.outside import counting_service
from tests.chaos.room import control_room
from tests.chaos.schedule import LANES, Planned, schedule
from tests.light.stack import LightStack, light_stack

MESSAGES_PER_FAULT = 20
_SETTLE_S = 60.0


@dataclass(frozen=True, slots=True)
class Options:
    faults: int
    seed: int
    history: Path
    """Where the history goes."""
    people: int = 16
    hosts: int = 3
    gateways: int = 2


async def run(options: Options) -> Verdict:
    """Run; return the verdict on the history, which stays in its file."""
    begun = time.monotonic()
    planned = schedule(options.seed, options.faults)
    with TemporaryDirectory(prefix="rc") as folder, options.history.open("wb") as file:
        recorder = Recorder(file, lambda: round(time.monotonic() - begun, 6))
        async with (
            control_room(Path(folder)) as room,
            counting_service(room, recorder) as outside,
            _stack(options, {SOCKET: str(room.socket), OUTSIDE: outside}) as stack,
        ):
            fleet = Fleet(stack, room, hosts=options.hosts, gateways=options.gateways)
            await fleet.whole()
            _say(begun, f"{options.hosts} hosts and {options.gateways} gateways serve at {stack.url}")
            load = Load(options.people, _door(stack), recorder, options.seed)
            database = Database(stack.settings.require("database_url"), UUID(stack.keys.tenant_id))
            injector = Injector(load, room, fleet, database, recorder)
            async with asyncio.TaskGroup() as group:
                talking = group.create_task(load.run())
                await _break(injector, planned, begun)
                while load.acked < MESSAGES_PER_FAULT * len(planned):
                    await asyncio.sleep(0.2)
                load.stop()
                await talking
            _say(begun, f"{load.acked} messages were acknowledged; waiting for the last turns")
            await database.settled(_SETTLE_S)
            recorder.write_all(await database.export())
            _say(begun, "everything is on record; stopping")
    _say(begun, "stopped")
    return check(read(options.history))


async def _break(injector: Injector, planned: Iterable[Planned], begun: float) -> None:
    async def lane(faults: list[Planned]) -> None:
        for fault in faults:
            await injector.run(fault)
            _say(begun, f"fault {fault.number}: {fault.kind} at {fault.point}")

    planned = list(planned)
    async with asyncio.TaskGroup() as group:
        for kinds in LANES:
            group.create_task(lane([fault for fault in planned if fault.kind in kinds]))


@asynccontextmanager
async def _stack(options: Options, environ: dict[str, str]) -> AsyncIterator[LightStack]:
    """Start the stack in a thread, so that its hosts find the control room listening."""
    context = light_stack(
        hosts=options.hosts,
        gateways=options.gateways,
        build="tests.chaos.host:build",
        environ=environ,
    )
    stack = await asyncio.to_thread(context.__enter__)
    try:
        yield stack
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


def _door(stack: LightStack) -> Door:
    address = urlsplit(stack.url)
    return Door(address.hostname or "", address.port or 0, stack.keys.server_key, stack.keys.widget_key)


def _say(begun: float, what: str) -> None:
    print(f"{time.monotonic() - begun:7.1f} s  {what}", file=sys.stderr, flush=True)
