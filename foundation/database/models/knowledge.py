"""Knowledge: sources, their versions, the passages cut from them and the passages' vectors."""

from uuid import UUID

from sqlalchemy import Computed, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from foundation.database.models.base import Base, Created, Key, TenantKey


class Source(Base):
    __tablename__ = "sources"
    __table_args__ = (
        Index(
            "sources_unfinished",
            "updated_at",
            postgresql_where=text("state in ('queued', 'extracting', 'embedding')"),
        ),
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
