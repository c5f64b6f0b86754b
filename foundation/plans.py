"""What a tenant's plan allows, from `configs/plans.yaml`, and what it has used of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final, Literal, get_args

import yaml
from pydantic import Field, TypeAdapter, ValidationError
from sqlalchemy import text

from foundation import audit
from foundation.errors import NotFound, ReplikError, StartError
from foundation.ids import TenantId, show
from foundation.tenancy import TenantSession
from foundation.turns import Value

PlanName = Literal["free", "team", "business"]
Limited = Literal["sources", "passages", "conversations", "seats", "keys", "bytes", "model_tokens"]
"""Of a calendar month: `conversations` (started) and `model_tokens` (of the operator's model)."""
Rate = Literal["messages_per_minute", "conversations_per_hour"]
"""Chat messages of a visitor; conversations started from an address, in the widget."""

MONTHLY: Final[frozenset[Limited]] = frozenset({"conversations", "model_tokens"})
DEFAULT_PATH: Final = Path(__file__).resolve().parents[1] / "configs" / "plans.yaml"


class PlanLimit(ReplikError):
    """The plan allows no more of this; delete some, wait for the next month, or choose a larger plan."""

    code = "plan_limit"
    status = 402


class Plan(Value):
    """What is not named, or None, has no limit."""

    limits: dict[Limited, int | None] = Field(default_factory=dict)
    rates: dict[Rate, int]
    """Ceilings of what tenants set themselves."""


@dataclass(frozen=True, slots=True)
class Used:
    """What was used of one limit; `resets_at` is when the count begins anew, None for what is kept."""

    name: Limited
    used: int
    limit: int | None
    resets_at: datetime | None


@cache
def plans(path: Path = DEFAULT_PATH) -> Mapping[PlanName, Plan]:
    """Read the plans, once.

    Raises:
        StartError: the file cannot be read, or says something else than plans.
    """
    try:
        found = TypeAdapter(dict[PlanName, Plan]).validate_python(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise StartError(f"{path.name}: cannot be read as plans; restore the shipped file") from error
    if missing := set(get_args(PlanName)) - found.keys():
        raise StartError(f"{path.name}: the plan {min(missing)!r} is missing; restore the shipped file")
    return found


async def plan_of(session: TenantSession, tenant_id: TenantId) -> tuple[PlanName, Plan]:
    """Return a tenant's plan.

    Raises:
        NotFound: there is no such tenant.
    """
    name = (await session.execute(_PLAN, {"tenant": tenant_id})).scalar()
    if name is None:
        raise NotFound(kind="tenant")
    return name, plans()[name]


async def check(
    session: TenantSession, tenant_id: TenantId, name: Limited, *, used: int | None = None, more: int = 1
) -> None:
    """Return if the plan allows `more` of something, in the transaction that adds them.

    `used` is what there is; left out, it is counted, if `USED` says how. Who checks the same limit waits for
    this transaction to end, so that two cannot both take the last one: count after this has been called
    once, or leave the counting to it.

    Raises:
        PlanLimit: with `name`, `used` and `limit`.
        NotFound: there is no such tenant.
    """
    _, plan = await plan_of(session, tenant_id)
    limit = plan.limits.get(name)
    if limit is None:
        return
    await session.execute(_WAIT, {"what": f"plan:{tenant_id}:{name}"})
    if used is None:
        used = await count(session, tenant_id, name)
    if used + more > limit:
        raise PlanLimit(name=name, used=used, limit=limit)


async def count(session: TenantSession, tenant_id: TenantId, name: Limited) -> int:
    """Return what is used now, or in this calendar month."""
    return int((await session.execute(text(USED[name]), {"tenant": tenant_id})).scalar_one())


async def usage(session: TenantSession, tenant_id: TenantId) -> tuple[PlanName, list[Used]]:
    """Return the plan and what is used of each limit.

    Raises:
        NotFound: there is no such tenant.
    """
    name, plan = await plan_of(session, tenant_id)
    resets_at = (await session.execute(_NEXT_MONTH, {"tenant": tenant_id})).scalar_one()
    return name, [
        Used(
            limited,
            await count(session, tenant_id, limited),
            plan.limits.get(limited),
            resets_at if limited in MONTHLY else None,
        )
        for limited in USED
    ]


async def choose(session: TenantSession, tenant_id: TenantId, plan: PlanName, *, actor: str) -> None:
    """Put a tenant on a plan. What it has beyond that stays; it only cannot add to it.

    Raises:
        NotFound: there is no such tenant.
    """
    before, _ = await plan_of(session, tenant_id)
    await session.execute(_CHOOSE, {"tenant": tenant_id, "plan": plan})
    await audit.record(
        session,
        tenant_id,
        actor=actor,
        action="tenant.plan",
        subject=show("tenant", tenant_id),
        before={"plan": before},
        after={"plan": plan},
    )


USED: Final[Mapping[Limited, str]] = {
    "sources": "select count(*) from sources where tenant_id = :tenant",
    "passages": (
        "select coalesce(sum(v.passages), 0) from sources s join source_versions v"
        " on v.tenant_id = s.tenant_id and v.source_id = s.id and v.version = s.live_version"
        " where s.tenant_id = :tenant"
    ),
    "conversations": (
        "select coalesce(sum(c.started), 0) from tenants t join started_conversations c on c.tenant_id = t.id"
        " and c.month = date_trunc('month', clock_timestamp() at time zone t.zone)::date where t.id = :tenant"
    ),
    "keys": "select count(*) from api_keys where tenant_id = :tenant and revoked_at is null",
    "seats": (
        "select (select count(*) from memberships where tenant_id = :tenant)"
        " + (select count(*) from invitations where tenant_id = :tenant and expires_at > clock_timestamp())"
    ),
    "bytes": "select coalesce(sum(bytes), 0) from source_versions where tenant_id = :tenant",
    "model_tokens": (
        "select coalesce(sum(m.prompt_tokens + m.completion_tokens), 0) from tenants t join model_usage m"
        " on m.tenant_id = t.id"
        " and m.month = date_trunc('month', clock_timestamp() at time zone t.zone)::date where t.id = :tenant"
    ),
}
"""How each is counted, by limit. Whoever is invited has a seat until the invitation expires."""

_PLAN = text("select plan from tenants where id = :tenant")
_WAIT = text("select pg_advisory_xact_lock(hashtextextended(:what, 0))")
_CHOOSE = text("update tenants set plan = :plan where id = :tenant")
_NEXT_MONTH = text(
    "select (date_trunc('month', clock_timestamp() at time zone zone) + interval '1 month') at time zone zone"
    " from tenants where id = :tenant"
)
