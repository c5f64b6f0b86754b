"""A tenant's inboxes: its brands, and which channels' conversations begin in which."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import Field
from sqlalchemy import func, select, text

from agents.inbox.rows import locked, record, stored
from foundation.database.models import Inbox
from foundation.errors import Conflict
from foundation.ids import InboxId, TenantId, new_uuid, show
from foundation.tenancy import Tenancy
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
            await stored(session, row, taken="name_taken")
            await record(session, tenant_id, actor, "inbox.create", row.id, after=_fields(row))
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
            row = await locked(session, "inbox", Inbox, inbox_id)
            before = _fields(row)
            if row.is_default and not fields.is_default:
                raise Conflict(state="default")
            if fields.is_default and not row.is_default:
                await session.execute(_NO_DEFAULT, {"tenant": tenant_id})
            for name, value in _columns(fields).items():
                setattr(row, name, value)
            row.updated_at = func.clock_timestamp()
            await stored(session, row, taken="name_taken")
            await record(session, tenant_id, actor, "inbox.change", row.id, before=before, after=_fields(row))
            return _view(row)

    async def delete(self, tenant_id: TenantId, actor: str, inbox_id: InboxId) -> None:
        """Raises: NotFound; Conflict: it is the default, or conversations are in it."""
        async with self.tenancy.session(tenant_id) as session:
            row = await locked(session, "inbox", Inbox, inbox_id)
            if row.is_default:
                raise Conflict(state="default")
            used = await session.execute(_USED, {"tenant": tenant_id, "id": inbox_id})
            if used.first() is not None:
                raise Conflict(state="in_use")
            await session.delete(row)
            await record(session, tenant_id, actor, "inbox.delete", row.id, before=_fields(row))


def _columns(fields: InboxFields) -> dict[str, Any]:
    return {**fields.model_dump(), "channels": list(dict.fromkeys(fields.channels))}


def _fields(row: Inbox) -> dict[str, Any]:
    return {name: getattr(row, name) for name in InboxFields.model_fields}


def _view(row: Inbox) -> InboxView:
    shown = _fields(row) | {"inbox_id": show("inbox", row.id)}
    return InboxView.model_validate(shown | {"created_at": row.created_at, "updated_at": row.updated_at})


_NO_DEFAULT: Final = text("update inboxes set is_default = false where tenant_id = :tenant and is_default")
_USED: Final = text("select 1 from conversations where tenant_id = :tenant and inbox_id = :id limit 1")
