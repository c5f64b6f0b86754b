"""Everything a tenant has, looked through for what names a person: tables, Valkey, vectors, files."""

import re
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from agents.privacy.subject import compiled, in_bytes
from agents.privacy.subjects import Found
from foundation.clients.files.port import FileStore
from foundation.clients.keyspace.port import Keyspace
from foundation.clients.vectors.port import Collection as VectorCollection
from foundation.clients.vectors.port import VectorIndex
from foundation.ids import TenantId
from foundation.tenancy import Tenancy, TenantSession

WRITTEN_BY_STAFF: Final = frozenset(
    {
        "agent_settings",
        "api_keys",
        "canned_replies",
        "crawls",
        "inboxes",
        "invitations",
        "oidc_settings",
        "passages",
        "policies",
        "releases",
        "roles",
        "source_versions",
        "sources",
        "tenant_settings",
        "tenant_settings_history",
        "tenants",
    }
)
"""What the company itself published or set: where that names the person it is reported, not erased.

Canned replies and inboxes are the company's texts for everybody; keys, roles, invitations and sign-in are
about its own people, whose access does not end since they once asked something. `memberships` hold ids only,
and people's accounts are no tenant's.
"""

EXPORTS: Final = "privacy/"
"""Where exports lie among a tenant's files."""

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Proof:
    """How often the person was still found, by store; only what is found is named."""

    left: Counts
    """Must be empty before an erasure is done."""
    mentioned: Counts
    """In what the company wrote itself."""
    audit: int
    """Audit rows that name the person; they cannot be changed."""


@dataclass(frozen=True, slots=True)
class Stores:
    """All places of one tenant where a person's data may lie."""

    tenancy: Tenancy
    keyspace: Keyspace
    vectors: VectorIndex
    files: FileStore

    async def prove(self, tenant_id: TenantId, found: Found, pattern: str | None) -> Proof:
        """Look through all of it.

        Raises:
            DependencyUnavailable: a store is away, so that nothing can be said of it.
        """
        left: Counts = {}
        mentioned: Counts = {}
        async with self.tenancy.session(tenant_id) as session:
            for table, columns in (await _tables(session)).items():
                into = mentioned if table in WRITTEN_BY_STAFF else left
                into[table] = await _rows(session, table, columns, found, pattern)
            collections = (await session.execute(_COLLECTIONS)).all()
        audit = left.pop("audit", 0)
        left["valkey"] = len(await self.keys(tenant_id, found, pattern))
        left["vectors"] = 0
        for row in collections:
            collection = VectorCollection(tenant_id, row.model, row.generation)
            left["vectors"] += await self._vectors(collection, found, pattern)
        async for key, of_source in self.files_of(tenant_id, found, pattern):
            into, name = (mentioned, "source files") if of_source else (left, "files")
            into[name] = into.get(name, 0) + bool(key)
        return Proof(
            {name: number for name, number in left.items() if number},
            {name: number for name, number in mentioned.items() if number},
            audit,
        )

    async def keys(self, tenant_id: TenantId, found: Found, pattern: str | None) -> list[bytes]:
        """Return the keys of Valkey that are a conversation's or visitor's, or name the person."""
        ids = _spelled(found.ids)
        wanted = compiled(pattern) if pattern else None
        theirs = []
        for key in await self.keyspace.named(tenant_id.hex, str(tenant_id), *_spelled(found.people)):
            name = key.decode(errors="replace")
            if any(one in name for one in ids) or await self._told(key, name, wanted):
                theirs.append(key)
        return theirs

    async def files_of(
        self, tenant_id: TenantId, found: Found, pattern: str | None
    ) -> AsyncIterator[tuple[str, bool]]:
        """Yield the files that name the person or are of a conversation, and whether they are a source's."""
        ids = [one.hex for one in found.conversations]
        wanted = re.compile(pattern.encode(), re.IGNORECASE) if pattern else None
        for key in await self.files.keys(tenant_id):
            if any(one in key for one in ids):
                yield key, False
            elif wanted and wanted.search(await self.files.read(tenant_id, key)):
                yield key, key.startswith("sources/")

    async def _told(self, key: bytes, name: str, wanted: re.Pattern[str] | None) -> bool:
        if wanted is None:
            return False
        values = (value.decode(errors="replace") for value in await self.keyspace.values(key))
        return bool(wanted.search(name)) or any(wanted.search(value) for value in values)

    async def _vectors(self, collection: VectorCollection, found: Found, pattern: str | None) -> int:
        wanted = compiled(pattern) if pattern else None
        ids = _spelled(found.ids)
        number = 0
        async for said in self.vectors.texts(collection):
            number += any(one in said for one in ids) or bool(wanted and wanted.search(said))
        return number


async def _tables(session: TenantSession) -> Mapping[str, Mapping[str, str]]:
    """Return the tenant's tables, each with its columns and their types."""
    found: dict[str, dict[str, str]] = {}
    for row in await session.execute(_COLUMNS):
        found.setdefault(row.table, {})[row.column] = row.type
    return found


async def _rows(
    session: TenantSession, table: str, columns: Mapping[str, str], found: Found, pattern: str | None
) -> int:
    """Return how many rows of a table are the person's or name them, bytes read as text too."""
    values: dict[str, Any] = {
        "conversations": list(found.conversations),
        "ids": list(found.ids),
        "customers": list(found.customers),
    }
    conditions = []
    if "conversation_id" in columns:
        conditions.append("r.conversation_id = any(:conversations)")
    conditions += [condition for of, condition in _THEIRS if of == table]
    if pattern is not None:
        values |= {"pattern": pattern, "escaped": in_bytes(pattern)}
        conditions.append("r::text ~* :pattern")
        conditions += [
            f"encode(r.\"{name}\", 'escape') ~* :escaped" for name, kind in columns.items() if kind == "bytea"
        ]
    if not conditions:
        return 0
    counted = f'select count(*) from "{table}" r where {" or ".join(conditions)}'  # noqa: S608 - own names
    return int((await session.execute(text(counted), values)).scalar_one())


_THEIRS: Final = (
    ("conversations", "r.id = any(:conversations)"),
    ("conversations", "r.customer_id = any(:customers)"),
    ("customers", "r.id = any(:customers)"),
    ("person_keys", "r.subject = any(:ids)"),
)
"""Which rows of a table are the person's by their ids, beside those of their conversations."""


def _spelled(ids: Collection[UUID]) -> list[str]:
    return [spelled for one in ids for spelled in (one.hex, str(one))]


_COLUMNS = text(
    "select c.relname as table, a.attname as column, format_type(a.atttypid, null) as type"
    " from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
    " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
    " and has_table_privilege(c.oid, 'select')"
    " and (c.relname = 'tenants' or exists (select 1 from pg_attribute t where t.attrelid = c.oid"
    "     and t.attname = 'tenant_id' and not t.attisdropped))"
)
_COLLECTIONS = text("select model, generation from vector_collections")
