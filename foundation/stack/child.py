"""An embedded service as a child of this process, under a keeper."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from foundation.errors import StartError

_KEEPER = Path(__file__).with_name("keeper.py")
_LARGE_LOG = 10_000_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Command:
    """How a service is run: argument list, folder, log, and the way to stop it."""

    name: str
    arguments: Sequence[str]
    environ: Mapping[str, str]
    folder: Path
    log: Path
    stop_signal: str = "SIGTERM"
    grace_s: float = 10.0
    user: str = "-"


@dataclass(frozen=True, slots=True)
class Child:
    """A running service."""

    command: Command
    keeper: asyncio.subprocess.Process
    log_start: int
    """Where this run's lines begin in the log, in bytes."""

    async def ended(self) -> str:
        """Wait until the service ends by itself; return a sentence about it."""
        await self.keeper.wait()
        return f"{self.command.name} stopped unexpectedly; see {self.command.log}."

    def said(self) -> list[str]:
        """Return the lines this run has logged."""
        with self.command.log.open("rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace").splitlines()


@asynccontextmanager
async def running(command: Command) -> AsyncIterator[Child]:
    """Run a service for the length of the block; it is stopped, and waited for, at the end.

    Raises:
        StartError: its program or its log file cannot be used.
    """
    spawning = asyncio.ensure_future(_spawn(command))
    try:
        # A cancellation (another service failed, Ctrl-C) must not lose sight of a process half started.
        yield await asyncio.shield(spawning)
    finally:
        await asyncio.wait([spawning])
        if spawning.exception() is None:
            await _stop(spawning.result())


async def unbroken(work: Coroutine[None, None, T]) -> T:
    """Await `work` to its end even when cancelled meanwhile; the cancellation goes on after it."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    finally:
        await asyncio.wait([task])


async def _spawn(command: Command) -> Child:
    try:
        command.log.parent.mkdir(parents=True, exist_ok=True)
        if command.log.exists() and command.log.stat().st_size > _LARGE_LOG:
            command.log.replace(command.log.with_suffix(".log.1"))
        with command.log.open("ab") as log:
            keeper = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_KEEPER)),
                *(command.stop_signal, str(command.grace_s), command.user, *command.arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=command.folder,
                env=dict(command.environ),
                start_new_session=True,
            )
            return Child(command, keeper, log.tell())
    except OSError as error:
        raise StartError(
            f"{command.name} cannot be run ({error.strerror}: {error.filename}): make that path usable,"
            " or set REPLIK_HOME to another folder."
        ) from error


async def _stop(child: Child) -> None:
    if child.keeper.stdin is not None:
        child.keeper.stdin.close()
    try:
        await asyncio.wait_for(child.keeper.wait(), child.command.grace_s + 5)
    except TimeoutError:
        child.keeper.kill()
        await child.keeper.wait()


async def until_ready(
    child: Child, ready: Callable[[], object], failure: Callable[[], str], wait_s: float
) -> None:
    """Poll `ready` until it is true.

    Raises:
        StartError: the service ended, or was not ready in `wait_s` seconds; the sentence is `failure()`.
    """
    deadline = asyncio.get_running_loop().time() + wait_s
    while not await asyncio.to_thread(ready):
        if child.keeper.returncode is not None or asyncio.get_running_loop().time() > deadline:
            raise StartError(failure())
        await asyncio.sleep(0.03)
