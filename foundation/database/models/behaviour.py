"""What a tenant writes about its agent: policies, settings, approved answers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ForeignKey, ForeignKeyConstraint, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from foundation.database.models.base import Base, Created, Json, Key, TenantKey


class Policy(Base):
    """A rule as it is edited; releases hold frozen copies."""

    __tablename__ = "policies"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    id: Mapped[Key]
    rule: Mapped[Json]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class AgentSettings(Base):
    """What a tenant changed of its agent, besides policies."""

    __tablename__ = "agent_settings"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    settings: Mapped[Json] = mapped_column(server_default="{}")
    updated_at: Mapped[Created]


class ApprovedAnswer(Base):
    """A wording that people fixed for a question."""

    __tablename__ = "approved_answers"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "corrects_conversation", "corrects_position"],
            ["messages.tenant_id", "messages.conversation_id", "messages.position"],
            ondelete="SET NULL (corrects_conversation, corrects_position)",
        ),
        Index(
            "approved_answers_corrects",
            "tenant_id",
            "corrects_conversation",
            "corrects_position",
            postgresql_where=text("corrects_conversation is not null"),
        ),
    )

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    id: Mapped[Key]
    question: Mapped[str]
    variants: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    answer: Mapped[str]
    language: Mapped[str]
    audience: Mapped[str] = mapped_column(server_default="customer")
    valid_from: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    enabled: Mapped[bool] = mapped_column(server_default="true")
    vector_model: Mapped[str]
    vectors: Mapped[bytes]
    corrects_conversation: Mapped[UUID | None]
    corrects_position: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class Rating(Base):
    """What a person says of one of the agent's answers."""

    __tablename__ = "ratings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "conversation_id", "position"],
            ["messages.tenant_id", "messages.conversation_id", "messages.position"],
            ondelete="CASCADE",
        ),
    )

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    conversation_id: Mapped[Key]
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    correct: Mapped[bool]
    rated_by: Mapped[str]
    rated_at: Mapped[Created]
