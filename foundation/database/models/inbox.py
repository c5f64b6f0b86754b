"""The inbox: brands, customers, canned replies, and what lists, search and live events are read from."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from foundation.database.models.base import Base, Created, Json, Key, TenantKey, metadata_index

_OF_CONVERSATION = ("tenant_id", "conversation_id"), ("conversations.tenant_id", "conversations.id")
_CUSTOMERS_WORDS = (
    "array_to_tsvector(array_remove(array[tenant_id::text,"
    " regexp_replace(coalesce(phone, ''), '\\D', '', 'g')]"
    " || regexp_split_to_array(lower(coalesce(name, '') || ' ' || coalesce(email, '') || ' '"
    " || coalesce(external_id, '')), '\\s+'), ''))"
)


class Inbox(Base):
    """A brand that staff answer for; one of a tenant's is the default."""

    __tablename__ = "inboxes"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        Index("inboxes_default", "tenant_id", unique=True, postgresql_where=text("is_default")),
    )

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    id: Mapped[Key]
    name: Mapped[str]
    language: Mapped[str | None]
    channels: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    is_default: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class Customer(Base):
    """Who writes: a visitor, or somebody whom the tenant's own systems know."""

    __tablename__ = "customers"
    __table_args__ = (
        Index(
            "customers_external",
            "tenant_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id is not null"),
        ),
        Index("customers_newest", "tenant_id", "updated_at", "id"),
        Index("customers_words", "words", postgresql_using="gin"),
        metadata_index("customers"),
    )

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    id: Mapped[Key]
    name: Mapped[str | None]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    external_id: Mapped[str | None]
    verified: Mapped[bool] = mapped_column(server_default="false")
    metadata_: Mapped[Json] = mapped_column("metadata", server_default="{}")
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
    words: Mapped[Any] = mapped_column(TSVECTOR, Computed(_CUSTOMERS_WORDS, persisted=True), nullable=False)


class CannedReply(Base):
    """A text that staff put into replies by its shortcut."""

    __tablename__ = "canned_replies"
    __table_args__ = (UniqueConstraint("tenant_id", "shortcut"),)

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    id: Mapped[Key]
    shortcut: Mapped[str]
    text_sv: Mapped[str] = mapped_column(server_default="")
    text_en: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class CaseNumber(Base):
    """The last case number of a tenant."""

    __tablename__ = "case_numbers"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    last: Mapped[int] = mapped_column(BigInteger)


class MessageWords(Base):
    """What a message is found by."""

    __tablename__ = "message_words"
    __table_args__ = (
        ForeignKeyConstraint(
            ("tenant_id", "conversation_id", "position"),
            ("messages.tenant_id", "messages.conversation_id", "messages.position"),
            ondelete="CASCADE",
        ),
        Index("message_words_words", "words", postgresql_using="gin"),
    )

    tenant_id: Mapped[TenantKey]
    conversation_id: Mapped[Key]
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    words: Mapped[Any] = mapped_column(TSVECTOR)


class ConversationLabel(Base):
    """A conversation's labels once more, one a row."""

    __tablename__ = "conversation_labels"
    __table_args__ = (
        ForeignKeyConstraint(*_OF_CONVERSATION, ondelete="CASCADE"),
        Index("conversation_labels_of", "tenant_id", "label", "conversation_id"),
    )

    tenant_id: Mapped[TenantKey]
    conversation_id: Mapped[Key]
    label: Mapped[str] = mapped_column(primary_key=True)


class StaffEvent(Base):
    """Something that staff are told; names the row, and holds no words of anybody's."""

    __tablename__ = "staff_events"
    __table_args__ = (
        ForeignKeyConstraint(*_OF_CONVERSATION, ondelete="CASCADE"),
        Index("staff_events_old", "at"),
    )

    tenant_id: Mapped[TenantKey]
    xid: Mapped[int] = mapped_column(
        BigInteger,
        primary_key=True,
        autoincrement=False,
        server_default=text("pg_current_xact_id()::text::bigint"),
    )
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    conversation_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    at: Mapped[Created]
