"""Tenants, their keys, their releases, their audit rows and the keys of their people."""

from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, FetchedValue, ForeignKey, Index, Text, UniqueConstraint, text
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
    __table_args__ = (
        UniqueConstraint("tenant_id", "hash"),
        Index("api_keys_hash", "hash"),
        Index("api_keys_former_hash", "former_hash", postgresql_where=text("former_hash is not null")),
    )

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    id: Mapped[Key]
    kind: Mapped[str]
    prefix: Mapped[str]
    hash: Mapped[bytes]
    allowed_origins: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    created_at: Mapped[Created]
    revoked_at: Mapped[datetime | None]
    name: Mapped[str] = mapped_column(server_default="")
    scopes: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """None: whatever there is, as keys had it before there were scopes."""
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    former_hash: Mapped[bytes | None]
    former_until: Mapped[datetime | None]
    requests_per_minute: Mapped[int | None]
    require_identity: Mapped[bool] = mapped_column(server_default="false")
    identity_secret: Mapped[bytes | None]
    former_identity_secret: Mapped[bytes | None]
    former_identity_until: Mapped[datetime | None]


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
    """Who did what to which thing; the application may only add; the database links each row."""

    __tablename__ = "audit"
    __table_args__ = (UniqueConstraint("tenant_id", "number"),)

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    id: Mapped[Key]
    at: Mapped[Created]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    before: Mapped[Json | None]
    after: Mapped[Json | None]
    number: Mapped[int | None] = mapped_column(BigInteger, FetchedValue())
    hash: Mapped[bytes | None] = mapped_column(FetchedValue())


class AuditHead(Base):
    """The newest row of a tenant's audit log; the database's to write."""

    __tablename__ = "audit_heads"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]


class PersonKey(Base):
    """The key, itself sealed, under which a person's data in the audit log is sealed. No row: erased."""

    __tablename__ = "person_keys"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    subject: Mapped[Key]
    wrapped_key: Mapped[bytes]
    created_at: Mapped[Created]
