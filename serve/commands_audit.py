"""What `replik audit …` and `replik secrets …` do, for one tenant or all."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import text

from agents.sealed import OF_PEOPLE, Count, rotate, rotate_people
from foundation.audit_chain import Head, Verdict, check_lines
from foundation.audit_log import AuditLog
from foundation.crypto import sealer_of
from foundation.database.engine import connect
from foundation.errors import StartError
from foundation.ids import PersonId, TenantId
from foundation.settings import Settings
from foundation.tenancy import Tenancy
from serve.commands import services

Tenants = dict[str, TenantId]
"""By short name."""


async def verified(
    settings: Settings, environ: Mapping[str, str], slug: str | None, against: Head | None
) -> list[dict[str, Any]]:
    """Check the log of one tenant, or of each; return what was found, a tenant each.

    Raises:
        StartError: there is no such tenant, or a service does not start.
    """
    async with _opened(settings, environ, slug) as (_, tenancy, tenants):
        log = AuditLog(tenancy)
        found = [(name, await log.verify(tenant_id, against)) for name, tenant_id in tenants.items()]
    return [{"tenant": name, **told(verdict)} for name, verdict in found]


def verified_file(file: Path, against: Head | None) -> dict[str, Any]:
    """Check an exported log; nothing else is needed for it."""
    with file.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        return {"file": str(file), **told(check_lines(lines, against))}


async def exported(
    settings: Settings, environ: Mapping[str, str], slug: str, target: Path
) -> dict[str, str | int]:
    """Write a tenant's log to a file; return how many rows it has, and its head.

    Raises:
        StartError: there is no such tenant, the file cannot be written, or a service does not start.
    """
    async with _opened(settings, environ, slug) as (_, tenancy, tenants):
        lines = AuditLog(tenancy).lines(tenants[slug])
        try:
            with target.open("w", encoding="utf-8", newline="\n") as file:
                async for line in lines:
                    file.write(line)
        except OSError as error:
            raise StartError(f"{target} cannot be written: {error.strerror}.") from None
    verdict = await asyncio.to_thread(verified_file, target, None)
    return {name: verdict[name] for name in ("file", "rows", "head")}


async def rotated(settings: Settings, environ: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Seal everything anew under the newest key; return counts by `table.column`.

    Raises:
        StartError: a service does not start.
    """
    total: dict[str, Count] = {}
    async with _opened(settings, environ, None) as (running, tenancy, tenants):
        for tenant_id in tenants.values():
            counts = await rotate(tenancy, tenant_id, sealer_of(running), actor="cli")
            total = {name: count.plus(total.get(name, Count())) for name, count in counts.items()}
        people = [PersonId(row.id) for row in await _lookup(running, "select id from people_with_factor()")]
        total[OF_PEOPLE] = await rotate_people(tenancy, people, sealer_of(running))
    return {name: asdict(count) for name, count in total.items()}


def told(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as JSON."""
    bad = None if verdict.bad is None else asdict(verdict.bad)
    return {"ok": verdict.ok, "rows": verdict.rows, "head": str(verdict.head), "bad": bad}


def faults(found: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a sentence for each log that is not whole."""
    for each in found:
        if each["bad"] is not None:
            where = each.get("tenant") or each.get("file")
            reason = each["bad"]["reason"]
            yield f"The audit log of {where} is not whole: row {each['bad']['number']} is {_SAID[reason]}."


_SAID = {
    "missing": "missing",
    "altered": "altered",
    "unchained": "outside the chain",
    "cut": "cut off, with all after it",
    "other_head": "not the remembered one",
    "unreadable": "not readable",
}


@asynccontextmanager
async def _opened(
    settings: Settings, environ: Mapping[str, str], slug: str | None
) -> AsyncIterator[tuple[Settings, Tenancy, Tenants]]:
    async with services(settings, environ) as running:
        tenancy = Tenancy(connect(running.require("database_url")), sealer_of(running))
        try:
            yield running, tenancy, await _tenants(running, tenancy, slug)
        finally:
            await tenancy.close()


async def _tenants(running: Settings, tenancy: Tenancy, slug: str | None) -> Tenants:
    if slug is not None:
        tenant_id = await tenancy.tenant_of_slug(slug)
        if tenant_id is None:
            raise StartError(f"There is no tenant {slug!r}: give the short name of one.")
        return {slug: tenant_id}
    rows = await _lookup(running, "select id, slug from all_tenants()")
    return {row.slug: TenantId(row.id) for row in rows}


async def _lookup(running: Settings, query: str) -> Sequence[Any]:
    """Ask one of the functions that look across tenants, as the role for operators."""
    system = connect(running.require("database_system_url"), pool_size=1)
    try:
        async with system.connect() as connection:
            return (await connection.execute(text(query))).all()
    finally:
        await system.dispose()
