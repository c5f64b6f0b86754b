"""One source's way into the knowledge base: fetch, extract, chunk, embed, index, go live.

Every step can be run again: passages of an interrupted run are kept or replaced, vectors are kept by content,
and nothing is live before the one transaction that makes all of it live.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

import structlog
from sqlalchemy import func

from foundation import audit
from foundation.clients.bus.port import Bus
from foundation.clients.files.port import FileStore
from foundation.clients.vectors.port import VectorIndex
from foundation.database.models import SourceVersion
from foundation.errors import ExtractionFailed, NotFound
from foundation.ids import SourceId, TenantId, show
from foundation.tenancy import Tenancy
from foundation.turns import Language
from ingest import records
from ingest.chunk import Count, Detect, chunk, embedded_text, tokens
from ingest.compute import Compute
from ingest.extract import Document, Reason
from ingest.extract.detect import media_type_of
from ingest.fetch import Fetched, Fetcher, Validators
from ingest.progress import publish
from ingest.records import Passage

_log = structlog.get_logger()

BATCH = 16
"""Texts embedded at once; large enough for one call's cost, small enough to see progress."""
ACTOR = "system:ingest"

State = Literal["ready", "failed", "stale"]


@dataclass(frozen=True, slots=True)
class Ingestion:
    """What ingestion works with."""

    tenancy: Tenancy
    files: FileStore
    vectors: VectorIndex
    compute: Compute
    bus: Bus
    detect: Detect
    fallback: Language = "en"
    """The language of passages in which none can be told."""
    count: Count = tokens
    """How many tokens the embedding model makes of a text; thread-safe."""
    fetch: Callable[[str, Validators], Awaitable[Fetched]] = field(default_factory=Fetcher)


def version_key(source_id: SourceId, version: int) -> str:
    """Return the key under which a version's file is kept."""
    return f"sources/{source_id.hex}/{version}"


def text_key(file_key: str) -> str:
    """Return the key of a version's extracted text (UTF-8), in which passages' offsets count."""
    return f"{file_key}.txt"


async def ingest(ingestion: Ingestion, tenant_id: TenantId, source_id: SourceId) -> State:
    """Bring the source's newest version into the knowledge base; return the state it ends in.

    A document that cannot be read ends as `failed` with a reason, or `stale` when an older version is live.

    Raises:
        NotFound: there is no such source (any more).
        DependencyUnavailable: a service is away; run it again later.
    """
    run = _Run(ingestion, tenant_id, source_id)
    try:
        return await run.ingest()
    except records.Cancelled:
        return await _stopped(ingestion, tenant_id, source_id)
    except ExtractionFailed as failure:
        return await fail(ingestion, tenant_id, source_id, str(failure.data.get("reason", Reason.DAMAGED)))


async def _stopped(ingestion: Ingestion, tenant_id: TenantId, source_id: SourceId) -> State:
    """Tell who watches that the run ended where somebody stopped it."""
    async with ingestion.tenancy.session(tenant_id) as session:
        source = await records.source(session, tenant_id, source_id)
    state: State = "failed" if source.live_version is None else "ready"
    await publish(ingestion.bus, tenant_id, source_id, state, reason=source.reason)
    return state


async def fail(ingestion: Ingestion, tenant_id: TenantId, source_id: SourceId, reason: str) -> State:
    """Record why the source could not be read; what was live stays live.

    Raises:
        NotFound: there is no such source (any more).
    """
    async with ingestion.tenancy.session(tenant_id) as session:
        source = await records.locked_source(session, tenant_id, source_id)
        state: State = "failed" if source.live_version is None else "stale"
        before = {"state": source.state}
        source.state, source.reason, source.updated_at = state, str(reason), func.clock_timestamp()
        source.checked_at = func.clock_timestamp()
        await audit.record(
            session,
            tenant_id,
            actor=ACTOR,
            action="source.fail",
            subject=show("source", source_id),
            before=before,
            after={"state": state, "reason": str(reason)},
        )
    _log.warning("source_not_read", name=source.name, reason=str(reason), state=state)
    await publish(ingestion.bus, tenant_id, source_id, state, reason=reason)
    return state


@dataclass(frozen=True, slots=True)
class _Work:
    """What there is to do: a page to fetch first, or else a version to bring in."""

    name: str
    uri: str | None
    pending: SourceVersion | None
    """The newest version if it is not live yet."""


@dataclass(frozen=True, slots=True)
class _Run:
    to: Ingestion
    tenant_id: TenantId
    source_id: SourceId

    async def ingest(self) -> State:
        work = await self._begin()
        version = work.pending if work.uri is None else await self._fetch(work.uri)
        if version is None:
            return await self._unchanged()
        document = await self._extract(version, work.name)
        passages = await asyncio.to_thread(self._passages, document)
        known = await self._write(version, passages)
        await self._embed(passages, known)
        await self._index(version)
        await self._go_live(version, document)
        return "ready"

    async def _begin(self) -> _Work:
        async with self.to.tenancy.session(self.tenant_id) as session:
            source = await records.source_at_work(session, self.tenant_id, self.source_id)
            newest = await records.newest_version(session, self.tenant_id, self.source_id)
            pending = None if newest is None or newest.version == source.live_version else newest
            # What was put back, or came in an archive, is brought in as it is, whatever the page says now.
            as_is = pending is not None and (pending.restored_from is not None or source.checked_at is None)
            # A page that is live is fetched anew only when somebody asked for it by queueing the source.
            uri = source.uri if source.state != "ready" and not as_is else None
            work = _Work(source.name, uri, pending)
            if work.pending or work.uri:
                source.state, source.reason, source.updated_at = "extracting", None, func.clock_timestamp()
                source.chunks_done, source.chunks_total = 0, None
        if work.pending or work.uri:
            await self._publish("extracting")
        return work

    async def _fetch(self, uri: str) -> SourceVersion | None:
        """Return the page's version that is to be brought in; None when nothing new is to be.

        A page is new when it differs from what was fetched last, not from what is live: an older version that
        somebody put back stays until the page says something else.
        """
        async with self.to.tenancy.session(self.tenant_id) as session:
            source = await records.source_at_work(session, self.tenant_id, self.source_id)
            # Before anything is live all is asked for anew: what was fetched may not have been readable.
            known = Validators(source.etag, source.last_modified) if source.live_version else Validators()
        fetched = await self.to.fetch(uri, known)
        content = fetched.content
        media_type = None if content is None else await asyncio.to_thread(media_type_of, content)
        async with self.to.tenancy.session(self.tenant_id) as session:
            source = await records.source_at_work(session, self.tenant_id, self.source_id)
            newest = await records.newest_version(session, self.tenant_id, self.source_id)
            pending = None if newest is None or newest.version == source.live_version else newest
            source.checked_at = func.clock_timestamp()
            if content is None or media_type is None:
                return pending
            content_hash = sha256(content).digest()
            same = content_hash == source.fetched_hash
            source.etag, source.last_modified = fetched.validators.etag, fetched.validators.last_modified
            source.fetched_hash = content_hash
            if newest is not None and (same or newest.content_hash == content_hash):
                return pending
            number = 1 if newest is None else newest.version + 1
            key = version_key(self.source_id, number)
            # Written under the row's lock: two runs at once must not share a key.
            await self.to.files.write(self.tenant_id, key, content)
            version = SourceVersion(
                tenant_id=self.tenant_id,
                source_id=self.source_id,
                version=number,
                file_key=key,
                media_type=media_type,
                content_hash=content_hash,
                bytes=len(content),
            )
            session.add(version)
        return version

    async def _unchanged(self) -> State:
        """End a run that found everything live; what a crash left of an older version is cleared away."""
        async with self.to.tenancy.session(self.tenant_id) as session:
            source = await records.source_at_work(session, self.tenant_id, self.source_id)
            total = source.chunks_total = await records.live_passages(session, self.tenant_id, self.source_id)
            source.state, source.reason, source.chunks_done = "ready", None, total
            source.updated_at = func.clock_timestamp()
            collection = await records.collection_of(session, self.tenant_id, self.to.compute.model)
            replaced = await records.replaced_passages(session, source)
        await self.to.vectors.delete(collection, replaced)
        await self._publish("ready", done=total, total=total)
        return "ready"

    async def _extract(self, version: SourceVersion, name: str) -> Document:
        try:
            content = await self.to.files.read(self.tenant_id, version.file_key)
        except NotFound:
            raise ExtractionFailed(reason=Reason.FILE_MISSING) from None
        document = await self.to.compute.extract(content, name)
        await self.to.files.write(self.tenant_id, text_key(version.file_key), document.text.encode())
        return document

    def _passages(self, document: Document) -> list[Passage]:
        chunks = chunk(document, self.to.detect, self.to.fallback, self.to.count)
        return [Passage(each, embedded_text(document.title, each)) for each in chunks]

    async def _write(self, version: SourceVersion, passages: Sequence[Passage]) -> set[bytes]:
        """Store the passages; return the contents that have vectors already."""
        model = self.to.compute.model
        hashes = [passage.content_hash for passage in passages]
        async with self.to.tenancy.session(self.tenant_id) as session:
            source = await records.source_at_work(session, self.tenant_id, self.source_id)
            other = await records.write_passages(session, version, passages)
            known = await records.known_hashes(session, self.tenant_id, model, hashes)
            done = sum(content_hash in known for content_hash in hashes)
            source.state, source.chunks_done, source.chunks_total = "embedding", done, len(passages)
            source.updated_at = func.clock_timestamp()
            collection = await records.collection_of(session, self.tenant_id, model)
        if other:
            await self.to.vectors.delete(collection, other)
        await self._publish("embedding", done=done, total=len(passages))
        return known

    async def _embed(self, passages: Sequence[Passage], known: set[bytes]) -> None:
        texts = {passage.content_hash: passage.embedded for passage in passages}
        missing = [content_hash for content_hash in texts if content_hash not in known]
        # Texts of like length go together, so that none waits for a long one.
        missing.sort(key=lambda content_hash: len(texts[content_hash]))
        uses = Counter(passage.content_hash for passage in passages)
        done = sum(uses[content_hash] for content_hash in known)

        async def embed(hashes: Sequence[bytes]) -> None:
            nonlocal done
            vectors = await self.to.compute.embed([texts[content_hash] for content_hash in hashes])
            async with self.to.tenancy.session(self.tenant_id) as session:
                source = await records.source_at_work(session, self.tenant_id, self.source_id)
                await records.write_vectors(session, self.tenant_id, self.to.compute.model, hashes, vectors)
                done += sum(uses[content_hash] for content_hash in hashes)
                # Batches end in any order; the bar never goes back.
                source.chunks_done = shown = max(done, source.chunks_done)
                source.updated_at = func.clock_timestamp()
            await self._publish("embedding", done=shown, total=len(passages))

        batches = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
        await _each(batches, embed, at_once=self.to.compute.in_flight)

    async def _index(self, version: SourceVersion) -> None:
        async with self.to.tenancy.session(self.tenant_id) as session:
            collection = await records.collection_of(session, self.tenant_id, self.to.compute.model)
            ids, vectors = await records.passage_vectors(session, version, self.to.compute.model)
        if ids:
            await self.to.vectors.upsert(collection, ids, vectors)

    async def _go_live(self, version: SourceVersion, document: Document) -> None:
        async with self.to.tenancy.session(self.tenant_id) as session:
            source = await records.source_at_work(session, self.tenant_id, self.source_id)
            before = {"state": source.state, "live_version": source.live_version}
            await records.go_live(session, source, version)
            await records.describe(session, version, document.title, document.language)
            source.updated_at = func.clock_timestamp()
            went_live = source.live_version == version.version
            if went_live and source.kind == "url" and source.name == source.uri:
                source.name = document.title
            name, state, done = source.name, source.state, source.chunks_done
            if went_live:
                await audit.record(
                    session,
                    self.tenant_id,
                    actor=ACTOR,
                    action="source.live",
                    subject=show("source", self.source_id),
                    before=before,
                    after={"state": state, "live_version": version.version, "chunks": done},
                )
            collection = await records.collection_of(session, self.tenant_id, self.to.compute.model)
            replaced = await records.replaced_passages(session, source)
        _log.info("source_ready", name=name, passages=done)
        await self._publish(state, done=done, total=done)
        if replaced:
            await self.to.vectors.delete(collection, replaced)

    async def _publish(self, state: str, *, done: int = 0, total: int | None = None) -> None:
        await publish(self.to.bus, self.tenant_id, self.source_id, state, done=done, total=total)


async def _each(
    items: Sequence[Sequence[bytes]], work: Callable[[Sequence[bytes]], Awaitable[None]], *, at_once: int
) -> None:
    """Run `work` on every item, some at a time.

    After an error no further item is begun, but those at work are finished (what they cost is kept); then the
    error is raised.
    """
    waiting = iter(items)

    async def worker() -> None:
        for item in waiting:
            try:
                await work(item)
            except BaseException:
                deque(waiting, maxlen=0)  # nothing is left for the others
                raise

    ends = await asyncio.gather(*(worker() for _ in range(min(at_once, len(items)))), return_exceptions=True)
    for error in ends:
        if error is not None:
            raise error
