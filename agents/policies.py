"""A tenant's policies as they are edited. They take effect when a release is published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import func, select

from foundation import audit, lists
from foundation.database.models import Policy
from foundation.errors import InvalidInput, NotFound
from foundation.ids import PolicyId, TenantId, new_uuid, show
from foundation.tenancy import Tenancy, TenantSession
from graphs.policies import pattern
from graphs.policies.rules import KindName, Rule

MOST = 200
"""Policies of a tenant: each is applied to every message."""


Sort = Literal["order", "-order", "newest", "oldest", "name", "-name", "updated", "-updated"]
_ORDERS: Final[Mapping[str, lists.Order]] = {
    # As `listed` has them.
    **lists.both_ways("order", Policy.rule["priority"].as_integer(), Policy.created_at, Policy.id),
    **lists.by_age(Policy.id),
    **lists.both_ways("name", lists.letters(Policy.rule["name"].as_string()), Policy.id),
    **lists.both_ways("updated", Policy.updated_at, Policy.id),
}


class TooManyPolicies(InvalidInput):
    """A tenant can have 200 policies."""

    code = "too_many_policies"


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A stored policy; `rule.id` is its API id."""

    id: PolicyId
    rule: Rule
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Filter:
    """Which policies a list shows; a None lets everything through."""

    kind: KindName | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Policies:
    """All that can be done with them; every change is one transaction with its audit row."""

    tenancy: Tenancy

    async def all(self, tenant_id: TenantId) -> list[PolicyView]:
        """Return all in the order in which they run."""
        async with self.tenancy.session(tenant_id) as session:
            return await listed(session)

    async def page(self, tenant_id: TenantId, paging: lists.Paging, wanted: Filter) -> lists.Page[PolicyView]:
        """Return a page of them, sorted by a `Sort`; words are looked for in names.

        Raises:
            InvalidInput: the cursor is none of this list's.
        """
        rule = Policy.rule
        chosen = select(Policy).where(
            *lists.equal(
                (rule["kind"].as_string(), wanted.kind), (rule["enabled"].as_boolean(), wanted.enabled)
            ),
            *lists.having(paging.words, rule["name"].as_string()),
        )
        async with self.tenancy.session(tenant_id) as session:
            return await lists.page(session, chosen, _ORDERS, paging, _view)

    async def get(self, tenant_id: TenantId, policy_id: PolicyId) -> PolicyView:
        """Raises: NotFound."""
        async with self.tenancy.session(tenant_id) as session:
            return _view(await _row(session, policy_id))

    async def add(self, tenant_id: TenantId, actor: str, rule: Rule) -> PolicyView:
        """Raises: TooManyPolicies; InvalidInput for a pattern that is too slow."""
        _refuse_slow(rule)
        async with self.tenancy.session(tenant_id) as session:
            if (await session.scalar(select(func.count()).select_from(Policy)) or 0) >= MOST:
                raise TooManyPolicies()
            row = Policy(tenant_id=tenant_id, id=new_uuid(), rule=_stored(rule))
            session.add(row)
            await session.flush()
            await session.refresh(row)
            await _record(session, tenant_id, actor, "create", row.id, after=row.rule)
            return _view(row)

    async def change(self, tenant_id: TenantId, actor: str, policy_id: PolicyId, rule: Rule) -> PolicyView:
        """Replace a policy's rule.

        Raises:
            NotFound: there is none of this id.
            InvalidInput: its pattern is too slow.
        """
        _refuse_slow(rule)
        async with self.tenancy.session(tenant_id) as session:
            row = await _row(session, policy_id)
            before, row.rule = row.rule, _stored(rule)
            row.updated_at = func.clock_timestamp()
            await session.flush()
            await session.refresh(row)
            await _record(session, tenant_id, actor, "change", row.id, before=before, after=row.rule)
            return _view(row)

    async def delete(self, tenant_id: TenantId, actor: str, policy_id: PolicyId) -> None:
        """Raises: NotFound."""
        async with self.tenancy.session(tenant_id) as session:
            row = await _row(session, policy_id)
            await session.delete(row)
            await _record(session, tenant_id, actor, "delete", row.id, before=row.rule)

    async def order(self, tenant_id: TenantId, actor: str, ids: Sequence[PolicyId]) -> list[PolicyView]:
        """Run the policies in this order; those not named come after, as they were.

        Raises:
            NotFound: one of them does not exist.
        """
        async with self.tenancy.session(tenant_id) as session:
            views = await listed(session)
            by_id = {view.id: view for view in views}
            if missing := next((one for one in ids if one not in by_id), None):
                raise NotFound(kind="policy", id=show("policy", missing))
            rest = [view.id for view in views if view.id not in set(ids)]
            for place, policy_id in enumerate(dict.fromkeys([*ids, *rest]), 1):
                row = await _row(session, policy_id)
                row.rule = {**row.rule, "priority": place * 10}
                row.updated_at = func.clock_timestamp()
            await _record(
                session,
                tenant_id,
                actor,
                "order",
                tenant_id,
                before={"ids": [show("policy", view.id) for view in views]},
                after={"ids": [show("policy", one) for one in ids]},
            )
            await session.flush()
            return await listed(session)


async def listed(session: TenantSession) -> list[PolicyView]:
    """Return the session's tenant's policies in the order in which they run."""
    rows = (await session.execute(select(Policy).execution_options(populate_existing=True))).scalars()
    views = map(_view, rows)
    return sorted(views, key=lambda view: (view.rule.priority, view.created_at, view.id))


async def _row(session: TenantSession, policy_id: PolicyId) -> Policy:
    found = (await session.execute(select(Policy).where(Policy.id == policy_id))).scalar_one_or_none()
    if found is None:
        raise NotFound(kind="policy")
    return found


def _view(row: Policy) -> PolicyView:
    rule = Rule.model_validate({**row.rule, "id": show("policy", row.id)})
    return PolicyView(PolicyId(row.id), rule, row.created_at, row.updated_at)


def _refuse_slow(rule: Rule) -> None:
    if isinstance(rule.checked, pattern.Options) and pattern.is_slow(rule.checked):
        detail = "takes too long on some texts; avoid nested repetitions"
        raise InvalidInput(field="options.pattern", reason="slow", detail=detail)


def _stored(rule: Rule) -> dict[str, Any]:
    return rule.model_dump(mode="json", exclude={"id"})


async def _record(
    session: TenantSession,
    tenant_id: TenantId,
    actor: str,
    verb: str,
    subject: UUID,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    kind = "tenant" if subject == tenant_id else "policy"
    await audit.record(
        session,
        tenant_id,
        actor=actor,
        action=f"policy.{verb}",
        subject=show(kind, subject),
        before=before,
        after=after,
    )
