"""Conversations: who owns one, what was said in it, and the turns to run."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from foundation.database.models.base import Base, Created, Json, Key, TenantKey, metadata_index

_OF_CONVERSATION = ("tenant_id", "conversation_id"), ("conversations.tenant_id", "conversations.id")
_UNANSWERED = text("state in ('queued', 'running')")


class Conversation(Base):
    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("tenant_id", "idempotency_key"),
        Index(
            "conversations_external_id",
            "tenant_id",
            "external_id",
            postgresql_where=text("external_id is not null"),
        ),
        ForeignKeyConstraint(("tenant_id", "inbox_id"), ("inboxes.tenant_id", "inboxes.id")),
        ForeignKeyConstraint(
            ("tenant_id", "customer_id"),
            ("customers.tenant_id", "customers.id"),
            ondelete="SET NULL (customer_id)",
        ),
        ForeignKeyConstraint(
            ("tenant_id", "merged_into"),
            ("conversations.tenant_id", "conversations.id"),
            ondelete="SET NULL (merged_into)",
        ),
        Index("conversations_case", "tenant_id", "case_number", unique=True),
        Index("conversations_newest", "tenant_id", "last_message_at", "id"),
        Index("conversations_by_status", "tenant_id", "status", "last_message_at", "id"),
        Index("conversations_by_assignee", "tenant_id", "assignee_id", "last_message_at", "id"),
        Index("conversations_by_inbox", "tenant_id", "inbox_id", "last_message_at", "id"),
        Index("conversations_by_channel", "tenant_id", "channel", "last_message_at", "id"),
        Index("conversations_by_language", "tenant_id", "language", "last_message_at", "id"),
        Index("conversations_by_customer", "tenant_id", "customer_id", "last_message_at", "id"),
        Index(
            "conversations_merged",
            "tenant_id",
            "merged_into",
            postgresql_where=text("merged_into is not null"),
        ),
        Index("conversations_snoozed", "snoozed_until", postgresql_where=text("status = 'snoozed'")),
        metadata_index("conversations"),
    )

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    id: Mapped[Key]
    channel: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="active")
    language: Mapped[str | None]
    visitor_id: Mapped[UUID | None]
    idempotency_key: Mapped[str | None]
    metadata_: Mapped[Json] = mapped_column("metadata", server_default="{}")
    created_at: Mapped[Created]
    external_id: Mapped[str | None]
    """Who the visitor is to the company."""
    verified: Mapped[bool] = mapped_column(server_default="false")
    """Whether the company's server has signed for it."""
    case_number: Mapped[int | None] = mapped_column(BigInteger)
    inbox_id: Mapped[UUID | None]
    customer_id: Mapped[UUID | None]
    assignee_id: Mapped[UUID | None]
    labels: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    subject: Mapped[str | None]
    """How the customer's first message begins."""
    preview: Mapped[str | None]
    """How the last public message begins; kept by a trigger, as is `last_message_at`."""
    preview_author: Mapped[str | None]
    snoozed_until: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    merged_into: Mapped[UUID | None]
    last_message_at: Mapped[Created]
    updated_at: Mapped[Created]
    version: Mapped[int] = mapped_column(server_default="1")
    """Of its state; messages do not count."""


class Activation(Base):
    """One narrow row per conversation: it orders everything and names the owner."""

    __tablename__ = "activations"
    __table_args__ = (ForeignKeyConstraint(*_OF_CONVERSATION, ondelete="CASCADE"),)

    tenant_id: Mapped[TenantKey]
    conversation_id: Mapped[Key]
    position: Mapped[int] = mapped_column(BigInteger, server_default="0")
    mode: Mapped[str] = mapped_column(server_default="agent")
    control_version: Mapped[int] = mapped_column(server_default="0")
    host_id: Mapped[UUID | None]
    incarnation: Mapped[int | None] = mapped_column(BigInteger)
    epoch: Mapped[int] = mapped_column(BigInteger, server_default="0")


class Host(Base):
    """A process that runs conversations; alive while its lease lasts."""

    __tablename__ = "hosts"

    id: Mapped[Key]
    incarnation: Mapped[int] = mapped_column(BigInteger)
    lease_until: Mapped[datetime]
    stats: Mapped[Json] = mapped_column(server_default="{}")
    """What it was doing at its last heartbeat, for operators."""
    started_at: Mapped[Created]


class Message(Base):
    """A row of the conversation's one ordered stream."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("tenant_id", "conversation_id", "client_message_id"),
        ForeignKeyConstraint(*_OF_CONVERSATION, ondelete="CASCADE"),
    )

    tenant_id: Mapped[TenantKey]
    conversation_id: Mapped[Key]
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[UUID]
    turn_id: Mapped[UUID | None]
    author: Mapped[str]
    kind: Mapped[str]
    visibility: Mapped[str] = mapped_column(server_default="public")
    channel: Mapped[str]
    language: Mapped[str | None]
    parts: Mapped[list[Json]]
    client_message_id: Mapped[str | None]
    body_hash: Mapped[bytes | None]
    created_at: Mapped[Created]


class TurnRow(Base):
    """A turn to run: accepted and not done means it will be run again, unasked."""

    __tablename__ = "turns"
    __table_args__ = (
        ForeignKeyConstraint(*_OF_CONVERSATION, ondelete="CASCADE"),
        Index("turns_unanswered", "created_at", postgresql_where=_UNANSWERED),
        Index(
            "turns_queue",
            "tenant_id",
            "conversation_id",
            text("(positions[1])"),
            postgresql_where=_UNANSWERED,
        ),
    )

    tenant_id: Mapped[TenantKey]
    conversation_id: Mapped[Key]
    id: Mapped[Key]
    positions: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    release: Mapped[int | None]
    attempt: Mapped[int] = mapped_column(server_default="0")
    state: Mapped[str] = mapped_column(server_default="queued")
    answer_position: Mapped[int | None] = mapped_column(BigInteger)
    outcome: Mapped[str | None]
    created_at: Mapped[Created]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Trace(Base):
    """How a turn's answer came about."""

    __tablename__ = "traces"
    __table_args__ = (
        ForeignKeyConstraint(
            ("tenant_id", "conversation_id", "turn_id"),
            ("turns.tenant_id", "turns.conversation_id", "turns.id"),
            ondelete="CASCADE",
        ),
    )

    tenant_id: Mapped[TenantKey]
    conversation_id: Mapped[Key]
    turn_id: Mapped[Key]
    trace: Mapped[Json]
    created_at: Mapped[Created]
