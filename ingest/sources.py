"""The tenant's sources: what people add to the knowledge base, and how far it has come."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal

from sqlalchemy import func, select

from foundation import audit, lists, plans
from foundation.clients.files.port import FileStore
from foundation.database.models import Source, SourceVersion
from foundation.errors import Conflict, InvalidInput
from foundation.ids import SourceId, TenantId, new_uuid, show
from foundation.tenancy import Tenancy, TenantSession
from ingest import records
from ingest.allowance import allowed
from ingest.extract import Reason
from ingest.fetch import parse
from ingest.options import PLAIN, Audience, Options, check_interval
from ingest.pipeline import version_key
from ingest.queue import enqueue_ingest
from ingest.source_view import Kind, SourceView, State, view_of
from ingest.upload import Upload

Sort = Literal["newest", "oldest", "name", "-name", "updated", "-updated"]

_MAX_NAME = 300
_ORDERS: Final[Mapping[str, lists.Order]] = {
    **lists.by_age(Source.id),
    **lists.both_ways("name", lists.letters(Source.name), Source.id),
    **lists.both_ways("updated", Source.updated_at, Source.id),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which sources a list shows; a None lets everything through."""

    state: State | None = None
    kind: Kind | None = None
    audience: Audience | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A source that came from a file, and what its newest version holds."""

    id: SourceId
    state: str
    content_hash: bytes


@dataclass(frozen=True, slots=True)
class Sources:
    """Adds and lists sources. What is added is queued for ingestion in the same transaction."""

    tenancy: Tenancy
    files: FileStore

    async def add_file(
        self,
        tenant_id: TenantId,
        actor: str,
        name: str,
        content: bytes | BinaryIO,
        options: Options = PLAIN,
        *,
        enqueue: bool = True,
    ) -> SourceId:
        """Add a document; `name` is shown and not trusted. `enqueue=False` leaves ingestion to the caller.

        A file is copied to storage piece by piece and never held in memory.

        The same content given again is the same source: what is added is returned, or what was there.

        Raises:
            ExtractionFailed: with `reason` `empty`, `too_large`, `unsupported`, `damaged` or `password`.
            InvalidInput: the name is empty or too long.
            PlanLimit: the plan allows no more sources, passages or bytes.
        """
        return await self._add_content(
            tenant_id, actor, ("file", _name(name)), content, options, enqueue=enqueue
        )

    async def add_text(
        self, tenant_id: TenantId, actor: str, title: str, content: str, options: Options = PLAIN
    ) -> SourceId:
        """Add a text that was written or pasted, plain or Markdown.

        Raises:
            ExtractionFailed: `empty` or `too_large`.
            InvalidInput: the title is empty or too long.
        """
        encoded = content.encode("utf-8", errors="replace")
        return await self._add_content(
            tenant_id, actor, ("text", _name(title)), encoded, options, enqueue=True
        )

    async def add_url(
        self,
        tenant_id: TenantId,
        actor: str,
        url: str,
        options: Options = PLAIN,
    ) -> SourceId:
        """Add a web page; it is fetched when it is ingested. An address given again is the same source.

        Raises:
            ExtractionFailed: `bad_address`.
            PlanLimit: the plan allows no more sources or passages.
        """
        uri = str(parse(url))
        source_id = SourceId(new_uuid())
        async with self.tenancy.session(tenant_id) as session:
            await records.one_at_a_time(session, uri.encode())
            known = await session.scalar(
                select(Source.id).where(
                    Source.tenant_id == tenant_id, Source.kind == "url", Source.uri == uri
                )
            )
            if known is not None:
                return SourceId(known)
            await allowed(session, tenant_id)
            source = Source(tenant_id=tenant_id, id=source_id, kind="url", name=uri, uri=uri)
            await self._add(session, source, actor, options, enqueue=True)
        return source_id

    async def replace_file(
        self,
        tenant_id: TenantId,
        actor: str,
        source_id: SourceId,
        content: bytes | BinaryIO,
        *,
        enqueue: bool = True,
    ) -> int:
        """Give a source new content; the old version stays live until the new one is. Returns its number.

        Raises:
            ExtractionFailed: as `add_file`.
            NotFound: there is no such source.
            PlanLimit: the plan allows no more bytes.
        """
        upload = await Upload.of(content)
        async with self.tenancy.session(tenant_id) as session:
            source = await records.locked_source(session, tenant_id, source_id)
            newest = await records.newest_version(session, tenant_id, source_id)
            number = 1 if newest is None else newest.version + 1
            await plans.check(session, tenant_id, "bytes", more=upload.size)
            # Written under the row's lock: two replacements at once must not share a key.
            await self.files.write_stream(tenant_id, version_key(source_id, number), upload.chunks())
            session.add(_version(source, number, upload))
            await self._requeue(session, source, actor, "source.replace", enqueue=enqueue)
        return number

    async def resync(self, tenant_id: TenantId, actor: str, source_id: SourceId) -> None:
        """Queue a source again: a page is fetched anew, a document that failed is tried once more.

        Raises:
            NotFound: there is no such source.
        """
        async with self.tenancy.session(tenant_id) as session:
            source = await records.locked_source(session, tenant_id, source_id)
            await self._requeue(session, source, actor, "source.resync", enqueue=True)

    async def resync_if_due(self, tenant_id: TenantId, actor: str, source_id: SourceId) -> bool:
        """Queue a source if its next look is due; return whether it was. Another worker may have been first.

        Raises:
            NotFound: there is no such source.
        """
        async with self.tenancy.session(tenant_id) as session:
            source = await records.locked_source(session, tenant_id, source_id)
            if source.state in records.AT_WORK or not await records.is_due(session, source):
                return False
            await self._requeue(session, source, actor, "source.resync", enqueue=True)
        return True

    async def cancel(self, tenant_id: TenantId, actor: str, source_id: SourceId) -> None:
        """Stop reading a source: what was live stays live, and `resync` takes it up again.

        Raises:
            NotFound: there is no such source.
            Conflict: nothing is being read.
        """
        async with self.tenancy.session(tenant_id) as session:
            source = await records.locked_source(session, tenant_id, source_id)
            if source.state not in records.AT_WORK:
                raise Conflict(state=source.state)
            before = {"state": source.state}
            source.state = "failed" if source.live_version is None else "ready"
            source.reason, source.updated_at = Reason.CANCELLED.value, func.clock_timestamp()
            await audit.record(
                session,
                tenant_id,
                actor=actor,
                action="source.cancel",
                subject=show("source", source_id),
                before=before,
                after={"state": source.state},
            )

    async def change(
        self,
        tenant_id: TenantId,
        actor: str,
        source_id: SourceId,
        *,
        name: str | None = None,
        audience: Audience | None = None,
        resync_s: int | None = None,
    ) -> None:
        """Rename a source, say who may be answered from it, or how often its page is looked at.

        `resync_s` is in seconds, 0 for never; None leaves a value as it is.

        Raises:
            NotFound: there is no such source.
            InvalidInput: the name is empty or too long, or `resync_s` is below `LEAST_RESYNC_S`.
        """
        check_interval(resync_s)
        async with self.tenancy.session(tenant_id) as session:
            source = await records.locked_source(session, tenant_id, source_id)
            before = {"name": source.name, "audience": source.audience, "resync_s": source.resync_s}
            source.name = source.name if name is None else _name(name)
            source.audience = audience or source.audience
            source.resync_s = source.resync_s if resync_s is None else resync_s or None
            source.updated_at = func.clock_timestamp()
            after = {"name": source.name, "audience": source.audience, "resync_s": source.resync_s}
            subject = show("source", source_id)
            await audit.record(
                session,
                tenant_id,
                actor=actor,
                action="source.change",
                subject=subject,
                before=before,
                after=after,
            )

    async def list(self, tenant_id: TenantId, *, state: State | None = None) -> list[SourceView]:
        """Return all sources, or those in a state, newest first."""
        # Ids are made in the order of time.
        wanted = select(Source).where(Source.tenant_id == tenant_id).order_by(Source.id.desc())
        async with self.tenancy.session(tenant_id) as session:
            found = await session.execute(wanted.where(*lists.equal((Source.state, state))))
            return [view_of(source) for source in found.scalars()]

    async def page(self, tenant_id: TenantId, paging: lists.Paging, wanted: Filter) -> lists.Page[SourceView]:
        """Return a page of sources, sorted by a `Sort`; words are looked for in names and addresses.

        Raises:
            InvalidInput: the cursor is none of this list's.
        """
        chosen = select(Source).where(
            Source.tenant_id == tenant_id,
            *lists.equal(
                (Source.state, wanted.state), (Source.kind, wanted.kind), (Source.audience, wanted.audience)
            ),
            *lists.having(paging.words, Source.name, Source.uri),
        )
        async with self.tenancy.session(tenant_id) as session:
            return await lists.page(session, chosen, _ORDERS, paging, view_of)

    async def get(self, tenant_id: TenantId, source_id: SourceId) -> SourceView:
        """Return one source.

        Raises:
            NotFound: there is no such source.
        """
        async with self.tenancy.session(tenant_id) as session:
            return view_of(await records.source(session, tenant_id, source_id))

    async def known_files(self, tenant_id: TenantId) -> dict[str, Known]:
        """Return the sources that came from files, by name."""
        async with self.tenancy.session(tenant_id) as session:
            found = await session.execute(
                select(Source.name, Source.id, Source.state, SourceVersion.content_hash)
                .join(
                    SourceVersion,
                    (SourceVersion.tenant_id == Source.tenant_id) & (SourceVersion.source_id == Source.id),
                )
                .where(Source.tenant_id == tenant_id, Source.kind == "file")
                .order_by(Source.created_at, SourceVersion.version)
            )
            return {row.name: Known(SourceId(row.id), row.state, row.content_hash) for row in found}

    async def _add_content(
        self,
        tenant_id: TenantId,
        actor: str,
        named: tuple[str, str],
        content: bytes | BinaryIO,
        options: Options,
        *,
        enqueue: bool,
    ) -> SourceId:
        kind, name = named
        upload = await Upload.of(content)
        source_id = SourceId(new_uuid())
        async with self.tenancy.session(tenant_id) as session:
            await records.one_at_a_time(session, upload.content_hash)
            known = await records.source_of_content(session, tenant_id, kind, upload.content_hash)
            if known is not None:
                return known
            await allowed(session, tenant_id, upload)
            await self.files.write_stream(tenant_id, version_key(source_id, 1), upload.chunks())
            source = Source(tenant_id=tenant_id, id=source_id, kind=kind, name=name)
            await self._add(session, source, actor, options, enqueue=enqueue, upload=upload)
        return source_id

    async def _add(
        self,
        session: TenantSession,
        source: Source,
        actor: str,
        options: Options,
        *,
        enqueue: bool,
        upload: Upload | None = None,
    ) -> None:
        source.audience, source.crawl_id = options.audience, options.crawl_id
        source.resync_s = options.resync_s or None
        session.add(source)
        await session.flush()
        if upload is not None:
            session.add(_version(source, 1, upload))
        tenant_id, source_id = TenantId(source.tenant_id), SourceId(source.id)
        await audit.record(
            session,
            tenant_id,
            actor=actor,
            action="source.add",
            subject=show("source", source_id),
            after={
                "kind": source.kind,
                "name": source.name,
                "bytes": None if upload is None else upload.size,
                "audience": options.audience,
                "resync_s": options.resync_s,
            },
        )
        if enqueue:
            await enqueue_ingest(session, tenant_id, source_id)

    async def _requeue(
        self, session: TenantSession, source: Source, actor: str, action: str, *, enqueue: bool
    ) -> None:
        before = {"state": source.state, "live_version": source.live_version}
        source.state, source.reason, source.updated_at = "queued", None, func.clock_timestamp()
        tenant_id, source_id = TenantId(source.tenant_id), SourceId(source.id)
        subject = show("source", source_id)
        await audit.record(
            session,
            tenant_id,
            actor=actor,
            action=action,
            subject=subject,
            before=before,
            after={"state": "queued"},
        )
        if enqueue:
            await enqueue_ingest(session, tenant_id, source_id)


def _name(name: str) -> str:
    plain = " ".join(name.replace("\x00", "").split())
    if not plain or len(plain) > _MAX_NAME:
        raise InvalidInput(field="name")
    return plain


def _version(source: Source, number: int, upload: Upload) -> SourceVersion:
    return SourceVersion(
        tenant_id=source.tenant_id,
        source_id=source.id,
        version=number,
        file_key=version_key(SourceId(source.id), number),
        media_type=upload.media_type,
        content_hash=upload.content_hash,
        bytes=upload.size,
    )
