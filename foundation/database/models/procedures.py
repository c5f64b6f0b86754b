"""Procedures: the unfinished one of a conversation, and what procedures did in other systems."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column

from foundation.database.models.base import Base, Created, Key, TenantKey

_OF_CONVERSATION = ("tenant_id", "conversation_id"), ("conversations.tenant_id", "conversations.id")


class Checkpoint(Base):
    """The thread of a procedure that waits for the customer, sealed."""

    __tablename__ = "checkpoints"
    __table_args__ = (ForeignKeyConstraint(*_OF_CONVERSATION, ondelete="CASCADE"),)

    tenant_id: Mapped[TenantKey]
    conversation_id: Mapped[Key]
    release: Mapped[int]
    graph: Mapped[str]
    payload: Mapped[bytes]
    updated_at: Mapped[Created]


class Action(Base):
    """One effect in another system: what was intended, and what is known of it."""

    __tablename__ = "actions"
    __table_args__ = (ForeignKeyConstraint(*_OF_CONVERSATION, ondelete="CASCADE"),)

    tenant_id: Mapped[TenantKey]
    conversation_id: Mapped[Key]
    run_id: Mapped[UUID] = mapped_column(postgresql.UUID, primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)
    iteration: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    action: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="started")
    attempt: Mapped[int] = mapped_column(server_default="1")
    arguments: Mapped[bytes]
    result: Mapped[bytes | None]
    reason: Mapped[str | None]
    created_at: Mapped[Created]
    finished_at: Mapped[datetime | None]
