"""Statements that make one trip: a transaction of their own, confined to a tenant, in one round trip.

A session of SQLAlchemy costs a trip for each of begin, setting, statement and commit, and about 0.8 ms of
this process; this costs one trip and 0.2 ms. What every message passes goes this way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import structlog
from psycopg import AsyncConnection, InterfaceError, OperationalError
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb as Json
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from foundation.errors import DependencyUnavailable
from foundation.finish import Finishing

__all__ = ["Json", "Rows", "Taken", "Trips", "Values"]

log = structlog.get_logger()

Values = Mapping[str, Any]
Rows = list[Any]
"""Named tuples, one a row."""

_PATIENCE_S = 10.0
_TRIES = 3

_CONFINE = "select set_config('app.tenant_id', %s, true)"
# For what may be forgotten when the database itself crashes: no wait for its log to reach the disk.
_CONFINE_LIGHTLY = (
    "select set_config('app.tenant_id', %s, true) as tenant,"
    " set_config('synchronous_commit', 'off', true) as durable"
)


class Taken(NamedTuple):
    """What came back, and whether an earlier try may have been carried out without our hearing of it."""

    rows: Rows
    repeated: bool


class Trips:
    """A pool of connections for single statements; opened at the first one, and closed by `close`."""

    def __init__(self, url: str, *, size: int) -> None:
        self._url = url
        self._size = size
        self._opening = asyncio.Lock()
        self._finishing = Finishing()
        self._pool: AsyncConnectionPool[AsyncConnection[Any]] | None = None

    async def take(self, tenant_id: UUID, *statements: str, values: Values, lightly: bool = False) -> Taken:
        """Run statements as the tenant's, all or none; return the rows of the last.

        They must be safe to repeat: after a broken connection they are tried again. `lightly` does not wait
        for the disk: only for what may be lost when the database server crashes.

        Raises:
            DependencyUnavailable: the database did not answer.
            psycopg.Error: it refused the statement.
        """
        confine = _CONFINE_LIGHTLY if lightly else _CONFINE

        async def attempt(connection: AsyncConnection[Any]) -> Rows:
            # Without `begin`: up to the end of the pipeline it is one implicit transaction.
            async with connection.pipeline():
                cursor = await connection.execute(confine, (str(tenant_id),))
                for statement in statements:
                    cursor = await connection.execute(statement, values)
            return await cursor.fetchall() if cursor.description else []

        return await self._finishing.to_end(self._tried(attempt))

    async def ask(self, statement: str, values: Values) -> Rows:
        """Run one of the lookup functions that come before a tenant is known.

        Raises:
            DependencyUnavailable: the database did not answer.
        """

        async def attempt(connection: AsyncConnection[Any]) -> Rows:
            return await (await connection.execute(statement, values)).fetchall()

        return (await self._finishing.to_end(self._tried(attempt))).rows

    async def close(self) -> None:
        """Let go of all connections, after the trips that are on their way."""
        await self._finishing.all_ended()
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def _tried(self, attempt: Callable[[AsyncConnection[Any]], Awaitable[Rows]]) -> Taken:
        pool = await self._opened()
        for number in range(_TRIES):
            connection: AsyncConnection[Any] | None = None
            try:
                async with pool.connection() as connection:
                    return Taken(await attempt(connection), repeated=number > 0)
            except PoolTimeout as error:
                raise DependencyUnavailable(part="postgresql") from error
            except (OperationalError, InterfaceError) as error:
                if number == _TRIES - 1 or not (connection is None or connection.closed):
                    raise DependencyUnavailable(part="postgresql") from error
                log.warning("database_connection_lost", error=type(error).__name__)
                # The others of the pool are as old: after a restart of the server all are dead.
                await pool.check()
        raise AssertionError("unreachable")

    async def _opened(self) -> AsyncConnectionPool[AsyncConnection[Any]]:
        if self._pool is None:
            async with self._opening:
                if self._pool is None:
                    pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
                        self._url,
                        min_size=1,
                        max_size=self._size,
                        timeout=_PATIENCE_S,
                        open=False,
                        configure=_configure,
                        kwargs={"autocommit": True, "row_factory": namedtuple_row},
                    )
                    await pool.open()
                    self._pool = pool
        return self._pool


async def _configure(connection: AsyncConnection[Any]) -> None:
    set_json_dumps(orjson.dumps, connection)
    set_json_loads(orjson.loads, connection)
