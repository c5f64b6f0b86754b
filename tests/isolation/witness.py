"""What a tenant has in the database, and a database that was robbed of the application's own filters."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from foundation.database.trips import Trips

# `tenant_id = %(tenant)s`, however the parameter is written; never `a.tenant_id = b.tenant_id`.
_FILTER = re.compile(r"((?:\b\w+\.)?\btenant_id) = %\((\w+)\)s(?:::UUID|::uuid)?")


class Witness:
    """Sees the rows of all tenants, as the superuser."""

    def __init__(self, superuser_url: str) -> None:
        self._connection = psycopg.connect(superuser_url, autocommit=True)
        self._tables = self._connection.execute(_TABLES).fetchall()

    def close(self) -> None:
        self._connection.close()

    def rows(self, tenant_id: UUID, *, besides: frozenset[str] = frozenset()) -> dict[str, str]:
        """Return a digest of each table's rows of this tenant."""
        digests = psycopg.sql.SQL(" union all ").join(
            _DIGEST.format(name=psycopg.sql.Literal(table), table=psycopg.sql.Identifier(table), of=column)
            for table, column in ((table, psycopg.sql.Identifier(column)) for table, column in self._tables)
            if table not in besides
        )
        return dict(self._connection.execute(digests, {"tenant": tenant_id}).fetchall())


_TABLES = """
    select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
      and (a.attname = 'tenant_id' or c.relname = 'tenants' and a.attname = 'id')
"""
_DIGEST = psycopg.sql.SQL(
    "select {name}, md5(string_agg(md5(t::text), '' order by md5(t::text)))"
    " from {table} t where {of} = %(tenant)s"
)


@dataclass
class Robbed:
    """How many of the application's filters were taken out of its statements."""

    filters: int = field(default=0)

    def rob(self, statement: str) -> str:
        without, number = _FILTER.subn(r"\1 is not null", statement)
        self.filters += number
        return without


@contextmanager
def without_filters(engine: AsyncEngine, patch: pytest.MonkeyPatch) -> Iterator[Robbed]:
    """Take `tenant_id = …` out of all that the engine and the trips send."""
    robbed = Robbed()
    take = Trips.take

    def before(_c: Any, _cursor: Any, statement: str, values: Any, _context: Any, _many: bool) -> Any:
        return robbed.rob(statement), values

    async def robbed_take(trips: Trips, tenant_id: UUID, *statements: str, **more: Any) -> Any:
        return await take(trips, tenant_id, *map(robbed.rob, statements), **more)

    event.listen(engine.sync_engine, "before_cursor_execute", before, retval=True)
    patch.setattr(Trips, "take", robbed_take)
    try:
        yield robbed
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", before)
        patch.setattr(Trips, "take", take)
