"""Canned replies: texts that staff put into what they write, by a shortcut, in Swedish and English."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import Field, model_validator
from sqlalchemy import func, select

from agents.inbox.rows import locked, record, stored
from foundation.database.models import CannedReply
from foundation.ids import CannedId, TenantId, new_uuid, show
from foundation.tenancy import Tenancy
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
            await stored(session, row, taken="shortcut_taken")
            await record(session, tenant_id, actor, "canned.create", row.id, after=_fields(row))
            return _view(row)

    async def change(
        self, tenant_id: TenantId, actor: str, canned_id: CannedId, fields: CannedFields
    ) -> CannedView:
        """Raises: NotFound; Conflict: another one has this shortcut."""
        async with self.tenancy.session(tenant_id) as session:
            row = await locked(session, "canned", CannedReply, canned_id)
            before = _fields(row)
            for name, value in fields.model_dump().items():
                setattr(row, name, value)
            row.updated_at = func.clock_timestamp()
            await stored(session, row, taken="shortcut_taken")
            await record(
                session, tenant_id, actor, "canned.change", row.id, before=before, after=_fields(row)
            )
            return _view(row)

    async def delete(self, tenant_id: TenantId, actor: str, canned_id: CannedId) -> None:
        """Raises: NotFound."""
        async with self.tenancy.session(tenant_id) as session:
            row = await locked(session, "canned", CannedReply, canned_id)
            await session.delete(row)
            await record(session, tenant_id, actor, "canned.delete", row.id, before=_fields(row))


def _fields(row: CannedReply) -> dict[str, Any]:
    return {name: getattr(row, name) for name in CannedFields.model_fields}


def _view(row: CannedReply) -> CannedView:
    shown = _fields(row) | {"canned_id": show("canned", row.id)}
    return CannedView.model_validate(shown | {"created_at": row.created_at, "updated_at": row.updated_at})
