"""What all tables share: a tenant first in every key."""

from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from sqlalchemy import DateTime, Index, MetaData, Text, func, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

Json = dict[str, Any]
TenantKey = Annotated[UUID, mapped_column(postgresql.UUID, primary_key=True)]
Key = Annotated[UUID, mapped_column(postgresql.UUID, primary_key=True)]
Created = Annotated[
    datetime, mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp(), default=None)
]


class Base(DeclarativeBase):
    """The declarative base; `metadata` is held against the migrated database by a test."""

    metadata = MetaData()
    type_annotation_map: ClassVar = {
        UUID: postgresql.UUID,
        str: Text,
        bytes: BYTEA,
        datetime: DateTime(timezone=True),
        Json: JSONB,
        list[Json]: JSONB,
    }


def metadata_index(table: str) -> Index:
    """Return the index by which the search finds a table's metadata, where there is any."""
    return Index(
        f"{table}_metadata",
        text("metadata_words(tenant_id, metadata)"),
        postgresql_using="gin",
        postgresql_where=text("metadata <> '{}'::jsonb"),
    )
