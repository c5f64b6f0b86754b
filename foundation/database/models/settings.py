"""What a tenant sets of itself, what it used of its plan, how long things are kept, and one person's data."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, ForeignKey, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from foundation.database.models.base import Base, Created, Json, Key, TenantKey


class TenantSettingsRow(Base):
    """No row is version 0; name, zone and language stand on the tenant's own row."""

    __tablename__ = "tenant_settings"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    version: Mapped[int]
    settings: Mapped[Json] = mapped_column(server_default="{}")
    updated_at: Mapped[Created]


class TenantSettingsChange(Base):
    """A version of the settings: who made it, from what; the application may only add."""

    __tablename__ = "tenant_settings_history"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    actor: Mapped[str]
    before: Mapped[Json]
    after: Mapped[Json]
    at: Mapped[Created]


class StartedConversations(Base):
    """A part of the count of conversations started in a month of the tenant's zone."""

    __tablename__ = "started_conversations"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    month: Mapped[date] = mapped_column(Date, primary_key=True)
    part: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    started: Mapped[int] = mapped_column(BigInteger)


class RetentionRun(Base):
    """How far the last clearing of old rows has come."""

    __tablename__ = "retention_runs"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    counts: Mapped[Json] = mapped_column(server_default="{}")
    claimed_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]


class PrivacyJob(Base):
    """One person's data, to be handed out or erased."""

    __tablename__ = "privacy_jobs"
    __table_args__ = (
        Index(
            "privacy_jobs_unfinished",
            "created_at",
            postgresql_where=text("state in ('queued', 'running') or expires_at is not null"),
        ),
    )

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    id: Mapped[Key]
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="queued")
    actor: Mapped[str]
    subject: Mapped[bytes | None]
    """Sealed: who it is about and what was found of them, while that is needed."""
    report: Mapped[Json] = mapped_column(server_default="{}")
    attempts: Mapped[int] = mapped_column(server_default="0")
    claimed_until: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
