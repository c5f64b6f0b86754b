"""`replik top`: the hosts and the queue of a running Replik, live."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from foundation.database.engine import connect
from foundation.errors import DependencyUnavailable, StartError
from foundation.settings import Settings
from foundation.stack.runfile import RunFile
from serve.readings import HostReading, Reading, read, turns_per_second

LOST_SINCE = timedelta(minutes=1)
"""How long a host that lost its lease stays on the screen."""

_PATIENCE_S = 5.0
_LAGS_MS = 50
_COLUMNS = ("lease", "up", "active", "running", "waiting", "turns/s", "failed", "lag")


@dataclass(frozen=True, slots=True)
class Frame:
    """Two readings in a row: rates are what happened between them."""

    before: Reading
    now: Reading

    def rate(self, host: HostReading) -> float | None:
        """Return the turns a second that a host finished; None without a heartbeat in between."""
        return turns_per_second(self.before, self.now).get(host.id)

    @property
    def alive(self) -> list[HostReading]:
        return [host for host in self.now.hosts if host.lease_left_s > 0]

    @property
    def total_rate(self) -> float:
        return sum(self.rate(host) or 0.0 for host in self.alive)


async def top(settings: Settings, console: Console, *, every_s: float, once: bool, as_json: bool) -> None:
    """Show the hosts until cancelled; one frame with `once`, `as_json` or a console that is no terminal.

    A reading each `every_s` seconds; one frame takes two of them.

    Raises:
        StartError: no Replik runs on this home, and the settings name no database.
        DependencyUnavailable: one frame was asked for, and the database does not answer.
    """
    engine = connect(_system_url(settings), pool_size=1)
    try:
        if once or as_json or not console.is_terminal:
            frame = await _one(engine, every_s)
            console.print(json.dumps(described(frame)) if as_json else drawn(frame), soft_wrap=as_json)
        else:
            await _for_ever(engine, console, every_s)
    finally:
        await engine.dispose()


def _system_url(settings: Settings) -> str:
    if settings.database_system_url is not None:
        return settings.database_system_url.get_secret_value()
    found = RunFile.read(settings.home)
    if found is None:
        raise StartError(
            f"No Replik runs on REPLIK_HOME {settings.home}: start one with `make run`,"
            " or set DATABASE_SYSTEM_URL and the other three to look at one elsewhere."
        )
    return found.urls["database_system_url"]


async def _one(engine: AsyncEngine, every_s: float) -> Frame:
    before = await _read(engine)
    await asyncio.sleep(every_s)
    return Frame(before, await _read(engine))


async def _for_ever(engine: AsyncEngine, console: Console, every_s: float) -> None:
    """Draw a frame every `every_s` seconds; while the database is away, say so and go on."""
    reading: Reading | None = None
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            try:
                before, reading = reading, await _read(engine)
                shown: RenderableType = drawn(Frame(before or reading, reading))
            except DependencyUnavailable:
                shown = Text("The database does not answer; trying again.", style="red")
            live.update(shown, refresh=True)
            await asyncio.sleep(every_s)


async def _read(engine: AsyncEngine) -> Reading:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await read(engine, lost_since=LOST_SINCE)
    except (SQLAlchemyError, OSError, TimeoutError):
        raise DependencyUnavailable(part="postgresql") from None


def drawn(frame: Frame) -> RenderableType:
    """Return a frame for the screen."""
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))  # fits into 80 columns
    table.add_column("host", overflow="fold")  # the one that gives way on a narrow screen
    for name in _COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for host in frame.now.hosts:
        table.add_row(*_cells(frame, host), style="" if host.lease_left_s > 0 else "red")
    alive = frame.alive
    table.add_section()
    table.add_row(
        f"{len(alive)} host{'' if len(alive) == 1 else 's'}",
        "",
        "",
        str(sum(host.active for host in alive)),
        str(sum(host.running for host in alive)),
        str(sum(host.waiting for host in alive)),
        f"{frame.total_rate:.1f}",
        str(sum(host.failed for host in alive)),
        "",
        style="bold",
    )
    queue = frame.now.queue
    waits = f", the oldest for {queue.oldest_waiting_s:.1f} s" if queue.queued else ""
    return Group(
        table,
        Text(f"\nqueue: {queue.queued} waiting{waits}; {queue.running} running"),
    )


def _cells(frame: Frame, host: HostReading) -> Iterator[str | Text]:
    yield host.name
    left = host.lease_left_s
    yield f"{left:.1f} s" if left > 0 else f"lost {-left:.0f} s"
    yield _span(host.up_s)
    yield str(host.active)
    yield f"{host.running}/{host.limit}" if host.limit else str(host.running)
    yield str(host.waiting)
    rate = frame.rate(host)
    yield "–" if rate is None else f"{rate:.1f}"
    yield str(host.failed)
    yield Text(f"{host.loop_lag_ms:.1f} ms", style="yellow" if host.loop_lag_ms > _LAGS_MS else "")


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours}:{minutes:02}:{rest:02}"


def described(frame: Frame) -> dict[str, object]:
    """Return a frame for programs."""
    alive, queue = frame.alive, frame.now.queue
    return {
        "hosts": [
            {
                "name": host.name,
                "lease_left_s": round(host.lease_left_s, 3),
                "up_s": round(host.up_s, 3),
                "activations": host.active,
                "running": host.running,
                "turn_limit": host.limit,
                "waiting": host.waiting,
                "turns": host.turns,
                "failed": host.failed,
                "turns_per_s": None if (rate := frame.rate(host)) is None else round(rate, 3),
                "loop_lag_ms": host.loop_lag_ms,
            }
            for host in frame.now.hosts
        ],
        "activations": sum(host.active for host in alive),
        "turns_per_s": round(frame.total_rate, 3),
        "queued": queue.queued,
        "running": queue.running,
        "oldest_waiting_s": round(queue.oldest_waiting_s, 3),
    }
