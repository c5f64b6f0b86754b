"""Which language model answers for a tenant, what it may use in a month, and what it has used."""

from datetime import date
from decimal import Decimal

from sqlalchemy import BigInteger, Date, ForeignKey, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from foundation.database.models.base import Base, Created, TenantKey


class ModelSettingsRow(Base):
    """No row, or no provider: the operator's model. No limit: none."""

    __tablename__ = "model_settings"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    provider: Mapped[str | None]
    model: Mapped[str | None]
    base_url: Mapped[str | None]
    api_key: Mapped[bytes | None]
    monthly_tokens: Mapped[int | None] = mapped_column(BigInteger)
    monthly_cost: Mapped[Decimal | None] = mapped_column(Numeric)
    currency: Mapped[str | None]
    updated_at: Mapped[Created]


class ModelUsageRow(Base):
    """What a tenant used of a model in one calendar month of its zone."""

    __tablename__ = "model_usage"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    month: Mapped[date] = mapped_column(Date, primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    prompt_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    completion_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    cost: Mapped[Decimal | None] = mapped_column(Numeric)
    calls: Mapped[int] = mapped_column(BigInteger, server_default="0")
