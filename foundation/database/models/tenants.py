"""Tenants, their keys, their releases and their audit rows."""

from datetime import datetime

from sqlalchemy import ARRAY, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from foundation.database.models.base import Base, Created, Json, Key, TenantKey


class Tenant(Base):
    __tablename__ = "tenants"

    id: Mapped[Key]
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    zone: Mapped[str] = mapped_column(server_default="Europe/Stockholm")
    language: Mapped[str] = mapped_column(server_default="sv")
    plan: Mapped[str] = mapped_column(server_default="business")
    created_at: Mapped[Created]


class ApiKey(Base):
    """A key is stored as its hash; `prefix` is what people see of it."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("tenant_id", "hash"), Index("api_keys_hash", "hash"))

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    id: Mapped[Key]
    kind: Mapped[str]
    prefix: Mapped[str]
    hash: Mapped[bytes]
    allowed_origins: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    created_at: Mapped[Created]
    revoked_at: Mapped[datetime | None]


class Release(Base):
    """Frozen behaviour, numbered; conversations take the newest at each turn."""

    __tablename__ = "releases"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    behaviour: Mapped[Json]
    published_at: Mapped[Created]
    note: Mapped[str] = mapped_column(server_default="")
    published_by: Mapped[str] = mapped_column(server_default="")
    restored_from: Mapped[int | None]


class AuditRow(Base):
    """Who did what to which thing; the application may only add."""

    __tablename__ = "audit"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    id: Mapped[Key]
    at: Mapped[Created]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    before: Mapped[Json | None]
    after: Mapped[Json | None]
