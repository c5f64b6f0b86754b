"""People, their sessions, and the teams that they are in."""

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

from foundation.database.models.base import Base, Created, Key, TenantKey

_ROLE = ["roles.tenant_id", "roles.id"]


class Person(Base):
    """One e-mail, one account, whatever tenants they work for."""

    __tablename__ = "people"

    id: Mapped[Key]
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    language: Mapped[str] = mapped_column(server_default="sv")
    verified_at: Mapped[datetime | None]
    created_at: Mapped[Created]


class Credentials(Base):
    """What a person proves to be themselves with; confined to that person."""

    __tablename__ = "credentials"

    person_id: Mapped[Key] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    password_hash: Mapped[str | None]
    password_at: Mapped[datetime | None]
    totp_secret: Mapped[bytes | None]
    totp_confirmed_at: Mapped[datetime | None]
    totp_step: Mapped[int] = mapped_column(BigInteger, server_default="0")


class RecoveryCode(Base):
    """Stands in once for a lost second factor."""

    __tablename__ = "recovery_codes"

    person_id: Mapped[Key] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    hash: Mapped[bytes] = mapped_column(primary_key=True)


class SessionRow(Base):
    """A browser in which a person is signed in."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("sessions_person", "person_id"),
        Index("sessions_tenant", "tenant_id"),
        Index("sessions_over", "expires_at"),
    )

    id: Mapped[Key]
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    tenant_id: Mapped[UUID | None] = mapped_column(ForeignKey("tenants.id", ondelete="SET NULL"))
    only_tenant: Mapped[UUID | None] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    factor_owed: Mapped[bool] = mapped_column(server_default="false")
    device: Mapped[str]
    address: Mapped[str]
    created_at: Mapped[Created]
    seen_at: Mapped[Created]
    expires_at: Mapped[datetime]


class MailToken(Base):
    """A link that was mailed, by the hash of its token."""

    __tablename__ = "mail_tokens"
    __table_args__ = (
        Index("mail_tokens_person", "person_id", "kind"),
        Index("mail_tokens_over", "expires_at"),
    )

    hash: Mapped[bytes] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    kind: Mapped[str]
    expires_at: Mapped[datetime]


class Throttle(Base):
    """Attempts under one key; only `take_attempt` and `forget_attempts` reach them."""

    __tablename__ = "throttles"
    __table_args__ = (Index("throttles_last", "last_at"),)

    key: Mapped[bytes] = mapped_column(primary_key=True)
    attempts: Mapped[int] = mapped_column(server_default="0")
    last_at: Mapped[Created]
    blocked_until: Mapped[datetime | None]


class MailOutboxRow(Base):
    """A mail that no mail server has taken yet; only the functions of its migration reach it."""

    __tablename__ = "mail_outbox"
    __table_args__ = (
        Index("mail_outbox_due", "due_at"),
        Index("mail_outbox_recipient", "recipient", "posted_at"),
        Index("mail_outbox_over", "expires_at"),
        Index("mail_outbox_link", "link", postgresql_where=text("link is not null")),
    )

    id: Mapped[Key]
    tenant_id: Mapped[UUID | None] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    recipient: Mapped[bytes]
    mail: Mapped[bytes]
    link: Mapped[bytes | None]
    posted_at: Mapped[Created]
    due_at: Mapped[Created]
    expires_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(server_default="0")


class RoleRow(Base):
    """A role that a tenant made for itself."""

    __tablename__ = "roles"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    id: Mapped[Key]
    name: Mapped[str]
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[Created]


class Membership(Base):
    """A person in a tenant's team, with a role that every tenant has or one of its own."""

    __tablename__ = "memberships"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "role_id"], _ROLE),
        Index("memberships_person", "person_id"),
        Index("memberships_role", "tenant_id", "role_id", postgresql_where=text("role_id is not null")),
    )

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    person_id: Mapped[Key] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    role: Mapped[str | None]
    role_id: Mapped[UUID | None]
    created_at: Mapped[Created]


class Invitation(Base):
    """Somebody who was asked into a team and has not answered."""

    __tablename__ = "invitations"
    __table_args__ = (
        UniqueConstraint("tenant_id", "email"),
        ForeignKeyConstraint(["tenant_id", "role_id"], _ROLE),
        Index("invitations_token", "token_hash"),
        Index("invitations_role", "tenant_id", "role_id", postgresql_where=text("role_id is not null")),
    )

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    id: Mapped[Key]
    email: Mapped[str]
    role: Mapped[str | None]
    role_id: Mapped[UUID | None]
    token_hash: Mapped[bytes]
    invited_by: Mapped[str]
    created_at: Mapped[Created]
    expires_at: Mapped[datetime]


class OidcSettingsRow(Base):
    """A tenant's own identity provider."""

    __tablename__ = "oidc_settings"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    issuer: Mapped[str]
    client_id: Mapped[str]
    client_secret: Mapped[bytes]
    domains: Mapped[list[str]] = mapped_column(ARRAY(Text))
    default_role: Mapped[str | None]
    updated_at: Mapped[Created]
