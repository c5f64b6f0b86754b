"""Whether a tenant may start another conversation: its plan's month, and the channels that it has open.

Decided inside the one statement that starts it, so it costs no trip; the reason is only looked up when it is
no.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from foundation.errors import Forbidden, ReplikError
from foundation.ids import TenantId
from foundation.plans import PlanLimit, count, plan_of, plans
from foundation.tenancy import Tenancy


class ChannelOff(Forbidden):
    """This channel is closed; the company has switched it off in its settings."""

    code = "channel_off"


@dataclass(frozen=True, slots=True)
class Vouched:
    """Who a visitor is, as the company's own server has signed for it."""

    external_id: str
    """The visitor's id at the company."""
    name: str | None = None
    email: str | None = None


NOBODY: Final[Mapping[str, None]] = {"external_id": None, "name": None, "email": None}
"""For visitors whom nobody vouched for."""


@cache
def limits() -> str:
    """Return how many conversations a month each plan allows, as JSON; those without a limit are left out."""
    by_plan = {name: plan.limits.get("conversations") for name, plan in plans().items()}
    return json.dumps({name: most for name, most in by_plan.items() if most is not None})


async def refusal(tenancy: Tenancy, tenant_id: TenantId, channel: str) -> ReplikError:
    """Return why no conversation was started."""
    off = (await tenancy.trip(tenant_id, _OFF, values={"channel": channel})).rows
    if off and off[0].off:
        return ChannelOff(channel=channel)
    async with tenancy.session(tenant_id) as session:
        _, plan = await plan_of(session, tenant_id)
        used = await count(session, tenant_id, "conversations")
    return PlanLimit(name="conversations", used=used, limit=plan.limits.get("conversations"))


OPEN: Final = """
with month as (
    select t.id, t.plan, date_trunc('month', clock_timestamp() at time zone t.zone)::date as began
    from tenants t where t.id = %(tenant)s
), allowed as (
    select m.id, m.began from month m
    where not exists (select 1 from tenant_settings s
        where s.tenant_id = m.id and s.settings->'channels'->>%(channel)s = 'false')
    and case when %(limits)s::jsonb ? m.plan then
        (select coalesce(sum(c.started), 0) from started_conversations c
         where c.tenant_id = m.id and c.month = m.began) < (%(limits)s::jsonb->>m.plan)::bigint
        else true end
), vouched as (
    insert into customers as k (tenant_id, id, external_id, verified, name, email)
    select id, %(visitor)s, %(external_id)s::text, true, %(name)s::text, %(email)s::text
    from allowed where %(external_id)s::text is not null
    on conflict (tenant_id, external_id) where external_id is not null do update set
        verified = true,
        name = coalesce(excluded.name, k.name),
        email = coalesce(excluded.email, k.email),
        version = k.version + ((k.verified, k.name, k.email) is distinct from
            (true, coalesce(excluded.name, k.name), coalesce(excluded.email, k.email)))::integer,
        updated_at = clock_timestamp()
    returning id
), opened as (
    insert into conversations
        (tenant_id, id, channel, language, visitor_id, idempotency_key, external_id, verified,
         case_number, customer_id, inbox_id)
    select id, %(id)s, %(channel)s, %(language)s, %(visitor)s, %(key)s,
        %(external_id)s::text, %(external_id)s::text is not null, %(case)s,
        coalesce((select v.id from vouched v), %(visitor)s),
        (select i.id from inboxes i where i.tenant_id = %(tenant)s
            and (i.is_default or %(channel)s = any(i.channels)) order by i.is_default, i.created_at limit 1)
    from allowed
    on conflict do nothing returning tenant_id, id, visitor_id
), known as (
    insert into customers (tenant_id, id)
    select tenant_id, visitor_id from opened where %(external_id)s::text is null
), counted as (
    insert into started_conversations as c (tenant_id, month, part, started)
    select o.tenant_id, a.began, get_byte(uuid_send(o.id), 15) & 15, 1 from opened o, allowed a
    on conflict (tenant_id, month, part) do update set started = c.started + 1
)
insert into activations (tenant_id, conversation_id) select tenant_id, id from opened
returning conversation_id
"""
"""Starts a conversation and counts it, if the plan and the settings allow it.

A visitor whom the company vouched for is one customer, whatever they start; what it says of them replaces
what was known. Nobody else is known by anything yet: each is a customer of their own.
"""

_OFF: Final = "select settings->'channels'->>%(channel)s = 'false' as off from tenant_settings"
