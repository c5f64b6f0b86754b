"""Reads and changes a tenant's settings; every change is a version with its history and its audit row."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from agents.tenant_settings import TenantSettings
from foundation import audit
from foundation.errors import InvalidInput, NotFound, PreconditionFailed
from foundation.ids import TenantId, show
from foundation.plans import Plan, PlanName, plans
from foundation.tenancy import Tenancy, TenantSession

_ON_TENANT: Final = {"company_name": "name", "zone": "zone", "language": "language"}
"""Fields that stand on the tenant's own row, and its columns."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The settings as they are now; `version` grows by one with each change."""

    version: int
    plan: PlanName
    settings: TenantSettings


@dataclass(frozen=True, slots=True)
class Change:
    """What one version changed: only the fields that differ."""

    version: int
    actor: str
    at: datetime
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TenantSettingsDesk:
    tenancy: Tenancy

    async def get(self, tenant_id: TenantId) -> Stored:
        """Raises: NotFound."""
        async with self.tenancy.session(tenant_id) as session:
            return await _stored(session, tenant_id)

    async def change(
        self,
        tenant_id: TenantId,
        actor: str,
        wanted: Callable[[TenantSettings], TenantSettings],
        *,
        version: int | None,
    ) -> Stored:
        """Replace the settings by what `wanted` makes of the present ones.

        `version` is the one that the change was made from; None means whichever it is.

        Raises:
            PreconditionFailed: the settings have another version by now.
            InvalidInput: a limit is above the plan's, or the database does not know the zone.
            NotFound: there is no such tenant.
        """
        async with self.tenancy.session(tenant_id) as session:
            before = await _stored(session, tenant_id, lock=True)
            if version is not None and version != before.version:
                raise PreconditionFailed(version=before.version)
            after = wanted(before.settings)
            await _check(session, after, plans()[before.plan])
            if after == before.settings:
                return before
            stored = Stored(before.version + 1, before.plan, after)
            await _write(session, tenant_id, stored)
            await _remember(session, tenant_id, actor, before, stored)
        return stored

    async def history(self, tenant_id: TenantId, *, before: int | None, limit: int) -> list[Change]:
        """Return changes, newest first, of versions lower than `before`."""
        async with self.tenancy.session(tenant_id) as session:
            found = await session.execute(
                _HISTORY, {"tenant": tenant_id, "before": before or 2**31 - 1, "limit": limit}
            )
            return [Change(**row) for row in found.mappings()]


async def _check(session: TenantSession, settings: TenantSettings, plan: Plan) -> None:
    if (await session.execute(_ZONE, {"zone": settings.zone})).first() is None:
        detail = "zone: the database does not know this time zone; write one like Europe/Stockholm"
        raise InvalidInput(field="zone", reason="unknown", detail=detail)
    if (name := settings.beyond(plan)) is not None:
        most = plan.rates[name]
        detail = f"limits.{name}: the plan allows 1 to {most}; choose one of these, or a larger plan"
        raise InvalidInput(field=f"limits.{name}", reason="beyond_plan", most=most, detail=detail)


async def _stored(session: TenantSession, tenant_id: TenantId, *, lock: bool = False) -> Stored:
    # The tenant's row is there always: whoever changes settings waits there for each other.
    found = (await session.execute(_LOCK if lock else _GET, {"tenant": tenant_id})).first()
    if found is None:
        raise NotFound(kind="tenant")
    rest = (await session.execute(_REST, {"tenant": tenant_id})).first()
    fields = {name: getattr(found, column) for name, column in _ON_TENANT.items()}
    settings = TenantSettings.model_validate({**fields, **(rest.settings if rest else {})})
    return Stored(rest.version if rest else 0, found.plan, settings)


async def _write(session: TenantSession, tenant_id: TenantId, stored: Stored) -> None:
    settings = stored.settings
    await session.execute(
        _TENANT,
        {
            "tenant": tenant_id,
            "name": settings.company_name,
            "zone": settings.zone,
            "language": settings.language,
        },
    )
    rest = settings.model_dump(mode="json", exclude=set(_ON_TENANT))
    await session.execute(_PUT, {"tenant": tenant_id, "version": stored.version, "settings": rest})


async def _remember(
    session: TenantSession, tenant_id: TenantId, actor: str, before: Stored, after: Stored
) -> None:
    old, new = (each.settings.model_dump(mode="json") for each in (before, after))
    differing = [name for name in new if old[name] != new[name]]
    values = {
        "before": {name: old[name] for name in differing},
        "after": {name: new[name] for name in differing},
    }
    await session.execute(
        _REMEMBER, {"tenant": tenant_id, "version": after.version, "actor": actor, **values}
    )
    await audit.record(
        session,
        tenant_id,
        actor=actor,
        action="settings.change",
        subject=show("tenant", tenant_id),
        **values,
    )


_ZONE = text("select 1 from pg_timezone_names where name = :zone")
_GET = text("select name, zone, language, plan from tenants where id = :tenant")
_LOCK = text("select name, zone, language, plan from tenants where id = :tenant for no key update")
_REST = text("select version, settings from tenant_settings where tenant_id = :tenant")
_TENANT = text("update tenants set name = :name, zone = :zone, language = :language where id = :tenant")
_PUT = text(
    "insert into tenant_settings (tenant_id, version, settings) values (:tenant, :version, :settings)"
    " on conflict (tenant_id) do update set version = excluded.version, settings = excluded.settings,"
    " updated_at = clock_timestamp()"
).bindparams(bindparam("settings", type_=JSONB))
_REMEMBER = text(
    "insert into tenant_settings_history (tenant_id, version, actor, before, after)"
    " values (:tenant, :version, :actor, :before, :after)"
).bindparams(bindparam("before", type_=JSONB), bindparam("after", type_=JSONB))
_HISTORY = text(
    "select version, actor, at, before, after from tenant_settings_history"
    " where tenant_id = :tenant and version < :before order by version desc limit :limit"
)
