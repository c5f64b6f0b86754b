"""A source's versions: what it said when, how two of them differ, and putting an earlier one back."""

import asyncio
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select

from foundation import audit
from foundation.clients.files.port import FileStore
from foundation.database.models import CitationRow, PassageRow, SourceVersion
from foundation.errors import InvalidInput, NotFound
from foundation.ids import PassageId, SourceId, TenantId, show
from foundation.tenancy import Tenancy, TenantSession
from ingest import records
from ingest.pipeline import text_key, version_key
from ingest.queue import enqueue_ingest

MAX_COMPARED = 2_000_000
"""Characters of both texts together; comparing more would take too long to wait for."""

_CONTEXT = 2


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version. `live_from` and `live_until` say when it answered questions, if it ever did."""

    number: int
    title: str | None
    media_type: str
    bytes: int | None
    passages: int | None
    content_hash: str
    restored_from: int | None
    live: bool
    live_from: datetime | None
    live_until: datetime | None
    created_at: datetime
    answers: int
    """How many answers cited it."""


@dataclass(frozen=True, slots=True)
class PassageView:
    """A passage as it was cut, with its place."""

    id: PassageId
    ordinal: int
    heading: str
    page: int | None
    anchor: str | None
    language: str
    text: str
    live: bool


@dataclass(frozen=True, slots=True)
class Hunk:
    """A place where two texts differ; the lines around it are in `context`."""

    kind: Literal["added", "removed", "changed"]
    line: int
    """Where it begins in the later text, counted from 1."""
    context: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Versions:
    """Looks at and restores versions."""

    tenancy: Tenancy
    files: FileStore

    async def history(self, tenant_id: TenantId, source_id: SourceId) -> list[VersionView]:
        """Return all versions, newest first.

        Raises:
            NotFound: there is no such source.
        """
        async with self.tenancy.session(tenant_id) as session:
            source = await records.source(session, tenant_id, source_id)
            cited = await _cited(session, tenant_id, source_id)
            found = await session.execute(
                select(SourceVersion)
                .where(SourceVersion.tenant_id == tenant_id, SourceVersion.source_id == source_id)
                .order_by(SourceVersion.version.desc())
            )
            return [_view(row, source.live_version, cited.get(row.version, 0)) for row in found.scalars()]

    async def text(self, tenant_id: TenantId, source_id: SourceId, number: int) -> str:
        """Return the text that was read from a version.

        Raises:
            NotFound: there is no such version, or it was never read.
        """
        async with self.tenancy.session(tenant_id) as session:
            version = await _version(session, tenant_id, source_id, number)
        return (await self.files.read(tenant_id, text_key(version.file_key))).decode()

    async def passages(
        self, tenant_id: TenantId, source_id: SourceId, number: int, *, after: int = -1, limit: int = 100
    ) -> list[PassageView]:
        """Return a version's passages with an ordinal above `after`, in order.

        Raises:
            NotFound: there is no such version.
        """
        async with self.tenancy.session(tenant_id) as session:
            await _version(session, tenant_id, source_id, number)
            found = await session.execute(
                select(PassageRow)
                .where(
                    PassageRow.tenant_id == tenant_id,
                    PassageRow.source_id == source_id,
                    PassageRow.version == number,
                    PassageRow.ordinal > after,
                )
                .order_by(PassageRow.ordinal)
                .limit(limit)
            )
            return [_passage(row) for row in found.scalars()]

    async def diff(self, tenant_id: TenantId, source_id: SourceId, before: int, after: int) -> list[Hunk]:
        """Return where two versions' texts differ, line by line.

        Raises:
            NotFound: one of them is not there, or was never read.
            InvalidInput: together they are longer than `MAX_COMPARED`.
        """
        old = await self.text(tenant_id, source_id, before)
        new = await self.text(tenant_id, source_id, after)
        if len(old) + len(new) > MAX_COMPARED:
            raise InvalidInput(field="version", limit=MAX_COMPARED)
        return await asyncio.to_thread(lambda: list(hunks(old, new)))

    async def restore(self, tenant_id: TenantId, actor: str, source_id: SourceId, number: int) -> int:
        """Make a new version with an earlier one's content, and queue it; return its number.

        A new one, so that the newest version is always the live or the coming one. Its passages have their
        vectors already.

        Raises:
            NotFound: there is no such version, or its file is gone.
        """
        async with self.tenancy.session(tenant_id) as session:
            source = await records.locked_source(session, tenant_id, source_id)
            old = await _version(session, tenant_id, source_id, number)
            newest = await records.newest_version(session, tenant_id, source_id)
            coming = 1 + (newest.version if newest is not None else number)
            key = version_key(source_id, coming)
            await self.files.write(tenant_id, key, await self.files.read(tenant_id, old.file_key))
            session.add(
                SourceVersion(
                    tenant_id=tenant_id,
                    source_id=source_id,
                    version=coming,
                    file_key=key,
                    media_type=old.media_type,
                    content_hash=old.content_hash,
                    bytes=old.bytes,
                    restored_from=number,
                )
            )
            await audit.record(
                session,
                tenant_id,
                actor=actor,
                action="source.restore",
                subject=show("source", source_id),
                before={"live_version": source.live_version},
                after={"restored_from": number, "version": coming},
            )
            source.state, source.reason, source.updated_at = "queued", None, func.clock_timestamp()
            await enqueue_ingest(session, tenant_id, source_id)
        return coming


def hunks(before: str, after: str) -> Iterator[Hunk]:
    """Yield where two texts differ; empty lines do not count."""
    old = [line for line in before.splitlines() if line.strip()]
    new = [line for line in after.splitlines() if line.strip()]
    kinds: dict[str, Literal["added", "removed", "changed"]] = {
        "insert": "added",
        "delete": "removed",
        "replace": "changed",
    }
    for tag, i, i_end, j, j_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag in kinds:
            around = tuple(new[max(0, j - _CONTEXT) : j])
            yield Hunk(kinds[tag], j + 1, around, tuple(old[i:i_end]), tuple(new[j:j_end]))


def unified(found: Sequence[Hunk]) -> str:
    """Return hunks as text, with `-` and `+` before the lines, as people know it."""
    lines = []
    for hunk in found:
        lines.append(f"@@ {hunk.line} @@")
        lines += [f"  {line}" for line in hunk.context]
        lines += [f"- {line}" for line in hunk.before]
        lines += [f"+ {line}" for line in hunk.after]
    return "\n".join(lines)


async def _version(
    session: TenantSession, tenant_id: TenantId, source_id: SourceId, number: int
) -> SourceVersion:
    found = await session.get(SourceVersion, (tenant_id, source_id, number))
    if found is None:
        raise NotFound(kind="version")
    return found


async def _cited(session: TenantSession, tenant_id: TenantId, source_id: SourceId) -> dict[int, int]:
    """Return how many answers cited each version."""
    answers = func.count(func.distinct(func.row(CitationRow.conversation_id, CitationRow.position)))
    found = await session.execute(
        select(CitationRow.version, answers)
        .where(
            CitationRow.tenant_id == tenant_id,
            CitationRow.source_id == source_id,
            CitationRow.version.is_not(None),
        )
        .group_by(CitationRow.version)
    )
    return {row[0]: int(row[1]) for row in found if row[0] is not None}


def _view(row: SourceVersion, live: int | None, answers: int) -> VersionView:
    return VersionView(
        number=row.version,
        title=row.title,
        media_type=row.media_type,
        bytes=row.bytes,
        passages=row.passages,
        content_hash=row.content_hash.hex(),
        restored_from=row.restored_from,
        live=row.version == live,
        live_from=row.live_from,
        live_until=row.live_until,
        created_at=row.created_at,
        answers=answers,
    )


def _passage(row: PassageRow) -> PassageView:
    return PassageView(
        id=PassageId(row.id),
        ordinal=row.ordinal,
        heading=row.heading,
        page=row.page,
        anchor=row.anchor,
        language=row.language,
        text=row.text,
        live=row.live,
    )
