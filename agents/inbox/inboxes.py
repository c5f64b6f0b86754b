"""A tenant's inboxes: its brands, and which channels' conversations begin in which."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import Field
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from foundation import audit
from foundation.database.models import Inbox
from foundation.errors import Conflict, NotFound
from foundation.ids import InboxId, TenantId, new_uuid, show
from foundation.tenancy import Tenancy, TenantSession
from foundation.turns import Language, Value


class InboxFields(Value):
    """What people say of one."""

    name: str = Field(min_length=1, max_length=80)
    """The brand, as customers know it."""
    language: Language | None = None
    channels: tuple[str, ...] = Field(default=(), max_length=20)
    """Conversations of these begin here; those of channels that nobody names begin in the default one."""
    is_default: bool = False


class InboxView(InboxFields):
    inbox_id: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Inboxes:
    """All that is done with them; each change is one transaction with its audit row."""

    tenancy: Tenancy

    async def all(self, tenant_id: TenantId) -> list[InboxView]:
        """Return all, the default one first."""
        order = Inbox.is_default.desc(), Inbox.name
        async with self.tenancy.session(tenant_id) as session:
            return [_view(row) for row in (await session.execute(select(Inbox).order_by(*order))).scalars()]

    async def add(self, tenant_id: TenantId, actor: str, fields: InboxFields) -> InboxView:
        """Raises: Conflict: there is one of this name."""
        async with self.tenancy.session(tenant_id) as session:
            if fields.is_default:
                await session.execute(_NO_DEFAULT, {"tenant": tenant_id})
            row = Inbox(tenant_id=tenant_id, id=new_uuid(), **_columns(fields))
            session.add(row)
            await _stored(session, row)
            await _record(session, tenant_id, actor, "create", row.id, after=_fields(row))
            return _view(row)

    async def change(
        self, tenant_id: TenantId, actor: str, inbox_id: InboxId, fields: InboxFields
    ) -> InboxView:
        """Replace what is said of one; the default is changed by making another one it.

        Raises:
            NotFound: there is none of this id.
            Conflict: another one has this name, or this is the default and would be none.
        """
        async with self.tenancy.session(tenant_id) as session:
            row = await _row(session, inbox_id)
            before = _fields(row)
            if row.is_default and not fields.is_default:
                raise Conflict(state="default")
            if fields.is_default and not row.is_default:
                await session.execute(_NO_DEFAULT, {"tenant": tenant_id})
            for name, value in _columns(fields).items():
                setattr(row, name, value)
            await session.execute(_TOUCH, {"tenant": tenant_id, "id": inbox_id})
            await _stored(session, row)
            await _record(session, tenant_id, actor, "change", row.id, before=before, after=_fields(row))
            return _view(row)

    async def delete(self, tenant_id: TenantId, actor: str, inbox_id: InboxId) -> None:
        """Raises: NotFound; Conflict: it is the default, or conversations are in it."""
        async with self.tenancy.session(tenant_id) as session:
            row = await _row(session, inbox_id)
            if row.is_default:
                raise Conflict(state="default")
            used = await session.execute(_USED, {"tenant": tenant_id, "id": inbox_id})
            if used.first() is not None:
                raise Conflict(state="in_use")
            await session.delete(row)
            await _record(session, tenant_id, actor, "delete", row.id, before=_fields(row))


async def _row(session: TenantSession, inbox_id: InboxId) -> Inbox:
    found = await session.execute(select(Inbox).where(Inbox.id == inbox_id).with_for_update())
    row = found.scalar_one_or_none()
    if row is None:
        raise NotFound(kind="inbox")
    return row


async def _stored(session: TenantSession, row: Inbox) -> None:
    try:
        await session.flush()
    except IntegrityError:
        raise Conflict(state="name_taken") from None
    await session.refresh(row)


async def _record(
    session: TenantSession,
    tenant_id: TenantId,
    actor: str,
    verb: str,
    inbox_id: UUID,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    await audit.record(
        session,
        tenant_id,
        actor=actor,
        action=f"inbox.{verb}",
        subject=show("inbox", inbox_id),
        before=before,
        after=after,
    )


def _columns(fields: InboxFields) -> dict[str, Any]:
    return {**fields.model_dump(), "channels": list(dict.fromkeys(fields.channels))}


def _fields(row: Inbox) -> dict[str, Any]:
    return {name: getattr(row, name) for name in InboxFields.model_fields}


def _view(row: Inbox) -> InboxView:
    shown = _fields(row) | {"inbox_id": show("inbox", row.id)}
    return InboxView.model_validate(shown | {"created_at": row.created_at, "updated_at": row.updated_at})


_NO_DEFAULT: Final = text("update inboxes set is_default = false where tenant_id = :tenant and is_default")
_TOUCH: Final = text(
    "update inboxes set updated_at = clock_timestamp() where tenant_id = :tenant and id = :id"
)
_USED: Final = text("select 1 from conversations where tenant_id = :tenant and inbox_id = :id limit 1")
