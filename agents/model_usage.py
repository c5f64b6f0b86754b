"""Keeps account of what tenants' turns used of language models, month by month.

Added right after the answer and not in the turn's commit: the row of a tenant and month is one for all of its
conversations, whose commits would wait there for each other's disk. And a run that is not committed was paid
for as well. What was used while a write was under way goes with the next one, so that a busy host writes
seldom. A host that is killed loses what it had not written: a fraction of a second's use. The traces of the
committed turns have it all.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import structlog
from psycopg.types.json import Jsonb
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from foundation.ids import TenantId
from foundation.tenancy import Tenancy

log = structlog.get_logger()

_Key = tuple[str, str]
"""Model and currency; no currency where no price is known."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What some calls to one model used together."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal | None
    currency: str | None
    calls: int = 1

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: "Usage") -> "Usage":
        """Return both together; they are of one model and currency."""
        return Usage(
            self.model,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            None if self.cost is None or other.cost is None else self.cost + other.cost,
            self.currency,
            self.calls + other.calls,
        )


class UsageBook:
    """Adds usage to the database, in the background."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy
        self._waiting: dict[TenantId, dict[_Key, Usage]] = {}
        self._writing: tuple[TenantId, dict[_Key, Usage]] | None = None
        self._writer: asyncio.Task[None] | None = None

    def add(self, tenant_id: TenantId, used: Sequence[Usage]) -> None:
        """Take note of what was used; returns at once."""
        _merge(self._waiting.setdefault(tenant_id, {}), used)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())

    def unwritten(self, tenant_id: TenantId) -> list[Usage]:
        """Return what the database may not tell yet."""
        found = list(self._waiting.get(tenant_id, {}).values())
        if self._writing is not None and self._writing[0] == tenant_id:
            found += self._writing[1].values()
        return found

    async def written(self) -> None:
        """Wait until everything is written, or cannot be."""
        if self._writer is not None:
            await self._writer
        if self._waiting:  # the database was away: once more
            await self._write_all()

    async def _write_all(self) -> None:
        while self._waiting:
            tenant_id = next(iter(self._waiting))
            used = self._waiting.pop(tenant_id)
            self._writing = tenant_id, used
            try:
                await self._write(tenant_id, list(used.values()))
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                # Goes with the next one. If only the answer to the commit was lost it counts twice: rather
                # that than a month in which nothing counts because the database hiccups.
                log.warning("usage_not_written", error=type(error).__name__)
                _merge(self._waiting.setdefault(tenant_id, {}), list(used.values()))
                return
            finally:
                self._writing = None

    async def _write(self, tenant_id: TenantId, used: Sequence[Usage]) -> None:
        async with self._tenancy.session(tenant_id) as session:
            connection = await session.connection()
            values = {"tenant": tenant_id, "used": Jsonb([_row(each) for each in used])}
            await connection.exec_driver_sql(_ADD, values)


async def month_by_month(tenancy: Tenancy, tenant_id: TenantId, months: int) -> list[dict[str, Any]]:
    """Return what a tenant's models used in the last months, newest first, by model and currency."""
    async with tenancy.session(tenant_id) as session:
        found = await session.execute(_MONTHS, {"tenant": tenant_id, "months": months})
        return [dict(row) for row in found.mappings()]


def _merge(into: dict[_Key, Usage], used: Sequence[Usage]) -> None:
    for each in used:
        key = each.model, each.currency or ""
        into[key] = into[key] + each if key in into else each


def _row(used: Usage) -> dict[str, Any]:
    return {
        "model": used.model,
        "currency": used.currency or "",
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "cost": None if used.cost is None else str(used.cost),
        "calls": used.calls,
    }


# In the order of the key, so that two hosts never wait for each other; from `tenants`, so that what an erased
# tenant used goes nowhere.
_ADD = """
insert into model_usage as u
    (tenant_id, month, model, currency, prompt_tokens, completion_tokens, cost, calls)
select t.id, date_trunc('month', clock_timestamp() at time zone t.zone)::date, r.*
from tenants t, jsonb_to_recordset(%(used)s) as r(
    model text, currency text, prompt_tokens bigint, completion_tokens bigint, cost numeric, calls bigint)
where t.id = %(tenant)s
order by r.model, r.currency
on conflict (tenant_id, month, model, currency) do update set
    prompt_tokens = u.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = u.completion_tokens + excluded.completion_tokens,
    cost = u.cost + excluded.cost, calls = u.calls + excluded.calls
"""
_MONTHS = text(
    "select to_char(u.month, 'YYYY-MM-DD') as month, u.model, u.currency, u.prompt_tokens,"
    " u.completion_tokens, u.cost, u.calls from model_usage u join tenants t on t.id = u.tenant_id"
    " where t.id = :tenant and u.month >"
    " date_trunc('month', clock_timestamp() at time zone t.zone)::date - make_interval(months => :months)"
    " order by u.month desc, u.model, u.currency"
)
