"""Knowledge: sources, their versions, the passages cut from them and the passages' vectors."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from foundation.database.models.base import Base, Created, Json, Key, TenantKey


class Source(Base):
    __tablename__ = "sources"
    __table_args__ = (
        ForeignKeyConstraint(
            ("tenant_id", "crawl_id"), ("crawls.tenant_id", "crawls.id"), ondelete="SET NULL (crawl_id)"
        ),
        Index(
            "sources_unfinished",
            "updated_at",
            postgresql_where=text("state in ('queued', 'extracting', 'embedding')"),
        ),
        Index("sources_crawl", "tenant_id", "crawl_id", postgresql_where=text("crawl_id is not null")),
        Index("sources_resync", "checked_at", postgresql_where=text("resync_s is not null")),
    )

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    id: Mapped[Key]
    kind: Mapped[str]
    name: Mapped[str]
    uri: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="queued")
    reason: Mapped[str | None]
    live_version: Mapped[int | None]
    chunks_done: Mapped[int] = mapped_column(server_default="0")
    chunks_total: Mapped[int | None]
    audience: Mapped[str] = mapped_column(server_default="customer")
    crawl_id: Mapped[UUID | None]
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    fetched_hash: Mapped[bytes | None]
    """Of what was fetched last, also when an older version was put back since."""
    checked_at: Mapped[datetime | None]
    resync_s: Mapped[int | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class Crawl(Base):
    """A web site, or its sitemap, whose pages become sources."""

    __tablename__ = "crawls"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    id: Mapped[Key]
    kind: Mapped[str]
    uri: Mapped[str]
    depth: Mapped[int] = mapped_column(server_default="2")
    page_limit: Mapped[int] = mapped_column(server_default="200")
    include: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    exclude: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    audience: Mapped[str] = mapped_column(server_default="customer")
    resync_s: Mapped[int | None]
    state: Mapped[str] = mapped_column(server_default="queued")
    reason: Mapped[str | None]
    pages_found: Mapped[int] = mapped_column(server_default="0")
    checked_at: Mapped[datetime | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class SourceVersion(Base):
    __tablename__ = "source_versions"
    __table_args__ = (
        ForeignKeyConstraint(
            ("tenant_id", "source_id"), ("sources.tenant_id", "sources.id"), ondelete="CASCADE"
        ),
    )

    tenant_id: Mapped[TenantKey]
    source_id: Mapped[Key]
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    file_key: Mapped[str]
    media_type: Mapped[str]
    content_hash: Mapped[bytes]
    title: Mapped[str | None]
    language: Mapped[str | None]
    created_at: Mapped[Created]
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    passages: Mapped[int | None]
    restored_from: Mapped[int | None]
    """The version whose content this one brought back."""
    live_from: Mapped[datetime | None]
    live_until: Mapped[datetime | None]


class PassageRow(Base):
    """A piece of one version of a source; only `live` rows are ever shown or cited anew."""

    __tablename__ = "passages"
    __table_args__ = (
        UniqueConstraint("tenant_id", "source_id", "version", "ordinal"),
        ForeignKeyConstraint(
            ("tenant_id", "source_id", "version"),
            ("source_versions.tenant_id", "source_versions.source_id", "source_versions.version"),
            ondelete="CASCADE",
        ),
        Index("passages_live", "tenant_id", "language", postgresql_where=text("live")),
        # The tenant is one more word of the index, see the migration.
        Index(
            "passages_words",
            text("(array_to_tsvector(array[tenant_id::text]) || lexemes)"),
            postgresql_using="gin",
            postgresql_where=text("live"),
        ),
    )

    tenant_id: Mapped[TenantKey]
    id: Mapped[Key]
    source_id: Mapped[UUID]
    version: Mapped[int]
    ordinal: Mapped[int]
    text: Mapped[str]
    heading: Mapped[str] = mapped_column(server_default="")
    page: Mapped[int | None]
    start_offset: Mapped[int]
    end_offset: Mapped[int]
    language: Mapped[str]
    content_hash: Mapped[bytes]
    live: Mapped[bool] = mapped_column(server_default="false")
    lexemes: Mapped[str] = mapped_column(TSVECTOR, Computed("see the migration", persisted=True))
    anchor: Mapped[str | None]
    paragraph: Mapped[int | None]


class Embedding(Base):
    """A vector by content, float32 little endian."""

    __tablename__ = "embeddings"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    model: Mapped[str] = mapped_column(primary_key=True)
    content_hash: Mapped[bytes] = mapped_column(primary_key=True)
    vector: Mapped[bytes]


class VectorCollection(Base):
    """Which generation of vectors is live, by model."""

    __tablename__ = "vector_collections"

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    model: Mapped[str] = mapped_column(primary_key=True)
    generation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    live: Mapped[bool] = mapped_column(server_default="true")


class CitationRow(Base):
    """An answer and a passage that it cited; written by a trigger on messages."""

    __tablename__ = "citations"
    __table_args__ = (
        ForeignKeyConstraint(
            ("tenant_id", "conversation_id", "position"),
            ("messages.tenant_id", "messages.conversation_id", "messages.position"),
            ondelete="CASCADE",
        ),
        Index("citations_source", "tenant_id", "source_id", text("created_at desc")),
        Index("citations_recent", "tenant_id", text("created_at desc")),
    )

    tenant_id: Mapped[TenantKey]
    conversation_id: Mapped[Key]
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    passage_id: Mapped[Key]
    source_id: Mapped[UUID]
    version: Mapped[int | None]
    created_at: Mapped[datetime]


class Reindex(Base):
    """A tenant's move to another embedding model."""

    __tablename__ = "reindexes"
    __table_args__ = (
        Index(
            "reindexes_unfinished",
            "tenant_id",
            unique=True,
            postgresql_where=text("state in ('queued', 'embedding')"),
        ),
    )

    tenant_id: Mapped[TenantKey] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    id: Mapped[Key]
    model: Mapped[str]
    generation: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="queued")
    reason: Mapped[str | None]
    done: Mapped[int] = mapped_column(server_default="0")
    total: Mapped[int | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class Erasure(Base):
    """Something deleted whose files and vectors are still to go; it outlives its tenant."""

    __tablename__ = "erasures"

    tenant_id: Mapped[TenantKey]
    id: Mapped[Key]
    kind: Mapped[str]
    subject: Mapped[UUID]
    state: Mapped[str] = mapped_column(server_default="queued")
    reason: Mapped[str | None]
    details: Mapped[Json] = mapped_column(server_default="{}")
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
