"""Everything Replik stands on, up and reachable: the one door of this folder."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from pydantic import SecretStr

from foundation.errors import StartError
from foundation.settings import Settings
from foundation.stack.checks import reach_chroma, reach_postgres, reach_valkey
from foundation.stack.child import Child
from foundation.stack.chroma import embedded_chroma
from foundation.stack.environment import child_environment
from foundation.stack.home import locked, make_home, with_secrets
from foundation.stack.ports import free_ports
from foundation.stack.postgres import embedded_postgres
from foundation.stack.valkey import embedded_valkey

T = TypeVar("T")


class Urls(Protocol):
    """What creating the roles gives: one `postgresql://` URL per role."""

    @property
    def app(self) -> str: ...
    @property
    def migrator(self) -> str: ...
    @property
    def worker(self) -> str: ...
    @property
    def system(self) -> str: ...


EnsureDatabase = Callable[[str], Awaitable[Urls]]
"""Makes roles and database with a superuser's URL; `foundation.database.roles.ensure_database`."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The running services."""

    settings: Settings
    """The settings given, with every service's URL and the encryption key filled in."""
    children: tuple[Child, ...] = field(repr=False)

    async def ended(self) -> str:
        """Wait until an embedded service ends by itself; return a sentence about it."""
        if not self.children:
            await asyncio.Event().wait()
        tasks = [asyncio.ensure_future(child.ended()) for child in self.children]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for task in tasks:
                task.cancel()


@asynccontextmanager
async def open_stack(
    settings: Settings, environ: Mapping[str, str], ensure_database: EnsureDatabase
) -> AsyncIterator[Stack]:
    """Lock the home, start at the same time what the settings do not name, check what they name.

    `environ` is what the services inherit, less our settings. All is stopped at the end of the block.

    Raises:
        StartError: the home is taken or cannot be written, or a service does not start or answer.
    """
    make_home(settings.home)
    async with AsyncExitStack() as exits:
        exits.enter_context(locked(settings.home))
        settings = with_secrets(settings)
        found = await _start(exits, settings, child_environment(environ), ensure_database)
        urls = {key: value for part, _ in found for key, value in part.items()}
        children = tuple(child for _, child in found if child is not None)
        yield Stack(settings.evolve(**urls), children)


Part = tuple[dict[str, object], Child | None]
"""The settings a service fills in, and its process if it is ours."""


async def _start(
    exits: AsyncExitStack, settings: Settings, environ: Mapping[str, str], ensure_database: EnsureDatabase
) -> list[Part]:
    valkey_port, chroma_port = free_ports(2)
    tasks: list[asyncio.Task[Part]] = []
    failure: StartError | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_database(exits, settings, environ, ensure_database)),
                group.create_task(_cache(exits, settings, valkey_port, environ)),
                group.create_task(_vectors(exits, settings, chroma_port, environ)),
            ]
    except* StartError as failures:
        failure = _first(failures)  # raised below: what is raised in here may come out as a group
    if failure is not None:
        raise failure
    return [task.result() for task in tasks]


async def _database(
    exits: AsyncExitStack, settings: Settings, environ: Mapping[str, str], ensure_database: EnsureDatabase
) -> Part:
    if settings.database_url is not None:
        for name in ("database_url", "database_migrator_url", "database_worker_url", "database_system_url"):
            await reach_postgres(getattr(settings, name).get_secret_value(), name.upper())
        direct = settings.database_direct_url or settings.database_worker_url
        return {"database_direct_url": direct}, None
    server = await _enter(exits, embedded_postgres(settings.home, environ))
    urls = await ensure_database(server.superuser_url)
    return {
        "database_url": SecretStr(urls.app),
        "database_migrator_url": SecretStr(urls.migrator),
        "database_worker_url": SecretStr(urls.worker),
        "database_system_url": SecretStr(urls.system),
        "database_direct_url": SecretStr(urls.worker),
    }, server.child


async def _cache(exits: AsyncExitStack, settings: Settings, port: int, environ: Mapping[str, str]) -> Part:
    if settings.redis_url is not None:
        await reach_valkey(settings.redis_url.get_secret_value())
        return {}, None
    server = await _enter(exits, embedded_valkey(settings.home, port, environ))
    return {"redis_url": SecretStr(server.url)}, server.child


async def _vectors(exits: AsyncExitStack, settings: Settings, port: int, environ: Mapping[str, str]) -> Part:
    if settings.chroma_url is not None:
        await reach_chroma(settings.chroma_url)
        return {}, None
    server = await _enter(exits, embedded_chroma(settings.home, port, environ))
    return {"chroma_url": server.url}, server.child


async def _enter(exits: AsyncExitStack, service: AbstractAsyncContextManager[T]) -> T:
    return await exits.enter_async_context(service)


def _first(failures: ExceptionGroup[StartError]) -> StartError:
    """Return one failure of several: a person corrects one thing at a time."""
    inner = failures.exceptions[0]
    return _first(inner) if isinstance(inner, ExceptionGroup) else inner
