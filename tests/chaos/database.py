"""What chaos does to the database, and what it reads from it at the end. It is the application's role."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from foundation.ids import parse, show
from tests.chaos.history import Record, StoredRow, StoredTurn

_OWN = "chaos"
_POLL_S = 0.01
_LINE = """
with first as (select pid from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid)))
select a.pid from pg_stat_activity a
where a.pid in (select pid from first)
   or exists (select 1 from first f where f.pid = any(pg_blocking_pids(a.pid)))
order by a.query_start
"""
"""Who waits for a lock of this connection, or for somebody who does: those behind the first wait for it."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A conversation's `activations` row, locked: what accepts or commits waits inside its transaction."""

    connection: psycopg.AsyncConnection[dict[str, Any]]

    async def until_waited_for(self, seconds: float, *, by: int = 1) -> int:
        """Wait until so many backends stand in line for the lock; return the last of them.

        Raises:
            TimeoutError: they do not.
        """
        async with asyncio.timeout(seconds):
            while True:
                line = await (await self.connection.execute(_LINE)).fetchall()
                if len(line) >= by:
                    return int(line[-1]["pid"])
                await asyncio.sleep(_POLL_S)


@dataclass(frozen=True, slots=True)
class Database:
    url: str
    tenant_id: UUID

    @asynccontextmanager
    async def locked(self, conversation: str) -> AsyncIterator[Lock]:
        """Hold the row of a conversation until the block ends."""
        async with self._tenant() as connection:
            await connection.execute(
                "select from activations where tenant_id = %s and conversation_id = %s for update",
                (self.tenant_id, parse("conversation", conversation)),
            )
            yield Lock(connection)

    async def drop(self, host: int | None) -> int:
        """End all connections of the host with this process id, or those of the gateways; return how many."""
        which = "application_name = %(host)s" if host else "application_name not like 'host-%%'"
        async with self._connection() as connection:
            found = await connection.execute(
                f"select pg_terminate_backend(pid) from pg_stat_activity where {which}"
                " and usename = current_user and application_name <> %(own)s",
                {"host": f"host-{host}", "own": _OWN},
            )
            return len(await found.fetchall())

    async def terminate(self, backend: int) -> None:
        """End one connection."""
        async with self._connection() as connection:
            await connection.execute("select pg_terminate_backend(%s)", (backend,))

    async def settled(self, seconds: float) -> bool:
        """Wait until no turn is unanswered; tell whether that came about."""
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            async with self._tenant() as connection:
                found = await connection.execute(
                    "select 1 from turns where state in ('queued', 'running') limit 1"
                )
                if await found.fetchone() is None:
                    return True
            await asyncio.sleep(0.2)
        return False

    async def export(self) -> list[Record]:
        """Return all rows and turns of the tenant, as records of the history."""
        async with self._tenant() as connection:
            rows = await connection.execute(
                "select conversation_id, position, id, turn_id, author, kind, visibility, client_message_id,"
                " parts from messages"
            )
            records: list[Record] = [_row(row) async for row in rows]
            turns = await connection.execute(
                "select conversation_id, id, positions, state, attempt from turns"
            )
            return [*records, *[_turn(turn) async for turn in turns]]

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[psycopg.AsyncConnection[dict[str, Any]], None]:
        async with await psycopg.AsyncConnection.connect(
            self.url, application_name=_OWN, row_factory=dict_row
        ) as connection:
            yield connection

    @asynccontextmanager
    async def _tenant(self) -> AsyncGenerator[psycopg.AsyncConnection[dict[str, Any]], None]:
        async with self._connection() as connection:
            await connection.execute("select set_config('app.tenant_id', %s, true)", (str(self.tenant_id),))
            yield connection


def _row(row: dict[str, Any]) -> StoredRow:
    event = row["parts"][0] if row["kind"] == "event" else {}
    return StoredRow(
        conversation=show("conversation", row["conversation_id"]),
        position=row["position"],
        message_id=show("message", row["id"]),
        turn_id=show("turn", row["turn_id"]) if row["turn_id"] else None,
        author=row["author"],
        kind=row["kind"],
        visibility=row["visibility"],
        client_message_id=row["client_message_id"],
        text="\n".join(part["text"] for part in row["parts"] if part["type"] == "text"),
        event=event.get("name"),
        mode=event.get("mode"),
    )


def _turn(turn: dict[str, Any]) -> StoredTurn:
    return StoredTurn(
        conversation=show("conversation", turn["conversation_id"]),
        turn_id=show("turn", turn["id"]),
        positions=tuple(turn["positions"]),
        state=turn["state"],
        attempt=turn["attempt"],
    )
