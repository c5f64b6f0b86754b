"""Canned replies: texts that staff put into what they write, by a shortcut, in Swedish and English."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field, model_validator
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from foundation import audit
from foundation.database.models import CannedReply
from foundation.errors import Conflict, NotFound
from foundation.ids import CannedId, TenantId, new_uuid, show
from foundation.tenancy import Tenancy, TenantSession
from foundation.turns import Value


class CannedFields(Value):
    shortcut: str = Field(pattern=r"^[\w-]{1,40}$")
    text_sv: str = Field(default="", max_length=8_000)
    text_en: str = Field(default="", max_length=8_000)

    @model_validator(mode="after")
    def _says_something(self) -> "CannedFields":
        if not (self.text_sv.strip() or self.text_en.strip()):
            raise ValueError("a canned reply needs a text in Swedish or English")
        if "\x00" in self.text_sv + self.text_en:
            raise ValueError("null bytes are not allowed")
        return self


class CannedView(CannedFields):
    canned_id: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CannedReplies:
    """All that is done with them; each change is one transaction with its audit row."""

    tenancy: Tenancy

    async def all(self, tenant_id: TenantId) -> list[CannedView]:
        """Return all by shortcut."""
        wanted = select(CannedReply).order_by(CannedReply.shortcut)
        async with self.tenancy.session(tenant_id) as session:
            return [_view(row) for row in (await session.execute(wanted)).scalars()]

    async def add(self, tenant_id: TenantId, actor: str, fields: CannedFields) -> CannedView:
        """Raises: Conflict: there is one with this shortcut."""
        async with self.tenancy.session(tenant_id) as session:
            row = CannedReply(tenant_id=tenant_id, id=new_uuid(), **fields.model_dump())
            session.add(row)
            await _stored(session, row)
            await _record(session, tenant_id, actor, "create", row.id, after=_fields(row))
            return _view(row)

    async def change(
        self, tenant_id: TenantId, actor: str, canned_id: CannedId, fields: CannedFields
    ) -> CannedView:
        """Raises: NotFound; Conflict: another one has this shortcut."""
        async with self.tenancy.session(tenant_id) as session:
            row = await _row(session, canned_id)
            before = _fields(row)
            for name, value in fields.model_dump().items():
                setattr(row, name, value)
            row.updated_at = func.clock_timestamp()
            await _stored(session, row)
            await _record(session, tenant_id, actor, "change", row.id, before=before, after=_fields(row))
            return _view(row)

    async def delete(self, tenant_id: TenantId, actor: str, canned_id: CannedId) -> None:
        """Raises: NotFound."""
        async with self.tenancy.session(tenant_id) as session:
            row = await _row(session, canned_id)
            await session.delete(row)
            await _record(session, tenant_id, actor, "delete", row.id, before=_fields(row))


async def _row(session: TenantSession, canned_id: CannedId) -> CannedReply:
    found = await session.execute(select(CannedReply).where(CannedReply.id == canned_id).with_for_update())
    row = found.scalar_one_or_none()
    if row is None:
        raise NotFound(kind="canned")
    return row


async def _stored(session: TenantSession, row: CannedReply) -> None:
    try:
        await session.flush()
    except IntegrityError:
        raise Conflict(state="shortcut_taken") from None
    await session.refresh(row)


async def _record(
    session: TenantSession,
    tenant_id: TenantId,
    actor: str,
    verb: str,
    canned_id: UUID,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    await audit.record(
        session,
        tenant_id,
        actor=actor,
        action=f"canned.{verb}",
        subject=show("canned", canned_id),
        before=before,
        after=after,
    )


def _fields(row: CannedReply) -> dict[str, Any]:
    return {name: getattr(row, name) for name in CannedFields.model_fields}


def _view(row: CannedReply) -> CannedView:
    shown = _fields(row) | {"canned_id": show("canned", row.id)}
    return CannedView.model_validate(shown | {"created_at": row.created_at, "updated_at": row.updated_at})
