"""Customers: who writes, as far as it is known, and all they ever wrote about."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError

from foundation import audit, cursors
from foundation.errors import Conflict, NotFound, PreconditionFailed
from foundation.ids import CustomerId, TenantId, show
from foundation.personal import Personal
from foundation.tenancy import Tenancy
from foundation.turns import Value


class CustomerView(Value):
    customer_id: str
    name: str | None
    email: str | None
    phone: str | None
    external_id: str | None
    """As your own systems name them."""
    verified: bool
    """Whether your own server vouched for the external id."""
    metadata: dict[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime


class CustomerPage(Value):
    customers: tuple[CustomerView, ...]
    next: str | None
    """Give this as `cursor` for the ones that follow; null at the end."""


@dataclass(frozen=True, slots=True)
class Customers:
    tenancy: Tenancy

    async def page(
        self, tenant_id: TenantId, *, search: str | None, cursor: str | None, limit: int
    ) -> CustomerPage:
        """Return customers, those changed last first; with `search` those with words that begin so.

        Raises:
            InvalidInput: the cursor is none of this list's.
        """
        at, last = (None, None) if cursor is None else cursors.read(cursor, (datetime, UUID))
        values = {"tenant": tenant_id, "at": at, "id": last, "limit": limit + 1, "search": search}
        statement = _FOUND if search else _PAGE
        rows = (await self.tenancy.trip(tenant_id, statement, values=values)).rows
        end = rows[limit - 1] if len(rows) > limit else None
        return CustomerPage(
            customers=tuple(map(_view, rows[:limit])),
            next=end and cursors.written(end.updated_at, end.id),
        )

    async def get(self, tenant_id: TenantId, customer_id: CustomerId) -> CustomerView:
        """Raises: NotFound."""
        values = {"tenant": tenant_id, "id": customer_id}
        rows = (await self.tenancy.trip(tenant_id, _ONE, values=values)).rows
        if not rows:
            raise NotFound(kind="customer")
        return _view(rows[0])

    async def change(
        self,
        tenant_id: TenantId,
        actor: str,
        customer_id: CustomerId,
        values: dict[str, Any],
        *,
        expected: int | None,
    ) -> CustomerView:
        """Set `name`, `email`, `phone`, `external_id` or `metadata`. The log has it under their key.

        Raises:
            NotFound: there is no such customer.
            PreconditionFailed: it has another version than `expected`.
            Conflict: another customer has this external id.
        """
        keys = {"tenant": tenant_id, "customer": customer_id}
        async with self.tenancy.session(tenant_id) as session:
            row = (await session.execute(_LOCKED, keys)).first()
            if row is None:
                raise NotFound(kind="customer")
            if expected is not None and row.version != expected:
                raise PreconditionFailed(version=row.version)
            changed = {name: value for name, value in values.items() if getattr(row, name) != value}
            if not changed:
                return _view(row)
            assignments = ", ".join(f"{name} = :{name}" for name in changed)
            # Whom your server vouched for is not whoever somebody writes here.
            if "external_id" in changed:
                assignments += ", verified = false"
            statement = text(_CHANGE.format(assignments=assignments))
            if "metadata" in changed:
                statement = statement.bindparams(bindparam("metadata", type_=JSONB))
            try:
                after = (await session.execute(statement, keys | changed)).one()
            except IntegrityError:
                raise Conflict(state="external_id_taken") from None
            await audit.record(
                session,
                tenant_id,
                actor=actor,
                action="customer.change",
                subject=show("customer", customer_id),
                before={name: _personal(customer_id, getattr(row, name)) for name in changed},
                after={name: _personal(customer_id, value) for name, value in changed.items()},
            )
        return _view(after)


def _personal(customer_id: CustomerId, value: Any) -> Personal | None:
    return None if value is None else Personal(customer_id, value)


def _view(row: Any) -> CustomerView:
    return CustomerView(
        customer_id=show("customer", row.id),
        name=row.name,
        email=row.email,
        phone=row.phone,
        external_id=row.external_id,
        verified=row.verified,
        metadata=row.metadata,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


_PAGE: Final = """
select * from customers k where k.tenant_id = %(tenant)s
  and (%(at)s::timestamptz is null or (k.updated_at, k.id) < (%(at)s, %(id)s))
order by k.updated_at desc, k.id desc limit %(limit)s
"""
_FOUND: Final = """
select k.* from search_customers(%(search)s, 500) s
join customers k on k.tenant_id = %(tenant)s and k.id = s.customer_id
where %(at)s::timestamptz is null or (k.updated_at, k.id) < (%(at)s, %(id)s)
order by k.updated_at desc, k.id desc limit %(limit)s
"""
_ONE: Final = "select * from customers where tenant_id = %(tenant)s and id = %(id)s"
_LOCKED: Final = text("select * from customers where tenant_id = :tenant and id = :customer for update")
_CHANGE: Final = (
    "update customers set {assignments}, version = version + 1, updated_at = clock_timestamp()"
    " where tenant_id = :tenant and id = :customer returning *"
)
