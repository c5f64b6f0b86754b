"""Reading an archive into a tenant. Everything is checked before anything is written."""

import asyncio
import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np

from foundation import audit
from foundation.clients.embedding.port import Vectors
from foundation.clients.files.port import FileStore
from foundation.database.models import Source, SourceVersion
from foundation.errors import ExtractionFailed, InvalidInput
from foundation.ids import SourceId, TenantId, new_uuid, show
from foundation.tenancy import Tenancy, TenantSession
from ingest import records
from ingest.allowance import kept_within
from ingest.archive import (
    KEYS,
    MANIFEST,
    SOURCES,
    VECTORS,
    ArchivedSource,
    Manifest,
    lines_of,
)
from ingest.extract.detect import media_type_of
from ingest.fetch import parse
from ingest.pipeline import version_key
from ingest.queue import enqueue_ingest
from ingest.upload import MAX_BYTES

MOST_MEMBERS = 100_000
MOST_BYTES = 20_000_000_000
"""Unpacked, all members together."""
_MOST_LISTED = 500_000_000
"""Bytes of the manifest, of the list of sources, and of each file of vectors."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an archive came to: `skipped` sources were there already."""

    added: int
    skipped: int
    vectors: int


@dataclass(frozen=True, slots=True)
class _Checked:
    manifest: Manifest
    sources: tuple[ArchivedSource, ...]
    hashes: tuple[bytes, ...]
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Import:
    """Reads archives, of this tenant or another."""

    tenancy: Tenancy
    files: FileStore

    async def read(self, tenant_id: TenantId, actor: str, archive: IO[bytes]) -> Imported:
        """Add what the archive has and the tenant has not; its sources are queued as uploads are.

        Raises:
            InvalidInput: with `reason`; the archive is damaged, not one of ours, or unpacks to too much.
                Nothing was added.
        """
        checked = await asyncio.to_thread(_check, archive)
        added = 0
        written: list[str] = []
        try:
            async with self.tenancy.session(tenant_id) as session:
                with zipfile.ZipFile(archive) as opened:
                    for source in checked.sources:
                        added += await self._add(session, tenant_id, opened, source, written)
                for start in range(0, len(checked.hashes), 1_000):
                    part = slice(start, start + 1_000)
                    await records.write_vectors(
                        session,
                        tenant_id,
                        str(checked.manifest.model),
                        checked.hashes[part],
                        checked.vectors[part],
                    )
                await kept_within(session, tenant_id)
                result = Imported(added, len(checked.sources) - added, len(checked.hashes))
                await audit.record(
                    session,
                    tenant_id,
                    actor=actor,
                    action="knowledge.import",
                    subject=show("tenant", tenant_id),
                    after={"added": result.added, "skipped": result.skipped, "vectors": result.vectors},
                )
        except BaseException:
            for key in written:
                await self.files.delete(tenant_id, key)
            raise
        return result

    async def _add(
        self,
        session: TenantSession,
        tenant_id: TenantId,
        archive: zipfile.ZipFile,
        archived: ArchivedSource,
        written: list[str],
    ) -> bool:
        newest = bytes.fromhex(archived.versions[-1].content_hash)
        if await records.source_of_content(session, tenant_id, archived.kind, newest) is not None:
            return False
        source_id = SourceId(new_uuid())
        session.add(
            Source(
                tenant_id=tenant_id,
                id=source_id,
                kind=archived.kind,
                name=archived.name,
                uri=archived.uri,
                audience=archived.audience,
                resync_s=archived.resync_s,
                fetched_hash=newest if archived.kind == "url" else None,
            )
        )
        await session.flush()
        for number, version in enumerate(archived.versions, 1):
            key = version_key(source_id, number)
            content = await asyncio.to_thread(archive.read, f"files/{version.content_hash}")
            written.append(key)
            await self.files.write(tenant_id, key, content)
            session.add(
                SourceVersion(
                    tenant_id=tenant_id,
                    source_id=source_id,
                    version=number,
                    file_key=key,
                    media_type=version.media_type,
                    content_hash=bytes.fromhex(version.content_hash),
                    title=version.title,
                    language=version.language,
                    created_at=version.created_at,
                    bytes=len(content),
                )
            )
        await session.flush()
        await enqueue_ingest(session, tenant_id, source_id)
        return True


def _check(archive: IO[bytes]) -> _Checked:
    """Return what an archive says, once every member is as the manifest says."""
    try:
        with zipfile.ZipFile(archive) as opened:
            _check_sizes(opened.infolist())
            manifest = Manifest.model_validate_json(opened.read(MANIFEST))
            _check_hashes(opened, manifest)
            sources = tuple(lines_of(opened.read(SOURCES)))
            _check_sources(sources, manifest)
            hashes, vectors = _vectors(opened, manifest)
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, RuntimeError, EOFError, OSError):
        raise InvalidInput(field="file", reason="damaged") from None
    except ExtractionFailed:
        raise InvalidInput(field="file", reason="unsupported") from None
    return _Checked(manifest, sources, hashes, vectors)


def _check_sizes(members: Sequence[zipfile.ZipInfo]) -> None:
    """What a member unpacks to is held against this when it is read: zipfile raises when it was a lie."""
    listed = {MANIFEST, SOURCES, KEYS, VECTORS}
    too_large = any(
        member.file_size > (_MOST_LISTED if member.filename in listed else MAX_BYTES) for member in members
    )
    if too_large or len(members) > MOST_MEMBERS or sum(each.file_size for each in members) > MOST_BYTES:
        raise InvalidInput(field="file", reason="too_large")


def _check_hashes(opened: zipfile.ZipFile, manifest: Manifest) -> None:
    if set(opened.namelist()) != {MANIFEST, *manifest.files}:
        raise ValueError("the members are not those of the manifest")
    for name, expected in manifest.files.items():
        if hashlib.sha256(opened.read(name)).hexdigest() != expected:
            raise ValueError("a member is not what the manifest says")
        if name.startswith("files/") and name != f"files/{expected}":
            raise ValueError("a document is not named by its content")
    for name in manifest.files:
        if name.startswith("files/"):
            media_type_of(opened.read(name))  # what could not be uploaded cannot be imported


def _check_sources(sources: Sequence[ArchivedSource], manifest: Manifest) -> None:
    if len(sources) != manifest.sources:
        raise ValueError("the sources are not as many as the manifest says")
    for source in sources:
        if any(f"files/{version.content_hash}" not in manifest.files for version in source.versions):
            raise ValueError("a document is missing")
        if (source.uri is not None) != (source.kind == "url"):
            raise ValueError("a page needs an address, and nothing else has one")
        if source.uri is not None:
            parse(source.uri)


def _vectors(opened: zipfile.ZipFile, manifest: Manifest) -> tuple[tuple[bytes, ...], Vectors]:
    if manifest.model is None:
        return (), np.empty((0, 0), dtype=np.float32)
    keys = opened.read(KEYS)
    hashes = tuple(keys[start : start + 32] for start in range(0, len(keys), 32))
    vectors = np.frombuffer(opened.read(VECTORS), dtype=records.LITTLE_ENDIAN).astype(np.float32)
    rows = vectors.reshape(len(hashes), manifest.dimensions)
    lengths = np.linalg.norm(rows, axis=1)
    if len(keys) % 32 or not bool(np.isfinite(rows).all()) or bool((abs(lengths - 1) > 0.01).any()):
        raise ValueError("these are no vectors of length 1")
    return hashes, rows
