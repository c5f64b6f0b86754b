"""A whole knowledge base in one file: docs/knowledge-archive.md describes the format.

A zip archive with `manifest.json`, `sources.jsonl`, the documents under `files/` by the hash of their
content, and, if wanted, `vectors.keys` and `vectors.f32`: what each passage's text hashes to, and its vector.
"""

import asyncio
import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from foundation import audit
from foundation.clients.files.port import FileStore
from foundation.database.models import Embedding, Source, SourceVersion, Tenant, VectorCollection
from foundation.errors import NotFound
from foundation.ids import TenantId, show
from foundation.tenancy import Tenancy, TenantSession

FORMAT: Literal["replik-knowledge"] = "replik-knowledge"
VERSION: Literal[1] = 1
MANIFEST, SOURCES, KEYS, VECTORS = "manifest.json", "sources.jsonl", "vectors.keys", "vectors.f32"

_STRICT = ConfigDict(frozen=True, extra="forbid")
_SHA256 = r"^[0-9a-f]{64}$"


class Manifest(BaseModel):
    """What the archive holds."""

    model_config = _STRICT

    format: Literal["replik-knowledge"] = FORMAT
    version: Literal[1] = VERSION
    exported_at: datetime
    tenant: str
    sources: int = Field(ge=0)
    files: dict[str, str]
    """The SHA-256 of every other member, by its name."""
    model: str | None = None
    """Of the vectors, if there are any."""
    dimensions: int = Field(default=0, ge=0, le=10_000)


class ArchivedVersion(BaseModel):
    model_config = _STRICT

    number: int = Field(ge=1)
    media_type: str
    content_hash: str = Field(pattern=_SHA256)
    """Also the file's name: `files/<content_hash>`."""
    title: str | None = None
    language: str | None = None
    created_at: datetime
    live: bool


class ArchivedSource(BaseModel):
    """A line of `sources.jsonl`; versions in order, the live one last."""

    model_config = _STRICT

    kind: Literal["file", "text", "url"]
    name: str = Field(min_length=1, max_length=300)
    uri: str | None = Field(default=None, max_length=2_000)
    audience: Literal["customer", "staff"] = "customer"
    resync_s: int | None = Field(default=None, ge=300)
    versions: tuple[ArchivedVersion, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Export:
    """Writes archives."""

    tenancy: Tenancy
    files: FileStore

    async def write(
        self,
        tenant_id: TenantId,
        actor: str,
        target: IO[bytes],
        *,
        history: bool = False,
        vectors: bool = False,
    ) -> Manifest:
        """Write the tenant's live knowledge to `target`; `history` adds what was live before.

        One document is in memory at a time. Sources that have never been read are left out.

        Raises:
            NotFound: there is no such tenant.
        """
        async with self.tenancy.session(tenant_id) as session:
            tenant = await session.get(Tenant, tenant_id)
            if tenant is None:
                raise NotFound(kind="tenant")
            sources = [each async for each in _sources(session, tenant_id, history=history)]
            model = await _live_model(session, tenant_id) if vectors else None
        hashes: dict[str, str] = {}
        dimensions = 0
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for source, keys in sources:
                for version, key in zip(source.versions, keys, strict=True):
                    name = f"files/{version.content_hash}"
                    if name not in hashes:
                        content = await self.files.read(tenant_id, key)
                        await asyncio.to_thread(archive.writestr, name, content)
                        hashes[name] = hashlib.sha256(content).hexdigest()
            if model is not None:
                dimensions = await self._vectors(tenant_id, model, archive, hashes)
            lines = "".join(f"{source.model_dump_json()}\n" for source, _ in sources).encode()
            archive.writestr(SOURCES, lines)
            hashes[SOURCES] = hashlib.sha256(lines).hexdigest()
            manifest = Manifest(
                exported_at=datetime.now(UTC),
                tenant=tenant.name,
                sources=len(sources),
                files=dict(sorted(hashes.items())),
                model=model,
                dimensions=dimensions,
            )
            archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))
        await self._note(tenant_id, actor, manifest)
        return manifest

    async def _vectors(
        self, tenant_id: TenantId, model: str, archive: zipfile.ZipFile, hashes: dict[str, str]
    ) -> int:
        """Add the vectors; return their dimensions."""
        async with self.tenancy.session(tenant_id) as session:
            found = await session.execute(
                select(Embedding.content_hash, Embedding.vector)
                .where(Embedding.tenant_id == tenant_id, Embedding.model == model)
                .order_by(Embedding.content_hash)
            )
            rows = found.all()
        for name, content in (
            (KEYS, b"".join(row.content_hash for row in rows)),
            (VECTORS, b"".join(row.vector for row in rows)),
        ):
            await asyncio.to_thread(archive.writestr, name, content)
            hashes[name] = hashlib.sha256(content).hexdigest()
        return len(rows[0].vector) // 4 if rows else 0

    async def _note(self, tenant_id: TenantId, actor: str, manifest: Manifest) -> None:
        async with self.tenancy.session(tenant_id) as session:
            await audit.record(
                session,
                tenant_id,
                actor=actor,
                action="knowledge.export",
                subject=show("tenant", tenant_id),
                after={"sources": manifest.sources, "model": manifest.model},
            )


def lines_of(content: bytes) -> Iterator[ArchivedSource]:
    """Yield the sources of `sources.jsonl`.

    Raises:
        ValueError: a line is not one.
    """
    for line in content.splitlines():
        yield ArchivedSource.model_validate(json.loads(line))


async def _sources(session: TenantSession, tenant_id: TenantId, *, history: bool) -> Any:
    """Yield each source that is live, with its versions' file keys."""
    found = await session.execute(
        select(Source, SourceVersion)
        .join(
            SourceVersion,
            (SourceVersion.tenant_id == Source.tenant_id) & (SourceVersion.source_id == Source.id),
        )
        .where(Source.tenant_id == tenant_id, SourceVersion.version <= Source.live_version)
        .order_by(Source.id, SourceVersion.version)
    )
    versions: dict[Any, tuple[Source, list[SourceVersion]]] = {}
    for source, version in found.all():
        if history or version.version == source.live_version:
            versions.setdefault(source.id, (source, []))[1].append(version)
    for source, own in versions.values():
        yield (
            ArchivedSource(
                kind=source.kind,  # type: ignore[arg-type]  # the table allows these only
                name=source.name,
                uri=source.uri,
                audience=source.audience,  # type: ignore[arg-type]
                resync_s=source.resync_s,
                versions=tuple(
                    ArchivedVersion(
                        number=each.version,
                        media_type=each.media_type,
                        content_hash=each.content_hash.hex(),
                        title=each.title,
                        language=each.language,
                        created_at=each.created_at,
                        live=each.version == source.live_version,
                    )
                    for each in own
                ),
            ),
            [each.file_key for each in own],
        )


async def _live_model(session: TenantSession, tenant_id: TenantId) -> str | None:
    found = await session.execute(
        select(VectorCollection.model)
        .where(VectorCollection.tenant_id == tenant_id, VectorCollection.live)
        .order_by(VectorCollection.generation.desc())
        .limit(1)
    )
    return found.scalar_one_or_none()
